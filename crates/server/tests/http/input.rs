//! Every route of the router's own list, with input that nobody means well by. A route that isn't in the
//! table fails the test.

use serde_json::json;
use sojourn_server::routes::ROUTES;
use sojourn_testkit::server::{Browser, TestServer};

/// What a route answers to a request without anything, by an administrator's browser.
const ROWS: &[(&str, &str, u16)] = &[
    ("GET", "/health/live", 200),
    ("GET", "/health/ready", 200),
    ("GET", "/metrics", 200),
    ("GET", "/.well-known/openid-configuration", 200),
    ("GET", "/.well-known/webauthn", 404),
    ("GET", "/.well-known/webfinger", 400),
    ("GET", "/oauth2/jwks", 200),
    ("POST", "/connect/register", 403),
    ("GET", "/connect/register/{client_id}", 401),
    ("PUT", "/connect/register/{client_id}", 400),
    ("DELETE", "/connect/register/{client_id}", 401),
    ("POST", "/api/identity/oauth2/dcr/v1.1/register", 403),
    ("GET", "/api/identity/oauth2/dcr/v1.1/register/{client_id}", 401),
    ("PUT", "/api/identity/oauth2/dcr/v1.1/register/{client_id}", 400),
    ("DELETE", "/api/identity/oauth2/dcr/v1.1/register/{client_id}", 401),
    ("GET", "/identity/extend-session", 200),
    ("POST", "/identity/extend-session", 200),
    ("GET", "/identity/extend-session/", 200),
    ("POST", "/identity/extend-session/", 200),
    ("GET", "/oidc/checksession", 200),
    ("POST", "/oidc/checksession/state", 403),
    ("GET", "/oauth2/authorize", 400),
    ("POST", "/oauth2/authorize", 400),
    ("POST", "/oauth2/token", 401),
    ("POST", "/oauth2/introspect", 401),
    ("POST", "/oauth2/revoke", 401),
    ("GET", "/oauth2/userinfo", 401),
    ("POST", "/oauth2/userinfo", 401),
    ("GET", "/oidc/logout", 200),
    ("POST", "/oidc/logout", 200),
    ("POST", "/oidc/logout/confirm", 400),
    ("GET", "/console/service-providers/new", 200),
    ("POST", "/console/service-providers", 400),
    ("GET", "/console/service-providers/{app_id}", 404),
    ("POST", "/console/service-providers/{app_id}", 400),
    ("GET", "/console/service-providers/{app_id}/test", 404),
    ("GET", "/samlsso", 400),
    ("POST", "/samlsso", 400),
    ("POST", "/samlsso/soap", 500),
    ("GET", "/samlsso/answer", 400),
    ("GET", "/samlsso/frame", 400),
    ("GET", "/identity/metadata/saml2", 200),
    ("GET", "/api/users/v1/me/sessions", 401),
    ("DELETE", "/api/users/v1/me/sessions", 401),
    ("DELETE", "/api/users/v1/me/sessions/", 401),
    ("DELETE", "/api/users/v1/me/sessions/{session_id}", 401),
    ("GET", "/api/users/v1/me/factors", 401),
    ("GET", "/api/users/v1/me/security-check", 401),
    ("GET", "/api/users/v1/{user_id}/factors", 401),
    ("DELETE", "/api/users/v1/{user_id}/factors", 401),
    ("DELETE", "/api/users/v1/{user_id}/recovery-wait", 401),
    ("POST", "/api/users/v1/{user_id}/secure", 401),
    ("GET", "/api/users/v1/sessions", 401),
    ("GET", "/api/users/v1/{user_id}/sessions", 401),
    ("DELETE", "/api/users/v1/{user_id}/sessions", 401),
    ("GET", "/api/users/v1/{user_id}/sessions/{session_id}", 401),
    ("DELETE", "/api/users/v1/{user_id}/sessions/{session_id}", 401),
    ("GET", "/scim2/Users", 401),
    ("POST", "/scim2/Users", 401),
    ("POST", "/scim2/Users/.search", 401),
    ("GET", "/scim2/Users/{id}", 401),
    ("PUT", "/scim2/Users/{id}", 401),
    ("PATCH", "/scim2/Users/{id}", 401),
    ("DELETE", "/scim2/Users/{id}", 401),
    ("GET", "/scim2/Groups", 401),
    ("POST", "/scim2/Groups", 401),
    ("POST", "/scim2/Groups/.search", 401),
    ("GET", "/scim2/Groups/{id}", 401),
    ("PUT", "/scim2/Groups/{id}", 401),
    ("PATCH", "/scim2/Groups/{id}", 401),
    ("DELETE", "/scim2/Groups/{id}", 401),
    ("GET", "/scim2/v2/Roles", 401),
    ("POST", "/scim2/v2/Roles", 401),
    ("POST", "/scim2/v2/Roles/.search", 401),
    ("GET", "/scim2/v2/Roles/{id}", 401),
    ("PUT", "/scim2/v2/Roles/{id}", 401),
    ("PATCH", "/scim2/v2/Roles/{id}", 401),
    ("DELETE", "/scim2/v2/Roles/{id}", 401),
    ("GET", "/scim2/ServiceProviderConfig", 200),
    ("GET", "/scim2/ResourceTypes", 200),
    ("GET", "/scim2/ResourceTypes/{id}", 404),
    ("GET", "/scim2/Schemas", 200),
    ("GET", "/scim2/Schemas/{id}", 404),
    ("GET", "/scim2/Me", 401),
    ("PUT", "/scim2/Me", 401),
    ("PATCH", "/scim2/Me", 401),
    ("POST", "/scim2/Bulk", 401),
    ("POST", "/scim2/.search", 401),
    ("GET", "/api/sessions/v1/openapi.json", 200),
    ("GET", "/api/sessions/v1/docs", 200),
    ("GET", "/api/sessions/v1/sessions", 401),
    ("GET", "/api/sessions/v1/sessions/{session_id}", 401),
    ("DELETE", "/api/sessions/v1/sessions/{session_id}", 401),
    ("DELETE", "/api/sessions/v1/sessions/{session_id}/applications/{app_id}", 401),
    ("DELETE", "/api/sessions/v1/grants/{grant_id}", 401),
    ("POST", "/api/sessions/v1/end", 401),
    ("GET", "/api/server/v1/configs", 401),
    ("PATCH", "/api/server/v1/configs", 401),
    ("GET", "/api/server/v1/applications", 401),
    ("POST", "/api/server/v1/applications", 401),
    ("GET", "/api/server/v1/applications/{id}", 401),
    ("PUT", "/api/server/v1/applications/{id}", 401),
    ("PATCH", "/api/server/v1/applications/{id}", 401),
    ("DELETE", "/api/server/v1/applications/{id}", 401),
    ("POST", "/api/server/v1/applications/{id}/secret", 401),
    ("GET", "/api/server/v1/applications/{id}/secrets", 401),
    ("DELETE", "/api/server/v1/applications/{id}/secrets/previous", 401),
    ("GET", "/api/server/v1/applications/{id}/inbound-protocols/oidc", 401),
    ("PUT", "/api/server/v1/applications/{id}/inbound-protocols/oidc", 401),
    ("GET", "/api/server/v1/applications/{id}/inbound-protocols/saml", 401),
    ("PUT", "/api/server/v1/applications/{id}/inbound-protocols/saml", 401),
    ("GET", "/api/server/v1/tenants", 401),
    ("POST", "/api/server/v1/tenants", 401),
    ("GET", "/api/server/v1/tenants/{id}", 401),
    ("DELETE", "/api/server/v1/tenants/{id}", 401),
    ("PUT", "/api/server/v1/tenants/{id}/lifecycle-status", 401),
    ("GET", "/api/server/v1/audit", 401),
    ("GET", "/api/sessions/v1/policies", 401),
    ("GET", "/api/sessions/v1/policies/effective", 401),
    ("GET", "/api/sessions/v1/policies/tenant", 401),
    ("PUT", "/api/sessions/v1/policies/tenant", 401),
    ("GET", "/api/sessions/v1/policies/{scope}/{subject}", 401),
    ("PUT", "/api/sessions/v1/policies/{scope}/{subject}", 401),
    ("GET", "/api/sessions/v1/deliveries", 401),
    ("GET", "/api/sessions/v1/deliveries/applications", 401),
    ("POST", "/api/sessions/v1/deliveries/{session_id}/{sid}/resend", 401),
    ("POST", "/api/sessions/v1/deliveries/{session_id}/{sid}/give-up", 401),
    ("GET", "/api/sessions/v1/me/sessions", 401),
    ("GET", "/api/sessions/v1/me/events", 401),
    ("GET", "/api/sessions/v1/events", 401),
    ("GET", "/api/sessions/v1/handlers", 401),
    ("GET", "/api/sessions/v1/handlers/{handler}/tasks", 401),
    ("POST", "/api/sessions/v1/handlers/{handler}/tasks/{subject}/{number}/redo", 401),
    ("POST", "/api/sessions/v1/handlers/{handler}/tasks/{subject}/{number}/skip", 401),
    ("GET", "/api/sessions/v1/jobs", 401),
    ("GET", "/api/sessions/v1/jobs/{job_id}", 401),
    ("POST", "/api/sessions/v1/jobs/{job_id}/cancel", 401),
    ("GET", "/api/sessions/v1/jobs/{job_id}/events", 401),
    ("GET", "/", 303),
    ("GET", "/login", 200),
    ("POST", "/login", 403),
    ("POST", "/login/sessions", 403),
    ("GET", "/invitation", 400),
    ("POST", "/invitation", 403),
    ("GET", "/sign-up", 404),
    ("POST", "/sign-up", 403),
    ("POST", "/sign-up/code", 403),
    ("GET", "/sign-up/account", 400),
    ("POST", "/sign-up/account", 403),
    ("GET", "/not-me", 400),
    ("POST", "/not-me", 403),
    ("POST", "/logout", 403),
    ("GET", "/consent", 400),
    ("POST", "/consent", 400),
    ("POST", "/login/password", 403),
    ("GET", "/forgot", 404),
    ("POST", "/forgot", 403),
    ("GET", "/reset", 400),
    ("POST", "/reset", 403),
    ("GET", "/select-account", 400),
    ("POST", "/select-account", 400),
    ("GET", "/myaccount/factors/app", 200),
    ("POST", "/myaccount/factors/app", 403),
    ("GET", "/myaccount/factors/codes", 200),
    ("POST", "/myaccount/factors/codes", 403),
    ("GET", "/myaccount/factors/key/{kind}", 404),
    ("POST", "/myaccount/factors/key/{kind}", 404),
    ("POST", "/myaccount/browsers/{browser_id}/untrust", 403),
    ("GET", "/myaccount/factors/{factor_id}/rename", 404),
    ("POST", "/myaccount/factors/{factor_id}/rename", 404),
    ("GET", "/myaccount/factors/{factor_id}/remove", 404),
    ("POST", "/myaccount/factors/{factor_id}/remove", 404),
    ("GET", "/login/factor", 400),
    ("POST", "/login/factor", 403),
    ("POST", "/login/passkey", 403),
    ("GET", "/login/passkey-offer", 400),
    ("POST", "/login/passkey-offer", 403),
    ("POST", "/login/enrol", 403),
    ("GET", "/address", 400),
    ("POST", "/address", 403),
    ("GET", "/address/undo", 400),
    ("POST", "/address/undo", 403),
    ("GET", "/myaccount/delete", 404),
    ("POST", "/myaccount/delete", 403),
    ("GET", "/myaccount/check", 200),
    ("GET", "/myaccount/address", 404),
    ("POST", "/myaccount/address", 403),
    ("POST", "/myaccount/address/code", 403),
    ("POST", "/myaccount/address/main", 403),
    ("POST", "/myaccount/address/remove", 403),
    ("GET", "/myaccount/data", 200),
    ("POST", "/myaccount/data", 403),
    ("GET", "/myaccount/password", 200),
    ("POST", "/myaccount/password", 403),
    ("GET", "/myaccount/connections", 200),
    ("POST", "/myaccount/connections/{app_id}/withdraw", 403),
    ("GET", "/assets/{name}", 404),
    ("GET", "/myaccount", 200),
    ("GET", "/myaccount/security", 200),
    ("GET", "/myaccount/sessions/{session_id}/end", 404),
    ("POST", "/myaccount/sessions/{session_id}/end", 403),
    ("GET", "/myaccount/sessions/{session_id}/applications/{app_id}/end", 404),
    ("POST", "/myaccount/sessions/{session_id}/applications/{app_id}/end", 403),
    ("GET", "/myaccount/sessions/end-others", 200),
    ("POST", "/myaccount/sessions/end-others", 403),
    ("GET", "/language", 404),
    ("GET", "/dashboard", 303),
    ("GET", "/carbon", 303),
    ("GET", "/signed-out", 404),
    ("GET", "/myaccount/profile", 200),
    ("POST", "/myaccount/profile", 403),
    ("GET", "/myaccount/history", 200),
    ("GET", "/myaccount/events", 200),
    ("GET", "/console/live", 200),
    ("GET", "/console/events", 200),
    ("GET", "/myaccount/sessions/end-all", 200),
    ("POST", "/myaccount/sessions/end-all", 403),
    ("GET", "/console", 200),
    ("GET", "/console/sessions", 200),
    ("GET", "/console/sessions/completion", 200),
    ("GET", "/console/users/{user_id}/profile", 404),
    ("POST", "/console/users/{user_id}/profile", 403),
    ("GET", "/console/end", 400),
    ("POST", "/console/end", 403),
    ("GET", "/console/sessions/{session_id}", 404),
    ("GET", "/console/sessions/{session_id}/end", 404),
    ("POST", "/console/sessions/{session_id}/end", 403),
    ("GET", "/console/users/{user_id}/end-sessions", 404),
    ("POST", "/console/users/{user_id}/end-sessions", 403),
    ("GET", "/console/users", 200),
    ("POST", "/console/users", 403),
    ("GET", "/console/users/{user_id}", 404),
    ("POST", "/console/users/{user_id}/roles/assign", 403),
    ("GET", "/console/users/{user_id}/roles/{role_id}/remove", 404),
    ("POST", "/console/users/{user_id}/roles/{role_id}/remove", 403),
    ("GET", "/console/roles", 200),
    ("POST", "/console/roles", 403),
    ("GET", "/console/roles/{role_id}/remove", 404),
    ("POST", "/console/roles/{role_id}/remove", 403),
    ("GET", "/console/applications", 200),
    ("GET", "/console/deliveries", 200),
    ("POST", "/console/sessions/{id}/deliveries/{sid}/resend", 403),
    ("GET", "/console/jobs", 200),
    ("POST", "/console/jobs/{job_id}/cancel", 403),
    ("GET", "/console/handlers", 200),
    ("GET", "/console/handlers/{handler}", 404),
    ("POST", "/console/handlers/{handler}", 403),
    ("GET", "/console/users/{user_id}/acts/{act}", 404),
    ("POST", "/console/users/{user_id}/acts/{act}", 403),
    ("GET", "/console/groups", 200),
    ("POST", "/console/groups", 403),
    ("GET", "/console/groups/{group_id}", 404),
    ("POST", "/console/groups/{group_id}", 403),
    ("GET", "/console/groups/{group_id}/remove", 404),
    ("POST", "/console/groups/{group_id}/remove", 403),
    ("GET", "/console/roles/{role_id}", 404),
    ("POST", "/console/roles/{role_id}", 403),
    ("POST", "/console/applications", 403),
    ("GET", "/console/applications/new", 200),
    ("GET", "/console/applications/{app_id}", 404),
    ("POST", "/console/applications/{app_id}", 403),
    ("GET", "/console/applications/{app_id}/document", 404),
    ("GET", "/console/applications/{app_id}/secret", 404),
    ("POST", "/console/applications/{app_id}/secret", 403),
    ("GET", "/console/applications/{app_id}/{act}", 404),
    ("POST", "/console/applications/{app_id}/{act}", 403),
    ("GET", "/console/policies", 200),
    ("POST", "/console/policies", 403),
    ("GET", "/console/policies/{scope}/{id}", 404),
    ("POST", "/console/policies/{scope}/{id}", 403),
    ("GET", "/console/design", 200),
    ("GET", "/console/deletions", 200),
    ("POST", "/console/deletions", 403),
    ("GET", "/console/sign-up", 200),
    ("POST", "/console/sign-up", 403),
    ("GET", "/console/appearance", 200),
    ("POST", "/console/appearance", 400),
    ("GET", "/console/keys", 200),
    ("POST", "/console/keys", 403),
    ("GET", "/console/tenants", 200),
    ("POST", "/console/tenants", 403),
    ("GET", "/console/tenants/{tenant_id}/{act}", 404),
    ("POST", "/console/tenants/{tenant_id}/{act}", 403),
    ("GET", "/console/ledger", 200),
    ("GET", "/console/mail", 404),
    ("GET", "/console/audit", 200),
];

/// Values in the place of ids: none of them is one that exists.
const IDS: [&str; 6] = [
    "x",
    "%00",
    "..%2f..%2fetc",
    "%F0%9F%92%A9",
    "00000000-0000-4000-8000-000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
];

fn filled(path: &str, id: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { id } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

struct Sender<'a> {
    server: &'a TestServer,
    cookie: String,
}

impl Sender<'_> {
    async fn send(&self, method: &str, path: &str, body: Option<(&str, Vec<u8>)>) -> (u16, String) {
        let url = format!("{}{path}", self.server.base);
        let mut request = self
            .server
            .http
            .request(method.parse().expect("a method"), url)
            .header("cookie", &self.cookie)
            .header("origin", &self.server.base);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return (status, "a stream, which doesn't end".into());
        }
        (status, answer.text().await.unwrap_or_default())
    }
}

fn cookie_of(browser: &Browser) -> String {
    format!("__Host-sojourn={}", browser.cookie("__Host-sojourn").expect("signed in"))
}

/// Whether an answer says that the request was wrong, and not that we are. SOAP 1.1 answers a fault with 500 (section 6.2),
/// whoever caused it: there the fault itself has to name the sender.
fn is_held(path: &str, status: u16, text: &str) -> bool {
    status < 500
        || path.starts_with("/samlsso/soap")
            && status == 500
            && text.contains("<faultcode>soap:Client<")
}

#[tokio::test]
async fn every_route_has_a_row_and_no_input_breaks_it() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let browser = server.signed_in("admin", "admin12").await;
    let sender = Sender { server: &server, cookie: cookie_of(&browser) };
    for route in ROUTES {
        let row =
            ROWS.iter().find(|(method, path, _)| (*method, *path) == (route.method, route.path));
        let Some((method, path, bare)) = row else {
            panic!("{} {} has no row in this table", route.method, route.path)
        };
        for id in IDS {
            let (status, text) = sender.send(method, &filled(path, id), None).await;
            assert!(is_held(path, status, &text), "{method} {path} {id}: {status}");
            if id == "x" {
                assert_eq!(status, *bare, "{method} {path}");
            }
        }
        let path = filled(path, "x");
        let form = "application/x-www-form-urlencoded";
        let doubled =
            b"client_id=a&client_id=b&token=a&token=b&csrf=a&csrf=b&username=a&username=b";
        let bodies: Vec<(&str, Vec<u8>)> = vec![
            (form, doubled.to_vec()),
            (form, vec![b'a'; 70_000]),
            (form, format!("client_id={}", "x".repeat(9_000)).into_bytes()),
            (form, b"a=1&".repeat(200)),
            (form, b"client_id=%ff%fe&token=%00".to_vec()),
            ("application/json", b"{\"client_id\":[1,{}]}".to_vec()),
            ("text/plain", b"client_id=a".to_vec()),
            ("multipart/form-data; boundary=x", b"--x--".to_vec()),
        ];
        for (kind, body) in bodies {
            let length = body.len();
            let (status, text) = sender.send(method, &path, Some((kind, body))).await;
            let held = is_held(&path, status, &text);
            assert!(held, "{method} {path} {kind} {length}: {status} {text}");
            if *method == "POST" && status != 500 {
                assert!((400..500).contains(&status), "{method} {path} {kind} {length}: {status}");
            }
        }
        for query in [
            "a=1&a=2".to_owned(),
            format!("client_id={}", "x".repeat(9_000)),
            "x".repeat(20_000),
            "client_id=%ff".to_owned(),
            "q=%00&ticket=%00&continue=%00".to_owned(),
        ] {
            let (status, text) = sender.send(method, &format!("{path}?{query}"), None).await;
            assert!(is_held(&path, status, &text), "{method} {path}: {status} {text}");
        }
        let (status, _) = sender.send("TRACE", &path, None).await;
        assert_eq!(status, 405, "TRACE {path}");
    }
    assert_eq!(ROWS.len(), ROUTES.len(), "a row for a route that is gone");
    assert_eq!(browser.get("/myaccount").await.status, 200, "and the session is still there");
}

/// An array is never taken for an object: an empty one would be one whose members are all left out.
#[tokio::test]
async fn an_array_is_no_object() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let who = ("admin", "admin12");
    let policies = "/api/sessions/v1/policies/tenant";
    let set = server.send("PUT", policies, who, &json!({ "max_sessions": 7 })).await;
    assert_eq!(set.status, 200, "{set:?}");
    let cases = [
        ("PUT", policies, json!([])),
        ("POST", "/api/sessions/v1/end", json!([])),
        ("POST", "/api/server/v1/applications", json!([])),
        ("POST", "/scim2/Users", json!([])),
        ("PATCH", "/scim2/Users/x", json!([])),
        ("POST", "/api/server/v1/tenants", json!([])),
    ];
    for (method, path, body) in cases {
        let answer = server.send(method, path, who, &body).await;
        assert!((400..500).contains(&answer.status), "{method} {path} {body}: {answer:?}");
        if path.starts_with("/api/sessions") {
            assert!(answer.body.contains("a JSON object"), "{method} {path} {body}: {answer:?}");
        }
    }
    let kept = server.api("GET", policies, who).await.json();
    assert_eq!(kept["max_sessions"], 7, "nothing is lost: {kept}");
    server.stop().await;
}
