//! The audit log: read by whom, about what, and from where back.

use sojourn_engine::{Authority, Tail};
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const ADMIN: (&str, &str) = ("admin", "admin12");

#[tokio::test]
async fn the_log_is_asked_by_person_by_kind_and_by_what_it_was_done_to() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("zoe", "zoe12345", &["admin"]).await;
    let alex = server.user("alex", "alex123", &[]).await;
    let as_admin = server.signed_in("admin", "admin12").await;
    let as_zoe = server.signed_in("zoe", "zoe12345").await;
    for (browser, act) in [(&as_admin, "lock"), (&as_zoe, "enable"), (&as_admin, "disable")] {
        server.clock.advance(1_000);
        let csrf = browser.get("/console/users").await.field("csrf");
        let path = format!("/console/users/{}/acts/{act}", alex.id);
        assert_eq!(browser.post(&path, &[("csrf", &csrf)]).await.status, 303, "{act}");
    }
    let acts = async |query: &str| {
        let page = as_admin.get(&format!("/console/audit?{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let acts = page.body.split("<li data-act=\"").skip(1);
        acts.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let about = format!("about={}", alex.id);
    assert_eq!(acts(&about).await, ["user.disable", "user.unlock", "user.lock", "user.add"]);
    assert_eq!(acts(&format!("{about}&who=admin")).await, ["user.disable", "user.lock"]);
    assert_eq!(acts("who=zoe&what=user").await, ["user.unlock"]);
    assert!(acts("who=zoe&what=role").await.is_empty());
    assert!(acts("what=us").await.is_empty(), "a kind is a whole word");
    assert!(acts("who=nobody").await.is_empty());
    let page = as_admin.get(&format!("/console/audit?{about}")).await.body;
    assert!(page.contains("unlocked the account") && page.contains(">zoe</a>"), "{page}");
    // By affected user, up to a day, and with values that don't exist.
    assert_eq!(acts("user=alex&who=zoe").await, ["user.unlock"]);
    assert!(acts("user=nobody").await.is_empty());
    let today = server.engine.now().seconds() / 86_400;
    let day = |number: i64| {
        let day = jiff::Timestamp::from_second(number * 86_400).expect("a time");
        day.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    };
    assert_eq!(acts(&format!("{about}&until={}", day(today))).await.len(), 4);
    assert!(acts(&format!("{about}&until={}", day(today - 1))).await.is_empty());
    let wrong = as_admin.get("/console/audit?until=yesterday").await;
    assert!(wrong.body.contains("Write it as year-month-day"), "{wrong:?}");
    // The same by REST, a page at a time.
    let path = "/api/server/v1/audit";
    let whole = server.api("GET", &format!("{path}?limit=1000"), ADMIN).await.json();
    let whole = whole["items"].as_array().expect("rows").clone();
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let answer = server.api("GET", &format!("{path}?limit=3{next}"), ADMIN).await.json();
        paged.extend(answer["items"].as_array().expect("rows").clone());
        match answer["next"].as_str() {
            Some(place) => next = format!("&before={place}"),
            None => break,
        }
    }
    assert_eq!(paged, whole);
    assert!(paged.len() > 6, "{}", paged.len());
    let asked = format!("{path}?action=user.lock&target={}", alex.id);
    assert_eq!(server.api("GET", &asked, ADMIN).await.json()["items"][0]["action"], "user.lock");
    for wrong in ["limit=0", "actor=me", "before=x", "before=1.zz"] {
        assert_eq!(
            server.api("GET", &format!("{path}?{wrong}"), ADMIN).await.status,
            400,
            "{wrong}"
        );
    }
    assert_eq!(as_admin.get("/console/audit?before=x").await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn pages_of_the_log_lead_back_and_know_what_was_asked() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    for n in 0..120 {
        server.clock.advance(1);
        server.user(&format!("user{n:03}"), "words of a user", &[]).await;
    }
    let browser = server.signed_in("admin", "admin12").await;
    let mut seen = Vec::new();
    let mut path = "/console/audit?what=user".to_owned();
    loop {
        let page = browser.get(&path).await;
        let names = page.body.split("/console/users/").skip(1);
        seen.extend(
            names.filter_map(|rest| Some(rest.split_once("\">")?.1.split('<').next()?.to_owned())),
        );
        let Some(older) =
            page.body.split("id=\"older\"").next().filter(|_| page.body.contains("id=\"older\""))
        else {
            break;
        };
        let link =
            older.rsplit("href=\"").next().expect("a link").split('"').next().expect("its end");
        path = link.replace("&#38;", "&");
        assert!(path.contains("what=user") && path.contains("before="), "{path}");
    }
    seen.retain(|name| name.starts_with("user"));
    assert_eq!(seen.len(), 120);
    assert_eq!((seen[0].as_str(), seen[119].as_str()), ("user119", "user000"));
    server.stop().await;
}

#[tokio::test]
async fn who_listens_hears_of_each_act_once_however_many_come_at_a_moment() {
    for database in Engine::BOTH {
        let server = TestServer::on(database, |_| {}).await;
        let (engine, tenant) = (&server.engine, &server.tenant);
        server.clock.advance(1);
        let mut tail = Tail::since(engine.now());
        let add = async |n: usize| {
            let made =
                engine.add_role(tenant, &format!("role-{n}"), "", &Authority::system()).await;
            made.expect("a role");
        };
        for n in 0..1_100 {
            add(n).await;
        }
        let heard = engine.look_at_acts(tenant, &mut tail).await.expect("read");
        let names: std::collections::BTreeSet<_> = heard.iter().map(|row| row.id).collect();
        assert_eq!((heard.len(), names.len()), (1_100, 1_100), "{database:?}");
        assert!(engine.look_at_acts(tenant, &mut tail).await.expect("read").is_empty());
        server.clock.advance(1);
        add(1_100).await;
        assert_eq!(engine.look_at_acts(tenant, &mut tail).await.expect("read").len(), 1);
        server.clock.advance(60_000);
        add(1_101).await;
        assert_eq!(engine.look_at_acts(tenant, &mut tail).await.expect("read").len(), 1);
        assert!(engine.look_at_acts(tenant, &mut tail).await.expect("read").is_empty());
        server.stop().await;
    }
}

#[tokio::test]
async fn a_row_is_a_sentence_and_says_what_followed() {
    for database in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(database, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let alex = server.user("alex", "alex123", &["staff"]).await;
        let uri = inbox.uri();
        server.app("shop", |new| new.backchannel_logout_uri = Some(uri)).await;
        let browser = server.signed_in("alex", "alex123").await;
        server.tokens(&browser, "shop", "openid").await;
        let session = server.engine.sessions_of_user(&server.tenant, alex.id).await.expect("read");
        let session = session[0].session.id;
        let body = serde_json::json!({ "sessions": [session.to_string()] });
        let ended = server.send("POST", "/api/sessions/v1/end", ADMIN, &body).await;
        assert_eq!(ended.status, 200, "{ended:?}");
        let admin = server.signed_in(ADMIN.0, ADMIN.1).await;
        let rows = async || admin.get("/console/audit").await.body.replace("&#39;", "'");
        let (user, app) = (format!("/console/users/{}\">alex</a>", alex.id), ">shop</a>");
        let page = rows().await;
        let row = page.split("<li data-act=\"session.end\"").nth(1).expect("a row");
        let row = row.split("</li>").next().expect("its end");
        assert!(row.contains("ended sessions of <a") && row.contains(&user), "{row}");
        assert!(row.contains("1 session ended") && row.contains(app), "{row}");
        assert!(!row.contains("UserId") && !row.contains("{\""), "{row}");
        // An act on the account that ends its sessions.
        server.clock.advance(1_000);
        let browser = server.signed_in("alex", "alex123").await;
        server.tokens(&browser, "shop", "openid").await;
        let path = format!("/console/users/{}/acts/lock", alex.id);
        let csrf = admin.get(&path).await.field("csrf");
        assert_eq!(admin.post(&path, &[("csrf", &csrf)]).await.status, 303);
        let page = rows().await;
        let row = page.split("<li data-act=\"user.lock\"").nth(1).expect("a row");
        let row = row.split("</li>").next().expect("its end");
        assert!(row.contains("locked the account <a") && row.contains("1 session ended"), "{row}");
        // Two sessions of one user are one user.
        let sam = server.user("sam", "sam12345", &[]).await;
        let (_one, _two) =
            (server.signed_in("sam", "sam12345").await, server.signed_in("sam", "sam12345").await);
        let body = serde_json::json!({ "filter": "username eq sam" });
        assert_eq!(server.send("POST", "/api/sessions/v1/end", ADMIN, &body).await.status, 200);
        let page = rows().await;
        let row = page.split("<li data-act=\"session.end\"").nth(1).expect("a row");
        let row = row.split("</li>").next().expect("its end");
        assert!(row.contains(">sam</a> <span") && row.contains("2 sessions ended"), "{row}");
        // More users than a row names are counted.
        let mut people = Vec::new();
        for number in 0..23 {
            let name = format!("night{number:02}");
            people.push(server.user(&name, "night-123", &[]).await.id.to_string());
        }
        server.clock.advance(1_000);
        let body = serde_json::json!({ "users": people });
        assert_eq!(server.send("POST", "/api/sessions/v1/end", ADMIN, &body).await.status, 200);
        let page = rows().await;
        let row = page.split("<li data-act=\"session.end\"").nth(1).expect("a row");
        let row = row.split("</li>").next().expect("its end");
        assert_eq!(row.matches("</a>, ").count(), 20, "{row}");
        assert!(row.contains(", <strong>3 more</strong>"), "{row}");
        // Who is deleted is called by the name of that time.
        let by = sojourn_engine::Authority::system();
        server.engine.remove_user(&server.tenant, &sam, &by).await.expect("removed");
        assert!(rows().await.contains("removed the account <strong>sam</strong>"));
        // The role's name stands in the sentence.
        let staff = server.engine.role_named(&server.tenant, "staff").await.expect("staff");
        let path = format!("/console/users/{}/roles/{}/remove", alex.id, staff.id);
        let csrf = admin.get(&path).await.field("csrf");
        admin.post(&path, &[("csrf", &csrf)]).await;
        assert!(rows().await.contains("took the role <strong>staff</strong> from <a"));
        server.stop().await;
    }
}
