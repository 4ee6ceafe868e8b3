//! What a request brings besides its parameters: tenant, address, cookies, request id.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, header};
use sojourn_engine::{b64url, constant_time_eq, unb64url};
use sojourn_model::limits::REQUEST_BYTES_MAX;
use sojourn_model::{AppId, Participation, Session, SessionId, Tenant, TenantId};
use sojourn_oidc::Params;

use crate::AppState;
use crate::language::{Text, plain, say};
use crate::respond;

/// Put into each request by the accept loop.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) tenant: Tenant,
    /// `/t/{tenant}` where the request came with it, to be put before links.
    pub(crate) prefix: Arc<str>,
    /// Host and port as the client writes them.
    pub(crate) host: Arc<str>,
    pub(crate) ip: IpAddr,
    pub(crate) request_id: Arc<str>,
    pub(crate) secure: bool,
    /// Whether the request comes from this machine or a trusted proxy, and from nobody behind them.
    pub(crate) own: bool,
    /// SHA-256 of the certificate that the client showed and the handshake verified.
    pub(crate) certificate: Option<[u8; 32]>,
}

/// What a handler knows of its request. Clones are of the same request, and cost next to nothing.
#[derive(Clone)]
pub(crate) struct Context(Arc<Known>);

/// See [`Context`].
pub(crate) struct Known {
    pub(crate) arrival: Arrival,
    pub(crate) method: http::Method,
    /// Path and query, as the browser sees them.
    pub(crate) here: String,
    pub(crate) headers: HeaderMap,
    pub(crate) state: AppState,
    pub(crate) language: std::sync::OnceLock<std::sync::Arc<crate::language::Language>>,
    browser_state: std::sync::OnceLock<(SessionId, String)>,
}

impl FromRequestParts<AppState> for Context {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| respond::plain(http::StatusCode::INTERNAL_SERVER_ERROR, "no arrival"))
    }
}

impl std::ops::Deref for Context {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.0
    }
}

/// Before sign-in: carries the secret of forms.
const PRE_COOKIE: &str = "sojourn-pre";
/// Seconds that it lives.
const PRE_COOKIE_SECONDS: i64 = 86_400;
/// By which a browser is known again; opens nothing.
const BROWSER_COOKIE: &str = "sojourn-browser";
/// Seconds that it lives: as long as browsers keep any cookie.
const BROWSER_COOKIE_SECONDS: i64 = 400 * 86_400;

impl Context {
    /// The context of a request that has arrived; handlers find it there.
    pub(crate) fn put_into<B>(
        request: &mut http::Request<B>,
        arrival: Arrival,
        state: &AppState,
    ) -> Self {
        let here = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let context = Self(Arc::new(Known {
            here: format!("{}{here}", arrival.prefix),
            arrival,
            method: request.method().clone(),
            // Taken, not copied: whatever else a handler extracts comes from path, query and body.
            headers: std::mem::take(request.headers_mut()),
            state: state.clone(),
            language: std::sync::OnceLock::new(),
            browser_state: std::sync::OnceLock::new(),
        }));
        request.extensions_mut().insert(context.clone());
        context
    }

    pub(crate) fn engine(&self) -> &sojourn_engine::Engine {
        &self.state.engine
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.arrival.tenant
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn user_agent(&self) -> &str {
        self.header(header::USER_AGENT).unwrap_or_default()
    }

    /// Adds what a caller of an API has to know of a refusal (RFC 6750 §3, RFC 7617 §2). An error is named only to who
    /// sent a token.
    pub(crate) fn challenged(&self, response: Response) -> Response {
        let scheme = self.header(header::AUTHORIZATION).and_then(|text| text.split(' ').next());
        let bearer = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
        let challenge = match (response.status(), bearer) {
            (http::StatusCode::UNAUTHORIZED, true) => {
                "Bearer realm=\"sojourn\", error=\"invalid_token\", error_description=\"the token is unknown, expired or \
                 ended\""
            }
            (http::StatusCode::UNAUTHORIZED, false) => "Bearer realm=\"sojourn\"",
            (http::StatusCode::FORBIDDEN, true) => {
                "Bearer realm=\"sojourn\", error=\"insufficient_scope\", error_description=\"the token or its user has not \
                 the right to do this\""
            }
            _ => return response,
        };
        let unauthorized = response.status() == http::StatusCode::UNAUTHORIZED;
        let response = respond::with(response, header::WWW_AUTHENTICATE, challenge);
        // A browser would pop up a dialogue of its own.
        if unauthorized && !self.headers.contains_key("sec-fetch-mode") {
            respond::with(response, header::WWW_AUTHENTICATE, "Basic realm=\"sojourn\"")
        } else {
            response
        }
    }

    /// A link of ours, under the prefix by which the request came.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.arrival.prefix)
    }

    /// A link that is the same for all tenants.
    pub(crate) fn at_root(&self, path: &str) -> String {
        format!("{}{path}", self.engine().settings().path())
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all(header::COOKIE).iter();
        values.filter_map(|value| value.to_str().ok()).find_map(|value| cookie_in(value, name))
    }

    /// The name of a cookie of ours. No other host can set one with these prefixes; below a path, `__Host-` is refused by
    /// browsers, since such a cookie is for all of the host (RFC 6265bis §4.1.3).
    pub(crate) fn own_cookie_name(&self, name: &str) -> String {
        let below = !self.engine().settings().path().is_empty();
        format!("{}{name}", if below { "__Secure-" } else { "__Host-" })
    }

    /// The path that our cookies are for: whatever else is at this host doesn't get them.
    pub(crate) fn cookie_path(&self) -> &str {
        match self.engine().settings().path() {
            "" => "/",
            path => path,
        }
    }

    fn session_cookie_name(&self) -> String {
        if self.tenant().id == TenantId::DEFAULT {
            self.own_cookie_name("sojourn")
        } else {
            self.own_cookie_name(&format!("sojourn.{}", self.tenant().name))
        }
    }

    /// The browser's state (Session Management §2): of no use for anything else, and another one for each
    /// session. Computed once for the session that a request has.
    pub(crate) fn browser_state(&self, session: &Session) -> Cow<'_, str> {
        let compute = || {
            let tenant = session.tenant.0.to_be_bytes();
            let hash = self.engine().keyed_hash("browser state", &[&tenant, &session.id.0]);
            sojourn_model::ids::hex(hash.split_at(16).0)
        };
        let (of, state) = self.browser_state.get_or_init(|| (session.id, compute()));
        if *of == session.id { Cow::Borrowed(state) } else { Cow::Owned(compute()) }
    }

    /// Whether the browser sent a session cookie at all: it may be told not to in frames.
    pub(crate) fn has_session_cookie(&self) -> bool {
        self.cookie(&self.session_cookie_name()).is_some()
    }

    /// Whether a browser may have kept its session cookie back from a form that another site's page posted: with
    /// `SameSite=Lax` it does.
    pub(crate) fn keeps_session_back(&self) -> bool {
        self.state.same_site == "Lax" && !self.has_session_cookie()
    }

    /// Where a form that another site's page posted has to go again as a query: with `SameSite=Lax` its browser
    /// keeps the session cookie back from the form, and sends it when it follows a link.
    pub(crate) fn again_as_query(&self, path: &str, params: &Params) -> Option<Response> {
        let query = params.to_query();
        (self.keeps_session_back() && query.len() <= REQUEST_BYTES_MAX)
            .then(|| respond::see_other(&format!("{}?{query}", self.link(path))))
    }

    /// The live session of this browser.
    pub(crate) async fn session(&self) -> Result<Option<Session>, sojourn_engine::EngineError> {
        match self.session_secret() {
            Some(secret) => self.engine().current_session(self.tenant(), &secret).await,
            None => Ok(None),
        }
    }

    /// The same with its stay in an application.
    pub(crate) async fn session_in(
        &self,
        app: AppId,
    ) -> Result<Option<(Session, Option<Participation>)>, sojourn_engine::EngineError> {
        match self.session_secret() {
            Some(secret) => self.engine().current_session_in(self.tenant(), &secret, app).await,
            None => Ok(None),
        }
    }

    fn session_secret(&self) -> Option<Vec<u8>> {
        self.cookie(&self.session_cookie_name())
            .and_then(unb64url)
            .filter(|secret| secret.len() == 32)
    }

    /// The cookie of a session that just began or changed its secret.
    pub(crate) fn session_cookie(&self, secret: &[u8; 32], session: &Session) -> String {
        let value = b64url(secret);
        let lasting = if session.remember {
            let left = session.idle_deadline.since(self.engine().now());
            format!("; Max-Age={}", left / 1000)
        } else {
            String::new()
        };
        format!(
            "{}={value}; Path={}; Secure; HttpOnly; SameSite={}{lasting}",
            self.session_cookie_name(),
            self.cookie_path(),
            self.state.same_site
        )
    }

    /// Takes the session cookie away.
    pub(crate) fn no_session_cookie(&self) -> String {
        format!(
            "{}=; Path={}; Secure; HttpOnly; SameSite={}; Max-Age=0",
            self.session_cookie_name(),
            self.cookie_path(),
            self.state.same_site
        )
    }

    /// The browser's own secret, by which it is known again, and the cookie to set when it has none yet.
    pub(crate) fn browser_secret(&self) -> ([u8; 32], Option<String>) {
        let name = if self.tenant().id == TenantId::DEFAULT {
            self.own_cookie_name(BROWSER_COOKIE)
        } else {
            self.own_cookie_name(&format!("{BROWSER_COOKIE}.{}", self.tenant().name))
        };
        let present = self.cookie(&name).and_then(unb64url);
        if let Some(secret) = present.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            return (secret, None);
        }
        let secret: [u8; 32] = sojourn_model::time::random(self.engine().rng());
        let value = b64url(&secret);
        let cookie = format!(
            "{name}={value}; Path={}; Secure; HttpOnly; SameSite=Lax; Max-Age={BROWSER_COOKIE_SECONDS}",
            self.cookie_path()
        );
        (secret, Some(cookie))
    }

    /// The secret of forms before sign-in, and the cookie that keeps it, to be set by each page with such a form.
    pub(crate) fn form_secret(&self) -> (String, String) {
        let name = self.own_cookie_name(PRE_COOKIE);
        let set = |value: &str| {
            format!(
                "{name}={value}; Path={}; Secure; HttpOnly; SameSite=Lax; Max-Age={PRE_COOKIE_SECONDS}",
                self.cookie_path()
            )
        };
        if let Some(value) = self.cookie(&name).filter(|value| value.len() == 43) {
            // Kept for another day by each page.
            return (value.to_owned(), set(value));
        }
        let bytes: [u8; 32] = sojourn_model::time::random(self.engine().rng());
        let value = b64url(&bytes);
        let cookie = set(&value);
        (value, cookie)
    }

    /// Whether the browser brought its secret of forms.
    pub(crate) fn has_form_secret(&self) -> bool {
        self.cookie(&self.own_cookie_name(PRE_COOKIE)).is_some_and(|value| value.len() == 43)
    }

    /// The CSRF token of forms before sign-in.
    pub(crate) fn form_token(&self, secret: &str) -> String {
        self.token("csrf before sign-in", secret.as_bytes())
    }

    /// The CSRF token of a signed-in person's forms. It hangs on the session's id, which stays while the
    /// secret rotates, so that forms in other tabs keep working.
    pub(crate) fn session_token(&self, session: &Session) -> String {
        self.token("csrf", &session.id.0)
    }

    fn token(&self, purpose: &str, secret: &[u8]) -> String {
        let tenant = self.tenant().id.0.to_be_bytes();
        let hash = self.engine().keyed_hash(purpose, &[&tenant, secret]);
        sojourn_model::ids::hex(&hash)
    }

    /// Why a form of ours can't be told from a forged one, where the cause lies in the browser or on the way, with what to
    /// do; none where the page is only too old.
    pub(crate) fn why_not_genuine(&self) -> Option<Text> {
        let base = &self.engine().settings().base_url;
        let host = &*self.arrival.host;
        let wanted = self.engine().settings().origin();
        let wanted = wanted.split_once("://").map_or(wanted, |(_, host)| host);
        if base.starts_with("https://") && !self.arrival.secure {
            return Some(say(
                "This page came over an unencrypted connection, for which browsers keep cookies back. Open {0}.",
                [plain(base.as_str())],
            ));
        }
        match self.header(header::ORIGIN) {
            None => Some(
                "The browser did not say which page this form comes from: an extension or a proxy took the header \
                 Origin away. Allow it for this address, or use another browser."
                    .into(),
            ),
            Some(_) if self.same_origin() => (self.header(header::COOKIE).is_none()).then(|| {
                say(
                    "The browser sent no cookie, and nobody can sign in without one. Allow cookies for {0}, then load the \
                     page again.",
                    [plain(host)],
                )
            }),
            Some(_) if host != wanted => Some(say(
                "This server is known by another address. Open {0}.",
                [plain(base.as_str())],
            )),
            Some(origin) => Some(say(
                "This form was sent by a page of {0}, which is not this server. Nothing was changed.",
                [plain(origin)],
            )),
        }
    }

    /// The page that a form was on, as far as the browser says so; else the one at the form's own address.
    pub(crate) fn page_of_form(&self) -> String {
        let referer = self.header(header::REFERER).unwrap_or_default();
        let path = referer.strip_prefix(self.engine().settings().origin()).unwrap_or_default();
        let own = crate::web::own_path::own_path(&self.arrival.prefix, path);
        own.unwrap_or_else(|| self.link("/myaccount"))
    }

    /// Whether a form of ours was sent by a page of ours.
    pub(crate) fn same_origin(&self) -> bool {
        let Some(origin) = self.header(header::ORIGIN) else { return false };
        if origin == self.engine().settings().origin() {
            return true;
        }
        let scheme = if self.arrival.secure { "https" } else { "http" };
        !self.arrival.host.is_empty() && origin == format!("{scheme}://{}", self.arrival.host)
    }

    /// Whether a browser says that a page of another site caused this request (Fetch Metadata; older ones say it by
    /// `Origin` or `Referer`). What is no browser says nothing.
    pub(crate) fn is_from_another_site(&self) -> bool {
        if let Some(site) = self.header("sec-fetch-site") {
            return !matches!(site, "same-origin" | "none");
        }
        if self.header(header::ORIGIN).is_some() {
            return !self.same_origin();
        }
        let Some(referer) = self.header(header::REFERER) else { return false };
        !referer
            .strip_prefix(self.engine().settings().origin())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a signed-in person's form is genuine.
    pub(crate) fn genuine(&self, session: &Session, token: Option<&str>) -> bool {
        self.same_origin() && token.is_some_and(|token| equal(token, &self.session_token(session)))
    }

    /// Whether a form from before sign-in is genuine.
    pub(crate) fn genuine_before_sign_in(&self, token: Option<&str>) -> bool {
        self.has_form_secret()
            && self.same_origin()
            && token.is_some_and(|token| equal(token, &self.form_token(&self.form_secret().0)))
    }
}

/// A cookie's value in a `Cookie` header (RFC 6265 §4.2).
fn cookie_in<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn equal(a: &str, b: &str) -> bool {
    constant_time_eq(a.as_bytes(), b.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

            #[test]
            fn cookies_are_found_among_whatever_else_came(before in "[ -~]{0,60}", after in "[ -~]{0,60}", value in "[A-Za-z0-9_-]{1,43}") {
                let _ = cookie_in(&before, "name");
                prop_assume!(!before.contains("name"));
                let header = format!("{before};name={value};{after}");
                prop_assert_eq!(cookie_in(&header, "name"), Some(&*value));
    let without = format!("{before};{after}");
                prop_assert_eq!(cookie_in(&header, "nam"), cookie_in(&without, "nam"));
            }
        }
}
