//! The demonstration with an organisation: what is in it, and that it is filled once.

use sojourn_testkit::program::{Running, client, eventually, free_ports};
use sojourn_testkit::store::Folder;

async fn get(port: u16, path: &str) -> serde_json::Value {
    let address = format!("https://localhost:{port}{path}");
    let request = client().get(address).basic_auth("admin", Some("admin"));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn it_is_filled_once() {
    let folder = Folder::new();
    let mut found = Vec::new();
    for _ in 0..2 {
        let port = free_ports(6);
        let arguments = ["demo", "--populated", "--port", &port.to_string()];
        let demo = Running::start(&folder.0, &arguments);
        let ready = format!("https://localhost:{port}/health/ready");
        let http = client();
        eventually("it answers", || async { http.get(&ready).send().await.ok() }).await;
        let people = get(port, "/scim2/Users?count=1").await["totalResults"].clone();
        // With alex and admin.
        assert_eq!(people, 1_002);
        let active = get(port, "/api/sessions/v1/sessions?limit=100").await;
        let ended = get(port, "/api/sessions/v1/sessions?state=ended&limit=100").await;
        let count = |list: &serde_json::Value| list["items"].as_array().map_or(0, Vec::len);
        assert!(count(&active) > 10 && count(&ended) == 100, "{active} {ended}");
        found.push(people);
        drop(demo);
    }
    assert_eq!(found[0], found[1]);
}
