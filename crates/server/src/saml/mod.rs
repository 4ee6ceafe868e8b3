//! The endpoints of SAML 2.0, as an identity provider: sign-on and logout in the browser, logout from server to server,
//! and metadata.

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

use self::carried::Refused;
use crate::context::Context;
use crate::language::Text;
use crate::web::refusal::{Answer, Refusal};
use crate::{request, respond};

/// `GET /samlsso`: a message in the query (HTTP-Redirect), a request that returns from a page, or a sign-on that begins
/// here.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let query = uri.query().unwrap_or_default();
    if let Some(elsewhere) = of_another_tenant(&context, query) {
        return Ok(elsewhere);
    }
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    if has("continue") || has("spEntityID") {
        let params = request::query(Some(query)).map_err(|error| refused(&error.to_string()))?;
        return sign_on::resume_or_begin(&context, &params).await;
    }
    let carried = binding::from_query(query).map_err(|error| refused(&error.to_string()))?;
    answer(&context, carried, true).await
}

/// `POST /samlsso`: a message in a form (HTTP-POST).
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
                return Err(refused("a parameter came more than once"));
            }
            *slot = Some(value.into_owned());
        }
    }
    let [(_, asked), (_, answered), (_, relay_state)] = fields;
    let carried = binding::from_form(asked.as_deref(), answered.as_deref(), relay_state.as_deref())
        .map_err(|error| refused(&error.to_string()))?;
    answer(&context, carried, false).await
}

/// Dispatches a message by its root element.
async fn answer(context: &Context, carried: Carried, by_query: bool) -> Answer {
    let document = Document::parse(&carried.xml).map_err(|error| refused(&error.to_string()))?;
    match (carried.kind, document.root_name()) {
        (Kind::Request, "AuthnRequest") => sign_on::asked(context, &carried, &document).await,
        (Kind::Request, "LogoutRequest") => {
            logout::asked(context, &carried, &document, by_query).await
        }
        (Kind::Response, "LogoutResponse") => logout::answered(context, &carried, &document).await,
        _ => Err(refused("the message is neither a sign-on nor a logout")),
    }
}

/// Returns the destinations that a message from a browser can name: this tenant's address, also in WSO2's form.
pub(crate) fn addresses(context: &Context) -> Vec<String> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let address = engine.saml_address(tenant);
    let with_tenant = |base: &str| format!("{base}?tenantDomain={}", tenant.name);
    let root = format!("{}{SSO_PATH}", engine.settings().base_url);
    vec![with_tenant(&address), with_tenant(&root), address]
}

/// Returns a page with the reason why a message is refused; nothing is sent to a service provider.
pub(crate) fn refused(why: &str) -> Refusal {
    tracing::info!(why, "a SAML message is refused");
    Refusal::bad_request(Text::Message(format!("The SAML message is refused: {why}.")))
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Message(why) => self::refused(&why),
            Refused::Failed(error) => error.into(),
        }
    }
}

/// Builds an XML response with the media type `kind`.
pub(crate) fn xml(
    status: StatusCode,
    kind: &'static str,
    text: impl Into<axum::body::Body>,
) -> Response {
    let mut response = respond::html(status, text);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Redirects a request with WSO2's `tenantDomain` to the tenant that it names.
fn of_another_tenant(context: &Context, query: &str) -> Option<Response> {
    let mut named = query.split('&').filter_map(|pair| pair.strip_prefix("tenantDomain="));
    let tenant = named.next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if tenant == context.tenant().name || !tenant.chars().all(plain) || named.next().is_some() {
        return None;
    }
    // Signed parameters must stay as they were sent.
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
