//! `/oauth2/userinfo` (OpenID Connect Core 1.0 §5.3, RFC 6750).

use axum::body::Bytes;
use http::StatusCode;
use sojourn_engine::tokens::Userinfo;

use super::refusal::{Answer, Refusal};
use crate::context::Context;
use crate::oidc::{bearer, binding};
use crate::{request, respond};

/// `GET`: returns the claims for the token in the header.
pub(crate) async fn get(context: Context) -> Answer {
    let token = bearer(&context);
    answer(&context, token).await
}

/// `POST`: returns the claims for the token in the header or in the form, but not in both.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let in_header = bearer(&context);
    if body.is_empty() {
        return answer(&context, in_header).await;
    }
    let wrong = |why: String| Refusal::Bearer(StatusCode::BAD_REQUEST, "invalid_request", why);
    let params =
        request::form(&context.headers, &body).map_err(|error| wrong(error.to_string()))?;
    let doubled = params.is_double("access_token");
    match (in_header, params.get("access_token")) {
        (Some(_), Some(_)) => Err(wrong("send the token in one way only".into())),
        _ if doubled => Err(wrong("access_token is given twice".into())),
        (None, Some(token)) => answer(&context, Some(token.to_owned())).await,
        (token, None) => answer(&context, token).await,
    }
}

async fn answer(context: &Context, token: Option<String>) -> Answer {
    let token = token.ok_or(Refusal::NoToken)?;
    let presented = binding::presented(context).await?;
    Ok(match context.engine().userinfo(context.tenant(), &token, &presented).await? {
        Userinfo::Json(claims) => respond::json(StatusCode::OK, &claims),
        Userinfo::Jwt(token) => respond::jwt(token),
    })
}
