//! The context of a request besides its parameters: tenant, address, cookies, request id.

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

/// What is known when a request arrives. The accept loop attaches it to each request.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) tenant: Tenant,
    /// Prefix of links: `/t/{tenant}` if the request came with it.
    pub(crate) prefix: Arc<str>,
    /// Host and port as the client sent them.
    pub(crate) host: Arc<str>,
    pub(crate) ip: IpAddr,
    pub(crate) request_id: Arc<str>,
    pub(crate) secure: bool,
    /// Whether the request comes from this machine or a trusted proxy itself, not from a client behind it.
    pub(crate) own: bool,
    /// SHA-256 of the client certificate that the handshake verified.
    pub(crate) certificate: Option<[u8; 32]>,
}

/// What a handler knows about its request. Clones share the same request and are cheap.
#[derive(Clone)]
pub(crate) struct Context(Arc<Known>);

/// The shared content of a [`Context`].
pub(crate) struct Known {
    pub(crate) arrival: Arrival,
    pub(crate) method: http::Method,
    /// Path and query as the browser sees them, with the tenant's prefix.
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

/// Name of the cookie with the secret of forms before sign-in.
const PRE_COOKIE: &str = "sojourn-pre";
/// Lifetime of that cookie in seconds.
const PRE_COOKIE_SECONDS: i64 = 86_400;
/// Name of the cookie that recognises a browser. It grants no access.
const BROWSER_COOKIE: &str = "sojourn-browser";
/// Lifetime of that cookie in seconds: the longest that browsers keep any cookie.
const BROWSER_COOKIE_SECONDS: i64 = 400 * 86_400;

impl Context {
    /// Creates the context of a request that has arrived and stores it in the request, where handlers find it.
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
            // Taken, not copied: everything else that a handler extracts comes from path, query and body.
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

    /// Adds the `WWW-Authenticate` challenge that an API caller needs with a refusal (RFC 6750 §3, RFC 7617 §2). The
    /// error is included only if the caller sent a token.
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
        // A browser would open a dialogue of its own.
        if unauthorized && !self.headers.contains_key("sec-fetch-mode") {
            respond::with(response, header::WWW_AUTHENTICATE, "Basic realm=\"sojourn\"")
        } else {
            response
        }
    }

    /// Returns a link to one of our paths, under the prefix of the request.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.arrival.prefix)
    }

    /// Returns a link that is the same for all tenants.
    pub(crate) fn at_root(&self, path: &str) -> String {
        format!("{}{path}", self.engine().settings().path())
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all(header::COOKIE).iter();
        values.filter_map(|value| value.to_str().ok()).find_map(|value| cookie_in(value, name))
    }

    /// Returns the full name of one of our cookies. No other host can set a cookie with these prefixes. Below a path,
    /// browsers refuse `__Host-`, because such a cookie applies to the whole host (RFC 6265bis §4.1.3).
    pub(crate) fn own_cookie_name(&self, name: &str) -> String {
        let below = !self.engine().settings().path().is_empty();
        format!("{}{name}", if below { "__Secure-" } else { "__Host-" })
    }

    /// Returns the path of our cookies, so that other services at this host don't receive them.
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

    /// Returns the browser state (Session Management §2), which has no other use and differs for each session. Computed
    /// once for the session of a request.
    pub(crate) fn browser_state(&self, session: &Session) -> Cow<'_, str> {
        let compute = || {
            let tenant = session.tenant.0.to_be_bytes();
            let hash = self.engine().keyed_hash("browser state", &[&tenant, &session.id.0]);
            sojourn_model::ids::hex(hash.split_at(16).0)
        };
        let (of, state) = self.browser_state.get_or_init(|| (session.id, compute()));
        if *of == session.id { Cow::Borrowed(state) } else { Cow::Owned(compute()) }
    }

    /// Whether the browser sent a session cookie: it may be configured not to send it in frames.
    pub(crate) fn has_session_cookie(&self) -> bool {
        self.cookie(&self.session_cookie_name()).is_some()
    }

    /// Whether a browser may have withheld its session cookie from a form that another site's page posted, which it
    /// does with `SameSite=Lax`.
    pub(crate) fn keeps_session_back(&self) -> bool {
        self.state.same_site == "Lax" && !self.has_session_cookie()
    }

    /// Redirects a form that another site's page posted to the same request as a query: with `SameSite=Lax` the browser
    /// withholds the session cookie from the form but sends it when it follows a link. `None` if that isn't needed, or
    /// the query would be too long.
    pub(crate) fn again_as_query(&self, path: &str, params: &Params) -> Option<Response> {
        let query = params.to_query();
        (self.keeps_session_back() && query.len() <= REQUEST_BYTES_MAX)
            .then(|| respond::see_other(&format!("{}?{query}", self.link(path))))
    }

    /// Returns the active session of this browser.
    pub(crate) async fn session(&self) -> Result<Option<Session>, sojourn_engine::EngineError> {
        match self.session_secret() {
            Some(secret) => self.engine().current_session(self.tenant(), &secret).await,
            None => Ok(None),
        }
    }

    /// Returns the active session of this browser with its stay in an application.
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

    /// Returns the cookie of a session that has just begun or changed its secret.
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

    /// Returns the cookie that removes the session cookie.
    pub(crate) fn no_session_cookie(&self) -> String {
        format!(
            "{}=; Path={}; Secure; HttpOnly; SameSite={}; Max-Age=0",
            self.session_cookie_name(),
            self.cookie_path(),
            self.state.same_site
        )
    }

    /// Returns the secret that recognises the browser, and the cookie to set if it has none yet.
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

    /// Returns the secret of forms before sign-in, and the cookie that stores it. Each page with such a form must set
    /// the cookie.
    pub(crate) fn form_secret(&self) -> (String, String) {
        let name = self.own_cookie_name(PRE_COOKIE);
        let set = |value: &str| {
            format!(
                "{name}={value}; Path={}; Secure; HttpOnly; SameSite=Lax; Max-Age={PRE_COOKIE_SECONDS}",
                self.cookie_path()
            )
        };
        if let Some(value) = self.cookie(&name).filter(|value| value.len() == 43) {
            // Each page extends it by a day.
            return (value.to_owned(), set(value));
        }
        let bytes: [u8; 32] = sojourn_model::time::random(self.engine().rng());
        let value = b64url(&bytes);
        let cookie = set(&value);
        (value, cookie)
    }

    /// Whether the browser sent its secret of forms.
    pub(crate) fn has_form_secret(&self) -> bool {
        self.cookie(&self.own_cookie_name(PRE_COOKIE)).is_some_and(|value| value.len() == 43)
    }

    /// Returns the CSRF token of forms before sign-in.
    pub(crate) fn form_token(&self, secret: &str) -> String {
        self.token("csrf before sign-in", secret.as_bytes())
    }

    /// Returns the CSRF token of a signed-in user's forms. It depends on the session's id, which stays the same when
    /// the secret rotates, so that forms in other tabs keep working.
    pub(crate) fn session_token(&self, session: &Session) -> String {
        self.token("csrf", &session.id.0)
    }

    fn token(&self, purpose: &str, secret: &[u8]) -> String {
        let tenant = self.tenant().id.0.to_be_bytes();
        let hash = self.engine().keyed_hash(purpose, &[&tenant, secret]);
        sojourn_model::ids::hex(&hash)
    }

    /// Returns why one of our forms can't be distinguished from a forged one, and what to do, if the cause is the
    /// browser or something between it and the server; `None` if the page is only too old.
    pub(crate) fn why_not_genuine(&self) -> Option<Text> {
        let base = &self.engine().settings().base_url;
        let host = &*self.arrival.host;
        let wanted = self.engine().settings().origin();
        let wanted = wanted.split_once("://").map_or(wanted, |(_, host)| host);
        if base.starts_with("https://") && !self.arrival.secure {
            return Some(say(
                "This page was loaded over an unencrypted connection, over which browsers don't send the cookie. Open {0} instead.",
                [plain(base.as_str())],
            ));
        }
        match self.header(header::ORIGIN) {
            None => Some(
                "The browser didn't send the Origin header, which shows where this form comes from. An extension or a proxy may have removed it. Allow the header for this address, or use another browser."
                    .into(),
            ),
            Some(_) if self.same_origin() => (self.header(header::COOKIE).is_none()).then(|| {
                say(
                    "The browser didn't send a cookie, which is required to sign in. Allow cookies for {0}, then load the page again.",
                    [plain(host)],
                )
            }),
            Some(_) if host != wanted => Some(say(
                "This server has a different address. Open {0}.",
                [plain(base.as_str())],
            )),
            Some(origin) => Some(say(
                "This form was sent by a page of {0}, which is not this server. Nothing was changed.",
                [plain(origin)],
            )),
        }
    }

    /// Returns the page that contains the form, from `Referer`; My Account if that isn't one of our pages.
    pub(crate) fn page_of_form(&self) -> String {
        let referer = self.header(header::REFERER).unwrap_or_default();
        let path = referer.strip_prefix(self.engine().settings().origin()).unwrap_or_default();
        let own = crate::own_path::own_path(&self.arrival.prefix, path);
        own.unwrap_or_else(|| self.link("/myaccount"))
    }

    /// Whether a form came from one of our own pages, according to its `Origin`.
    pub(crate) fn same_origin(&self) -> bool {
        let Some(origin) = self.header(header::ORIGIN) else { return false };
        if origin == self.engine().settings().origin() {
            return true;
        }
        let scheme = if self.arrival.secure { "https" } else { "http" };
        !self.arrival.host.is_empty() && origin == format!("{scheme}://{}", self.arrival.host)
    }

    /// Whether the browser reports that a page of another site caused this request (Fetch Metadata; older browsers
    /// report it by `Origin` or `Referer`). Clients that aren't browsers report nothing.
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

    /// Whether a signed-in user's form is genuine: its origin is ours and its CSRF token is correct.
    pub(crate) fn genuine(&self, session: &Session, token: Option<&str>) -> bool {
        self.same_origin() && token.is_some_and(|token| equal(token, &self.session_token(session)))
    }

    /// Whether a form from before sign-in is genuine: the browser sent its secret of forms, the origin is ours and the
    /// CSRF token is correct.
    pub(crate) fn genuine_before_sign_in(&self, token: Option<&str>) -> bool {
        self.has_form_secret()
            && self.same_origin()
            && token.is_some_and(|token| equal(token, &self.form_token(&self.form_secret().0)))
    }
}

/// Returns a cookie's value from a `Cookie` header (RFC 6265 §4.2).
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
