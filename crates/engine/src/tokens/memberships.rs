//! The scopes `roles` and `groups`, which reveal a user's roles and groups to applications.

use serde_json::{Map, Value, json};
use sojourn_model::{Application, RoleState, Tenant, UserId};
use sojourn_oidc::scope;

use crate::engine::Engine;
use crate::error::EngineError;

/// Maximum number of values in a claim. With more, a token would exceed header limits; the application gets a
/// reference instead.
const TOLD_MAX: usize = 200;

impl Engine {
    /// The claims `roles` and `groups`, if the scopes of the same names were granted. A claim with more than two
    /// hundred values is replaced by a reference in `_claim_names` and `_claim_sources` (OpenID Connect Core 1.0
    /// §5.6.2).
    pub(crate) async fn memberships(
        &self,
        tenant: &Tenant,
        app: &Application,
        user: UserId,
        scopes: &str,
    ) -> Result<Map<String, Value>, EngineError> {
        let mut claims = Map::new();
        let by_id = app.settings.oidc.membership_ids;
        if scope::has(scopes, "roles") {
            let roles = self.store.roles_of_user(tenant.id, user).await?;
            let roles = roles.into_iter().filter(|role| role.state == RoleState::Active);
            let values = roles.map(|role| if by_id { role.id.to_string() } else { role.name });
            self.tell(tenant, &mut claims, "roles", values.collect());
        }
        if scope::has(scopes, "groups") {
            let groups = self.store.groups_of_user(tenant.id, user).await?;
            let values = groups
                .into_iter()
                .map(|group| if by_id { group.id.to_string() } else { group.name });
            self.tell(tenant, &mut claims, "groups", values.collect());
        }
        Ok(claims)
    }

    fn tell(
        &self,
        tenant: &Tenant,
        claims: &mut Map<String, Value>,
        name: &str,
        values: Vec<String>,
    ) {
        if values.len() <= TOLD_MAX {
            claims.insert(name.to_owned(), values.into());
            return;
        }
        let mut put = |member: &str, key: &str, value: Value| {
            let all = claims.entry(member).or_insert_with(|| json!({}));
            if let Some(all) = all.as_object_mut() {
                all.insert(key.to_owned(), value);
            }
        };
        put("_claim_names", name, "scim".into());
        let endpoint = format!("{}/Me?attributes=roles,groups", self.scim_base(tenant));
        put("_claim_sources", "scim", json!({ "endpoint": endpoint }));
    }
}
