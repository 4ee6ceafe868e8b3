//! `/.well-known/openid-configuration`: the discovery document.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, header};
use sojourn_oidc::{Endpoints, discovery_document};

use crate::context::Context;
use crate::respond;

/// Maximum number of documents that are kept.
const KEPT_MAX: usize = 1_000;

/// Documents as they are sent, by a key of everything that they depend on.
#[derive(Default)]
pub(crate) struct Documents(RwLock<HashMap<String, Bytes>>);

impl Documents {
    pub(crate) fn of(&self, name: &str, make: impl FnOnce() -> Vec<u8>) -> Bytes {
        if let Some(kept) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return kept.clone();
        }
        let made = Bytes::from(make());
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            all.clear();
        }
        all.insert(name.to_owned(), made.clone());
        made
    }
}

/// `GET`: returns the tenant's discovery document.
pub(crate) async fn get(context: Context) -> Response {
    let engine = context.engine();
    let issuer = engine.issuer(context.tenant());
    let registration = engine.settings().registration != sojourn_engine::RegistrationMode::Off;
    // Everything that can change while the program runs is part of the key.
    let sign_up = engine.is_sign_up_open(context.tenant());
    let name = format!("{issuer} {registration} {sign_up}");
    let document = context.state.documents.of(&name, || {
        let endpoints = Endpoints {
            issuer: issuer.clone(),
            address: engine.settings().address(context.tenant()),
            languages: context.state.languages.all().iter().map(|one| one.code.clone()).collect(),
        };
        let own = sojourn_engine::ADMIN_SCOPES;
        let document = discovery_document(&endpoints, own, (registration, sign_up));
        serde_json::to_vec(&document).unwrap_or_default()
    });
    public(respond::json_bytes(StatusCode::OK, document))
}

/// Allows anyone to cache a response for five minutes.
pub(crate) fn public(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("public, max-age=300"));
    response
}
