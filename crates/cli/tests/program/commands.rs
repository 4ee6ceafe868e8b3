//! Commands, alone and beside a running server.

use sojourn_testkit::inbox::Inbox;

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
async fn users_roles_and_sessions() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    for (args, input, good, want) in [
        (&["user", "add", "sam", "--name", "Sam"][..], "sam1234\n", true, "sam "),
        (&["user", "add", "SAM"], "other\n", false, "exists already"),
        (&["user", "add", "a b"], "other\n", false, "no spaces"),
        (&["user", "add", "nopass"], "", false, "no password was given"),
        (&["user", "list", "s"], "", true, "sam"),
        (&["role", "add", "audit", "--permission", "internal_session_view"], "", true, "audit "),
        (&["role", "assign", "audit", "sam"], "", true, "Assigned. Sessions ended: 0."),
        (&["role", "assign", "audit", "nobody"], "", false, "user not found"),
        (&["role", "list"], "", true, "internal_session_view"),
        (&["session", "list", "sam"], "", true, "SESSION"),
        (&["session", "end", "sam", "--dry-run"], "", true, "Would end: 0 sessions"),
        (&["session", "end", "sam", "--session", "x"], "", false, "64 hex digits"),
        (&["user", "password", "sam"], "new-password\n", true, "every session has ended"),
        (&["user", "disable", "sam"], "", true, "disabled"),
        (&["user", "enable", "sam"], "", true, "enabled"),
        (&["role", "remove", "audit"], "", true, "Removed."),
        (&["key", "list"], "", true, "SIGNS FROM"),
        (&["key", "rotate", "--alg", "ES256"], "", true, "is published"),
        (&["key", "rotate", "--alg", "ES256"], "", false, "the next key"),
        (&["key", "rotate", "--alg", "x"], "", false, "none of RS256"),
        (&["config", "check"], "", true, "fine"),
        (&["--help"], "", true, "Run the server with two sample applications"),
        (&["nonsense"], "", false, "unrecognized subcommand"),
    ] {
        let (ended_well, text) = site.command(args, input);
        assert_eq!(ended_well, good, "{args:?}: {text}");
        assert!(text.contains(want), "{args:?}: {text}");
    }
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
    assert!(good && text.contains("master key 1 is backed up"), "{text}");
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
