//! Self-service sign-up, requested deletions and accepted terms.

use sojourn_model::{OpenTo, SignUpChange, TenantId};

use super::{Steps, params};
use crate::sql::sign_up as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, change: SignUpChange) {
    match change {
        SignUpChange::Set(rules) => {
            let open = rules.open_to != OpenTo::Nobody;
            // Serializing our own types to JSON can't fail.
            let text = serde_json::to_string(&rules).unwrap_or_default();
            steps.must(&sql::SIGN_UP_SET, params![tenant, text, open]);
        }
        SignUpChange::Open => steps.must(&sql::SIGN_UP_OPEN, params![tenant]),
        SignUpChange::AddCode(code) => {
            let hash = code.hash.to_vec();
            steps.must(
                &sql::CODE_ADD,
                params![tenant, hash, code.label, code.uses_left, code.expires_at, code.created_at],
            );
        }
        SignUpChange::RemoveCode { hash } => {
            steps.must(&sql::CODE_REMOVE, params![tenant, hash.to_vec()]);
        }
        SignUpChange::UseCode { hash, now } => {
            steps.must(&sql::CODE_USE, params![tenant, hash.to_vec(), now]);
        }
        SignUpChange::AskDeletion { asked, epoch } => {
            steps.must(&sql::DELETION_ASK, params![tenant, asked.user, asked.at, asked.due, epoch])
        }
        SignUpChange::SettleDeletion { user } => {
            steps.must(&sql::DELETION_SETTLE, params![tenant, user]);
        }
        SignUpChange::AcceptTerms { user, accepted } => {
            steps.run(&sql::TERMS_ACCEPT, params![tenant, user, accepted.version, accepted.at]);
        }
    }
}
