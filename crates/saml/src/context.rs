//! Authentication contexts (Core §3.3.2.2.1): maps their classes to levels.

use sojourn_model::Level;

use crate::names::{ASSERTION, PROTOCOL};
use crate::xml::{Node, Read as _, XmlError};

/// Maximum number of classes of a request that are considered.
const CLASSES_MAX: usize = 20;

const PASSWORD_TRANSPORT: &str =
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MFA: &str = "https://refeds.org/profile/mfa";
const PHISHING_RESISTANT: &str =
    "http://schemas.openid.net/pape/policies/2007/06/phishing-resistant";
const PHYSICAL: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor-physical";

/// The supported classes with the level that each one demands. The first class of each level is the one sent if the
/// request doesn't name one.
const CLASSES: &[(&str, Level)] = &[
    (PASSWORD_TRANSPORT, Level::One),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:Password", Level::One),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified", Level::One),
    ("https://refeds.org/profile/sfa", Level::One),
    (MFA, Level::Two),
    ("http://schemas.microsoft.com/claims/multipleauthn", Level::Two),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken", Level::Two),
    (PHISHING_RESISTANT, Level::PhishingResistant),
    (PHYSICAL, Level::HardwareBound),
];

/// How the requested contexts are compared with the one reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The context has to be one of those requested.
    Exact,
    /// The context has to be at least as strong as one of those requested.
    Minimum,
    /// The context has to be stronger than all of those requested.
    Better,
    /// The context has to be as strong as possible, but not stronger than one of those requested.
    Maximum,
}

/// `RequestedAuthnContext` of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// How the classes are compared.
    pub comparison: Comparison,
    /// The requested class URIs, in order of preference.
    pub classes: Vec<String>,
}

/// The levels that meet a request, and what the assertion then names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The minimum level that the user has to reach.
    pub least: Level,
    /// The class to send; `None` for the class of the level that is reached.
    told: Option<String>,
    /// The highest level to send, even if a higher one is reached.
    most: Level,
}

impl Wanted {
    /// Returns the value for requests without `RequestedAuthnContext`: any level, reported as it is.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { least: Level::One, told: None, most: Level::HIGHEST }
    }

    /// Returns the class that an assertion names after the user has reached a level.
    #[must_use]
    pub fn class(&self, reached: Level) -> &str {
        match &self.told {
            Some(class) => class,
            None => class_of(reached.min(self.most)),
        }
    }
}

impl Requested {
    pub(crate) fn read(node: Node<'_, '_>) -> Result<Self, XmlError> {
        let comparison = match node.attr("Comparison") {
            None | Some("exact") => Comparison::Exact,
            Some("minimum") => Comparison::Minimum,
            Some("better") => Comparison::Better,
            Some("maximum") => Comparison::Maximum,
            Some(_) => return Err(XmlError::Invalid("Comparison is unknown".into())),
        };
        if node.all(PROTOCOL, "AuthnContextDeclRef").next().is_some()
            || node.all(ASSERTION, "AuthnContextDeclRef").next().is_some()
        {
            // Declarations aren't supported, so such a request can't be met.
            return Ok(Self { comparison, classes: Vec::new() });
        }
        let classes = node.all(ASSERTION, "AuthnContextClassRef").take(CLASSES_MAX);
        let classes = classes.map(|class| class.value().map(str::to_owned));
        Ok(Self { comparison, classes: classes.collect::<Result<_, _>>()? })
    }

    /// Returns how a user who can reach a level can meet the request; `None` if that is impossible
    /// (`NoAuthnContext`).
    #[must_use]
    pub fn wanted(&self, reachable: Level) -> Option<Wanted> {
        let known = self.classes.iter().filter_map(|class| Some((class, level_of(class)?)));
        let levels = || known.clone().map(|(_, level)| level);
        let wanted = match self.comparison {
            Comparison::Exact => {
                let (class, least) = known.clone().find(|(_, level)| *level <= reachable)?;
                Wanted { least, told: Some(class.clone()), most: least }
            }
            Comparison::Minimum => Wanted { least: levels().min()?, ..Wanted::nothing() },
            Comparison::Better => {
                let above = levels().max()?;
                let least = CLASSES.iter().map(|(_, level)| *level).filter(|one| *one > above);
                Wanted { least: least.min()?, ..Wanted::nothing() }
            }
            Comparison::Maximum => Wanted { most: levels().max()?, ..Wanted::nothing() },
        };
        (wanted.least <= reachable).then_some(wanted)
    }
}

fn level_of(class: &str) -> Option<Level> {
    CLASSES.iter().find(|(known, _)| *known == class).map(|(_, level)| *level)
}

/// Returns the class that is sent for a level.
fn class_of(level: Level) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == level).map_or(PASSWORD_TRANSPORT, |(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comparison_has_its_own_answer() {
        use Comparison::{Better, Exact, Maximum, Minimum};
        use Level::{HardwareBound, One, PhishingResistant, Two};
        const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
        for (comparison, classes, reachable, reached, want) in [
            (Exact, &[PASSWORD][..], One, One, Some((One, PASSWORD))),
            (Exact, &[PASSWORD], Two, Two, Some((One, PASSWORD))),
            (Exact, &[MFA, PASSWORD], One, One, Some((One, PASSWORD))),
            (Exact, &[MFA, PASSWORD], Two, Two, Some((Two, MFA))),
            (Exact, &[MFA], One, One, None),
            (Exact, &["urn:x"], Two, Two, None),
            (Exact, &[], Two, Two, None),
            (Minimum, &[PASSWORD, MFA], One, One, Some((One, PASSWORD_TRANSPORT))),
            (Minimum, &[PASSWORD], Two, Two, Some((One, MFA))),
            (Minimum, &[MFA], One, One, None),
            (Better, &[PASSWORD], Two, Two, Some((Two, MFA))),
            (
                Better,
                &[PASSWORD, MFA],
                HardwareBound,
                PhishingResistant,
                Some((PhishingResistant, PHISHING_RESISTANT)),
            ),
            (Better, &[PHYSICAL], HardwareBound, HardwareBound, None),
            (Maximum, &[MFA], HardwareBound, HardwareBound, Some((One, MFA))),
            (Maximum, &[MFA], One, One, Some((One, PASSWORD_TRANSPORT))),
        ] {
            let classes = classes.iter().map(|one| (*one).to_owned()).collect();
            let requested = Requested { comparison, classes };
            let wanted = requested.wanted(reachable);
            let got = wanted.as_ref().map(|wanted| (wanted.least, wanted.class(reached)));
            assert_eq!(got, want, "{requested:?} {reachable:?}");
        }
    }
}
