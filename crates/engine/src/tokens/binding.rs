//! Requires proof of the token binding with each request, if the application's settings demand it.

use sojourn_model::{AccessTokenBinding, Application, SessionId};

use super::detail::GrantDetail;
use crate::engine::Engine;

/// What a request proves about its origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BindingProof {
    /// Value of the browser's binding cookie.
    pub browser: Option<String>,
    /// Active session of the browser.
    pub session: Option<SessionId>,
}

impl Engine {
    /// Returns whether a request may use a token; always `true` if the application doesn't validate bindings.
    pub(crate) fn binding_holds(
        &self,
        app: &Application,
        binding: AccessTokenBinding,
        session: Option<SessionId>,
        detail: &str,
        presented: &BindingProof,
    ) -> bool {
        if !app.settings.oidc.validate_token_binding {
            return true;
        }
        match binding {
            AccessTokenBinding::None => true,
            AccessTokenBinding::SsoSession => session.is_none() || session == presented.session,
            AccessTokenBinding::Cookie => {
                let reference =
                    presented.browser.as_ref().map(|browser| self.browser_reference(app, browser));
                reference.is_some() && reference == GrantDetail::read(detail).binding
            }
        }
    }
}
