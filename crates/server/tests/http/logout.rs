//! RP-Initiated Logout 1.0, row by row.

use sojourn_testkit::server::{Browser, TestServer};

const BYE: &str = "https://app.test/bye";

async fn prepared() -> (TestServer, Browser, String) {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.user("sam", "sam1234", &[]).await;
    server.app("app", |_| {}).await;
    server.app("other", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let hint = tokens["id_token"].as_str().expect("an ID token").to_owned();
    (server, browser, hint)
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = reqwest_query();
    query.extend_pairs(pairs);
    format!("/oidc/logout?{}", query.finish())
}

fn reqwest_query() -> form_urlencoded::Serializer<'static, String> {
    form_urlencoded::Serializer::new(String::new())
}

async fn signed_in(browser: &Browser) -> bool {
    browser.get("/myaccount").await.status == 200
}

#[tokio::test]
async fn a_hint_for_this_session_ends_it_and_redirects() {
    let (server, browser, hint) = prepared().await;
    // Even an expired one, and with its tokens gone.
    server.clock.advance(800_000);
    let pairs = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE), ("state", "s t")];
    let answer = browser.get(&query(&pairs)).await;
    assert_eq!((answer.status, answer.location()), (303, "https://app.test/bye?state=s+t"));
    assert!(!signed_in(&browser).await);
    assert_eq!(browser.cookie("__Host-sojourn"), None);
    // Again: there is nothing to end any more, and the way back is the same.
    let answer = browser.get(&query(&pairs)).await;
    assert_eq!((answer.status, answer.location()), (303, "https://app.test/bye?state=s+t"));
}

#[tokio::test]
async fn by_post_too_and_without_an_address_a_page() {
    let (_server, browser, hint) = prepared().await;
    let form = [("id_token_hint", &*hint)];
    let answer = browser.post_from("https://app.test", "/oidc/logout", &form).await;
    let page = browser.get(answer.location()).await;
    assert_eq!((answer.status, page.status), (303, 200));
    assert!(page.body.contains("You are signed out"));
    assert!(!signed_in(&browser).await);
}

#[tokio::test]
async fn what_is_wrong_ends_nothing() {
    let (server, browser, hint) = prepared().await;
    let mut parts: Vec<&str> = hint.split('.').collect();
    let forged_claims = sojourn_crypto::b64url(br#"{"aud":"app","sub":"x","iss":"y"}"#);
    parts[1] = &forged_claims;
    let forged = parts.join(".");
    for pairs in [
        vec![("id_token_hint", "garbage")],
        vec![("id_token_hint", &*forged)],
        vec![("id_token_hint", &*hint), ("client_id", "other")],
        vec![("id_token_hint", &*hint), ("post_logout_redirect_uri", "https://evil.test/")],
        vec![("client_id", "unknown")],
        vec![("client_id", "app"), ("post_logout_redirect_uri", "https://evil.test/")],
        vec![("state", "a"), ("state", "b")],
    ] {
        let answer = browser.get(&query(&pairs)).await;
        let malformed = pairs.iter().any(|(name, _)| *name == "state");
        let status = if malformed { 400 } else { 200 };
        assert_eq!((answer.status, answer.location()), (status, ""), "{pairs:?}");
        assert_eq!(answer.body.contains("id=\"confirm\""), !malformed, "the person is asked");
        assert!(signed_in(&browser).await, "{pairs:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_proof_the_person_is_asked() {
    let (server, browser, hint) = prepared().await;
    let sam = server.signed_in("sam", "sam1234").await;
    let with_client = [("client_id", "app"), ("post_logout_redirect_uri", BYE), ("state", "s")];
    for (who, pairs) in [
        (&browser, vec![]),
        (&browser, vec![("client_id", "app")]),
        (&browser, with_client.to_vec()),
        (&browser, vec![("post_logout_redirect_uri", "https://evil.test/")]),
        (&sam, vec![("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE)]),
    ] {
        let answer = who.get(&query(&pairs)).await;
        assert_eq!(answer.status, 200, "{pairs:?}");
        assert!(answer.body.contains("Sign out?"), "{pairs:?}");
        assert!(signed_in(who).await, "{pairs:?}: asked, not done");
    }
    // No: back with an error, still signed in.
    let page = browser.get(&query(&with_client)).await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form = |answer| [("csrf", &*csrf), ("ticket", &*ticket), ("answer", answer)];
    let no = browser.post("/oidc/logout/confirm", &form("no")).await;
    assert_eq!(no.location(), "https://app.test/bye?state=s&error=access_denied");
    assert!(signed_in(&browser).await);
    // A page of another site can't answer for the person.
    let foreign =
        browser.post_from("https://evil.test", "/oidc/logout/confirm", &form("yes")).await;
    assert_eq!(foreign.status, 403);
    assert!(signed_in(&browser).await);
    let yes = browser.post("/oidc/logout/confirm", &form("yes")).await;
    assert_eq!(yes.location(), "https://app.test/bye?state=s");
    assert!(!signed_in(&browser).await);
    // Someone who isn't signed in isn't asked.
    let nobody = server.browser().get(&query(&[("client_id", "app")])).await;
    assert!(nobody.body.contains("You are signed out"));
}
