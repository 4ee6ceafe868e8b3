//! The endpoints of SAML 2.0, as an identity provider: sign-on and logout in the browser, logout from server to server,
//! metadata.

pub(crate) mod carried;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod sign_on;
pub(crate) mod soap;

use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};
use sojourn_engine::saml::SSO_PATH;
use sojourn_model::Tenant;
use sojourn_saml::binding::{self, Carried, Kind};
use sojourn_saml::xml::Document;

use crate::context::Context;
use crate::language::Text;
use crate::web::refusal::{Answer, Refusal};
use crate::{request, respond};

/// A query (HTTP-Redirect), a request that comes back from a page, or a sign-on that begins here.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let query = uri.query().unwrap_or_default();
    if let Some(elsewhere) = of_another_tenant(&context, query) {
        return Ok(elsewhere);
    }
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    if has("continue") || has("spEntityID") {
        return match request::query(Some(query)) {
            Ok(params) => sign_on::resume_or_begin(&context, &params).await,
            Err(error) => refused(&context, &error.to_string()),
        };
    }
    match binding::from_query(query) {
        Ok(carried) => answer(&context, carried, true).await,
        Err(error) => refused(&context, &error.to_string()),
    }
}

/// A form (HTTP-POST).
pub(crate) async fn post(context: Context, uri: Uri, body: Bytes) -> Answer {
    if let Some(elsewhere) = of_another_tenant(&context, uri.query().unwrap_or_default()) {
        return Ok(elsewhere);
    }
    // Messages are longer than any parameter of the other protocols.
    let mut fields: [(&str, Option<String>); 3] =
        ["SAMLRequest", "SAMLResponse", "RelayState"].map(|name| (name, None));
    for (name, value) in form_urlencoded::parse(&body) {
        if let Some((_, slot)) = fields.iter_mut().find(|(known, _)| *known == name) {
            if slot.is_some() {
                return refused(&context, "a parameter came more than once");
            }
            *slot = Some(value.into_owned());
        }
    }
    let [(_, asked), (_, answered), (_, relay_state)] = fields;
    match binding::from_form(asked.as_deref(), answered.as_deref(), relay_state.as_deref()) {
        Ok(carried) => answer(&context, carried, false).await,
        Err(error) => refused(&context, &error.to_string()),
    }
}

/// What a message is, its root element says.
async fn answer(context: &Context, carried: Carried, by_query: bool) -> Answer {
    let document = match Document::parse(&carried.xml) {
        Ok(document) => document,
        Err(error) => return refused(context, &error.to_string()),
    };
    match (carried.kind, document.root_name()) {
        (Kind::Request, "AuthnRequest") => sign_on::asked(context, &carried, &document).await,
        (Kind::Request, "LogoutRequest") => {
            logout::asked(context, &carried, &document, by_query).await
        }
        (Kind::Response, "LogoutResponse") => logout::answered(context, &carried, &document).await,
        _ => refused(context, "the message is neither a sign-on nor a logout"),
    }
}

/// What a message of a browser may name as its destination: this tenant's address, also as WSO2 writes it.
pub(crate) fn addresses(context: &Context) -> Vec<String> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let address = engine.saml_address(tenant);
    let with_tenant = |base: &str| format!("{base}?tenantDomain={}", tenant.name);
    let root = format!("{}{SSO_PATH}", engine.settings().base_url);
    vec![with_tenant(&address), with_tenant(&root), address]
}

/// A page that says why nothing is answered: nothing is sent anywhere.
pub(crate) fn refused(context: &Context, why: &str) -> Answer {
    tracing::info!(request.id = %context.arrival.request_id, why, "a SAML message is refused");
    Err(Refusal::bad_request(Text::Message(format!("The SAML message is refused: {why}."))))
}

/// XML.
pub(crate) fn xml(
    status: StatusCode,
    kind: &'static str,
    text: impl Into<axum::body::Body>,
) -> Response {
    let mut response = respond::html(status, text);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// `tenantDomain`, as WSO2 takes it: the same request at the tenant that it names.
fn of_another_tenant(context: &Context, query: &str) -> Option<Response> {
    let mut named = query.split('&').filter_map(|pair| pair.strip_prefix("tenantDomain="));
    let tenant = named.next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if tenant == context.tenant().name || !tenant.chars().all(plain) || named.next().is_some() {
        return None;
    }
    // What is signed stays as it was sent.
    let rest: Vec<&str> =
        query.split('&').filter(|pair| !pair.starts_with("tenantDomain=")).collect();
    let path = if tenant == Tenant::DEFAULT_NAME {
        context.at_root(SSO_PATH)
    } else {
        context.at_root(&format!("/t/{tenant}{SSO_PATH}"))
    };
    let location = format!("{path}?{}", rest.join("&"));
    let mut response = respond::empty(StatusCode::TEMPORARY_REDIRECT);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&location).ok()?);
    Some(response)
}
