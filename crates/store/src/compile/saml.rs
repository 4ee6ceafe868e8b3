//! SAML service providers: keys, name identifiers and requests.

use sojourn_model::{SamlChange, TenantId};

use super::{Steps, params};
use crate::sql::directory::CATALOG_CHANGED;
use crate::sql::saml as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, change: SamlChange) {
    match change {
        SamlChange::AnswerRequest { key, session, expires_at } => {
            let key = key.to_vec();
            steps.must(&sql::SAML_REQUEST_ANSWER, params![tenant, key, session, expires_at]);
        }
        SamlChange::AddName(given) => {
            let key = given.key.to_vec();
            steps.must(
                &sql::SAML_NAME_ADD,
                params![tenant, given.session, given.app, given.sid, key, given.value, given.name],
            );
        }
        SamlChange::AnswerInBrowser { session, sid, at, error } => {
            let state = if error.is_none() { "delivered" } else { "refused" };
            steps.must(&sql::SAML_ANSWERED, params![tenant, session, sid, state, at, error]);
        }
        SamlChange::AddKey(key) => {
            steps.run(
                &sql::SAML_KEY_ADD,
                params![
                    tenant,
                    key.alg.as_str(),
                    key.generation,
                    key.sealed_private,
                    key.certificate,
                    key.created_at,
                    key.active_from
                ],
            );
            steps.must(&CATALOG_CHANGED, params![tenant]);
        }
        SamlChange::RetireKey { alg, generation, at } => {
            steps.run(&sql::SAML_KEY_RETIRE, params![tenant, alg.as_str(), generation, at]);
        }
    }
}
