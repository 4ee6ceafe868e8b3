//! Decides whether the user has to act before an authorization request can be answered. Each named check
//! returns what the user has to do, or `None`. The same list serves `prompt=none`, which can only report it as
//! an error.

use sojourn_model::{Level, Millis};

use crate::authorize::AuthorizeRequest;
use crate::error::OAuthError;
use crate::scope;

/// What the user has to do before the request can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Authenticate, for the given reason.
    SignIn(SignInReason),
    /// Verify a further factor in the present session, to reach this level.
    StepUp(Level),
    /// Create an account (`prompt=create`).
    SignUp,
    /// Select the account to continue with.
    SelectAccount,
    /// Approve the scopes and claims that the request asks for.
    Consent,
}

/// The reason why the user has to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInReason {
    /// There is no session in this browser.
    NoSession,
    /// The request expects a different user (`id_token_hint`, or a claim `sub` with a value).
    OtherPerson,
    /// The request demands it (`prompt=login`).
    Prompt,
    /// The last authentication is older than `max_age`.
    TooOld,
    /// The organisation demands a level that the user has no factor for; the sign-in lets the user add one.
    Level,
}

impl Needs {
    /// Returns the error that `prompt=none` reports instead (Core §3.1.2.6).
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
    /// Time of the user's last authentication.
    pub auth_time: Millis,
    /// The level that the user has reached in this session.
    pub level: Level,
    /// The highest level that the user can reach with the factors of the account.
    pub reachable: Level,
    /// Whether the user is the one that the request expects; true if it expects nobody in particular.
    pub expected: bool,
    /// Whether the user signed in for this request, in this session.
    pub signed_in: bool,
    /// Whether the user selected this account for this request.
    pub chosen: bool,
    /// Whether the user gave consent for this request.
    pub approved: bool,
    /// What the user has approved for the application, now or earlier, separated by spaces as in
    /// [`to_approve`].
    pub consent: Option<String>,
}

type Check = fn(&AuthorizeRequest, &Situation) -> Option<Needs>;

/// The input of the checks, apart from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// The browser's session, if it has an active one.
    pub present: Option<Present>,
    /// Whether the organisation operates the application itself; then consent isn't needed.
    pub first_party: bool,
    /// Current time, from the caller's clock.
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

/// Returns the first thing that the user has to do, or `None` if the request can be answered.
#[must_use]
pub fn needs(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    CHECKS.iter().find_map(|(_, check)| check(request, situation))
}

/// Returns what a request needs consent for, separated by spaces: its scopes, and `claim:` with the name for
/// each claim that it names.
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

/// Whether the user signed in for this request, so its demands to sign in are met.
fn signed_in(situation: &Situation) -> bool {
    situation.present.as_ref().is_some_and(|present| present.signed_in)
}

fn other_person(_: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let present = situation.present.as_ref()?;
    (!present.expected).then_some(Needs::SignIn(SignInReason::OtherPerson))
}

/// Satisfied once the user has created an account and signed in for this request, or has signed in to or
/// selected an existing account.
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

/// Returns the level that a request asks for: the first one that the user can reach among the values of the
/// claim `acr`, or else of `acr_values` (Core §5.5.1.1, §3.1.2.1). `None` if it asks for none, or only for
/// unknown or unreachable ones.
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

/// Whether the request demands, as an essential claim, only levels that the user can't reach.
#[must_use]
pub fn is_out_of_reach(request: &AuthorizeRequest, reachable: Level) -> bool {
    request.claims.is_essential("acr")
        && !request.claims.wanted("acr").is_empty()
        && level_wanted(request, reachable).is_none()
}

fn step_up(request: &AuthorizeRequest, situation: &Situation) -> Option<Needs> {
    let present = situation.present.as_ref()?;
    if request.unmet.is_some_and(|unmet| !unmet.in_reach) {
        return Some(Needs::SignIn(SignInReason::Level));
    }
    let asked = level_wanted(request, present.reachable).unwrap_or(Level::One);
    let asked = asked.max(request.least_level);
    let least = request.unmet.map_or(asked, |unmet| asked.max(unmet.level));
    (request.unmet.is_some() || present.level < asked).then_some(Needs::StepUp(least))
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
