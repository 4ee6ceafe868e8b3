//! Reading the file, with environment variables over it.

use std::path::{Path, PathBuf};

use super::Config;
use super::sections::RegistrationWord;

/// A configuration that can't be used. Its text names file and line where there is one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file.
    #[error("{path}: {source}\nWrite one, or name another with --config.")]
    File {
        /// Which.
        path: PathBuf,
        /// What.
        source: std::io::Error,
    },
    /// A mistake in it.
    #[error("{path}:{line}: {message}")]
    Mistake {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A mistake in the environment.
    #[error("environment variable {name}: {message}")]
    Environment {
        /// Which.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Something that fits together badly.
    #[error("{path}: {message}")]
    Combination {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Prefix of variables that stand over the file: `SOJOURN_SERVER__LISTEN` is `[server] listen`.
const PREFIX: &str = "SOJOURN_";
/// Variables of the same prefix with a meaning of their own.
const OTHERS: [&str; 2] = ["SOJOURN_CONFIG", "SOJOURN_MASTER_KEY_FILE"];

/// Reads and checks a configuration.
pub(crate) fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    let config = parse(path, &text)?;
    let config = overlaid(config, &text, environment())?;
    check(path, &config)?;
    Ok(config)
}

fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        ConfigError::Mistake { path: path.to_owned(), line, message: error.message().to_owned() }
    })
}

#[expect(clippy::disallowed_methods, reason = "cli is the one that reads the environment")]
fn environment() -> Vec<(String, String)> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()))
        .collect()
}

fn overlaid(
    config: Config,
    text: &str,
    variables: Vec<(String, String)>,
) -> Result<Config, ConfigError> {
    if variables.is_empty() {
        return Ok(config);
    }
    let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
    let mut last = config;
    for (name, value) in variables {
        let wrong = |message: String| ConfigError::Environment { name: name.clone(), message };
        let path = name.strip_prefix(PREFIX).unwrap_or_default().to_lowercase();
        let keys: Vec<&str> = path.split("__").collect();
        // A number or a truth value where the text is one; the typed reading below decides.
        let parsed = value
            .parse::<i64>()
            .map(toml::Value::Integer)
            .or_else(|_| value.parse::<bool>().map(toml::Value::Boolean))
            .unwrap_or_else(|_| toml::Value::String(value.clone()));
        put(&mut table, &keys, parsed)
            .ok_or_else(|| wrong("it names no setting of deployment.toml".into()))?;
        // Read again after each, so that a mistake is told of the variable that makes it.
        last = toml::Value::Table(table.clone())
            .try_into()
            .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    }
    Ok(last)
}

fn put(table: &mut toml::Table, keys: &[&str], value: toml::Value) -> Option<()> {
    match keys {
        [] => None,
        [key] => {
            table.insert((*key).to_owned(), value);
            Some(())
        }
        [key, rest @ ..] => {
            let inner = table
                .entry((*key).to_owned())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            put(inner.as_table_mut()?, rest, value)
        }
    }
}

fn check(path: &Path, config: &Config) -> Result<(), ConfigError> {
    let wrong = |message: String| Err(ConfigError::Combination { path: path.to_owned(), message });
    let server = &config.server;
    let Ok(base) = url::Url::parse(&server.base_url) else {
        return wrong(format!("[server] base_url '{}' is no URL", server.base_url));
    };
    let plain = format!("{}{}", base.origin().ascii_serialization(), base.path());
    let plain = plain.trim_end_matches('/');
    if plain != server.base_url {
        return wrong(format!(
            "[server] base_url has scheme, host, port and path alone, without a slash at the end: '{plain}'"
        ));
    }
    check_issuers(config).or_else(wrong)?;
    if server.certificate.is_some() != server.key.is_some() {
        return wrong("[server] certificate and key go together".into());
    }
    let keys = config.settings().keys;
    if keys.rotate_every_ms.is_some_and(|every| every <= keys.publish_ahead_ms) {
        return wrong("[keys] rotate_every has to be longer than publish_ahead".into());
    }
    let rules = config.settings().password_rules;
    if !(1..=128).contains(&rules.length_min) {
        return wrong("[password] min_length is between 1 and 128".into());
    }
    if !(0..=24).contains(&rules.history) {
        return wrong("[password] history is between 0 and 24".into());
    }
    check_accounts(config).or_else(wrong)?;
    let dcr = &config.oauth.dcr;
    let token = dcr.initial_access_token.as_deref().unwrap_or_default();
    if dcr.mode == RegistrationWord::InitialAccessToken && token.len() < 32 {
        return wrong("[oauth.dcr] initial_access_token needs at least 32 characters".into());
    }
    for certificate in &config.client_certificate {
        if certificate.user.is_some() == certificate.application.is_some() {
            return wrong("[[client_certificate]] names a user or an application".into());
        }
        if server.client_ca.is_none() {
            return wrong("[[client_certificate]] needs [server] client_ca".into());
        }
    }
    let mut clients = std::collections::HashSet::new();
    for app in &config.application {
        if !clients.insert(&app.client_id) {
            return wrong(format!("there are two applications '{}'", app.client_id));
        }
        for uri in app.redirect_uris.iter().chain(&app.post_logout_redirect_uris) {
            let good = url::Url::parse(uri).is_ok_and(|url| url.fragment().is_none());
            if !good {
                return wrong(format!(
                    "application '{}': '{uri}' is no absolute URI without a fragment",
                    app.client_id
                ));
            }
        }
        if let Some(uri) = &app.backchannel_logout_uri {
            let good = url::Url::parse(uri).is_ok_and(|url| {
                matches!(url.scheme(), "https" | "http") && url.fragment().is_none()
            });
            if !good {
                return wrong(format!(
                    "application '{}': backchannel_logout_uri '{uri}' is no http(s) address",
                    app.client_id
                ));
            }
        }
    }
    Ok(())
}

/// What is wrong with the issuers that were chosen (OpenID Connect Discovery 1.0 §3).
fn check_issuers(config: &Config) -> Result<(), String> {
    let issuers = config.settings().issuers;
    let form = issuers.form.map(|form| form.replace("{base}", &config.server.base_url));
    let all = form.map(|form| ("issuer".to_owned(), form));
    let tenants =
        issuers.tenants.into_iter().map(|(name, one)| (format!("tenant_issuers.{name}"), one));
    for (setting, issuer) in all.into_iter().chain(tenants) {
        let good = url::Url::parse(&issuer).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.query().is_none()
                && url.fragment().is_none()
                && !issuer.ends_with('/')
        });
        if !good {
            return Err(format!(
                "[oauth] {setting}: '{issuer}' is no http(s) address without query, fragment and slash at the end"
            ));
        }
    }
    Ok(())
}

/// What is wrong with locks and attributes of accounts.
fn check_accounts(config: &Config) -> Result<(), String> {
    if let Some(lock) = &config.account_lock
        && !(1..=config.settings().throttle.per_account).contains(&lock.attempts)
    {
        let most = config.settings().throttle.per_account;
        return Err(format!(
            "[account_lock] attempts is between 1 and {most}: further ones are throttled and not counted"
        ));
    }
    let mut names = std::collections::HashSet::new();
    for attribute in &config.custom_attribute {
        if !attribute.has_a_name() || !names.insert(attribute.name.to_lowercase()) {
            let name = &attribute.name;
            return Err(format!(
                "[[custom_attribute]] '{name}': a name has letters, digits, '-' and '_', and comes once"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let path = Path::new("deployment.toml");
        match parse(path, text).and_then(|config| check(path, &config)) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
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
            (
                "[server]\nbase_url = \"https://a/b/\"\n",
                "without a slash at the end: 'https://a/b'",
            ),
            (
                "[server]\nbase_url = \"https://a/b?c\"\n",
                "base_url has scheme, host, port and path",
            ),
            ("[oauth]\nissuer = \"{base}/oauth2/token\"\n", ""),
            ("[oauth]\nissuer = \"login\"\n", "[oauth] issuer: 'login' is no http(s) address"),
            (
                "[oauth]\ntenant_issuers = { acme = \"https://a/\" }\n",
                "[oauth] tenant_issuers.acme: 'https://a/' is no",
            ),
            ("[server]\ncertificate = \"x\"\n", "certificate and key go together"),
            (
                "[[application]]\nclient_id = \"a\"\nredirect_uris = [\"/x\"]\n",
                "'/x' is no absolute",
            ),
            (
                "[[application]]\nclient_id = \"a\"\n[[application]]\nclient_id = \"a\"\n",
                "two applications 'a'",
            ),
            ("[account_lock]\nattempts = 5\nunlock_after = \"15m\"\n", ""),
            ("[account_lock]\nattempts = 500\n", "[account_lock] attempts is between 1 and"),
            ("[[custom_attribute]]\nname = \"badge\"\ntype = \"dateTime\"\n", ""),
            ("[[custom_attribute]]\nname = \"a b\"\n", "a name has letters"),
        ] {
            let got = problem(text);
            assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{text}: {got}");
        }
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\n";
        let config = parse(Path::new("x"), text).expect("parses");
        let set = |name: &str, value: &str| {
            overlaid(config.clone(), text, vec![(name.to_owned(), value.to_owned())])
        };
        let listen = set("SOJOURN_SERVER__LISTEN", "127.0.0.1:2").expect("fine").server.listen;
        assert_eq!(listen.port(), 2);
        assert!(!set("SOJOURN_SERVER__TLS", "false").expect("fine").server.tls);
        let wrong = set("SOJOURN_SERVER__LISTN", "x").err().map(|error| error.to_string());
        assert!(
            wrong
                .is_some_and(|text| text.starts_with("environment variable SOJOURN_SERVER__LISTN"))
        );
    }

    #[test]
    fn the_article_s_handler_is_read() {
        let text = "[[event_handler]]\nname = \"sessionTermination\"\nsubscriptions = \
                    [\"POST_UPDATE_ROLE_LIST_OF_USER\", \"POST_UPDATE_USER_LIST_OF_ROLE\"]\n\
                    [event_handler.properties]\non = \"removed\"\n";
        let settings = parse(Path::new("x"), text).expect("parses").settings();
        assert_eq!(settings.handlers.len(), 1);
        assert_eq!(settings.handlers[0].subscriptions.len(), 2);
    }
}
