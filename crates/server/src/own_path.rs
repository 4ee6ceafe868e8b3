//! Validation of redirect targets. Every place to continue that a request names passes through here: it is resolved as
//! a browser resolves it, and only the resolved form is used.

use url::Url;

/// Resolves a path of this server under a tenant's prefix, with its query, as a browser does; `None` if it leads
/// elsewhere. `prefix` is empty or `/t/{tenant}`.
pub(crate) fn own_path(prefix: &str, text: &str) -> Option<String> {
    // Browsers drop tabs and line breaks and treat a backslash as a slash. No page of this server has them in its path.
    if !text.starts_with('/') || text.chars().any(|c| c.is_control() || c == '\\') {
        return None;
    }
    // Any origin works: it only matters whether it stays the same.
    let here = Url::parse("https://here.invalid/").ok()?;
    let there = here.join(text).ok()?;
    if there.origin() != here.origin() || !there.username().is_empty() {
        return None;
    }
    let path = there.path();
    let under = path.strip_prefix(prefix)?;
    if path.starts_with("//") || !(under.is_empty() || under.starts_with('/')) {
        return None;
    }
    Some(match there.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_path_of_ours() {
        for bad in [
            "",
            "console",
            "https://evil.example/",
            "//evil.example/",
            "/\t/evil.example/",
            "/\n/evil.example/",
            "\t//evil.example/",
            "/\\evil.example/",
            "\\/evil.example/",
            "/.//evil.example/",
            "/a/..//evil.example/",
            "/%2e%2e//evil.example/",
            "javascript:alert(1)",
            "/\u{0}/evil.example",
        ] {
            assert_eq!(own_path("", bad), None, "{bad:?}");
        }
        for (prefix, bad) in [("/t/acme", "/t/acme-evil/x"), ("/t/acme", "/t/acme/../../console")] {
            assert_eq!(own_path(prefix, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn pages_of_ours_are_kept_as_they_are() {
        for (prefix, good, want) in [
            ("", "/", "/"),
            ("", "/console/sessions?q=ip+eq+1", "/console/sessions?q=ip+eq+1"),
            ("/t/acme", "/t/acme", "/t/acme"),
            ("/t/acme", "/t/acme/myaccount", "/t/acme/myaccount"),
            ("", "/a/../b", "/b"),
            ("", "/a#fragment", "/a"),
        ] {
            assert_eq!(own_path(prefix, good).as_deref(), Some(want), "{good:?}");
        }
    }
}
