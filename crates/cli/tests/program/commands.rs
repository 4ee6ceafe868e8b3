//! Commands, alone and beside a running server.

use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;

use crate::site::Site;

#[tokio::test]
async fn a_role_taken_away_by_command_reaches_applications_of_the_running_server() {
    let inbox = Inbox::start().await;
    let site = Site::new(&inbox.uri(), "");
    let server = site.serve().await;
    let tokens = site.tokens().await;
    let access = tokens["access_token"].as_str().expect("a token");
    let (good, text) = site.command(&["role", "unassign", "staff", "alex"], "");
    assert!(good && text.contains("Sessions ended: 1."), "{text}");
    assert!(!site.active(access).await, "at once");
    inbox.wait_for(1).await;
    assert!(server.terminate());
}

#[tokio::test]
async fn article_000_by_every_command_that_takes_a_role_away() {
    let inbox = Inbox::start().await;
    let site = Site::new(&inbox.uri(), "[throttle]\nper_account = 1000\n");
    let server = site.serve().await;
    let run = |args: &[&str]| {
        let (good, text) = site.command(args, "");
        assert!(good, "{args:?}: {text}");
    };
    run(&["role", "unassign", "staff", "alex"]);
    run(&["group", "add", "post"]);
    let ways: [(&[&[&str]], &[&str]); 5] = [
        (&[&["role", "assign", "staff", "alex"]], &["role", "unassign", "staff", "alex"]),
        (
            &[&["group", "carry", "post", "staff"], &["group", "join", "post", "alex"]],
            &["group", "leave", "post", "alex"],
        ),
        (&[&["group", "join", "post", "alex"]], &["group", "drop", "post", "staff"]),
        (&[&["group", "carry", "post", "staff"]], &["group", "remove", "post"]),
        (&[&["role", "assign", "staff", "alex"]], &["role", "remove", "staff"]),
    ];
    for (number, (given, taken)) in ways.iter().enumerate() {
        given.iter().for_each(|args| run(args));
        let tokens = site.tokens().await;
        let access = tokens["access_token"].as_str().expect("a token");
        assert!(site.active(access).await);
        run(taken);
        assert!(!site.active(access).await, "{taken:?}");
        inbox.wait_for(number + 1).await;
    }
    assert!(server.terminate());
}

/// `sojourn user list | head`: nobody reads on.
#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    use std::process::{Command, Stdio};
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    for args in [
        &["user", "list"][..],
        &["user", "list", "--json"],
        &["tenant", "list"],
        &["role", "list"],
        &["key", "list"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        let (read, write) = std::io::pipe().expect("a pipe");
        drop(read);
        let output = Command::new(sojourn_testkit::program::path())
            .args(args)
            .current_dir(&site.folder.0)
            .stdin(Stdio::null())
            .stdout(write)
            .stderr(Stdio::piped())
            .output()
            .expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        assert!(
            !errors.contains("panicked") && !errors.contains("Broken pipe"),
            "{args:?}: {errors}"
        );
    }
}

#[tokio::test]
async fn applications() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let server = site.serve().await;
    let json = |args: &[&str]| -> serde_json::Value {
        let (good, text) = site.command(&[&["--json"], args].concat(), "");
        assert!(good, "{args:?}: {text}");
        // The log follows on standard error.
        let mut all = serde_json::Deserializer::from_str(&text).into_iter();
        all.next().expect("something").expect("JSON")
    };
    let redirect = "--redirect-uri=https://shop.test/cb";
    let made = json(&["application", "add", "shop", "--name", "Shop", redirect, "--first-party"]);
    let first = made["client_secret"].as_str().expect("a secret").to_owned();
    let good = async |secret: &str| {
        let request = site.http.post(site.at("/oauth2/introspect")).form(&[("token", "x")]);
        let answer = request.basic_auth("shop", Some(secret)).send().await.expect("an answer");
        answer.status() == 200
    };
    // The running server looks within a second.
    let becomes = async |secret: &str, wanted: bool| {
        eventually("the server has seen it", || async {
            (good(secret).await == wanted).then_some(())
        })
        .await;
    };
    becomes(&first, true).await;
    let made = json(&["app", "secret", "shop", "--keep-previous", "2h"]);
    let second = made["client_secret"].as_str().expect("a secret").to_owned();
    becomes(&second, true).await;
    assert!(good(&first).await);
    let shown = json(&["app", "show", "shop"]);
    assert_eq!((&shown["client_name"], &shown["first_party"]), (&"Shop".into(), &true.into()));
    assert_eq!(shown["secrets"].as_array().map(Vec::len), Some(2), "{shown}");
    for (args, works, want) in [
        (&["app", "secret", "shop", "--drop-previous"][..], true, "shop "),
        (&["app", "secret", "shop", "--keep-previous", "91d"], false, "90 days"),
        (
            &["app", "set", "shop", "token_binding=none", "audiences=[\"https://api\"]"],
            true,
            "shop ",
        ),
        (&["app", "show", "shop"], true, "token_binding = none"),
        (&["app", "set", "shop", "redirect_uris=[\"/x\"]"], false, "no absolute"),
        (&["app", "set", "shop", "nothing"], false, "name=value"),
        (&["app", "set", "app", "client_name=x"], false, "belongs to deployment.toml"),
        (
            &[
                "app",
                "add",
                "spa",
                "--public",
                redirect,
                "--set",
                "grant_types=[\"authorization_code\"]",
            ],
            true,
            "spa ",
        ),
        (&["app", "secret", "spa"], false, "has no secret"),
        (&["app", "add", "spa", redirect], false, "already exists"),
        (&["app", "list"], true, "spa"),
        (&["app", "show", "gone"], false, "there is no application 'gone'"),
        (&["--tenant", "acme", "app", "list"], false, "there is no tenant 'acme'"),
    ] {
        let (good, text) = site.command(args, "");
        assert!(good == works && text.contains(want), "{args:?}: {text}");
    }
    becomes(&first, false).await;
    assert!(good(&second).await);
    assert!(site.command(&["app", "remove", "shop"], "").0);
    becomes(&second, false).await;
    assert!(server.terminate());
}

#[tokio::test]
async fn users_roles_and_sessions() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    for (args, input, good, want) in [
        (&["user", "add", "sam", "--name", "Sam"][..], "words of samwise\n", true, "sam "),
        (&["user", "add", "SAM"], "other words here\n", false, "already exists"),
        (
            &["user", "add", "a\u{200b}b"],
            "other words here\n",
            false,
            "an invisible character (U+200B)",
        ),
        (&["user", "add", "nopass"], "", false, "no password was given"),
        (&["user", "list", "s"], "", true, "sam"),
        (&["--as-json", "user", "list"], "", true, "\"login_name\": \"sam\""),
        (&["role", "add", "audit", "--permission", "internal_session_view"], "", true, "audit "),
        (&["role", "assign", "audit", "sam"], "", true, "Assigned. Sessions ended: 0."),
        (&["role", "assign", "audit", "nobody"], "", false, "user not found"),
        (&["role", "list"], "", true, "internal_session_view"),
        (&["session", "list", "sam"], "", true, "SESSION"),
        (&["session", "end", "sam", "--dry-run"], "", true, "Would end: 0 sessions"),
        (&["session", "end", "sam", "--session", "x"], "", false, "64 hex digits"),
        (&["user", "invite", "sam"], "", false, "configure [mail]"),
        (&["user", "password", "sam"], "a-new-password-for-sam\n", true, "every session has ended"),
        (&["user", "disable", "sam"], "", true, "disabled"),
        (&["user", "enable", "sam"], "", true, "is enabled"),
        (&["user", "lock", "sam"], "", true, "locked"),
        (&["user", "unlock", "sam"], "", true, "is enabled"),
        (&["user", "expire-password", "sam"], "", true, "A new password is required"),
        (&["user", "password", "sam"], "short\n", false, "15 characters"),
        (&["group", "add", "post"], "", true, "post "),
        (&["group", "join", "post", "sam"], "", true, "in the group"),
        (&["group", "list"], "", true, "post"),
        (&["user", "remove", "sam"], "", true, "removed"),
        (&["tenant", "add", "acme", "--owner", "olga"], "a long word of olga\n", true, "/t/acme"),
        (&["tenant", "list"], "", true, "acme"),
        (&["--tenant", "acme", "user", "add", "ada"], "a long word of ada\n", true, "ada "),
        (&["user", "list", "a", "--tenant", "acme"], "", true, "ada"),
        (&["user", "list", "ada"], "", true, "LOGIN NAME"),
        (&["role", "add", "acmes", "--tenant", "acme"], "", true, "acmes "),
        (&["role", "assign", "acmes", "ada", "--tenant", "acme"], "", true, "Assigned."),
        (&["role", "assign", "acmes", "ada"], "", false, "not found"),
        (&["sessions", "list", "ada", "--tenant", "acme", "--json"], "", true, "[]"),
        (&["key", "list", "--tenant", "acme", "--json"], "", true, "RS256"),
        (&["user", "list", "--tenant", "none"], "", false, "there is no tenant 'none'"),
        (&["tenant", "disable", "acme"], "", true, "disabled"),
        (&["tenant", "disable", "carbon.super"], "", false, "can't be switched off"),
        (&["role", "remove", "audit"], "", true, "Removed."),
        (&["key", "list"], "", true, "SIGNS FROM"),
        (&["key", "rotate", "--alg", "ES256"], "", true, "is published"),
        (&["key", "rotate", "--alg", "ES256"], "", false, "the next key"),
        (&["key", "rotate", "--alg", "x"], "", false, "not one of RS256"),
        (&["completions", "bash"], "", true, "_sojourn"),
        (&["man"], "", true, ".TH sojourn"),
        (&["doctor"], "", false, "the password of 'admin' in [super_admin] is too easy to guess"),
        (&["doctor"], "", false, "the database (sqlite) can be opened"),
        (&["config", "check"], "", true, "fine"),
        (&["--help"], "", true, "Run the server with three sample applications"),
        (&["nonsense"], "", false, "unrecognized subcommand"),
    ] {
        let (ended_well, text) = site.command(args, input);
        assert_eq!(ended_well, good, "{args:?}: {text}");
        assert!(text.contains(want), "{args:?}: {text}");
    }
}

#[tokio::test]
async fn the_session_service_on_the_terminal() {
    let inbox = Inbox::start().await;
    let site = Site::new(&inbox.uri(), "");
    let server = site.serve().await;
    let tokens = site.tokens().await;
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let json = |args: &[&str]| -> serde_json::Value {
        let (good, text) = site.command(args, "");
        assert!(good, "{args:?} {text}");
        // The log follows.
        let mut all = serde_json::Deserializer::from_str(&text).into_iter();
        all.next().and_then(Result::ok).unwrap_or_else(|| panic!("{args:?}: {text}"))
    };
    let list = json(&["sessions", "list", "--filter", "username eq alex", "--total", "--json"]);
    assert_eq!((&list["total"], &list["items"][0]["state"]), (&1.into(), &"active".into()));
    let id = list["items"][0]["id"].as_str().expect("an id").to_owned();
    let shown = json(&["sessions", "show", &id, "--json"]);
    assert_eq!(shown["grants"].as_array().map(Vec::len), Some(1));
    let (good, text) = site.command(&["sessions", "show", &id], "");
    assert!(good && text.contains("alex") && text.contains("GRANT"), "{text}");
    let dry = json(&["sessions", "end", "--filter", "username eq alex", "--dry-run", "--json"]);
    assert_eq!(dry["summary"]["sessions"], 1);
    for (args, want) in [
        (&["sessions", "end"][..], "specify users"),
        (&["sessions", "end", "--filter", "x"], "filter ends too early"),
        (&["sessions", "end", "alex", "--effects", "boom"], "not one of session"),
        (&["sessions", "end", "alex", "--role", "staff"], "not both"),
        (
            &["sessions", "end", "--filter", "username eq alex", "--expected-at-most", "0"],
            "check again",
        ),
        (&["sessions", "list", "--sort", "colour"], "sort by"),
        (&["sessions", "show", "x"], "64 hex digits"),
        (&["sessions", "jobs", "x"], "32 hex digits"),
    ] {
        let (good, text) = site.command(args, "");
        assert!(!good && text.contains(want), "{args:?} {text}");
    }
    assert!(site.active(&access).await, "nothing was done");
    // With a rate it is a job: the command itself brings it to its end, beside the server.
    let job = json(&["sessions", "end", "--role", "staff", "--rate", "50", "--json"]);
    assert_eq!((&job["state"], &job["summary"]["sessions"]), (&"done".into(), &1.into()));
    assert!(!site.active(&access).await);
    inbox.wait_for(1).await;
    let jobs = json(&["sessions", "jobs", "--json"]);
    assert_eq!(jobs[0]["id"], job["id"]);
    let told = json(&["sessions", "deliveries", "--application", "app", "--json"]);
    assert_eq!(told[0]["session"], id.as_str(), "{told}");
    let ended = json(&["sessions", "list", "--filter", "end_reason eq admin", "--json"]);
    assert_eq!(ended["items"][0]["id"], id.as_str());
    let set = json(&["sessions", "policy", "--user", "alex", "--set", r#"{"max_sessions": 2}"#]);
    assert_eq!(set["max_sessions"], 2);
    let (good, text) = site.command(&["sessions", "policy", "--user", "alex", "--effective"], "");
    assert!(good && text.contains("\"max_sessions\": 2"), "{text}");
    assert!(server.terminate());
}

#[tokio::test]
async fn the_master_key_is_rotated_and_its_backup_noted() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let server = site.serve().await;
    let tokens = site.tokens().await;
    let before = tokens["access_token"].as_str().expect("a token");
    let warned = |server: sojourn_testkit::program::Running| {
        let said: Vec<String> = server.errors.try_iter().collect();
        assert!(server.terminate());
        said.iter().any(|line| line.contains("back up the master key"))
    };
    assert!(warned(server));
    let (good, text) = site.command(&["master-key", "backed-up"], "");
    assert!(good && text.contains("Master key 1 is marked as backed up"), "{text}");
    let server = site.serve().await;
    assert!(site.active(before).await);
    assert!(!warned(server), "it was noted");
    let (good, text) = site.command(&["master-key", "rotate"], "");
    assert!(good && text.contains("key 2 was added"), "{text}");
    let server = site.serve().await;
    assert!(site.active(before).await, "what the key before has sealed still opens");
    let after = site.tokens().await;
    assert!(site.active(after["access_token"].as_str().expect("a token")).await);
    assert!(warned(server), "the new key isn't backed up");
}

/// What the program makes is its owner's alone; what was open to others before is not any more, and 'doctor' looks.
#[cfg(unix)]
#[tokio::test]
async fn files_of_the_program_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let server = site.serve().await;
    site.tokens().await;
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o777
    };
    let data = site.folder.0.join("data");
    assert_eq!(mode(&data), 0o700);
    let all = || std::fs::read_dir(&data).expect("a folder").flatten().map(|file| file.path());
    assert!(all().any(|path| path.ends_with("sojourn.db-wal")), "{:?}", all().collect::<Vec<_>>());
    for path in all() {
        let want = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), want, "{}", path.display());
    }
    assert!(server.terminate());
    let database = data.join("sojourn.db");
    let open = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&database, mode).expect("set");
    };
    open(0o644);
    let server = site.serve().await;
    assert_eq!(mode(&database), 0o600, "taken from others");
    assert!(server.terminate());
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).expect("set");
    let (_, text) = site.command(&["doctor"], "");
    assert!(text.contains("chmod 700"), "{text}");
}

/// A newcomer copies it as it is written.
#[test]
fn the_first_configuration_of_the_readme_is_fine() {
    let readme = include_str!("../../../../README.md");
    let toml = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let folder = sojourn_testkit::store::Folder::new();
    std::fs::write(folder.0.join("deployment.toml"), toml.expect("a file")).expect("written");
    let output = std::process::Command::new(sojourn_testkit::program::path())
        .args(["config", "check"])
        .current_dir(&folder.0)
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
