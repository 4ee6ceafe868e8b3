//! What the log says of requests and of failed sign-ins.

use sojourn_testkit::program::client;
use sojourn_testkit::server::Browser;

use crate::site::Site;

/// The part of a line that follows a text.
fn after<'l>(lines: &'l str, text: &str) -> Vec<&'l str> {
    lines.lines().filter_map(|line| line.split_once(text)).map(|(_, rest)| rest).collect()
}

#[tokio::test]
async fn each_failed_sign_in_is_a_line_that_programs_read() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "[log]\naccess = true\n");
    let running = site.serve().await;
    let browser = Browser::new(&site.at(""), client());
    let long = "x".repeat(200);
    let forged = "al\nsign-in failed address=192.0.2.1 tenant=\"";
    for name in ["alex", "nobody", forged, &long] {
        assert_eq!(browser.sign_in(name, "wrong").await.status, 401);
    }
    let basic = site.http.get(site.at("/scim2/Users")).basic_auth("alex", Some("wrong"));
    assert_eq!(basic.send().await.expect("an answer").status(), 401);
    let words = running.stop();
    let failed = after(&words, ": sojourn::sign_in: sign-in failed ");
    let of = |reason: &str, login: &str| {
        format!("address=127.0.0.1 tenant=carbon.super reason={reason} login={login}")
    };
    let expected = [
        of("wrong_password", "\"alex\""),
        of("unknown_user", "\"nobody\""),
        of("unknown_user", "\"al\\nsign-in failed address=192.0.2.1 tenant=\\\"\""),
        of("unknown_user", &format!("\"{}\"", "x".repeat(64))),
        of("wrong_password", "\"alex\""),
    ];
    assert_eq!(failed, expected, "{words}");
    let served =
        after(&words, " sojourn::access: served address=127.0.0.1 method=POST path=\"/login\"");
    assert_eq!(served.len(), 4, "{words}");
    assert!(served.iter().all(|line| line.contains("route=\"/login\" status=401")), "{words}");
}

#[tokio::test]
async fn requests_are_no_lines_unless_they_are_asked_for() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let running = site.serve().await;
    assert_eq!(Browser::new(&site.at(""), client()).get("/login").await.status, 200);
    let words = running.stop();
    assert!(words.contains("ready") && !words.contains("sojourn::access"), "{words}");
}
