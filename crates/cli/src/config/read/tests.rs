//! Mistakes, and environment variables that override the file.

use super::*;

fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<Read, Vec<String>> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    parse(Path::new("deployment.toml"), text, variables.collect())
}

fn problem(text: &str) -> String {
    parsed(text, &[]).err().map(|all| all.join("\n")).unwrap_or_default()
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, want) in [
        ("[server]\nlisten = \"127.0.0.1:1\"\n", ""),
        ("[server]\n\nlistn = 1\n", "deployment.toml:3: unknown field `listn`"),
        ("[server]\ntls = \"yes\"\n", "deployment.toml:2: invalid type"),
        ("[session.timeout]\nidle_session_timeout = \"15\"\n", "deployment.toml:2: '15' is no"),
        ("[server\n", "deployment.toml:1:"),
        (
            "[[event_handler]]\nname = \"sessionTermination\"\nsubscriptions = [\"POST_X\"]\n",
            "deployment.toml:3: there is no event 'POST_X'",
        ),
        (
            "[[event_handler]]\nname = \"other\"\nsubscriptions = []\n",
            "deployment.toml:2: unknown variant `other`",
        ),
        ("[server]\nbase_url = \"https://a/b\"\n", ""),
        ("[server]\nbase_url = \"https://a/b/\"\n", "without a trailing slash: 'https://a/b'"),
        (
            "[server]\nbase_url = \"https://a/b?c\"\n",
            "base_url must have scheme, host, port and path",
        ),
        ("[server]\nbase_url = \"http://a\"\ntls = false\n", ":2: [server] base_url is not https"),
        ("[server]\ntls = false\ninsecure_development = true\nbase_url = \"http://a\"\n", ""),
        ("[oauth]\nissuer = \"{base}/oauth2/token\"\n", ""),
        ("[oauth]\n\nissuer = \"login\"\n", ":3: [oauth] issuer: 'login' is not an http(s) URL"),
        (
            "[oauth]\ntenant_issuers = { acme = \"https://a/\" }\n",
            "[oauth] tenant_issuers.acme: 'https://a/' is no",
        ),
        (
            "[server]\nbase_url = \"https://a\"\n[oauth]\ntenant_issuers = { acme = \"https://a\" }\n",
            "tenant_issuers.acme: another tenant has the issuer 'https://a' already",
        ),
        (
            "[server]\ncertificate = \"x\"\n",
            ":2: [server] certificate and key must be set together",
        ),
        (
            "[server]\nproxy_protocol = true\n",
            ":2: [server] proxy_protocol requires trusted_proxies",
        ),
        (
            "[[application]]\nclient_id = \"a\"\nredirect_uris = [\"/x\"]\n",
            ":3: application 'a': redirect_uris: '/x' is no absolute",
        ),
        (
            "[[application]]\nclient_id = \"a\"\nredirect_uris = [\"com.app:/x\"]\napplication_type = \"native\"\n",
            "",
        ),
        (
            "[[application]]\nclient_id = \"a\"\n[[application]]\nclient_id = \"a\"\n",
            ":4: there are two applications 'a'",
        ),
        ("[account_lock]\nattempts = 5\nunlock_after = \"15m\"\n", ""),
        ("[account_lock]\nattempts = 500\n", "[account_lock] attempts must be between 1 and"),
        ("[[custom_attribute]]\nname = \"badge\"\ntype = \"dateTime\"\n", ""),
        ("[[custom_attribute]]\nname = \"a b\"\n", "a name must be unique"),
        ("[mail]\nfrom = \"a@example.org\"\n", ":1: [mail] needs either host or folder"),
    ] {
        let got = problem(text);
        assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{text}: {got}");
    }
}

#[test]
fn every_mistake_is_named_in_one_run() {
    let text = "[server]\nlistn = 1\ntls = \"yes\"\nbase_url = \"https://a\"\n\
                [session.timeout]\nidle_session_timeout = \"15\"\n\
                [[application]]\nclient_id = 5\n\
                [[application]]\nclient_id = \"b\"\nredirect_uris = [\"https://a b\"]\nsecret = 1\n\
                [keys]\nrotate_every = \"1m\"\n";
    let all = parsed(text, &[]).expect_err("mistakes");
    let at: Vec<&str> = all.iter().filter_map(|one| one.split(": ").next()).collect();
    let line = |number: usize| format!("deployment.toml:{number}");
    let mut wanted: Vec<String> = [2, 3, 6, 8, 12, 14].into_iter().map(line).collect();
    wanted.sort();
    let mut at: Vec<String> = at.into_iter().map(str::to_owned).collect();
    at.sort();
    assert_eq!(at, wanted, "{all:#?}");
    // One syntax error doesn't hide another.
    assert_eq!(parsed("a = \nb = \n", &[]).expect_err("mistakes").len(), 2);
}

#[test]
fn the_environment_stands_over_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n";
    let with = |variables: &[(&str, &str)]| parsed(text, variables).map(|read| read.config);
    let one = |name: &str, value: &str| with(&[(name, value)]).expect("fine");
    assert_eq!(one("SOJOURN_SERVER__LISTEN", "127.0.0.1:2").server.listen.port(), 2);
    assert!(!one("SOJOURN_SERVER__TLS", "false").server.tls);
    assert_eq!(one("SOJOURN_SERVER__CONNECTIONS", "500").server.connections, Some(500));
    let proxies = one("SOJOURN_SERVER__TRUSTED_PROXIES", "[\"10.0.0.1\", \"10.1.0.0/16\"]");
    assert_eq!(proxies.server.trusted_proxies.len(), 2);
    let admin = with(&[
        ("SOJOURN_SUPER_ADMIN__PASSWORD", "12345678"),
        ("SOJOURN_SUPER_ADMIN__USERNAME", "admin"),
    ]);
    let admin = admin.expect("fine").super_admin.expect("one");
    assert_eq!(admin.password.as_deref(), Some("12345678"), "digits stay a text");
    let app = one("SOJOURN_APPLICATION", "[{ client_id = \"a\" }]");
    assert!(app.application.is_empty(), "without two underscores it is no setting of ours");
    let handlers = "[{ name = \"sessionTermination\", subscriptions = [] }]";
    let list = with(&[("SOJOURN_X__Y", handlers)]).expect_err("no such section").join("\n");
    assert!(list.starts_with("environment variable SOJOURN_X__Y: unknown field"), "{list}");
}

#[test]
fn sections_are_read_together_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let all = [
            ("SOJOURN_DATABASE__TYPE", "postgresql"),
            ("SOJOURN_DATABASE__URL", "postgresql://sojourn@db/sojourn"),
            ("SOJOURN_DATABASE__CONNECTIONS", "8"),
        ];
        let variables: Vec<(&str, &str)> =
            order.iter().filter_map(|at| all.get(*at)).copied().collect();
        let config = parsed("", &variables).expect("fine").config;
        let crate::config::DatabaseSection::Postgresql { url, connections } = config.database
        else {
            unreachable!("PostgreSQL was asked for")
        };
        assert_eq!((url.as_str(), connections), ("postgresql://sojourn@db/sojourn", 8));
    }
}

#[test]
fn variables_that_are_not_ours_alone_are_ignored_and_mistakes_name_the_variable() {
    let read = parsed(
        "",
        &[
            ("SOJOURN_PORT", "tcp://10.0.0.1:443"),
            ("SOJOURN_SERVICE_HOST", "10.0.0.1"),
            ("SOJOURN_CONFIG", "x"),
            ("OTHER__THING", "x"),
        ],
    );
    assert_eq!(read.expect("fine").ignored, ["SOJOURN_PORT", "SOJOURN_SERVICE_HOST"]);
    for (name, value) in [
        ("SOJOURN_SERVER__LISTN", "x"),
        ("SOJOURN_SERVER__TLS", "perhaps"),
        ("SOJOURN_SERVER__BASE_URL", "https://a/"),
        ("SOJOURN_SERVER__TLS__MORE", "x"),
    ] {
        let told = parsed("[server]\ntls = true\n", &[(name, value)]).expect_err(name);
        let want = format!("environment variable {name}: ");
        assert!(told.len() == 1 && told.iter().all(|one| one.starts_with(&want)), "{told:?}");
    }
}

#[test]
fn the_article_s_handler_is_read() {
    let text = "[[event_handler]]\nname = \"sessionTermination\"\nsubscriptions = \
                [\"POST_UPDATE_ROLE_LIST_OF_USER\", \"POST_UPDATE_USER_LIST_OF_ROLE\"]\n\
                [event_handler.properties]\non = \"removed\"\n";
    let settings = parsed(text, &[]).expect("parses").config.settings();
    assert_eq!(settings.handlers.len(), 1);
    assert_eq!(settings.handlers[0].subscriptions.len(), 2);
}
