//! Whether the person must act before an authorization request can be answered: named checks that
//! answer no, or yes and why. The same list serves `prompt=none`, which may only ask.

use sojourn_model::{Level, Millis};

use crate::authorize::AuthorizeRequest;
use crate::error::OAuthError;
use crate::scope;

/// What the person has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Sign in.
    SignIn(SignInReason),
    /// Prove a further factor, in the session that is there.
    StepUp(Level),
    /// Make an account.
    SignUp,
    /// Say which account to go on with.
    SelectAccount,
    /// Approve.
    Consent,
}

/// Why the person has to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInReason {
    /// Nobody is signed in with this browser.
    NoSession,
    /// The request expects another person (`id_token_hint`, or a claim `sub` with a value).
    OtherPerson,
    /// The request asks for it (`prompt=login`).
    Prompt,
    /// The last authentication is too long ago (`max_age`).
    TooOld,
    /// A level is demanded that the person has no factor for: the sign-in leads to one.
    Level,
}

impl Needs {
    /// What `prompt=none` answers instead (Core §3.1.2.6).
    #[must_use]
    pub fn error(self) -> OAuthError {
        match self {
            Self::SignIn(_) | Self::SignUp => {
                OAuthError::new("login_required", "the person has to sign in")
            }
            Self::StepUp(_) => {
                OAuthError::new("login_required", "the person has to prove a second factor")
            }
            Self::SelectAccount => {
                OAuthError::new("account_selection_required", "the person has to choose an account")
            }
            Self::Consent => OAuthError::new("consent_required", "the person has to approve"),
        }
    }
}

/// What is known about the browser's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// When the person last proved who they are.
    pub auth_time: Millis,
    /// The level that the person has reached in this session.
    pub level: Level,
    /// The highest level that the person can reach, with the factors of the account.
    pub reachable: Level,
    /// Whether the person is the one that the request expects; true where it expects nobody.
    pub expected: bool,
    /// Whether the person signed in for this request, in this session.
    pub signed_in: bool,
    /// Whether the person chose this account for this request.
    pub chosen: bool,
    /// Whether the person approved this very request.
    pub approved: bool,
    /// What the person approved for the application, now or before.
    pub consent: Option<String>,
}

type Check = fn(&AuthorizeRequest, &Situation) -> Option<Needs>;

/// What the checks look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// The session, if there is a live one.
    pub present: Option<Present>,
    /// Whether the application is the organisation's own.
    pub first_party: bool,
    /// The present time.
    pub now: Millis,
}

const CHECKS: &[(&str, Check)] = &[
    ("prompt=create", prompt_create),
    ("no session", no_session),
    ("another person is expected", other_person),
    ("prompt=login", prompt_login),
    ("max_age", too_old),
    ("acr", step_up),
    ("prompt=select_account", select_account),
    ("consent", consent),
];

/// The first thing that the person has to do.
#[must_use]
pub fn needs(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    CHECKS.iter().find_map(|(_, check)| check(request, situation))
}

/// What a request needs the person's approval for: its scopes, and claims that it names one by one.
#[must_use]
pub fn to_approve(request: &AuthorizeRequest) -> String {
    let mut all = request.scopes.clone();
    let named = request.claims.userinfo.keys().chain(request.claims.id_token.keys());
    for name in named.filter(|name| !matches!(name.as_str(), "sub" | "acr" | "auth_time" | "amr")) {
        let one = format!("claim:{name}");
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all.join(" ")
}

fn no_session(_: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    situation.present.is_none().then_some(Needs::SignIn(SignInReason::NoSession))
}

/// Whether the person signed in for this request: then it has had its way.
fn signed_in(situation: &Situation) -> bool {
    situation.present.as_ref().is_some_and(|present| present.signed_in)
}

fn other_person(_: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let present = situation.present.as_ref()?;
    (!present.expected).then_some(Needs::SignIn(SignInReason::OtherPerson))
}

/// An account is made, and its person signed in, for the request; or the person has one, and signed in to it or chose it.
fn prompt_create(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let chosen = situation.present.as_ref().is_some_and(|present| present.chosen);
    (request.prompt.create && !chosen && !signed_in(situation)).then_some(Needs::SignUp)
}

fn prompt_login(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    (request.prompt.login && !signed_in(situation)).then_some(Needs::SignIn(SignInReason::Prompt))
}

fn too_old(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let present = situation.present.as_ref()?;
    let limit = request.max_age?.saturating_mul(1000);
    let old = situation.now.since(present.auth_time) > limit || limit == 0;
    (old && !signed_in(situation)).then_some(Needs::SignIn(SignInReason::TooOld))
}

/// The level that a request asks for: the first one that the person can reach among the values of the claim `acr`, or of
/// `acr_values` (Core §5.5.1.1, §3.1.2.1); none where it asks for none, or for others alone.
#[must_use]
pub fn level_wanted(request: &AuthorizeRequest, reachable: Level) -> Option<Level> {
    let claim = request.claims.wanted("acr");
    let values = request.acr_values.iter().map(String::as_str);
    let parse = |acr: &str| Level::parse(acr).filter(|level| *level <= reachable);
    match claim.is_empty() {
        true => values.into_iter().find_map(parse),
        false => claim.into_iter().find_map(parse),
    }
}

/// Whether the request can't do without a level that the person has no way to.
#[must_use]
pub fn is_out_of_reach(request: &AuthorizeRequest, reachable: Level) -> bool {
    request.claims.is_essential("acr")
        && !request.claims.wanted("acr").is_empty()
        && level_wanted(request, reachable).is_none()
}

fn step_up(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let present = situation.present.as_ref()?;
    if present.level < request.least_level && present.reachable < request.least_level {
        return Some(Needs::SignIn(SignInReason::Level));
    }
    let asked = level_wanted(request, present.reachable).unwrap_or(Level::One);
    let least = asked.max(request.least_level);
    (present.level < least).then_some(Needs::StepUp(least))
}

fn select_account(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let chosen = situation.present.as_ref().is_some_and(|present| present.chosen);
    (request.prompt.select_account && !chosen && !signed_in(situation))
        .then_some(Needs::SelectAccount)
}

fn consent(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let present = situation.present.as_ref()?;
    if situation.first_party && !request.prompt.consent {
        return None;
    }
    let wanted = to_approve(request);
    let covered = present
        .consent
        .as_ref()
        .is_some_and(|scopes| wanted.split(' ').all(|one| scope::has(scopes, one)));
    let enough = covered && (present.approved || !request.prompt.consent);
    (!enough).then_some(Needs::Consent)
}

#[cfg(test)]
mod tests;
