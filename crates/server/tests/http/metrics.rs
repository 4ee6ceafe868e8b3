//! `/metrics`: who may read it, and what it says.

use sojourn_server::{MetricsAccess, ServerOptions};
use sojourn_testkit::server::{Answer, TestServer};
use sojourn_testkit::store::Engine as Database;

async fn with(change: impl FnOnce(&mut ServerOptions)) -> TestServer {
    TestServer::with_options(Database::Sqlite, |_| {}, change).await
}

async fn get(server: &TestServer, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.http.get(format!("{}/metrics", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn without_settings_this_machine_and_trusted_proxies_alone_may_read_them() {
    let server = with(|_| {}).await;
    assert_eq!(get(&server, &[]).await.status, 200);
    // Somebody behind a proxy that nobody trusts.
    let refused = get(&server, &[("x-forwarded-for", "203.0.113.9")]).await;
    assert!(refused.status == 403 && refused.body.contains("bearer_token_file"), "{refused:?}");
    let server = with(|options| {
        options.proxies.trusted = vec!["127.0.0.1".parse().expect("a network")];
    })
    .await;
    assert_eq!(get(&server, &[]).await.status, 200, "the proxy's own");
    for header in ["x-forwarded-for", "forwarded"] {
        let value = if header == "forwarded" { "for=203.0.113.9" } else { "203.0.113.9" };
        assert_eq!(get(&server, &[(header, value)]).await.status, 403, "{header}");
    }
}

#[tokio::test]
async fn a_bearer_token_opens_them_from_anywhere() {
    let token = "0123456789abcdef0123456789abcdef";
    let server = with(|options| options.metrics.bearer_token = Some(token.into())).await;
    let good = format!("Bearer {token}");
    for (authorization, status) in
        [("", 401), ("Bearer x", 401), ("Basic x", 401), (token, 401), (&*good, 200)]
    {
        let headers = [("authorization", authorization), ("x-forwarded-for", "203.0.113.9")];
        let answer = get(&server, &headers).await;
        assert_eq!(answer.status, status, "{authorization}");
        assert_eq!(answer.header("www-authenticate").starts_with("Bearer"), status == 401);
    }
}

#[tokio::test]
async fn at_an_address_of_their_own_they_are_nowhere_else() {
    let server = with(|options| {
        options.metrics = MetricsAccess {
            listen: Some("127.0.0.1:0".parse().expect("an address")),
            bearer_token: None,
        };
    })
    .await;
    assert_eq!(get(&server, &[]).await.status, 404);
    let own = server.metrics_address().expect("an address");
    let at = async |path: &str| {
        let answer =
            server.http.get(format!("http://{own}{path}")).send().await.expect("an answer");
        Answer::of(answer).await
    };
    assert!(at("/metrics").await.body.contains("sojourn_build_info{"));
    assert_eq!(at("/login").await.status, 404, "nothing else is there");
}

/// The value of a sample.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).expect(sample)
}

#[tokio::test]
async fn what_happened_is_counted_and_measured() {
    let server = with(|_| {}).await;
    server.user("alex", "alex123", &[]).await;
    let browser = server.browser();
    browser.sign_in("alex", "wrong").await;
    browser.sign_in("alex", "alex123").await;
    browser.get("/assets/nothing.css").await;
    let text = get(&server, &[]).await.body;
    let login = "route=\"/login\",method=\"POST\"";
    for (sample, want) in [
        (format!("sojourn_http_requests_total{{{login},status=\"303\"}}"), 1.0),
        (format!("sojourn_http_requests_total{{{login},status=\"401\"}}"), 1.0),
        (
            "sojourn_http_requests_total{route=\"/assets/{name}\",method=\"GET\",status=\"404\"}"
                .into(),
            1.0,
        ),
        (format!("sojourn_http_request_seconds_count{{{login}}}"), 2.0),
        ("sojourn_sign_ins_total{result=\"success\"}".into(), 1.0),
        ("sojourn_sign_in_seconds_count".into(), 2.0),
        ("sojourn_sessions_live".into(), 1.0),
        ("sojourn_mails_pending".into(), 0.0),
        ("sojourn_jobs_pending".into(), 0.0),
        ("sojourn_hash_queue".into(), 0.0),
    ] {
        assert_eq!(value(&text, &sample), want, "{sample}");
    }
    for sample in [
        "sojourn_database_seconds_count{call=\"read\"}",
        "sojourn_database_seconds_count{call=\"commit\"}",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(value(&text, sample) > 0.0, "{sample}");
    }
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version) && text.trim_end().ends_with("# EOF"));
}
