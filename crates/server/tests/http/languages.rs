//! Pages in other languages: each phrase goes through the catalogue, and the language is the person's.

use std::collections::BTreeSet;

use sojourn_model::{OpenTo, PolicyScope, SessionPolicy, SignUp, Terms};
use sojourn_server::language::Languages;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::store::{Engine, Folder};

const COOKIE: &str = "__Host-sojourn-language";

/// A language that says each phrase that German has in brackets, from right to left.
fn brackets(folder: &Folder) -> Languages {
    let german: toml::Table = include_str!("../../languages/de.toml").parse().expect("German");
    let mut phrases = toml::Table::new();
    for phrase in german["phrases"].as_table().expect("phrases").keys() {
        phrases.insert(phrase.clone(), format!("⟦{phrase}⟧").into());
    }
    let mut file = toml::Table::new();
    file.insert("code".into(), "he".into());
    file.insert("name".into(), "brackets".into());
    file.insert("direction".into(), "rtl".into());
    file.insert("phrases".into(), phrases.into());
    std::fs::write(folder.0.join("he.toml"), file.to_string()).expect("written");
    Languages::with_folder(&folder.0).expect("languages")
}

/// What a page says without having asked the catalogue.
fn unsaid(html: &str) -> Vec<String> {
    let mut said = String::new();
    let (mut in_tag, mut quoted, mut skip) = (false, false, false);
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        if !in_tag && skip {
            skip = !rest.starts_with("</code") && !rest.starts_with("</textarea");
        }
        match c {
            '<' => {
                in_tag = true;
                skip |= rest.starts_with("<code") || rest.starts_with("<textarea");
                said.push('\n');
            }
            '>' if in_tag && !quoted => in_tag = false,
            '"' if in_tag => quoted = !quoted,
            c if !in_tag && !skip => said.push(c),
            _ => {}
        }
        rest = &rest[c.len_utf8()..];
    }
    for name in ["title=\"", "placeholder=\"", "aria-label=\"", "alt=\""] {
        for (at, _) in html.match_indices(name) {
            let value = html[at + name.len()..].split('"').next().unwrap_or_default();
            said.push('\n');
            said.push_str(value);
        }
    }
    let mut depth = 0_usize;
    let mut out = String::new();
    for c in said.chars() {
        match c {
            '⟦' => depth += 1,
            '⟧' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    let words = out.lines().map(|line| line.trim().to_owned());
    // A letter alone is an initial.
    words.filter(|line| line.chars().filter(|c| c.is_alphabetic()).count() > 1).collect()
}

/// Names, addresses and terms of protocols: the same in any language.
const DATA: &[&str] = &[
    "Sojourn",
    "sojourn",
    "A",
    "English",
    "Deutsch",
    "brackets",
    "alex",
    "admin",
    "shop",
    "staff",
    "post",
    "approver",
    "carbon.super",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0",
    "alex the tester",
    "admin the tester",
    "alex@example.test",
    "admin@example.test",
    "codes",
    "true",
    "my-account",
    "console",
    "My Account",
    "Console",
    "shop the application",
    "idle_timeout_ms",
    "pwd",
    "sso-session",
    "cookie",
    "none",
    "RS256",
    "#3457d5",
    "ES256",
    "EdDSA",
    "system",
    "internal_*",
    "internal_session_view",
    "sessionTermination",
    "session_termination",
    "POST_UPDATE_ROLE_LIST_OF_USER",
    "POST_UPDATE_USER_LIST_OF_ROLE",
    "user.lock",
    "{}",
    "https://shop.test/bclogout",
];

fn is_data(line: &str) -> bool {
    let plain = line.replace("&quot;", "\"").replace("&#39;", "'");
    let mut known = DATA.to_vec();
    known.sort_by_key(|one| std::cmp::Reverse(one.len()));
    let mut rest = plain;
    for one in known {
        rest = rest.replace(one, "");
    }
    // Ids, acts of the audit log and JSON are data as well.
    let is_id = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.len() >= 20 || word.contains(['.', ':', '_', '{', '='])
    };
    rest.split_whitespace().all(|word| !word.chars().any(char::is_alphabetic) || is_id(word))
}

async fn look(browser: &Browser, path: &str, problems: &mut BTreeSet<String>) -> Answer {
    let page = browser.get(path).await;
    assert!(page.status == 200 || page.status == 404, "{path}: {page:?}");
    assert!(page.body.contains("lang=\"he\" dir=\"rtl\""), "{path}: {}", page.body);
    let unsaid = unsaid(&page.body).into_iter().filter(|line| !is_data(line));
    problems.extend(unsaid.map(|line| format!("{path}: {line}")));
    page
}

#[tokio::test]
async fn every_page_says_everything_in_the_language_of_its_reader() {
    let folder = Folder::new();
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| settings.resets_by_mail = true,
        |serve| serve.languages = brackets(&folder),
    )
    .await;
    let (engine, tenant, actor) =
        (&server.engine, &server.tenant, sojourn_engine::Authority::system());
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &["staff"]).await;
    let told = |app: &mut sojourn_engine::directory::NewApplication| {
        app.settings.first_party = false;
        app.backchannel_logout_uri = Some("https://shop.test/bclogout".into());
    };
    let shop = server.app("shop", told).await;
    let group = engine.add_group(tenant, "post", None, &[alex.id], &actor).await.expect("a group");
    let role = engine.role_named(tenant, "staff").await.expect("staff");
    let policy = SessionPolicy { idle_timeout_ms: Some(600_000), ..SessionPolicy::default() };
    engine.set_policy(tenant, PolicyScope::User(alex.id), policy, &actor).await.expect("a policy");
    let reader = || {
        let browser = server.browser();
        browser.set_cookie(COOKIE, "he");
        browser
    };
    let mut problems = BTreeSet::new();
    let stranger = reader();
    let rules = SignUp {
        open_to: OpenTo::Codes,
        terms: Some(Terms { version: "2026".into(), url: "https://example.test/".into() }),
        proof_of_work: true,
        leaving: sojourn_model::Leaving::AfterDays(7),
    };
    engine.set_sign_up(tenant, rules, &actor).await.expect("set");
    for path in [
        "/login",
        "/forgot",
        "/nowhere",
        "/not-me?token=x",
        "/reset?token=x",
        "/sign-up",
        "/sign-up/account?token=x",
    ] {
        let page = stranger.get(path).await;
        let unsaid = unsaid(&page.body).into_iter().filter(|line| !is_data(line));
        problems.extend(unsaid.map(|line| format!("{path}: {line}")));
    }
    let wrong = stranger.sign_in("alex", "wrong").await;
    problems.extend(unsaid(&wrong.body).into_iter().filter(|line| !is_data(line)));
    // A session with a life: consent, an application, an end that it is told of.
    let person = reader();
    assert_eq!(person.sign_in("alex", "alex123").await.status, 303);
    let asked = person.authorize("shop", "openid profile email offline_access", &[]).await;
    let consent = person.get(asked.location()).await;
    problems.extend(unsaid(&consent.body).into_iter().filter(|line| !is_data(line)));
    let form = [
        ("csrf", consent.field("csrf")),
        ("ticket", consent.field("ticket")),
        ("answer", "yes".into()),
    ];
    let form: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let on = person.post("/consent", &form).await;
    person.get(on.location()).await;
    let gone = server.signed_in("alex", "alex123").await;
    server.tokens(&gone, "shop", "openid").await;
    gone.set_cookie(COOKIE, "he");
    let csrf = gone.get("/myaccount").await.field("csrf");
    let left = gone.post("/logout", &[("csrf", &*csrf)]).await;
    look(&gone, left.location(), &mut problems).await;
    look(&gone, "/signed-out?of=x", &mut problems).await;
    let asked = person.authorize("shop", "openid", &[("prompt", "select_account")]).await;
    look(&person, asked.location(), &mut problems).await;
    let living = engine.sessions_of_user(tenant, alex.id).await.expect("read");
    let session = living[0].session.id;
    for path in [
        "/myaccount".to_owned(),
        "/myaccount/check".to_owned(),
        "/myaccount/delete".to_owned(),
        "/myaccount?done=1".to_owned(),
        "/myaccount/profile?done=1".to_owned(),
        "/myaccount/security?done=one".to_owned(),
        format!("/myaccount/sessions/{session}/end"),
        format!("/myaccount/sessions/{session}/applications/{}/end", shop.id),
        "/myaccount/sessions/end-all".to_owned(),
        "/myaccount/sessions/end-others".to_owned(),
        "/myaccount/connections".to_owned(),
        "/myaccount/history".to_owned(),
        "/myaccount/password".to_owned(),
        "/oidc/logout".to_owned(),
    ] {
        look(&person, &path, &mut problems).await;
    }
    let admin = reader();
    assert_eq!(admin.sign_in("admin", "admin12").await.status, 303);
    let user = format!("/console/users/{}", alex.id);
    let mut paths: Vec<String> = [
        "",
        "/sessions",
        "/sessions?q=alex",
        "/sessions?q=nobody",
        "/ledger",
        "/live",
        "/jobs",
        "/deliveries",
        "/users",
        "/groups",
        "/roles",
        "/applications",
        "/applications/new",
        "/policies",
        "/handlers",
        "/handlers/sessionTermination",
        "/keys",
        "/deletions",
        "/deletions?done=agree",
        "/deletions?done=decline",
        "/sign-up",
        "/sign-up?done=save",
        "/sign-up?done=remove",
        "/appearance",
        "/appearance?done=1",
        "/tenants",
        "/audit",
        "/users?q=zz",
    ]
    .iter()
    .map(|path| format!("/console{path}"))
    .collect();
    for act in ["lock", "disable", "enable", "password", "expire-password", "remove"] {
        paths.push(format!("{user}/acts/{act}"));
        paths.push(format!("{user}?done={act}"));
    }
    paths.extend([
        user.clone(),
        format!("{user}/end-sessions"),
        format!("{user}/roles/{}/remove", role.id),
        format!("{user}?ended=2"),
        format!("/console/sessions/{session}"),
        format!("/console/sessions/{session}/end"),
        format!("/console/end?session={session}"),
        format!("/console/end?user={}", alex.id),
        "/console/end?filter=username+eq+alex&chosen=1".to_owned(),
        format!("/console/groups/{}", group.id),
        format!("/console/groups/{}/remove", group.id),
        format!("/console/roles/{}", role.id),
        format!("/console/roles/{}/remove", role.id),
        format!("/console/applications/{}", shop.id),
        format!("/console/applications/{}/disable", shop.id),
        format!("/console/applications/{}/remove", shop.id),
        format!("/console/policies/users/{}", alex.id),
        "/console/sessions/x".to_owned(),
    ]);
    for path in &paths {
        look(&admin, path, &mut problems).await;
    }
    // What is refused says so in the same language.
    let csrf = admin.get("/console/users").await.field("csrf");
    for (path, form) in [
        ("/console/users", vec![("username", "a\u{200b}b"), ("password", "words of a user")]),
        ("/console/users", vec![("username", "alex"), ("password", "words of a user")]),
        ("/console/users", vec![("username", "new"), ("password", "short")]),
        ("/console/roles", vec![("name", "staff"), ("permissions", "")]),
        ("/console/roles", vec![("name", "x"), ("permissions", "nonsense_")]),
        ("/console/tenants", vec![("name", "!"), ("owner", "olga"), ("password", "words of olga")]),
        ("/console/policies", vec![("idle", "many")]),
        ("/console/sign-up", vec![("act", "code"), ("uses", "0"), ("days", "1")]),
        ("/console/sign-up", vec![("open_to", "domains"), ("domains", "x")]),
        ("/console/sign-up", vec![("terms_version", "1"), ("terms_url", "x")]),
    ] {
        let mut form = form;
        form.push(("csrf", &csrf));
        // What was made a moment ago by the same form would be no mistake.
        server.clock.advance(30_000);
        let page = admin.post(path, &form).await;
        assert_eq!(page.status, 400, "{path}: {page:?}");
        let unsaid = unsaid(&page.body).into_iter().filter(|line| !is_data(line));
        problems.extend(unsaid.map(|line| format!("POST {path}: {line}")));
    }
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(
        problems.is_empty(),
        "{} without the catalogue:\n{}",
        problems.len(),
        problems.join("\n")
    );
    server.stop().await;
}

#[tokio::test]
async fn the_language_is_the_person_s_choice_then_the_request_s_then_the_browser_s() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("shop", |_| {}).await;
    let discovery = server.browser().get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["ui_locales_supported"], serde_json::json!(["en", "de"]));
    // The application's wish.
    let browser = server.browser();
    let asked = browser.authorize("shop", "openid", &[("ui_locales", "fr de-CH en")]).await;
    let login = browser.get(asked.location()).await;
    assert!(login.body.contains("<h1>Anmelden</h1>"), "{}", login.body);
    // The person's own choice stands over it, and leads back to where they were.
    let back: String = url::form_urlencoded::byte_serialize(asked.location().as_bytes()).collect();
    let chosen = browser.get(&format!("/language?to=en&back={back}")).await;
    assert_eq!((chosen.status, chosen.location()), (303, asked.location()));
    let login = browser.get(asked.location()).await;
    assert!(login.body.contains("<h1>Sign in</h1>"), "{}", login.body);
    for elsewhere in ["https://evil.test/", "//evil.test", "/\\evil.test", "x"] {
        let to: String = url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        let chosen = browser.get(&format!("/language?to=de&back={to}")).await;
        assert_eq!(chosen.location(), "/", "{elsewhere}");
    }
    assert_eq!(browser.get("/language?to=tlh&back=/").await.status, 404);
    // What the account says.
    let body = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "locale", "value": "de_DE"}],
    });
    let set = server.send("PATCH", "/scim2/Me", ("alex", "alex123"), &body).await;
    assert_eq!(set.status, 200, "{} {set:?}", alex.id);
    let own = server.signed_in("alex", "alex123").await;
    assert!(own.get("/myaccount").await.body.contains("lang=\"de\""));
    server.stop().await;
}

/// Phrases that nobody says any more would only mislead who translates them; what a template says has to be there.
#[test]
fn german_says_what_pages_say_and_nothing_else() {
    let mut sources = String::new();
    let mut said = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() && !name.ends_with("tests") && !name.ends_with("languages") {
                folders.push(path);
            } else if name.ends_with(".rs") || name.ends_with(".html") {
                let source = std::fs::read_to_string(&path).expect("a source");
                if name.ends_with(".html") {
                    // `{{ "A phrase"|t }}`, and the filters that fill values in.
                    for (at, _) in source.match_indices("\"|") {
                        let filter = source[at + 2..].split(|c: char| !c.is_alphanumeric());
                        let begin = source[..at].rfind("{{ \"").map(|begin| begin + 4);
                        let phrase = begin.and_then(|begin| source.get(begin..at));
                        if let (Some("t" | "t1" | "t2" | "h1" | "h2"), Some(phrase)) =
                            (filter.into_iter().next(), phrase)
                        {
                            said.insert(phrase.replace("\\\"", "\""));
                        }
                    }
                }
                sources.push_str(&source);
            }
        }
    }
    // Texts over several lines are one.
    let sources = sources.replace("\\\"", "\"");
    let sources: String = sources.split("\\\n").map(str::trim_start).collect();
    let german: toml::Table = include_str!("../../languages/de.toml").parse().expect("German");
    let phrases = german["phrases"].as_table().expect("phrases").keys();
    let stale: Vec<&String> = phrases
        .filter(|phrase| !phrase.contains('{') && !sources.contains(phrase.as_str()))
        .collect();
    assert!(stale.is_empty(), "{stale:?}");
    let phrases = german["phrases"].as_table().expect("phrases");
    let missing: Vec<&String> = said.iter().filter(|one| !phrases.contains_key(*one)).collect();
    assert!(missing.is_empty() && said.len() > 300, "{} phrases; {missing:#?}", said.len());
}
