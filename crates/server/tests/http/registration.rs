//! Dynamic registration, from the first request to the last.

use serde_json::{Value, json};
use sojourn_engine::RegistrationMode;
use sojourn_testkit::inbox::Documents;
use sojourn_testkit::server::{Answer, CALLBACK, TestServer, VERIFIER};

struct Registrar<'s> {
    server: &'s TestServer,
    path: &'static str,
}

impl Registrar<'_> {
    async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.into()
        } else {
            format!("{}{path}", self.server.base)
        };
        let mut request = self.server.http.request(method.parse().expect("a method"), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    async fn register(&self, body: &Value) -> Answer {
        self.send("POST", self.path, None, Some(body)).await
    }
}

#[tokio::test]
async fn registered_used_changed_and_removed() {
    let server = TestServer::with(|settings| settings.registration = RegistrationMode::Open).await;
    server.user("alex", "alex123", &[]).await;
    let discovery = server.browser().get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["registration_endpoint"], format!("{}/connect/register", server.base));
    for path in ["/connect/register", "/api/identity/oauth2/dcr/v1.1/register"] {
        let registrar = Registrar { server: &server, path };
        let wanted = json!({
            "client_name": "Parcels", "redirect_uris": [CALLBACK], "contacts": ["x@app.test"],
            "post_logout_redirect_uris": ["https://app.test/bye"], "unknown": true,
        });
        let made = registrar.register(&wanted).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        assert_eq!(made["client_secret_expires_at"], 0);
        assert_eq!(made["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(made["id_token_signed_response_alg"], "RS256");
        assert!(made.get("unknown").is_none(), "what isn't in force isn't echoed");
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        let (client, secret) = (text("client_id"), text("client_secret"));
        let (uri, token) = (text("registration_client_uri"), text("registration_access_token"));

        // It works: sign-in, consent, tokens.
        let browser = server.signed_in("alex", "alex123").await;
        let asked = browser.ask(&client, "openid", &[]).await;
        let page = browser.get(asked.location()).await;
        assert!(page.body.contains("Parcels"), "{}", page.body);
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "yes")];
        let back = browser.post("/consent", &form).await;
        let code = browser.get(back.location()).await.redirect_param("code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let request = server.http.post(format!("{}/oauth2/token", server.base)).form(&form);
        let answer = request.basic_auth(&client, Some(&secret)).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);

        // Read, changed, removed, by its own token alone.
        assert_eq!(
            registrar.send("GET", &uri, Some(&token), None).await.json()["client_secret"],
            secret
        );
        for wrong in [None, Some("x"), Some("soj_cr_AAAA")] {
            assert_eq!(registrar.send("GET", &uri, wrong, None).await.status, 401, "{wrong:?}");
        }
        let other = registrar.register(&wanted).await.json();
        let others = other["registration_access_token"].as_str();
        assert_eq!(registrar.send("GET", &uri, others, None).await.status, 401, "another's token");
        let mut changed = wanted.clone();
        changed["client_id"] = json!(client);
        changed["client_name"] = json!("Letters");
        let answer = registrar.send("PUT", &uri, Some(&token), Some(&changed)).await;
        assert_eq!((answer.status, answer.json()["client_name"].as_str()), (200, Some("Letters")));
        changed["client_id"] = json!("other");
        assert_eq!(registrar.send("PUT", &uri, Some(&token), Some(&changed)).await.status, 400);
        assert_eq!(registrar.send("DELETE", &uri, Some(&token), None).await.status, 204);
        assert_eq!(registrar.send("GET", &uri, Some(&token), None).await.status, 401);
        let gone = browser.ask(&client, "openid", &[]).await;
        assert_eq!((gone.status, gone.location()), (400, ""));
    }
}

#[tokio::test]
async fn who_may_register_is_a_setting() {
    let off = TestServer::start().await;
    let registrar = Registrar { server: &off, path: "/connect/register" };
    let wanted = json!({"redirect_uris": [CALLBACK]});
    assert_eq!(registrar.register(&wanted).await.status, 403);
    let discovery = off.browser().get("/.well-known/openid-configuration").await.json();
    assert!(discovery.get("registration_endpoint").is_none());

    let token = "0123456789abcdef0123456789abcdef";
    let mode = RegistrationMode::WithToken(token.into());
    let server = TestServer::with(|settings| settings.registration = mode).await;
    let registrar = Registrar { server: &server, path: "/connect/register" };
    let refused = registrar.register(&wanted).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_token")));
    let opened = registrar.send("POST", registrar.path, Some(token), Some(&wanted)).await;
    assert_eq!(opened.status, 201);
}

#[tokio::test]
async fn sector_identifiers_are_fetched_and_compared() {
    let server = TestServer::with(|settings| settings.registration = RegistrationMode::Open).await;
    let documents = Documents::start().await;
    documents.put("/sector", &json!([CALLBACK]).to_string());
    let registrar = Registrar { server: &server, path: "/connect/register" };
    for (uri, redirects, status) in [
        (documents.uri("/sector"), json!([CALLBACK]), 201),
        (documents.uri("/sector"), json!([CALLBACK, "https://other.test/cb"]), 400),
        (documents.uri("/missing"), json!([CALLBACK]), 400),
    ] {
        let wanted = json!({
            "redirect_uris": redirects, "subject_type": "pairwise", "sector_identifier_uri": uri,
        });
        let answer = registrar.register(&wanted).await;
        assert_eq!(answer.status, status, "{wanted} {answer:?}");
        if status == 400 {
            assert_eq!(answer.json()["error"], "invalid_client_metadata");
        }
    }
}

#[tokio::test]
async fn rfc_7592_2_2_another_authentication_keeps_the_secret_and_works() {
    let server = TestServer::with(|settings| settings.registration = RegistrationMode::Open).await;
    let registrar = Registrar { server: &server, path: "/connect/register" };
    let mut wanted = json!({
        "redirect_uris": [CALLBACK], "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_jwt",
    });
    let made = registrar.register(&wanted).await.json();
    let text = |name: &str| made[name].as_str().expect(name).to_owned();
    let (client, secret) = (text("client_id"), text("client_secret"));
    let (uri, token) = (text("registration_client_uri"), text("registration_access_token"));
    let status = async || {
        let form = [("grant_type", "client_credentials")];
        let request = server.http.post(format!("{}/oauth2/token", server.base)).form(&form);
        let answer = request.basic_auth(&client, Some(&secret)).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(status().await, 401, "it authenticates by assertion alone");
    wanted["client_id"] = json!(client);
    wanted["token_endpoint_auth_method"] = json!("client_secret_basic");
    let changed = registrar.send("PUT", &uri, Some(&token), Some(&wanted)).await.json();
    assert_eq!(changed["client_secret"], secret, "{changed}");
    assert_eq!(status().await, 200);
}
