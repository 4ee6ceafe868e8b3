//! Whoever sends nothing, slowly or too much is let go, and takes no place from others.

use std::time::Duration;

use sojourn_server::{Admission, Times};
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn quick() -> Times {
    let ms = Duration::from_millis;
    Times {
        first_request: ms(300),
        idle: ms(300),
        body: ms(300),
        unread: ms(300),
        ..Times::default()
    }
}

async fn server(times: Times, admission: Admission) -> TestServer {
    TestServer::with_options(
        Engine::Sqlite,
        |_| {},
        |options| {
            options.times = times;
            options.admission = admission;
        },
    )
    .await
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.base.trim_start_matches("http://")).await.expect("connects")
}

/// Everything that comes until the server closes. A connection that is cut is closed as well.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A whole answer of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.expect("an answer");
        assert!(read > 0, "closed: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.ends_with("}") {
            return text;
        }
    }
}

const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn silence_and_slowness_are_not_waited_for() {
    let server = server(quick(), Admission::default()).await;
    // Nothing at all; half a head; a head that never ends, a byte at a time; then silence after an answer.
    let mut silent = connect(&server).await;
    let mut half = connect(&server).await;
    half.write_all(b"GET /health/live HTTP/1.1\r\nhost: loc").await.expect("sent");
    let mut done = connect(&server).await;
    done.write_all(LIVE).await.expect("sent");
    assert!(answer(&mut done).await.contains("200 OK"));
    let mut preface = connect(&server).await;
    preface.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("sent");
    for stream in [&mut silent, &mut half, &mut done, &mut preface] {
        let _ = until_closed(stream).await;
    }
    let (mut reader, mut writer) = connect(&server).await.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"a").await.is_ok() {
            #[expect(clippy::disallowed_methods, reason = "a slow client is what this is about")]
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut rest = Vec::new();
    let _ = reader.read_to_end(&mut rest).await;
    trickle.await.expect("its connection was closed");
    // A body that doesn't come is answered.
    let mut body = connect(&server).await;
    let head = "POST /oauth2/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\ngrant";
    body.write_all(head.as_bytes()).await.expect("sent");
    let told = until_closed(&mut body).await;
    assert!(told.starts_with("HTTP/1.1 408"), "{told}");
    let metrics = server.http.get(format!("{}/metrics", server.base)).send().await;
    let metrics = metrics.expect("metrics").text().await.expect("text");
    for reason in ["first_request", "idle"] {
        let line = format!("sojourn_connections_closed_total{{result=\"{reason}\"}}");
        assert!(metrics.contains(&line), "{reason}: {metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_read_the_answer_is_let_go() {
    let server = server(quick(), Admission::default()).await;
    let mut stream = connect(&server).await;
    // Requests without end, and nobody takes the answers.
    let mut sent = 0_u64;
    let request = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: localhost\r\n\r\n";
    while stream.write_all(request).await.is_ok() {
        sent += 1;
        assert!(sent < 10_000_000, "nobody stops it");
    }
}

/// An HTTP/2 peer that answers pings and never takes a byte of its answer holds no place either.
#[tokio::test]
async fn a_window_of_zero_holds_no_place() {
    let server = server(quick(), Admission::default()).await;
    let mut stream = connect(&server).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS with INITIAL_WINDOW_SIZE 0, then GET /oauth2/jwks (HPACK: 2, 6 and literals without an index).
    bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    let mut head = vec![0x82, 0x86, 0x04, 12];
    head.extend(b"/oauth2/jwks");
    head.extend([0x01, 9]);
    head.extend(b"localhost");
    bytes.extend([0, 0, u8::try_from(head.len()).expect("short"), 1, 5, 0, 0, 0, 1]);
    bytes.extend(head);
    stream.write_all(&bytes).await.expect("sent");
    // It reads what comes, the head of the answer included, and gives no window.
    let _ = until_closed(&mut stream).await;
    let metrics = server.http.get(format!("{}/metrics", server.base)).send().await;
    let metrics = metrics.expect("metrics").text().await.expect("text");
    assert!(metrics.contains("/oauth2/jwks"), "it was asked: {metrics}");
    assert!(metrics.contains("sojourn_connections_closed_total{result=\"unread\"}"), "{metrics}");
}

#[tokio::test]
async fn at_the_limit_the_one_that_was_idle_longest_goes() {
    let admission = Admission { connections: 20, of_one_address: 20 };
    let server = server(Times::default(), admission).await;
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(connect(&server).await);
    }
    // Sixty were held by someone who says nothing; whoever comes is served all the same.
    let mut late = connect(&server).await;
    late.write_all(LIVE).await.expect("sent");
    assert!(answer(&mut late).await.contains("200 OK"));
    let _ = until_closed(&mut idle[0]).await;
    let open = eventually("forty are gone", async || {
        let answer = server.http.get(format!("{}/metrics", server.base)).send().await.ok()?;
        let text = answer.text().await.ok()?;
        let line = text.lines().find(|line| line.starts_with("sojourn_connections_open "))?;
        let open: usize = line.rsplit(' ').next()?.parse().ok()?;
        (open <= 20).then_some(open)
    })
    .await;
    assert!(open > 10, "{open}");
    server.stop().await;
}

/// The status of a request over one version or the other; none when the connection was closed.
async fn asked(server: &TestServer, two: bool, long: usize) -> Option<u16> {
    use http_body_util::Empty;
    use hyper::client::conn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let address = server.base.trim_start_matches("http://");
    let request = http::Request::get(format!("{}/health/live", server.base))
        .header("host", address)
        .header("x-long", "x".repeat(long))
        .body(Empty::<bytes::Bytes>::new())
        .expect("a request");
    let stream = TokioIo::new(connect(server).await);
    let answer = if two {
        let (mut send, driver) = conn::http2::handshake(TokioExecutor::new(), stream).await.ok()?;
        tokio::spawn(driver);
        send.send_request(request).await
    } else {
        let (mut send, driver) = conn::http1::handshake(stream).await.ok()?;
        tokio::spawn(driver);
        send.send_request(request).await
    };
    answer.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn heads_have_the_same_limit_in_both_versions() {
    let server = server(Times::default(), Admission::default()).await;
    for two in [false, true] {
        assert_eq!(asked(&server, two, 50_000).await, Some(200), "HTTP/2: {two}");
        assert_ne!(asked(&server, two, 80_000).await, Some(200), "HTTP/2: {two}");
        assert_eq!(asked(&server, two, 10).await, Some(200), "HTTP/2: {two}");
    }
}

/// The status, length and body of the response to a request without a body.
async fn exchanged(
    server: &TestServer,
    two: bool,
    method: &str,
    path: &str,
) -> (u16, String, usize) {
    use http_body_util::{BodyExt as _, Empty};
    use hyper::client::conn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.base))
        .header("host", server.base.trim_start_matches("http://"))
        .body(Empty::<bytes::Bytes>::new())
        .expect("a request");
    let stream = TokioIo::new(connect(server).await);
    let answer = if two {
        let (mut send, driver) =
            conn::http2::handshake(TokioExecutor::new(), stream).await.expect("connects");
        tokio::spawn(driver);
        send.send_request(request).await
    } else {
        let (mut send, driver) = conn::http1::handshake(stream).await.expect("connects");
        tokio::spawn(driver);
        send.send_request(request).await
    };
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    let length =
        answer.headers().get("content-length").map(|text| text.to_str().expect("text").to_owned());
    let body = answer.into_body().collect().await.expect("a body that fits its head").to_bytes();
    (status, length.unwrap_or_default(), body.len())
}

#[tokio::test]
async fn what_is_refused_has_no_body_for_head_and_its_length() {
    let server = TestServer::start().await;
    for path in
        ["/assets/none.css", "/api/users/v1/me/sessions", "/api/sessions/v1/jobs", "/scim2/Users"]
    {
        for two in [false, true] {
            let (status, _, length) = exchanged(&server, two, "GET", path).await;
            assert!((400..500).contains(&status) && length > 0, "{path}: {status} {length}");
            let want = (status, length.to_string(), 0);
            assert_eq!(exchanged(&server, two, "HEAD", path).await, want, "{path}, HTTP/2: {two}");
        }
    }
    server.stop().await;
}

/// What has begun is finished, whoever waits for it.
#[tokio::test]
async fn what_a_client_began_and_left_is_finished() {
    let server = TestServer::start().await;
    let inbox = sojourn_testkit::inbox::Inbox::start().await;
    let uri = inbox.uri();
    server.app("told", |app| app.backchannel_logout_uri = Some(uri)).await;
    server.user("admin", "password", &["admin"]).await;
    for round in 0..8 {
        let name = format!("person-{round}");
        let person = server.user(&name, "password", &[]).await;
        let browser = server.signed_in(&name, "password").await;
        server.tokens(&browser, "told", "openid").await;
        let address = server.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let body = format!(r#"{{"users":["{}"]}}"#, person.id);
        let request = format!(
            "POST /api/sessions/v1/end HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             authorization: Basic YWRtaW46cGFzc3dvcmQ=\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        // Gone before the answer, at another moment each time.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        drop(stream);
        inbox.wait_for(round + 1).await;
    }
    server.stop().await;
}
