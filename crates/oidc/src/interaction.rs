//! Whether the person must act before an authorization request can be answered: named checks that
//! answer no, or yes and why. The same list serves `prompt=none`, which may only ask.

use sojourn_model::Millis;

use crate::authorize::{AuthorizeRequest, Prompt};

/// Why the person has to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedsSignIn {
    /// Nobody is signed in with this browser.
    NoSession,
    /// The request asks for it (`prompt=login`).
    PromptLogin,
    /// The last authentication is too long ago (`max_age`).
    TooOld,
}

/// What is known about the browser's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// When the person last proved who they are.
    pub auth_time: Millis,
}

type Check = fn(&AuthorizeRequest, &Situation) -> Option<NeedsSignIn>;

/// What the checks look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The session, if there is a live one.
    pub present: Option<Present>,
    /// When the request was first seen, if it comes back from the sign-in page.
    pub asked_at: Option<Millis>,
    /// Now.
    pub now: Millis,
}

const CHECKS: &[(&str, Check)] =
    &[("no session", no_session), ("prompt=login", prompt_login), ("max_age", too_old)];

/// The first reason for which the person has to sign in.
#[must_use]
pub fn needs_sign_in(request: &AuthorizeRequest, situation: &Situation) -> Option<NeedsSignIn> {
    CHECKS.iter().find_map(|(_, check)| check(request, situation))
}

fn no_session(_: &AuthorizeRequest, situation: &Situation) -> Option<NeedsSignIn> {
    situation.present.is_none().then_some(NeedsSignIn::NoSession)
}

/// Whether the person signed in since the request was first seen: then it has had its way.
fn signed_in_since(situation: &Situation) -> bool {
    situation
        .present
        .zip(situation.asked_at)
        .is_some_and(|(present, asked_at)| present.auth_time >= asked_at)
}

fn prompt_login(request: &AuthorizeRequest, situation: &Situation) -> Option<NeedsSignIn> {
    (request.prompt == Prompt::Login && !signed_in_since(situation))
        .then_some(NeedsSignIn::PromptLogin)
}

fn too_old(request: &AuthorizeRequest, situation: &Situation) -> Option<NeedsSignIn> {
    let present = situation.present?;
    let limit = request.max_age?.saturating_mul(1000);
    let old = situation.now.since(present.auth_time) > limit || limit == 0;
    (old && !signed_in_since(situation)).then_some(NeedsSignIn::TooOld)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        let request = |prompt, max_age| AuthorizeRequest {
            redirect_uri: String::new(),
            scopes: vec![],
            state: None,
            nonce: None,
            challenge: None,
            prompt,
            max_age,
            login_hint: None,
        };
        for (prompt, max_age, auth_time, asked_at, want) in [
            (Prompt::Unspecified, None, None, None, Some(NeedsSignIn::NoSession)),
            (Prompt::None, None, None, None, Some(NeedsSignIn::NoSession)),
            (Prompt::Unspecified, None, Some(0), None, None),
            (Prompt::Login, None, Some(99_000), None, Some(NeedsSignIn::PromptLogin)),
            (Prompt::Login, None, Some(99_000), Some(98_000), None),
            (Prompt::Login, None, Some(97_000), Some(98_000), Some(NeedsSignIn::PromptLogin)),
            (Prompt::Unspecified, Some(10), Some(90_000), None, None),
            (Prompt::Unspecified, Some(10), Some(89_999), None, Some(NeedsSignIn::TooOld)),
            (Prompt::Unspecified, Some(0), Some(100_000), None, Some(NeedsSignIn::TooOld)),
            (Prompt::Unspecified, Some(0), Some(100_000), Some(100_000), None),
        ] {
            let situation = Situation {
                present: auth_time.map(|at| Present { auth_time: Millis(at) }),
                asked_at: asked_at.map(Millis),
                now: Millis(100_000),
            };
            let got = needs_sign_in(&request(prompt, max_age), &situation);
            assert_eq!(got, want, "{prompt:?} {max_age:?} {auth_time:?} {asked_at:?}");
        }
    }
}
