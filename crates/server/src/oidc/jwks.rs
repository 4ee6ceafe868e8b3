//! `/oauth2/jwks`: the tenant's public keys.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::context::Context;
use crate::oidc::discovery::public;
use crate::respond;

/// `GET`: returns the keys that tokens of this tenant are signed with.
pub(crate) async fn get(context: Context) -> Response {
    match context.engine().keys(context.tenant().id).await {
        Ok(set) => {
            let keys: Vec<_> = set.published(context.engine().now()).map(|key| key.jwk()).collect();
            public(respond::json(StatusCode::OK, &json!({ "keys": keys })))
        }
        Err(error) => respond::failure(&error),
    }
}
