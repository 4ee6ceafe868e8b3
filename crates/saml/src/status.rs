//! Statuses (Core §3.2.2.2).

use crate::names::PROTOCOL;
use crate::xml::{Element, Node, Read as _};

macro_rules! sub_statuses {
    ($($name:ident $doc:literal,)*) => {
        /// The second level of a status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum SubStatus {
            $(#[doc = $doc] $name,)*
        }

        impl SubStatus {
            /// Its name, without the namespace.
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

/// A status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was done; `PartialLogout` where not everybody followed.
    Success(Option<SubStatus>),
    /// The request is at fault.
    Requester(SubStatus),
    /// The responder is.
    Responder(SubStatus),
    /// The version is.
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

    /// Whether it is one of success.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success(_))
    }

    pub(crate) fn element(self, message: Option<&str>) -> Element {
        let (top, sub) = self.parts();
        let code = |name: &str| Element::new("samlp:StatusCode").attr("Value", full(name));
        let mut first = code(top);
        if let Some(sub) = sub {
            // Its name differs from the variant's in one case.
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

/// What a status of somebody else says: whether it is one of success, and its names for a person to read.
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
