//! The addresses to which mails about an account may go.

use sojourn_model::directory::text_key;
use sojourn_model::{Tenant, User};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The addresses that are known to belong to a user: the main one first, if it is confirmed.
    pub(crate) async fn proved_addresses(
        &self,
        tenant: &Tenant,
        user: &User,
    ) -> Result<Vec<String>, EngineError> {
        let others = self.store.other_addresses(tenant.id, user.id).await?;
        let main = user.email.clone().filter(|_| user.email_verified);
        let mut all: Vec<String> = Vec::with_capacity(others.len() + 1);
        for address in main.into_iter().chain(others.into_iter().map(|other| other.address)) {
            // An address that the account also has as its main one is written to once.
            if all.iter().all(|there| text_key(there) != text_key(&address)) {
                all.push(address);
            }
        }
        Ok(all)
    }
}
