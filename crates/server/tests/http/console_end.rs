//! Ending from the Console: what it would do, which of the effects, and what applications answered.

use sojourn_engine::Authority;
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::server::{Answer, TestServer};
use sojourn_testkit::store::Engine;

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The numbers that a page shows, in the order of sessions, grants, applications and approvals.
fn figures(page: &Answer) -> Vec<u64> {
    let all = page.body.split("<li class=\"card\"><strong>").skip(1);
    all.filter_map(|rest| rest.split('<').next()?.parse().ok()).collect()
}

#[tokio::test]
async fn what_a_search_found_is_previewed_chosen_from_and_ended_with_receipts() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("alex", "alex123", &[]).await;
        server.user("sam", "sam1234", &[]).await;
        let uri = inbox.uri();
        server.app("shop", |app| app.backchannel_logout_uri = Some(uri)).await;
        let admin = server.signed_in("admin", "admin12").await;
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let browser = server.signed_in("alex", "alex123").await;
            let given = server.tokens(&browser, "shop", "openid").await;
            tokens.push(given["access_token"].as_str().expect("a token").to_owned());
        }
        let sams = server.signed_in("sam", "sam1234").await;
        let before = server.audit(500).await.len();
        // The way there.
        let found = admin.get("/console/sessions?q=username+sw+al").await;
        let link = found.body.split("id=\"end-found\" href=\"").nth(1).expect("a link");
        let link = link.split('"').next().expect("its end").replace("&#38;", "&");
        assert!(!admin.get("/console/sessions").await.body.contains("end-found"), "not for all");
        let page = admin.get(&link).await;
        assert_eq!((page.status, figures(&page)), (200, vec![3, 3, 3, 0]), "{}", page.body);
        // Other effects, other numbers; and none is no end.
        let tokens_alone = admin.get(&format!("{link}&chosen=1&tokens=on")).await;
        assert_eq!(figures(&tokens_alone)[..2], [0, 3]);
        let none = admin.get(&format!("{link}&chosen=1")).await;
        assert!(
            none.body.contains("Choose at least one effect.") && !none.body.contains("\"confirm\"")
        );
        assert_eq!(server.audit(500).await.len(), before, "looking writes nothing");
        let csrf = page.field("csrf");
        let filter = page.field("filter");
        let base = [("csrf", &*csrf), ("chosen", "1"), ("filter", &*filter)];
        let none = admin.post("/console/end", &[&base[..], &[("expected", "3")]].concat()).await;
        assert_eq!(none.status, 400, "{none:?}");
        // More than was seen: nothing ends.
        let effects = [("sessions", "on"), ("tokens", "on"), ("notify", "on"), ("exact", "1")];
        let form = [&base[..], &effects[..], &[("expected", "2")]].concat();
        let more = admin.post("/console/end", &form).await;
        assert_eq!(more.status, 409, "{more:?}");
        assert!(more.body.contains("Nothing was ended") && figures(&more)[0] == 3);
        assert!(server.active("shop", &tokens[0]).await);
        // Tokens alone: the sessions go on.
        let form = [&base[..], &[("tokens", "on"), ("exact", "1"), ("expected", "0")]].concat();
        let done = admin.post("/console/end", &form).await;
        assert_eq!((done.status, figures(&done)), (200, vec![0, 3, 0, 0]), "{}", done.body);
        assert!(!server.active("shop", &tokens[0]).await);
        // All of it, with what the application answered.
        let form = [&base[..], &effects[..], &[("expected", "3")]].concat();
        let done = admin.post("/console/end", &form).await;
        assert_eq!((done.status, figures(&done)), (200, vec![3, 0, 3, 0]), "{}", done.body);
        assert_eq!(done.body.matches("class=\"state delivered\">signed out").count(), 3);
        assert_eq!(inbox.wait_for(3).await.len(), 3);
        assert_eq!(sams.get("/myaccount").await.status, 200);
        server.stop().await;
    }
}

#[tokio::test]
async fn what_is_named_badly_or_not_theirs_ends_nothing() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let boss = server.user("boss", "boss123", &["admin"]).await;
    let (engine, tenant) = (&server.engine, &server.tenant);
    let clerks = "internal_session_view internal_session_delete";
    engine.add_role(tenant, "clerk", clerks, &Authority::system()).await.expect("a role");
    engine
        .add_role(tenant, "viewer", "internal_session_view", &Authority::system())
        .await
        .expect("a role");
    server.user("clerk", "clerk123", &["clerk"]).await;
    server.user("viewer", "viewer12", &["viewer"]).await;
    let bosses = server.signed_in("boss", "boss123").await;
    let admin = server.signed_in("admin", "admin12").await;
    for wrong in [
        "".to_owned(),
        "session=x".to_owned(),
        format!("user={}&filter=ip+pr", boss.id),
        format!("filter={}", escaped("nonsense eq 1")),
        format!("filter={}", escaped("ip pr) or (ip pr")),
    ] {
        let page = admin.get(&format!("/console/end?{wrong}")).await;
        assert_eq!(page.status, 400, "{wrong}: {}", page.body);
    }
    // Someone above is refused where they are named, and left alone where they are found.
    let clerk = server.signed_in("clerk", "clerk123").await;
    assert_eq!(clerk.get(&format!("/console/end?user={}", boss.id)).await.status, 403);
    let found = clerk.get(&format!("/console/end?filter={}", escaped("username eq boss"))).await;
    assert_eq!((found.status, figures(&found)[0]), (200, 0), "{}", found.body);
    let csrf = found.field("csrf");
    let form = [
        ("csrf", &*csrf),
        ("chosen", "1"),
        ("sessions", "on"),
        ("user", &boss.id.to_string()),
        ("expected", "9"),
        ("exact", "1"),
    ];
    assert_eq!(clerk.post("/console/end", &form).await.status, 403);
    let forged = [("csrf", "x"), form[1], form[2], form[3], form[4], form[5]];
    assert_eq!(admin.post("/console/end", &forged).await.status, 403);
    let viewer = server.signed_in("viewer", "viewer12").await;
    assert_eq!(viewer.get(&format!("/console/end?user={}", boss.id)).await.status, 403);
    assert_eq!(bosses.get("/myaccount").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn ones_own_session_is_spared_unless_chosen() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("alex", "alex123", &[]).await;
        let admin = server.signed_in("admin", "admin12").await;
        let alex = server.signed_in("alex", "alex123").await;
        let without = admin.get("/console/end?filter=username+eq+alex").await;
        assert!(!without.body.contains("name=\"spare\""), "{without:?}");
        // An "or" is no way around: the search as a whole is narrowed.
        let filter = "username eq alex or username eq admin";
        let path = format!("/console/end?filter={}", escaped(filter));
        let page = admin.get(&path).await;
        assert!(page.body.contains("name=\"spare\" value=\"on\" checked"), "{page:?}");
        assert_eq!(figures(&page)[0], 1, "{page:?}");
        let brackets =
            format!("/console/end?filter={}", escaped("username eq alex) or (username eq admin"));
        assert_eq!(admin.get(&brackets).await.status, 400, "no way around it");
        assert!(page.body.contains(">End 1 session</button>"), "{page:?}");
        let csrf = page.field("csrf");
        let form = |spare: bool, expected: &'static str| {
            let base = [("csrf", &*csrf), ("chosen", "1"), ("filter", filter), ("exact", "1")];
            let effects = [("sessions", "on"), ("tokens", "on"), ("notify", "on")];
            let spared = [("spare", "on")];
            let spared: &[(&str, &str)] = if spare { &spared } else { &[] };
            [&base[..], &effects[..], spared, &[("expected", expected)]].concat()
        };
        let done = admin.post("/console/end", &form(true, "1")).await;
        assert!(done.status < 400, "{done:?}");
        assert_eq!(alex.get("/myaccount").await.status, 303, "it ended");
        assert_eq!(admin.get("/console").await.status, 200, "one's own is there");
        let all = admin.get(&format!("{path}&chosen=1&sessions=on")).await;
        assert_eq!(figures(&all)[0], 1, "{all:?}");
        assert!(all.body.contains("name=\"spare\" value=\"on\"> "), "{all:?}");
        admin.post("/console/end", &form(false, "1")).await;
        assert_eq!(admin.get("/console").await.status, 303, "it was chosen");
        server.stop().await;
    }
}
