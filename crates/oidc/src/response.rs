//! Response types of the authorization endpoint and how responses reach the application (OAuth 2.0 Multiple
//! Response Type Encoding Practices, OAuth 2.0 Form Post Response Mode).

use crate::params::with_query;

/// A response type: any combination of three words, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseType {
    /// The response contains an authorization code.
    pub code: bool,
    /// The response contains an ID token.
    pub id_token: bool,
    /// The response contains an access token.
    pub token: bool,
}

impl ResponseType {
    /// The response type `code` without any token.
    pub const CODE: Self = Self { code: true, id_token: false, token: false };

    /// The response types that are supported. `token` alone isn't defined by OpenID Connect, and RFC 9700
    /// §2.1.2 advises against the implicit grant of OAuth 2.0.
    pub const SUPPORTED: [&'static str; 6] = [
        "code",
        "id_token",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
    ];

    /// Parses a response type; the words can come in any order. `None` if a word is unknown or repeated.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parsed = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let seen = match word {
                "code" => &mut parsed.code,
                "id_token" => &mut parsed.id_token,
                "token" => &mut parsed.token,
                _ => return None,
            };
            if std::mem::replace(seen, true) {
                return None;
            }
        }
        (parsed.code || parsed.id_token).then_some(parsed)
    }

    /// Returns the name, with the words in their registered order.
    #[must_use]
    pub fn name(self) -> String {
        let words = [(self.code, "code"), (self.id_token, "id_token"), (self.token, "token")];
        let there: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        there.join(" ")
    }

    /// Returns the response mode for requests that name none.
    #[must_use]
    pub fn default_mode(self) -> ResponseMode {
        if self == Self::CODE { ResponseMode::Query } else { ResponseMode::Fragment }
    }
}

/// How a response reaches the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI (`query`).
    Query,
    /// In the fragment of the redirect URI (`fragment`).
    Fragment,
    /// In a form that the browser posts to the redirect URI (`form_post`).
    FormPost,
}

impl ResponseMode {
    /// Every variant, in the order of definition.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// Returns the registered name, as in `response_mode`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// Parses a registered name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Where a response goes and the state that it returns. It is known before the request is checked, because
/// errors go there as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The redirect URI; it is registered for the application.
    pub redirect_uri: String,
    /// How the response reaches the application.
    pub mode: ResponseMode,
    /// `state` of the request, returned unchanged.
    pub state: Option<String>,
}

impl ReplyTo {
    /// Returns the URL to redirect the browser to; `None` if the response is a form.
    #[must_use]
    pub fn location(&self, pairs: &[(&str, &str)]) -> Option<String> {
        match self.mode {
            ResponseMode::Query => Some(with_query(&self.redirect_uri, pairs)),
            ResponseMode::Fragment => {
                let text =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                Some(format!("{}#{text}", self.redirect_uri))
            }
            ResponseMode::FormPost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiple_response_types_section_3_words_in_any_order() {
        for (text, want) in [
            ("code", Some("code")),
            ("token id_token", Some("id_token token")),
            ("token id_token code", Some("code id_token token")),
            ("id_token code", Some("code id_token")),
            ("token", None),
            ("none", None),
            ("", None),
            ("code code", None),
            ("code x", None),
        ] {
            let parsed = ResponseType::parse(text).map(ResponseType::name);
            assert_eq!(parsed.as_deref(), want, "{text}");
        }
        for name in ResponseType::SUPPORTED {
            assert_eq!(ResponseType::parse(name).map(ResponseType::name).as_deref(), Some(name));
        }
    }

    #[test]
    fn multiple_response_types_section_2_1_modes() {
        let to = |mode| ReplyTo { redirect_uri: "https://a/cb?x=1".into(), mode, state: None };
        let pairs = [("code", "a b")];
        let location = |mode| to(mode).location(&pairs);
        assert_eq!(location(ResponseMode::Query).as_deref(), Some("https://a/cb?x=1&code=a+b"));
        assert_eq!(location(ResponseMode::Fragment).as_deref(), Some("https://a/cb?x=1#code=a+b"));
        assert_eq!(location(ResponseMode::FormPost), None);
    }
}
