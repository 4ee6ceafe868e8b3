//! What a user agent says about browser, operating system and device.

/// Parsed content of a user agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Browser {
    /// Name such as `Chrome`; empty if unknown.
    pub name: String,
    /// Operating system such as `Windows` or `macOS`, with a version only if browsers reveal it; empty if unknown.
    pub system: String,
    /// `pc`, `smartphone`, `mobilephone`, `appliance`, `crawler`, `misc`; empty if unknown.
    pub device: String,
}

fn known(text: &str) -> String {
    if text == "UNKNOWN" { String::new() } else { text.to_owned() }
}

/// The name of an operating system. Browsers say `Windows NT 10.0` on Windows 11 as well, and `Mac OS X 10_15_7` on every
/// newer macOS.
fn system(text: &str) -> String {
    match text {
        "Windows 10" => "Windows".to_owned(),
        "Mac OSX" => "macOS".to_owned(),
        other => known(other),
    }
}

impl Browser {
    /// Parses a `User-Agent` header.
    #[must_use]
    pub fn of(user_agent: &str) -> Self {
        match woothee::parser::Parser::new().parse(user_agent) {
            Some(found) => Self {
                name: known(found.name),
                system: system(found.os),
                device: known(found.category),
            },
            None => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_have_versions_only_if_browsers_reveal_them() {
        for (system, want) in [
            ("Windows NT 10.0; Win64; x64", "Firefox on Windows"),
            ("Windows NT 6.1; Win64; x64", "Firefox on Windows 7"),
            ("Macintosh; Intel Mac OS X 10.15", "Firefox on macOS"),
            ("X11; Linux x86_64", "Firefox on Linux"),
        ] {
            let found = Browser::of(&format!(
                "Mozilla/5.0 ({system}; rv:145.0) Gecko/20100101 Firefox/145.0"
            ));
            assert_eq!(format!("{} on {}", found.name, found.system), want);
        }
    }
}
