//! Pictures of every page, wide and narrow, into `screenshots/` (ignored by git), to be looked at.

mod credentials;
mod organisation;

use std::path::Path;

use credentials::{LOOKS, browser};
use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_engine::directory::{LogoChange, NewUser};
use sojourn_engine::sign_up::NewCode;
use sojourn_model::limits::SECRET_OVERLAP_MS;
use sojourn_model::{Leaving, OpenTo, SignUp, Terms};
use sojourn_server::language::Languages;
use sojourn_testkit::program::{Running, client, eventually, free_ports};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::service_provider::ServiceProvider;
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::{Engine, Folder};

/// What a person sees of an application that isn't the organisation's own.
async fn third_party(alex: &Browser, pictures: &Path, port: u16, size: &str) {
    let at = |path: &str| format!("https://localhost:{port}{path}");
    let metadata = serde_json::json!({
        "client_name": "Parcel Tracker",
        "redirect_uris": [format!("https://localhost:{}/callback", port + 1)],
        "post_logout_redirect_uris": [at("/")],
        "frontchannel_logout_uri": format!("https://localhost:{}/", port + 1),
        "logo_uri": at("/assets/logo.svg"),
        "policy_uri": at("/policy"),
        "tos_uri": at("/terms"),
    });
    let request = client().post(at("/connect/register")).json(&metadata);
    let answer = request.send().await.expect("an answer");
    let made: serde_json::Value = answer.json().await.expect("JSON");
    let client_id = made["client_id"].as_str().expect("a client");
    let redirect = format!("https%3A%2F%2Flocalhost%3A{}%2Fcallback", port + 1);
    let ask = |more: &str| {
        at(&format!(
            "/oauth2/authorize?response_type=code&client_id={client_id}&redirect_uri={redirect}\
             &scope=openid%20profile%20email%20phone%20offline_access{more}"
        ))
    };
    let picture = async |page: &str| alex.picture(pictures, &format!("{page}-{size}")).await;
    alex.goto(&ask("")).await;
    picture("login-for-application").await;
    alex.sign_in("alex", "alex123").await;
    alex.find("#allow").await;
    picture("consent").await;
    alex.goto(&ask("&prompt=select_account")).await;
    picture("select-account").await;
    alex.click("#this-account").await;
    alex.click("#allow").await;
    alex.goto(&at("/myaccount/connections")).await;
    picture("connections").await;
    alex.goto(&at("/oidc/logout")).await;
    alex.click("#confirm").await;
    picture("signed-out").await;
}

/// What a person sees who has as many sessions as may be.
async fn too_many(http: &reqwest::Client, pictures: &Path, port: u16, width: u32, size: &str) {
    let at = |path: &str| format!("https://localhost:{port}{path}");
    let set = async |policy: &str| {
        let request = http.put(at("/api/sessions/v1/policies/tenant")).body(policy.to_owned());
        let request = request.header("content-type", "application/json");
        let answer = request.basic_auth("admin", Some("admin")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    };
    set(r#"{"max_sessions": 1, "at_limit": "ask"}"#).await;
    for _ in 0..2 {
        let browser = Browser::sized(width, 900).await;
        browser.goto(&at("/login")).await;
        browser.sign_in("alex", "alex123").await;
        browser.find("#sign-out, .choices").await;
        browser.picture(pictures, &format!("too-many-sessions-{size}")).await;
        browser.quit().await;
    }
    set("{}").await;
}

/// Other languages, from right to left, in the colours of a tenant.
async fn dressed(pictures: &Path) {
    let folder = Folder::new();
    let file = "code = \"he\"\nname = \"mirrored\"\ndirection = \"rtl\"\n[phrases]\n";
    std::fs::write(folder.0.join("he.toml"), file).expect("written");
    let languages = Languages::with_folder(&folder.0).expect("languages");
    let server =
        TestServer::with_options(Engine::Sqlite, |_| {}, |serve| serve.languages = languages).await;
    server.user("admin", "admin12", &["admin"]).await;
    let logo = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\">\
                <circle cx=\"4\" cy=\"4\" r=\"4\" fill=\"#0a7d5a\"/></svg>";
    let logo = LogoChange::Put(logo.as_bytes().to_vec());
    let system = Authority::system();
    let set = server.engine.set_look(&server.tenant, ("Aurora", "#0a7d5a"), logo, &system);
    set.await.expect("a look");
    let (tenant, operator) = (&server.tenant, Authority::operator());
    let app = serde_json::json!({ "client_id": "travel", "client_name": "Travel expenses",
        "redirect_uris": ["https://travel.test/cb"] });
    let app = app.as_object().expect("an object");
    let (app, _) = server.engine.create_application(tenant, app, &operator).await.expect("made");
    let day = SECRET_OVERLAP_MS;
    let rotated =
        server.engine.rotate_application_secret(tenant, app.id, (day, None), &operator).await;
    rotated.expect("another secret");
    let secrets = format!("/console/applications/{}/secret", app.id);
    for (language, width) in [("de", 1280), ("de", 390), ("he", 1280), ("he", 390)] {
        let browser = Browser::sized(width, 900).await;
        if width < 500 {
            browser.width(width).await;
        }
        let at = |path: &str| format!("{}{path}", server.base);
        let name = |page: &str| format!("{page}-{language}-{width}");
        browser.goto(&at(&format!("/language?to={language}&back=/login"))).await;
        browser.picture(pictures, &name("login")).await;
        browser.goto(&at("/console")).await;
        browser.sign_in("admin", "admin12").await;
        browser.find(".figures").await;
        for page in ["/console", "/console/sessions", "/console/policies", "/myaccount/security"] {
            browser.goto(&at(page)).await;
            browser.picture(pictures, &name(page.trim_start_matches('/')).replace('/', "-")).await;
        }
        browser.goto(&at(&secrets)).await;
        browser.picture(pictures, &name("secrets")).await;
        browser.quit().await;
    }
    server.stop().await;
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let pictures = Path::new("screenshots");
    std::fs::create_dir_all(pictures).expect("a folder");
    match std::env::args().nth(1).as_deref() {
        Some("keys") => credentials::keys(pictures).await,
        Some("offer") => credentials::offer(pictures).await,
        Some("factors") => credentials::factors(pictures).await,
        Some("invitation") => invitation(pictures).await,
        Some("sign-up") => sign_up(pictures).await,
        Some("organisation") => organisation::organisation(pictures).await,
        Some("saml") => saml(pictures).await,
        _ => everything(pictures).await,
    }
}

/// The pages of somebody who is invited, and password fields whose text is shown.
async fn invitation(pictures: &Path) {
    let smtp = Smtp::start().await;
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
            settings.resets_by_mail = true;
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    let base = server.engine.settings().base_url.clone();
    let at = |path: &str| format!("{base}{path}");
    for (size, width, dark) in LOOKS {
        let name = |page: &str| format!("{page}-{size}");
        let new = NewUser {
            username: format!("cleo-{size}"),
            display_name: Some("Cleo Green".into()),
            email: Some("cleo@example.test".into()),
            invited: true,
            ..NewUser::default()
        };
        let before = smtp.mails().len();
        let made = server.engine.add_user(&server.tenant, new, &Authority::system()).await;
        made.expect("invited");
        let path = smtp.link("/invitation?token=", before).await;
        let cleo = browser(width, dark).await;
        cleo.authenticator(serde_json::json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        }))
        .await;
        cleo.goto(&at(&path)).await;
        cleo.find("#passkey").await;
        cleo.fill("#new", "a heron on the pond").await;
        cleo.click(".reveal button").await;
        cleo.picture(pictures, &name("invitation")).await;
        cleo.click("#passkey").await;
        cleo.find("#codes").await;
        cleo.picture(pictures, &name("invitation-done")).await;
        cleo.click("#sign-in").await;
        cleo.find("form[action$='/logout']").await;
        cleo.goto(&at("/myaccount/password")).await;
        cleo.find("#change-password").await;
        cleo.picture(pictures, &name("password")).await;
        cleo.goto(&at("/myaccount/profile")).await;
        cleo.find("#address").await;
        cleo.picture(pictures, &name("profile")).await;
        cleo.click("#address").await;
        for (address, picture) in
            [("cleo@club.example", "address"), ("cleo.green@example.test", "addresses")]
        {
            cleo.fill("#address", address).await;
            cleo.picture(pictures, &name(picture)).await;
            let before = smtp.mails().len();
            cleo.click("#send-mail").await;
            cleo.find("#code").await;
            cleo.picture(pictures, &name("address-code")).await;
            cleo.fill("#code", &smtp.code(before).await).await;
            cleo.click("#confirm").await;
            cleo.click("#address").await;
            cleo.find(&format!("tr[data-address='{address}']")).await;
        }
        cleo.quit().await;
    }
    server.stop().await;
}

/// The pages of somebody who makes an account, and the administrator's about that.
async fn sign_up(pictures: &Path) {
    let smtp = Smtp::start().await;
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
            settings.resets_by_mail = true;
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    let base = server.engine.settings().base_url.clone();
    let at = |path: &str| format!("{base}{path}");
    let by = Authority::system();
    let url = "https://www.example.test/terms".to_owned();
    let terms = Some(Terms { version: "2026-11".into(), url });
    let leaving = Leaving::AfterDays(14);
    let rules = SignUp { open_to: OpenTo::Codes, terms, leaving, ..SignUp::default() };
    server.engine.set_sign_up(&server.tenant, rules, &by).await.expect("set");
    for (label, uses) in [("Autumn fair", 40), ("Partners", 200), ("", 1)] {
        let new = NewCode { label: label.into(), uses, lifetime_ms: 30 * 86_400_000 };
        server.engine.add_sign_up_code(&server.tenant, new, &by).await.expect("a code");
        server.clock.advance(3_600_000);
    }
    let new = NewCode { label: "Pictures".into(), uses: 9, lifetime_ms: 86_400_000 };
    let code = server.engine.add_sign_up_code(&server.tenant, new, &by).await.expect("a code").0;
    server.user("admin", "admin123", &["admin"]).await;
    for (number, (size, width, dark)) in LOOKS.into_iter().enumerate() {
        let name = |page: &str| format!("{page}-{size}");
        let cleo = browser(width, dark).await;
        cleo.authenticator(serde_json::json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        }))
        .await;
        cleo.goto(&at("/login")).await;
        cleo.picture(pictures, &name("login-sign-up")).await;
        cleo.goto(&at(&format!("/sign-up?invitation={code}"))).await;
        cleo.fill("#address", &format!("cleo{number}@example.test")).await;
        cleo.picture(pictures, &name("sign-up")).await;
        cleo.click("#send-mail").await;
        cleo.find("#code").await;
        cleo.picture(pictures, &name("sign-up-code")).await;
        // A mail about the deletion comes between two of them.
        let link = smtp.link("/sign-up/account?token=", 2 * number).await;
        cleo.goto(&at(&link)).await;
        cleo.find("#passkey").await;
        cleo.fill("#given_name", "Cleo").await;
        cleo.fill("#family_name", "Green").await;
        cleo.click("input[type=checkbox][name=terms]").await;
        cleo.picture(pictures, &name("sign-up-account")).await;
        cleo.click("#passkey").await;
        cleo.click("#kept").await;
        cleo.find("#check").await;
        cleo.picture(pictures, &name("my-account")).await;
        cleo.click("#check").await;
        cleo.find("#findings").await;
        cleo.picture(pictures, &name("security-check")).await;
        cleo.goto(&at("/myaccount/delete")).await;
        cleo.picture(pictures, &name("delete-account")).await;
        cleo.click("#delete").await;
        cleo.find("#keep").await;
        cleo.picture(pictures, &name("delete-account-asked")).await;
        cleo.quit().await;
        let admin = browser(width, dark).await;
        admin.goto(&at("/console/sign-up")).await;
        admin.sign_in("admin", "admin123").await;
        admin.click("#add-code").await;
        admin.find(".notice[role=status] strong").await;
        admin.picture(pictures, &name("console-sign-up")).await;
        admin.goto(&at("/console/deletions")).await;
        admin.picture(pictures, &name("console-deletions")).await;
        admin.quit().await;
    }
    server.stop().await;
}

/// The administrator's pages about a service provider of SAML, and what its people see.
async fn saml(pictures: &Path) {
    let server = TestServer::start().await;
    server.clock.go_to_now();
    server.user("admin", "admin123", &["admin"]).await;
    server.user("alex", "alex123", &[]).await;
    let sp = ServiceProvider::start("https://wiki.example.org/saml/metadata").await;
    sp.talks_to(&server.base);
    let document = serde_json::json!({
        "client_name": "Wiki", "client_uri": "https://wiki.example.org/",
        "saml": { "metadata": sp.metadata(), "attribute_preset": "oid", "name_id_format": "persistent" },
    });
    let document = document.as_object().expect("an object").clone();
    let by = Authority::system();
    let made = server.engine.create_application(&server.tenant, &document, &by).await;
    let id = made.expect("registered").0.id;
    server.app("parcels", |app| app.name = "Parcels".into()).await;
    let at = |path: &str| format!("{}{path}", server.base);
    for (size, width, dark) in LOOKS {
        let name = |page: &str| format!("{page}-{size}");
        let admin = browser(width, dark).await;
        admin.goto(&at("/console/applications")).await;
        admin.sign_in("admin", "admin123").await;
        admin.find("#add-saml").await;
        admin.picture(pictures, &name("console-applications-saml")).await;
        admin.click("#add-saml").await;
        admin.find("#metadata").await;
        admin.run("document.querySelectorAll('details').forEach(one => one.open = true)").await;
        admin.picture(pictures, &name("console-service-provider-new")).await;
        admin.goto(&at(&format!("/console/service-providers/{id}"))).await;
        admin.find("#metadata").await;
        admin.picture(pictures, &name("console-service-provider")).await;
        admin.goto(&at(&format!("/console/service-providers/{id}/test"))).await;
        admin.picture(pictures, &name("console-service-provider-test")).await;
        admin.goto(&at("/console/keys")).await;
        admin.picture(pictures, &name("console-keys-saml")).await;
        admin.quit().await;
        let alex = browser(width, dark).await;
        let request = sp.request(&format!("_{size}"), server.engine.now(), |request| request);
        let path = sp.by_query(
            sojourn_testkit::service_provider::Kind::Request,
            &request.write(),
            None,
            true,
        );
        alex.goto(&at(&path)).await;
        alex.picture(pictures, &name("login-saml")).await;
        alex.sign_in("alex", "alex123").await;
        alex.find("form[action$='/consent']").await;
        alex.picture(pictures, &name("consent-saml")).await;
        alex.quit().await;
    }
    server.stop().await;
}

/// All of them.
async fn everything(pictures: &Path) {
    let folder = Folder::new();
    let port = free_ports(2);
    let _demo = Running::start(&folder.0, &["demo", "--port", &port.to_string()]);
    let at = |path: &str| format!("https://localhost:{port}{path}");
    let app = |n: u16| format!("https://localhost:{}/", port + n);
    let http = client();
    for address in [at("/health/ready"), app(1), app(2)] {
        eventually("everything answers", || async { http.get(&address).send().await.ok() }).await;
    }
    for (size, width, dark) in LOOKS {
        let (alex, admin) = (browser(width, dark).await, browser(width, dark).await);
        let name = |page: &str| format!("{page}-{size}");
        alex.goto(&app(1)).await;
        alex.click("#login").await;
        alex.picture(pictures, &name("login")).await;
        alex.sign_in("alex", "wrong").await;
        alex.picture(pictures, &name("login-wrong")).await;
        alex.sign_in("alex", "alex123").await;
        alex.wait_for("#state", "Signed in as alex").await;
        alex.picture(pictures, &name("application")).await;
        alex.goto(&app(2)).await;
        alex.wait_for("#state", "Signed in as alex").await;
        for (page, path) in [
            ("password", "/myaccount/password"),
            ("profile", "/myaccount/profile"),
            ("history", "/myaccount/history"),
            ("forgot", "/forgot"),
            ("session-service", "/api/sessions/v1/docs"),
            ("account", "/myaccount"),
            ("security", "/myaccount/security"),
        ] {
            alex.goto(&at(path)).await;
            alex.picture(pictures, &name(page)).await;
        }
        alex.click(".session a.button").await;
        alex.picture(pictures, &name("confirm")).await;
        alex.goto(&at("/oidc/logout")).await;
        alex.picture(pictures, &name("logout-question")).await;
        alex.goto(&at("/oauth2/authorize?client_id=nobody")).await;
        alex.picture(pictures, &name("error")).await;
        admin.goto(&at("/console")).await;
        admin.sign_in("admin", "admin").await;
        for page in [
            "",
            "sessions",
            "live",
            "users",
            "groups",
            "roles",
            "applications",
            "applications/new",
            "deliveries",
            "ledger",
            "audit",
            "policies",
            "handlers",
            "handlers/sessionTermination",
            "appearance",
            "design",
            "jobs",
            "keys",
            "tenants",
            "mail",
        ] {
            admin.goto(&at(format!("/console/{page}").trim_end_matches('/'))).await;
            let page = if page.is_empty() { "overview".into() } else { page.replace('/', "-") };
            admin.picture(pictures, &name(&format!("console-{page}"))).await;
        }
        admin.goto(&at("/console/sessions?q=alex")).await;
        admin.click("h2 a").await;
        admin.picture(pictures, &name("console-user")).await;
        admin.click("a[href$='/profile']").await;
        admin.find("#save-profile").await;
        admin.picture(pictures, &name("console-profile")).await;
        admin.goto(&at("/console/sessions?q=username+sw+al")).await;
        admin.fill("#q", "application eq ").await;
        admin.find("#suggestions li").await;
        admin.picture(pictures, &name("console-completion")).await;
        admin.goto(&at("/console/sessions?q=username+sw+al")).await;
        admin.click("#end-found").await;
        admin.find("#forecast").await;
        admin.picture(pictures, &name("console-end")).await;
        admin.goto(&at("/console/sessions?q=alex")).await;
        admin.click("a.end").await;
        admin.click("#confirm").await;
        admin.wait_for(".tag", "ended").await;
        admin.picture(pictures, &name("console-session")).await;
        for page in ["roles", "groups", "applications"] {
            admin.goto(&at(&format!("/console/{page}"))).await;
            if page == "groups" && size == "wide" {
                admin.fill("input[name=name]", "couriers").await;
                admin.click("main form.card button").await;
                admin.find("a[href*='/console/groups/']").await;
                admin.goto(&at("/console/groups")).await;
            }
            admin.click("tbody tr:last-child a").await;
            admin.picture(pictures, &name(&format!("console-one-of-{page}"))).await;
        }
        third_party(&alex, pictures, port, size).await;
        too_many(&http, pictures, port, width, size).await;
        alex.quit().await;
        admin.quit().await;
    }
    dressed(pictures).await;
    credentials::factors(pictures).await;
    credentials::keys(pictures).await;
    organisation::organisation(pictures).await;
}
