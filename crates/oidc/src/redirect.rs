//! Rules for the addresses to which the browser can return from the server.

use url::Url;

/// The properties of an application that its redirect URIs depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedirectRules {
    /// A native application: it can use a private-use scheme or a loopback address (RFC 8252 §7).
    pub native: bool,
    /// The application uses the implicit flow.
    pub implicit: bool,
}

/// Whether the host of an address is the local machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

impl RedirectRules {
    /// Checks a redirect URI: https for web applications; a private-use scheme or a loopback address for native
    /// ones (Registration §2, RFC 8252 §7). Because URIs are compared exactly, white space and wildcards are
    /// rejected.
    ///
    /// # Errors
    /// A description of what is wrong, for the person who registers the URI.
    pub fn check(self, uri: &str) -> Result<(), String> {
        if uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("'{uri}' has a blank: addresses are compared exactly"));
        }
        if uri.contains('*') {
            return Err(format!("'{uri}' has a '*': addresses are compared exactly, so list each"));
        }
        let url = Url::parse(uri).map_err(|error| match error {
            url::ParseError::InvalidPort => format!("'{uri}': a port is a number up to 65535"),
            _ => format!("'{uri}' is no absolute URI"),
        })?;
        if uri.contains('#') {
            return Err(format!("'{uri}' has a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("'{uri}' has a user before its host"));
        }
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" if url.host_str().is_none() => Err(format!("'{uri}' has no host")),
            "https" if self.native && !loopback && self.implicit => Err(format!(
                "'{uri}' is not allowed here: a native application with the implicit flow has a scheme of its own"
            )),
            "http" if !loopback => Err(format!(
                "'{uri}' is not allowed here: http is for this machine alone (localhost, 127.0.0.1), so use https"
            )),
            "http" if self.implicit && !self.native => Err(format!(
                "'{uri}' is not allowed here: with the implicit flow tokens come by this address, so use https"
            )),
            "https" | "http" => Ok(()),
            "javascript" | "data" | "file" | "blob" | "vbscript" | "about" => {
                Err(format!("'{uri}' is not allowed here: no application is at such an address"))
            }
            // A private-use scheme contains a dot (RFC 8252 §7.1), which distinguishes it from well-known
            // schemes.
            scheme if self.native && scheme.contains('.') => Ok(()),
            _ => Err(format!(
                "'{uri}' is not allowed here: a scheme of an application's own has a dot, and application_type is native"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_never_match_is_refused() {
        let web = RedirectRules::default();
        let native = RedirectRules { native: true, implicit: false };
        for good in
            ["https://app.test/cb", "http://localhost:8080/cb", "https://app.test/cb?a=b%20c"]
        {
            assert_eq!(web.check(good), Ok(()));
        }
        for (rules, bad, why) in [
            (web, "https://app.test/a b", "has a blank"),
            (web, " https://app.test/", "has a blank"),
            (web, "https://*.app.test/cb", "has a '*'"),
            (web, "https://app.test/*", "has a '*'"),
            (web, "https://app.test:65536/cb", "up to 65535"),
            (web, "/cb", "no absolute URI"),
            (web, "https://app.test/cb#x", "has a fragment"),
            (web, "https://user@app.test/cb", "a user before its host"),
            (web, "http://app.test/cb", "so use https"),
            (web, "javascript:alert(1)", "no application is at such an address"),
            (web, "com.app:/cb", "application_type is native"),
            (native, "app:/cb", "has a dot"),
        ] {
            assert!(
                rules.check(bad).is_err_and(|text| text.contains(why)),
                "{bad}: {:?}",
                rules.check(bad)
            );
        }
        assert_eq!(native.check("com.app:/cb"), Ok(()));
    }
}
