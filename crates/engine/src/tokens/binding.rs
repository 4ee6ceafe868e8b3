//! Require proof of the token binding with each request, where the application wants that.

use sojourn_model::{AccessTokenBinding, Application, SessionId};

use super::detail::GrantDetail;
use crate::engine::Engine;

/// What a request proves of where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BindingProof {
    /// The browser's binding cookie.
    pub browser: Option<String>,
    /// The session that the browser has.
    pub session: Option<SessionId>,
}

impl Engine {
    /// Whether a token may be used by a request: true for applications that don't want to know.
    pub(crate) fn binding_holds(
        &self,
        app: &Application,
        binding: AccessTokenBinding,
        session: Option<SessionId>,
        detail: &str,
        presented: &BindingProof,
    ) -> bool {
        if !app.settings.validate_token_binding {
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
