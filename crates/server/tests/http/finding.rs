//! Finding sessions: every attribute, every order, both directions, living and ended.

use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_engine::sign_in::{Credentials, Visit};
use sojourn_model::SessionId;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const SESSIONS: &str = "/api/sessions/v1/sessions";
const ADMIN: (&str, &str) = ("admin", "admin12");
const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

async fn sign_in(server: &TestServer, name: &str, ip: &str, user_agent: &str) -> SessionId {
    server.clock.advance(1000);
    let typed = Credentials::new(name, format!("{name}123"));
    let visit = Visit {
        remember: name == "ben",
        ip: ip.into(),
        user_agent: user_agent.into(),
        ..Visit::default()
    };
    server.engine.sign_in(&server.tenant, &typed, &visit).await.expect("signed in").session.id
}

async fn find(server: &TestServer, query: &[(&str, &str)]) -> Value {
    let path = sojourn_oidc::params::with_query(SESSIONS, query);
    let answer = server.api("GET", &path, ADMIN).await;
    assert_eq!(answer.status, 200, "{query:?} {answer:?}");
    answer.json()
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn each_attribute_finds_its_sessions() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let alex = server.user("alex", "alex123", &["staff", "night shift"]).await;
        server.user("ben", "ben123", &["staff"]).await;
        server.user("cleo", "cleo123", &[]).await;
        let app = server.app("shop", |new| new.name = "The \"Shop\"".into()).await;
        let a1 = sign_in(&server, "alex", "192.0.2.7", FIREFOX).await;
        let t1 = server.engine.now();
        let a2 = sign_in(&server, "alex", "2001:db8::7", SAFARI).await;
        let b1 = sign_in(&server, "ben", "192.0.2.200", FIREFOX).await;
        let c1 = sign_in(&server, "cleo", "198.51.100.1", "curl/8").await;
        server.clock.advance(1000);
        let browser = server.signed_in("cleo", "cleo123").await;
        let tokens = server.tokens(&browser, "shop", "openid").await;
        let sid = sojourn_testkit::server::claims(tokens["id_token"].as_str().expect("one"));
        let sid = sid["sid"].as_str().expect("a sid").to_owned();
        let all = ids(&find(&server, &[]).await);
        assert_eq!(all.len(), 5);
        let c2 = all[0].clone();
        let text = |id: &SessionId| id.to_string();
        let (a1, a2, b1, c1) = (text(&a1), text(&a2), text(&b1), text(&c1));
        let user_filter = format!("user_id eq {}", alex.id);
        let sid_filter = format!("sid eq {sid}");
        let id_filter = format!("id eq {b1}");
        let id_part = format!("id sw {}", &b1[..20]);
        let app_filter = format!("application_id eq {}", app.id);
        let from = format!("signed_in_at gt {}", t1.0);
        let until = format!("signed_in_at le {}", t1.0);
        for (filter, want) in [
            ("username eq alex", vec![&a2, &a1]),
            ("loginId eq \"ALEX\" or username sw be", vec![&b1, &a2, &a1]),
            ("username sw al", vec![&a2, &a1]),
            (&*user_filter, vec![&a2, &a1]),
            ("display_name eq \"Ben the tester\"", vec![&b1]),
            ("display_name sw Al", vec![&a2, &a1]),
            ("display_name co tester and not (username eq alex)", vec![&c2, &c1, &b1]),
            (&*id_filter, vec![&b1]),
            (&*id_part, vec![&b1]),
            (&*sid_filter, vec![&c2]),
            ("sid eq nonsense", vec![]),
            ("application eq \"the \\\"shop\\\"\"", vec![&c2]),
            ("client_id eq shop", vec![&c2]),
            ("client_id ne shop", vec![&c1, &b1, &a2, &a1]),
            (&*app_filter, vec![&c2]),
            ("role eq STAFF", vec![&b1, &a2, &a1]),
            ("role eq staff and role eq \"night shift\"", vec![&a2, &a1]),
            ("role eq nobody", vec![]),
            ("not (role pr)", vec![&c2, &c1]),
            ("ip eq 192.0.2.7", vec![&a1]),
            ("ip eq ::ffff:c000:207", vec![&a1]),
            ("ip eq ::FFFF:192.0.2.7 and username eq \"x\" or ip eq 192.0.2.7", vec![&a1]),
            ("ip sw 192.0.2.", vec![&b1, &a1]),
            ("network eq 192.0.2.0/24", vec![&b1, &a1]),
            ("network eq 192.0.2.0/25", vec![&a1]),
            ("network eq 2001:db8::/32", vec![&a2]),
            ("network ne 0.0.0.0/0", vec![&a2]),
            ("user_agent co firefox", vec![&b1, &a1]),
            ("browser eq Firefox", vec![&b1, &a1]),
            ("system co iphone or device eq smartphone", vec![&a2]),
            (&*from, vec![&c2, &c1, &b1, &a2]),
            (&*until, vec![&a1]),
            ("method eq pwd", vec![&c2, &c1, &b1, &a2, &a1]),
            ("method eq otp", vec![]),
            ("remember eq true", vec![&b1]),
            ("state eq active and remember eq false and username eq cleo", vec![&c2, &c1]),
            ("state eq ended", vec![]),
        ] {
            let page = find(&server, &[("filter", filter), ("total", "true")]).await;
            assert_eq!(ids(&page), want.into_iter().cloned().collect::<Vec<_>>(), "{filter}");
            let count = ids(&page).len();
            assert_eq!(page["total"]["sessions"], json!(count), "{filter}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn ended_sessions_stay_findable_and_sorted_by_their_end() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("alex", "alex123", &[]).await;
        server.app("shop", |_| {}).await;
        let old = sign_in(&server, "alex", "192.0.2.7", FIREFOX).await.to_string();
        let mid = sign_in(&server, "alex", "192.0.2.8", FIREFOX).await.to_string();
        let new = sign_in(&server, "alex", "192.0.2.9", FIREFOX).await.to_string();
        for id in [&mid, &old] {
            server.clock.advance(1000);
            let path = format!("/api/users/v1/me/sessions/{id}");
            assert_eq!(server.api("DELETE", &path, ("alex", "alex123")).await.status, 204);
        }
        for (query, want) in [
            (vec![("filter", "state eq ended")], vec![&old, &mid]),
            (vec![("filter", "state eq ended"), ("sort", "signed_in_at")], vec![&mid, &old]),
            (vec![("filter", "end_reason eq user")], vec![&old, &mid]),
            (vec![("filter", "end_reason eq admin")], vec![]),
            (vec![("filter", "ended_at ge 1")], vec![&mid, &old]),
            (vec![("filter", "ended_at ge 1"), ("sort", "ended_at")], vec![&old, &mid]),
            (vec![("filter", "state eq ended or state eq active")], vec![&new, &mid, &old]),
            (vec![("filter", "username eq alex and not (state eq active)")], vec![&mid, &old]),
            (vec![("filter", "ip eq 192.0.2.8 and state eq ended")], vec![&mid]),
            (vec![("filter", "ip eq 192.0.2.8")], vec![]),
            (vec![("filter", "network eq 192.0.2.0/24 and state eq ended")], vec![&old, &mid]),
            (vec![("sort", "last_access")], vec![&new]),
        ] {
            let want: Vec<String> = want.into_iter().cloned().collect();
            assert_eq!(ids(&find(&server, &query).await), want, "{query:?}");
        }
        let ended = find(&server, &[("filter", "state eq ended")]).await;
        assert_eq!(ended["items"][0]["end"]["reason"], "user");
        for wrong in ["sort=ended_at", "sort=colour", "total=1", "include=all", "prior=true"] {
            let path = format!("{SESSIONS}?{wrong}");
            assert_eq!(server.api("GET", &path, ADMIN).await.status, 400, "{wrong}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_results_token_leads_both_ways_and_totals_come_where_asked_for() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("alex", "alex123", &[]).await;
    let mut all = Vec::new();
    for _ in 0..7 {
        all.insert(0, sign_in(&server, "alex", "192.0.2.7", FIREFOX).await.to_string());
    }
    for filter in ["", "user_agent co firefox", "username eq alex", "network eq 192.0.2.0/24"] {
        for sort in ["signed_in_at", "last_access"] {
            let mut question = vec![("limit", "3"), ("total", "true"), ("sort", sort)];
            if !filter.is_empty() {
                question.push(("filter", filter));
            }
            let first = find(&server, &question).await;
            assert_eq!(first["total"], json!({"sessions": 7, "pages": 3, "exact": true}));
            assert_eq!(
                (ids(&first), &first["prior"]),
                (all[..3].to_vec(), &Value::Null),
                "{filter}"
            );
            assert_eq!(first["as_of"].is_string(), sort == "last_access");
            let turn = async |page: &Value, prior: bool| {
                let token = page["results_token"].as_str().expect("a token").to_owned();
                let mut again = question.clone();
                again.push(("results_token", &token));
                if prior {
                    again.push(("prior", "true"));
                }
                find(&server, &again).await
            };
            let second = turn(&first, false).await;
            let third = turn(&second, false).await;
            assert_eq!(ids(&second), all[3..6], "{filter}");
            assert_eq!((ids(&third), &third["next"]), (all[6..].to_vec(), &Value::Null));
            assert_eq!(ids(&turn(&third, true).await), all[3..6], "{filter} back");
            assert_eq!(ids(&turn(&second, true).await), all[..3], "{filter} back");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_above_the_caller_is_not_found() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let viewer = server.user("viewer", "viewer123", &[]).await;
    let role = server
        .engine
        .add_role(&server.tenant, "viewers", "internal_session_view", &Authority::system())
        .await
        .expect("a role");
    let assign = sojourn_engine::directory::RoleChange::Assign;
    let by = sojourn_engine::Authority::system();
    server.engine.change_role(&server.tenant, &role, &viewer, assign, &by).await.expect("assigned");
    server.user("alex", "alex123", &["customers"]).await;
    server.clock.advance(1000);
    server.signed_in("admin", "admin12").await;
    let alex = sign_in(&server, "alex", "192.0.2.7", FIREFOX).await.to_string();
    for query in ["", "?filter=username+sw+a", "?filter=ip+eq+127.0.0.1", "?total=true"] {
        let path = format!("{SESSIONS}{query}");
        let page = server.api("GET", &path, ("viewer", "viewer123")).await.json();
        let want = if query.contains("127") { vec![] } else { vec![alex.clone()] };
        assert_eq!(ids(&page), want, "{query} {page}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_session_says_where_its_address_is() {
    let folder = sojourn_testkit::store::Folder::new();
    let path = folder.0.join("places.mmdb");
    let network = std::net::Ipv4Addr::new(192, 0, 2, 0);
    let database = sojourn_testkit::places::database(network, 24, "IS", "Reykjavik");
    std::fs::write(&path, database).expect("written");
    let places = sojourn_server::places::Places::open(&path).expect("a database");
    let server = TestServer::with_options(
        Engine::Sqlite,
        |_| {},
        |serve| serve.places = Some(std::sync::Arc::new(places)),
    )
    .await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("alex", "alex123", &[]).await;
    for (ip, want) in [
        ("192.0.2.7", json!({"country": "IS", "city": "Reykjavik"})),
        ("192.0.3.7", Value::Null),
        ("2001:db8::1", Value::Null),
    ] {
        let id = sign_in(&server, "alex", ip, FIREFOX).await;
        let found = server.api("GET", &format!("{SESSIONS}/{id}"), ADMIN).await.json();
        assert_eq!(found["place"], want, "{ip}");
    }
    std::fs::write(&path, "no database").expect("written");
    assert!(sojourn_server::places::Places::open(&path).is_err());
    server.stop().await;
}
