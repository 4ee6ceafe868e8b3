//! A change of a role: how soon the token is refused and the application told, and what a change that concerns a hundred
//! thousand people does to the requests of others.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post as route_post;
use tokio::sync::mpsc;

use crate::client::{Connection, Target, bare, json, post};
use crate::load::{paced, percentile, workers};
use crate::operations::{Kind, basic, code_flow};
use crate::seed;
use crate::server::{INBOX_PORT, PORT, Server, write_role_config};

/// Role changes one after the other.
const CHANGES: u64 = 500;
/// Introspections a second by others: about a tenth of what the core does.
const RATE: f64 = 3_000.0;
/// How long they are measured before the large change.
const BEFORE: Duration = Duration::from_secs(10);

struct Inbox {
    told: mpsc::UnboundedReceiver<Instant>,
    count: Arc<AtomicU64>,
}

type Sender = (mpsc::UnboundedSender<Instant>, Arc<AtomicU64>);

async fn inbox() -> Inbox {
    let (sender, told) = mpsc::unbounded_channel();
    let count = Arc::new(AtomicU64::new(0));
    let router = Router::new()
        .route(
            "/bclogout",
            route_post(|State((sender, count)): State<Sender>| async move {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = sender.send(Instant::now());
            }),
        )
        .with_state((sender, Arc::clone(&count)));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", INBOX_PORT)).await.expect("a port");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
    Inbox { told, count }
}

async fn bearer(connection: &mut Connection) -> String {
    let form = [("grant_type", "client_credentials")];
    let answer = connection.send(&post("/oauth2/token", &basic("machine"), &form)).await.json();
    format!("authorization: Bearer {}\r\n", answer["access_token"].as_str().expect("a token"))
}

fn shown(name: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    println!(
        "{name}: {:.2} ms in the median, {:.2} at p99",
        percentile(times, 0.5),
        percentile(times, 0.99)
    );
}

/// Runs it all.
pub(crate) async fn run(folder: &Path) -> Result<(), String> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    write_role_config(folder);
    let target = Target::plain(PORT);
    Server::start(folder, "roles.toml", &target).await.stop();
    eprintln!("filling the database …");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64;
    let role = seed::fill_members(&folder.join("data/sojourn.db"), now);
    let mut inbox = inbox().await;
    let server = Server::start(folder, "roles.toml", &target).await;
    one_by_one(&target, &role, &mut inbox).await?;
    large(&target, &role, &inbox).await?;
    server.stop();
    Ok(())
}

/// The role is taken from one person after the other; each has a session with a token in an application.
async fn one_by_one(target: &Target, role: &str, inbox: &mut Inbox) -> Result<(), String> {
    let mut changes = Connection::open(target).await;
    let mut asks = Connection::open(target).await;
    let machine = bearer(&mut changes).await;
    let (mut refused, mut told) = (Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let tokens = code_flow(&mut asks, "rs256", number).await;
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        let user = seed::user_id(number);
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "remove", "path": format!("users[value eq \"{user}\"]")}],
        });
        let path = format!("/scim2/v2/Roles/{role}?excludedAttributes=users");
        let request = json("PATCH", &path, &machine, &body.to_string());
        while inbox.told.try_recv().is_ok() {}
        let began = Instant::now();
        let answer = changes.send(&request).await;
        if answer.status != 200 {
            return Err(format!("a change of a role was answered {}", answer.status));
        }
        let form = [("token", &*token)];
        let answer = asks.send(&post("/oauth2/introspect", &basic("rs256"), &form)).await;
        refused.push(began.elapsed().as_secs_f64() * 1e3);
        if answer.body != b"{\"active\":false}" {
            return Err("a token lived on after the role was taken".into());
        }
        let at = tokio::time::timeout(Duration::from_secs(10), inbox.told.recv()).await;
        let at = at.ok().flatten().ok_or("an application was not told")?;
        told.push(at.duration_since(began).as_secs_f64() * 1e3);
    }
    println!("{CHANGES} changes of a role, one after the other");
    shown("from the change to the refused token", &mut refused);
    shown("from the change to the application told", &mut told);
    Ok(())
}

/// The role is deleted: everyone else loses it at once, and a job ends their sessions.
async fn large(target: &Target, role: &str, inbox: &Inbox) -> Result<(), String> {
    let mut connection = Connection::open(target).await;
    let machine = bearer(&mut connection).await;
    let others = workers(target, Kind::Introspect, seed::MEMBERS).await;
    let (others, mut before) = paced(others, RATE, BEFORE).await;
    let told = inbox.count.load(Ordering::Relaxed);
    let began = Instant::now();
    let answer =
        connection.send(&bare("DELETE", &format!("/scim2/v2/Roles/{role}"), &machine)).await;
    if answer.status != 204 {
        return Err(format!("the removal was answered {}", answer.status));
    }
    let answered = began.elapsed();
    let jobs = connection.send(&bare("GET", "/api/sessions/v1/jobs", &machine)).await.json();
    let id = jobs["items"][0]["id"].as_str().ok_or("no job")?.to_owned();
    let watch = {
        let machine = machine.clone();
        tokio::spawn(async move {
            loop {
                let path = format!("/api/sessions/v1/jobs/{id}");
                let job = connection.send(&bare("GET", &path, &machine)).await.json();
                if job["state"] != "pending" {
                    return (job, began.elapsed());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    let (mut others, mut during) = (others, Vec::new());
    while !watch.is_finished() {
        let (back, some) = paced(others, RATE, Duration::from_millis(500)).await;
        others = back;
        during.extend(some);
    }
    let (job, took) = watch.await.expect("the job is watched");
    if job["state"] != "done" {
        return Err(format!("the job ended as {job}"));
    }
    let ended = job["summary"]["sessions"].as_f64().unwrap_or(0.0);
    println!(
        "a role of {} people deleted: answered after {:.1} ms; {ended} sessions ended in {:.1} s, {:.0} a second, \
         while {RATE} introspections a second were asked for",
        seed::MEMBERS - CHANGES,
        answered.as_secs_f64() * 1e3,
        took.as_secs_f64(),
        ended / took.as_secs_f64(),
    );
    shown("introspection of others before", &mut before);
    shown("introspection of others meanwhile", &mut during);
    let all = seed::MEMBERS - CHANGES;
    while inbox.count.load(Ordering::Relaxed) - told < all {
        if began.elapsed() > Duration::from_secs(300) {
            return Err("not every application was told".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("all {all} stays told: {:.1} s after the deletion", began.elapsed().as_secs_f64());
    Ok(())
}
