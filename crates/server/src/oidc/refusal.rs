//! Refusals of OAuth endpoints. Handlers return them with `?`.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;
use sojourn_engine::EngineError;
use sojourn_engine::directory::RegistrationRefused;
use sojourn_engine::tokens::{TokenError, UserinfoRefused};
use sojourn_oidc::{OAuthError, ParamError};

use crate::context::Context;
use crate::refusal::later;
use crate::request::FormError;
use crate::respond;

/// The result of a handler: a response, or a refusal that becomes an error response.
pub(crate) type Answer = Result<Response, Refusal>;

/// The reason why an OAuth endpoint refuses a request.
pub(crate) enum Refusal {
    /// An error that a specification defines. Sent with a challenge if the client authenticated in the header (RFC 6749
    /// §5.2).
    OAuth(OAuthError),
    /// An error of a resource that accepts bearer tokens (RFC 6750 §3.1): status, code, and description.
    Bearer(StatusCode, &'static str, String),
    /// A request without a token to a resource that accepts bearer tokens: there is no error code (RFC 6750 §3.1).
    NoToken,
    /// A document that can't be parsed, or a registration that isn't open (RFC 7591 §3.2.2).
    Registration(StatusCode, OAuthError),
    /// An internal failure: the cause goes to the log.
    Failed(EngineError),
}

impl Refusal {
    fn respond(self, context: &Context) -> Response {
        match self {
            Self::OAuth(error) => {
                let challenged = context.header(header::AUTHORIZATION).is_some();
                respond::oauth_error(&error, challenged)
            }
            Self::Bearer(status, code, why) => {
                let challenge = format!(
                    "Bearer realm=\"sojourn\", error=\"{code}\", error_description=\"{why}\""
                );
                let body = json!({ "error": code, "error_description": why });
                respond::with(respond::json(status, &body), header::WWW_AUTHENTICATE, &challenge)
            }
            Self::NoToken => {
                let response = respond::empty(StatusCode::UNAUTHORIZED);
                respond::with(response, header::WWW_AUTHENTICATE, "Bearer realm=\"sojourn\"")
            }
            Self::Registration(status, error) => {
                let body = json!({ "error": error.code, "error_description": error.description });
                respond::json(status, &body)
            }
            Self::Failed(error) => respond::failure(&error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        later(|context| self.respond(context))
    }
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(error) => Self::OAuth(error),
            TokenError::Failed(error) => Self::Failed(error),
        }
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        Self::OAuth(OAuthError::invalid_request(error.to_string()))
    }
}

impl From<ParamError> for Refusal {
    fn from(error: ParamError) -> Self {
        Self::OAuth(error.into())
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl From<UserinfoRefused> for Refusal {
    fn from(refused: UserinfoRefused) -> Self {
        let bearer = |status, code, why: &str| Self::Bearer(status, code, why.to_owned());
        match refused {
            UserinfoRefused::InvalidToken => {
                bearer(StatusCode::UNAUTHORIZED, "invalid_token", "the token is not valid")
            }
            UserinfoRefused::InsufficientScope => {
                bearer(StatusCode::FORBIDDEN, "insufficient_scope", "the token has no scope openid")
            }
            UserinfoRefused::BindingMissing => bearer(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "Valid token binding value not present in the request.",
            ),
            UserinfoRefused::Failed(error) => Self::Failed(error),
        }
    }
}

impl From<RegistrationRefused> for Refusal {
    fn from(refused: RegistrationRefused) -> Self {
        match refused {
            RegistrationRefused::InvalidToken => Self::Bearer(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "the registration is not open to this token".to_owned(),
            ),
            RegistrationRefused::Refused(error) => Self::OAuth(error),
            RegistrationRefused::Failed(error) => Self::Failed(error),
        }
    }
}
