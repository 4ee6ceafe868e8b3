//! Status codes of responses (Core §3.2.2.2).

use crate::names::PROTOCOL;
use crate::xml::{Element, Node, Read as _};

macro_rules! sub_statuses {
    ($($name:ident $doc:literal,)*) => {
        /// A second-level status code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum SubStatus {
            $(#[doc = $doc] $name,)*
        }

        impl SubStatus {
            /// Returns the variant's name, which is the code without its namespace.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

sub_statuses! {
    AuthnFailed "The person couldn't be signed in.",
    InvalidNameIdPolicy "The format of the name isn't one that can be given.",
    NoAuthnContext "The authentication context that is asked for can't be reached.",
    NoPassive "The person would have to do something, and may not be asked.",
    PartialLogout "Not everybody followed.",
    RequestDenied "The request isn't answered, for what it is.",
    RequestUnsupported "The request asks for something that isn't supported.",
    UnknownPrincipal "Nobody is known by that name.",
    UnsupportedBinding "The answer can't be given by the binding that is asked for.",
}

/// A top-level status code with its second-level code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The request succeeded; with `PartialLogout` not every participant has signed the user out.
    Success(Option<SubStatus>),
    /// The requester caused the error.
    Requester(SubStatus),
    /// The responder caused the error.
    Responder(SubStatus),
    /// The version of the request isn't supported.
    VersionMismatch(Option<SubStatus>),
}

const STATUS: &str = "urn:oasis:names:tc:SAML:2.0:status:";

impl Status {
    const fn parts(self) -> (&'static str, Option<SubStatus>) {
        match self {
            Self::Success(sub) => ("Success", sub),
            Self::Requester(sub) => ("Requester", Some(sub)),
            Self::Responder(sub) => ("Responder", Some(sub)),
            Self::VersionMismatch(sub) => ("VersionMismatch", sub),
        }
    }

    /// Whether the top-level code is `Success`.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success(_))
    }

    pub(crate) fn element(self, message: Option<&str>) -> Element {
        let (top, sub) = self.parts();
        let code = |name: &str| Element::new("samlp:StatusCode").attr("Value", full(name));
        let mut first = code(top);
        if let Some(sub) = sub {
            // The code differs from the variant's name in one case.
            let name = match sub {
                SubStatus::InvalidNameIdPolicy => "InvalidNameIDPolicy",
                other => other.as_str(),
            };
            first = first.child(code(name));
        }
        let message = message.map(|text| Element::new("samlp:StatusMessage").text(text));
        Element::new("samlp:Status").child(first).children(message)
    }
}

fn full(name: &str) -> String {
    format!("{STATUS}{name}")
}

/// Reads the status of a received response: whether it reports full success, and its codes as text for people.
pub(crate) fn read(message: Node<'_, '_>) -> (bool, String) {
    let status = message.one(PROTOCOL, "Status").ok().flatten();
    let first = status.and_then(|status| status.one(PROTOCOL, "StatusCode").ok().flatten());
    let second = first.and_then(|first| first.one(PROTOCOL, "StatusCode").ok().flatten());
    let name = |code: Option<Node<'_, '_>>| {
        let value = code.and_then(|code| code.attr("Value")).unwrap_or_default();
        value.strip_prefix(STATUS).unwrap_or(value).chars().take(100).collect::<String>()
    };
    let (first, second) = (name(first), name(second));
    let success = first == "Success" && second != "PartialLogout";
    let shown = match (first.is_empty(), second.is_empty()) {
        (true, _) => "no status".to_owned(),
        (false, true) => first,
        (false, false) => format!("{first}, {second}"),
    };
    (success, shown)
}
