//! People behind nginx sign in, work, refresh and leave, for as long as is wanted, while certificates are renewed and the
//! configuration is reloaded. Nothing that is right may be refused, and the memory may not grow.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sojourn_server::tls;
use sojourn_testkit::program::{Running, client_from, eventually, free_ports};
use sojourn_testkit::proxies::{Kind, Proxy, documented};
use sojourn_testkit::server::{Answer, Browser, CALLBACK, VERIFIER};
use sojourn_testkit::store::Folder;

const PEOPLE: usize = 500;
const MINUTES: u64 = 30;
/// Everybody comes from the same few addresses, as from an office.
const OFFICES: usize = 4;
/// Within this time everybody has arrived.
const ARRIVAL: Duration = Duration::from_secs(30);
/// By how much the memory may be larger at the end than after two thirds of the time, when the page cache of the database's
/// writer (64 MiB) is full.
const GROWTH_MAX: f64 = 1.10;
/// How long everybody pauses when it is measured: until no password is hashed any more, each of which takes 19 MiB. With a
/// clock that goes 48 times as fast it is shorter than the time after which a session ends unused.
const BREAK: Duration = Duration::from_secs(9);

/// What was asked, and what went wrong.
#[derive(Default)]
struct Book {
    requests: AtomicU64,
    ended: AtomicBool,
    /// Everybody pauses.
    paused: AtomicBool,
    refused: Mutex<BTreeMap<String, u64>>,
}

impl Book {
    /// Notes an answer that has to have one of these statuses.
    fn expect(&self, what: &str, answer: &Answer, statuses: &[u16]) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let good = statuses.contains(&answer.status);
        if !good {
            let body: String = answer.body.chars().take(80).collect();
            let line = format!("{what}: {} {body:?}", answer.status);
            *self.refused.lock().expect("a book").entry(line).or_default() += 1;
        }
        good
    }
}

/// A pause of one to four seconds, another one each time; longer while everybody pauses.
async fn think(seed: &mut u64, book: &Book) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    tokio::time::sleep(Duration::from_millis(1_000 + *seed % 3_000)).await;
    while book.paused.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The memory while nobody does anything: the least of the last seconds of a pause.
async fn at_rest(process: u32, book: &Book) -> u64 {
    book.paused.store(true, Ordering::Relaxed);
    tokio::time::sleep(BREAK * 2 / 3).await;
    let mut least = u64::MAX;
    for _ in 0..BREAK.as_secs() / 3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        least = least.min(resident_kb(process));
    }
    book.paused.store(false, Ordering::Relaxed);
    least
}

async fn tokens(http: &reqwest::Client, base: &str, form: &[(&str, &str)]) -> Answer {
    let request = http.post(format!("{base}/oauth2/token")).form(form);
    let answer = request.basic_auth("app", Some("an-application-secret")).send().await;
    Answer::of(answer.expect("an answer")).await
}

/// One person, over and over.
async fn person(number: usize, base: String, book: &Book) {
    let http = client_from(&format!("127.0.0.{}", 2 + number % OFFICES));
    let mut seed = 0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1);
    let name = format!("person-{number}");
    // An office fills over some time.
    tokio::time::sleep(ARRIVAL * number as u32 / PEOPLE as u32).await;
    while !book.ended.load(Ordering::Relaxed) {
        think(&mut seed, book).await;
        let browser = Browser::new(&base, http.clone());
        let asked = browser.authorize("app", "openid offline_access", &[]).await;
        if !book.expect("authorize", &asked, &[302, 303]) {
            continue;
        }
        let signed_in = browser.sign_in_at(asked.location(), &name, "rainy-tuesday-9", false).await;
        if !book.expect("sign in", &signed_in, &[303]) {
            continue;
        }
        let answer = browser.get(signed_in.location()).await;
        book.expect("on to the application", &answer, &[302, 303]);
        let Some(code) = answer.redirect_param("code") else { continue };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let redeemed = tokens(&http, &base, &form).await;
        if !book.expect("redeem", &redeemed, &[200]) {
            continue;
        }
        let mut given = redeemed.json();
        for round in 0..8 {
            think(&mut seed, book).await;
            let access = given["access_token"].as_str().unwrap_or_default().to_owned();
            let request = http.get(format!("{base}/oauth2/userinfo")).bearer_auth(access);
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            book.expect("userinfo", &answer, &[200]);
            if round % 3 == 0 {
                book.expect("My Account", &browser.get("/myaccount").await, &[200]);
            }
            if round % 2 == 1 {
                let refresh = given["refresh_token"].as_str().unwrap_or_default().to_owned();
                let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
                let answer = tokens(&http, &base, &form).await;
                if book.expect("refresh", &answer, &[200]) {
                    given = answer.json();
                }
            }
        }
        let page = browser.get("/myaccount").await;
        book.expect("My Account", &page, &[200]);
        let csrf = page.field("csrf");
        let left = browser.post("/logout", &[("csrf", &csrf)]).await;
        book.expect("sign out", &left, &[200, 303]);
    }
}

/// Kilobytes of memory that a process holds.
fn resident_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}

/// Another certificate in the place of the one before.
fn renew(folder: &Path, number: u64) {
    let fresh = folder.join(format!("fresh-{number}"));
    let files = tls::local_certificate(&fresh, "server").expect("a certificate");
    for (from, name) in [(files.key, "server.key"), (files.certificate, "server.pem")] {
        std::fs::rename(from, folder.join(name)).expect("renewed");
    }
    std::fs::remove_dir_all(fresh).expect("removed");
}

fn configuration(folder: &Path, base: &str, port: u16, level: &str) {
    let text = format!(
        r#"[server]
base_url = "{base}"
listen = "127.0.0.1:{port}"
certificate = "server.pem"
key = "server.key"
trusted_proxies = ["127.0.0.1"]

[log]
level = "{level}"

[super_admin]
username = "admin"
password = "a-long-password-of-the-administrator"

[[application]]
client_id = "app"
client_secret = "an-application-secret"
redirect_uris = ["{CALLBACK}"]
"#
    );
    std::fs::write(folder.join("deployment.toml"), text).expect("written");
}

async fn fill(http: &reqwest::Client, base: &str) {
    for number in 0..PEOPLE {
        let body: Value = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("person-{number}"), "password": "rainy-tuesday-9"
        });
        let request = http.post(format!("{base}/scim2/Users")).json(&body);
        let request = request.basic_auth("admin", Some("a-long-password-of-the-administrator"));
        let status = request.send().await.expect("an answer").status();
        assert_eq!(status, 201, "person {number}");
    }
}

/// Runs it; `args` may say for how many minutes. An error is why the run is no good.
pub(crate) async fn run(args: &[String]) -> Result<(), String> {
    let minutes = args.first().and_then(|text| text.parse().ok()).unwrap_or(MINUTES);
    let folder = Folder::new();
    let port = free_ports(1);
    let base = format!("https://localhost:{port}");
    renew(&folder.0, 0);
    configuration(&folder.0, &base, port + 1, "warn");
    let server = Running::start(&folder.0, &["serve"]);
    let front = tls::local_certificate(&folder.0.join("front"), "proxy").expect("a certificate");
    let text = documented("nginx", 0).replace("proxy_pass http://", "proxy_pass https://");
    let files = (&*front.certificate, &*front.key);
    let proxy = Proxy::start(Kind::Nginx, &text, (port, port + 1), files).await;
    let http = client_from("127.0.0.9");
    let ready = format!("{base}/health/ready");
    eventually("the server is ready", || async {
        http.get(&ready).send().await.ok().filter(|answer| answer.status() == 200)
    })
    .await;
    fill(&http, &base).await;
    let book: &'static Book = Box::leak(Box::default());
    let people: Vec<_> =
        (0..PEOPLE).map(|number| tokio::spawn(person(number, base.clone(), book))).collect();
    let (began, mut before, mut last) = (Instant::now(), 0, 0);
    println!("minute  requests  resident MiB, at rest");
    for minute in 1..=minutes {
        tokio::time::sleep_until((began + Duration::from_secs(60 * minute)).into()).await;
        renew(&folder.0, minute);
        let level = if minute % 2 == 0 { "warn" } else { "error" };
        configuration(&folder.0, &base, port + 1, level);
        let mut reload = std::process::Command::new("kill");
        let told = reload.args(["-HUP", &server.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "the server is there");
        let warm = minute == (minutes * 2 / 3).max(1);
        if minute % 5 == 0 || warm || minute == minutes {
            last = at_rest(server.id(), book).await;
            let requests = book.requests.load(Ordering::Relaxed);
            println!("{minute:6}  {requests:8}  {:.1}", last as f64 / 1024.0);
        }
        if warm {
            before = last;
        }
    }
    book.ended.store(true, Ordering::Relaxed);
    for person in people {
        person.await.map_err(|error| format!("a person met what they never should: {error}"))?;
    }
    let growth = last as f64 / before as f64;
    drop(proxy);
    let words = server.stop();
    let refused = book.refused.lock().expect("a book");
    println!("memory at the end / after two thirds of the time: {growth:.3}");
    println!("refused: {refused:#?}");
    if !words.trim().is_empty() {
        println!("the server said:\n{words}");
    }
    if !refused.is_empty() {
        return Err("requests were refused that should not be".into());
    }
    if growth > GROWTH_MAX {
        return Err(format!("the memory grew by a factor of {growth:.3}"));
    }
    Ok(())
}
