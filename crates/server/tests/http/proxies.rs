//! Behind proxies that others wrote, with the configurations of the docs.

use sojourn_server::{ProxyOptions, tls};
use sojourn_testkit::program::{client_from, free_ports};
use sojourn_testkit::proxies::{Kind, Proxy, documented};
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::store::{Engine, Folder};

/// A person's address, and that of somebody who reaches the server without the proxy.
const PERSON: &str = "127.0.0.2";
const STRANGER: &str = "127.0.0.3";

struct Behind {
    server: TestServer,
    base: String,
    proxy: Proxy,
    _folder: Folder,
}

/// A server behind a proxy with the `n`th configuration of a kind.
async fn behind(kind: Kind, n: usize, passes_tls: bool) -> Behind {
    let folder = Folder::new();
    let files = tls::local_certificate(&folder.0, "proxy").expect("a certificate");
    let port = free_ports(0);
    let base = format!("https://localhost:{port}");
    let own = passes_tls.then(|| tls::server_config(&files, None).expect("TLS"));
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| settings.base_url.clone_from(&base),
        |options| {
            options.tls = own;
            options.proxies = ProxyOptions {
                trusted: vec!["127.0.0.1".parse().expect("an address")],
                proxy_protocol: passes_tls,
                prefer_forwarded: false,
            };
        },
    )
    .await;
    server.user("cleo", "cleo-123", &[]).await;
    server.app("shop", |_| {}).await;
    let upstream = server.base.rsplit(':').next().and_then(|port| port.parse().ok());
    let ports = (port, upstream.expect("a port"));
    let language = if kind == Kind::Nginx { "nginx" } else { "haproxy" };
    let text = documented(language, n);
    let proxy = Proxy::start(kind, &text, ports, (&files.certificate, &files.key)).await;
    Behind { server, base, proxy, _folder: folder }
}

impl Behind {
    async fn addresses(&self) -> Vec<String> {
        let user = self.server.engine.user_named(&self.server.tenant, "cleo").await.expect("cleo");
        let found = self.server.engine.sessions_of_user(&self.server.tenant, user.id).await;
        found.expect("read").into_iter().map(|view| view.session.ip).collect()
    }

    async fn stop(self) {
        drop(self.proxy);
        self.server.stop().await;
    }
}

#[tokio::test]
async fn the_address_is_the_persons_behind_every_proxy() {
    let kinds = [(Kind::Nginx, 0, false), (Kind::HaProxy, 0, false), (Kind::HaProxy, 1, true)];
    for (kind, n, passes_tls) in kinds {
        let here = behind(kind, n, passes_tls).await;
        let browser = Browser::new(&here.base, client_from(PERSON));
        let signed_in = browser.sign_in("cleo", "cleo-123").await;
        assert_eq!(signed_in.status, 303, "{kind:?}: {signed_in:?}");
        assert_eq!(here.addresses().await, [PERSON], "{kind:?}");
        // What the person makes up to the left of what the proxy appends.
        let spoofed = client_from(PERSON).get(format!("{}/health/ready", here.base));
        let spoofed = spoofed.header("x-forwarded-for", "192.0.2.9").send().await;
        assert_eq!(spoofed.expect("an answer").status(), 200, "{kind:?}");
        here.stop().await;
    }
}

#[tokio::test]
async fn what_strangers_say_of_their_address_is_ignored() {
    let here = behind(Kind::Nginx, 0, false).await;
    // Past the proxy, and through it with a header that it passes on as it is.
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.9"),
        ("forwarded", "for=192.0.2.9;proto=https"),
        ("x-forwarded-proto", "https"),
    ] {
        headers.insert(name, value.parse().expect("a value"));
    }
    let client = |address: &str| {
        reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .local_address(address.parse::<std::net::IpAddr>().expect("an address"))
            .default_headers(headers.clone())
            .build()
            .expect("a client")
    };
    let direct = Browser::new(&here.server.base, client(STRANGER));
    let page = direct.get("/login").await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form =
        [("csrf", &*csrf), ("ticket", &*ticket), ("username", "cleo"), ("password", "cleo-123")];
    assert_eq!(direct.post_from(&here.base, "/login", &form).await.status, 303);
    let through = Browser::new(&here.base, client(PERSON));
    assert_eq!(through.sign_in("cleo", "cleo-123").await.status, 303);
    let mut addresses = here.addresses().await;
    addresses.sort();
    assert_eq!(addresses, [PERSON, STRANGER]);
    here.stop().await;
}

/// Where an answer leads, by its header or by its page.
fn to(answer: &Answer) -> String {
    if answer.status == 303 {
        return answer.location().to_owned();
    }
    let page = answer.body.split_once("content=\"0;url=").map(|(_, rest)| rest);
    let to = page.and_then(|rest| rest.split('"').next()).expect("it leads on");
    to.replace("&amp;", "&")
}

fn header_bytes(answer: &Answer) -> usize {
    answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// nginx answers 502 when an answer has more than 4 KiB of headers.
#[tokio::test]
async fn a_request_of_four_kilobytes_comes_through() {
    let here = behind(Kind::Nginx, 0, false).await;
    let browser = Browser::new(&here.base, client_from(PERSON));
    for length in [10, 2_300, 3_600] {
        let state = "s".repeat(length);
        let more = [("state", &*state), ("prompt", "login")];
        let asked = browser.ask("shop", "openid", &more).await;
        assert!(header_bytes(&asked) < 4096, "{length}: {}", header_bytes(&asked));
        let page = browser.get(&to(&asked)).await;
        assert_eq!(page.status, 200, "{length}: {page:?}");
        assert!(header_bytes(&page) < 4096, "{length}");
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        let form = [
            ("csrf", &*csrf),
            ("ticket", &*ticket),
            ("username", "cleo"),
            ("password", "cleo-123"),
        ];
        let signed_in = browser.post("/login", &form).await;
        assert!(header_bytes(&signed_in) < 4096, "{length}");
        let answer = browser.get(&to(&signed_in)).await;
        assert!(header_bytes(&answer) < 4096, "{length}: {}", header_bytes(&answer));
        let back = url::Url::parse(&to(&answer)).expect("an address");
        let of = |name: &str| {
            back.query_pairs().find(|(key, _)| key == name).map(|(_, v)| v.into_owned())
        };
        assert!(of("code").is_some(), "{length}: {back}");
        assert_eq!(of("state").as_deref(), Some(&*state));
    }
    here.stop().await;
}

/// A stream begins at once, though nothing happens for a long time.
#[tokio::test]
async fn an_event_stream_begins_at_once_behind_a_proxy() {
    let here = behind(Kind::Nginx, 0, false).await;
    let browser = Browser::new(&here.base, client_from(PERSON));
    assert_eq!(browser.sign_in("cleo", "cleo-123").await.status, 303);
    let cookie = browser.cookie("__Host-sojourn").expect("signed in");
    let stream = client_from(PERSON).get(format!("{}/myaccount/events", here.base));
    let stream = stream.header("cookie", format!("__Host-sojourn={cookie}")).send().await;
    let mut stream = stream.expect("an answer");
    let header = |name: &str| stream.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!((stream.status().as_u16(), header("cache-control")), (200, Some("no-store")));
    let first = stream.chunk().await.expect("read").expect("a first byte");
    assert!(first.starts_with(b":"), "{first:?}");
    drop(stream);
    here.stop().await;
}
