//! Export of a user's own data (GDPR, articles 15 and 20).

use serde_json::{Value, json};
use sojourn_model::{AcceptedTerms, Actor, ChangeSet, Session, SessionState, Subject, Tenant};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::{FactorRefused, Listed};
use crate::tasks::moment;

/// Maximum number of rows per kind; users with more ask an administrator.
const ROWS_MAX: i64 = 10_000;
/// Events read per query.
const CHUNK: i64 = 500;

fn session_data(session: &Session) -> Value {
    let mut data = json!({
        "signed_in_at": moment(session.signed_in_at),
        "auth_time": moment(session.auth_time),
        "last_access": moment(session.last_access),
        "amr": session.amr,
        "ip": session.ip,
        "user_agent": session.user_agent,
    });
    if let (SessionState::Ended { at, reason, .. }, Some(data)) =
        (&session.state, data.as_object_mut())
    {
        data.insert("ended_at".into(), moment(*at).into());
        data.insert("end_reason".into(), reason.to_string().into());
    }
    data
}

impl Engine {
    /// Exports the profile, ways to sign in, sessions, history, consents and events of a session's user as JSON; at
    /// most ten thousand rows of each kind. Secrets and hashes aren't included. The audit log records the request.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the user authenticated a moment ago.
    pub async fn own_data(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Value, FactorRefused> {
        if !self.is_fresh(tenant, session).await? {
            return Err(FactorRefused::NotFresh);
        }
        let user = session.user;
        let profile = self.user_resource(tenant, user).await.map_err(|failure| match failure {
            crate::scim::ScimFailure::Failed(error) => error,
            crate::scim::ScimFailure::Refused(error) => EngineError::Invalid(error.detail),
        })?;
        let actor = Actor::User(user);
        let mut change = ChangeSet::new(tenant.id);
        change.audit.push(self.audit_row(&actor, "user.data_export", user, &json!({})));
        self.must_apply(change).await?;
        let others = self.other_addresses(tenant, user).await?;
        let others: Vec<Value> = others
            .iter()
            .map(|other| json!({ "address": other.address, "confirmed_at": moment(other.proved_at) }))
            .collect();
        Ok(json!({
            "issuer": self.settings.issuer(tenant),
            "exported_at": moment(self.now()),
            "profile": profile,
            "other_addresses": others,
            "sign_in": self.ways_to_sign_in(tenant, session).await?,
            "sessions": self.sessions_data(tenant, session).await?,
            "history": self.history_data(tenant, session).await?,
            "terms": self.terms_data(tenant, session).await?,
            "approvals": self.approvals_data(tenant, session).await?,
            "events": self.events_data(tenant, session).await?,
        }))
    }

    async fn ways_to_sign_in(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Value, EngineError> {
        let found = self.factors(tenant, session.user).await?;
        let one = |Listed { factor, .. }: &Listed| {
            json!({
                "name": factor.name,
                "kind": factor.kind.as_str(),
                "added_at": moment(factor.added_at),
                "used_at": factor.used_at.map(moment),
            })
        };
        let factors: Vec<Value> = found.factors.iter().map(one).collect();
        let trusted = self.trusted_browsers(tenant, session.user).await?;
        let browsers: Vec<Value> = trusted
            .iter()
            .map(|one| {
                json!({
                    "user_agent": one.user_agent,
                    "trusted_at": moment(one.since),
                    "until": moment(one.until),
                })
            })
            .collect();
        Ok(json!({
            "factors": factors,
            "recovery_codes_left": found.codes_left,
            "trusted_browsers": browsers,
        }))
    }

    async fn sessions_data(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<Value>, EngineError> {
        let mut all = Vec::new();
        for view in self.sessions_of_user(tenant, session.user).await? {
            let mut data = session_data(&view.session);
            let apps: Vec<&str> = view.client_stays().map(|stay| &*stay.app.name).collect();
            if let Some(data) = data.as_object_mut() {
                data.insert("applications".into(), json!(apps));
            }
            all.push(data);
        }
        Ok(all)
    }

    async fn history_data(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<Value>, EngineError> {
        let ledger = self.store.ledger_of_user(tenant.id, session.user, ROWS_MAX).await?;
        Ok(ledger.iter().map(session_data).collect())
    }

    async fn approvals_data(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<Value>, EngineError> {
        let mut all = Vec::new();
        for row in self.consents(tenant, session.user).await? {
            let app = self.application(tenant.id, row.app).await?;
            all.push(json!({
                "application": app.map(|app| app.name.clone()),
                "scopes": row.scopes,
                "given_at": moment(row.given_at),
            }));
        }
        Ok(all)
    }

    async fn terms_data(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<Value>, EngineError> {
        let accepted = self.store.terms_of(tenant.id, session.user).await?;
        let one = |terms: &AcceptedTerms| json!({ "version": terms.version, "accepted_at": moment(terms.at) });
        Ok(accepted.iter().map(one).collect())
    }

    async fn events_data(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<Value>, EngineError> {
        let (subject, mut after) = (Subject::User(session.user), 0);
        let mut all = Vec::new();
        loop {
            let events = self.store.events(tenant.id, subject, after, CHUNK).await?;
            let Some(last) = events.last() else { return Ok(all) };
            after = last.n;
            all.extend(events.iter().map(|event| {
                let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
                json!({ "name": event.name, "at": moment(event.at), "data": data })
            }));
            if i64::try_from(all.len()).is_ok_and(|many| many >= ROWS_MAX) {
                return Ok(all);
            }
        }
    }
}
