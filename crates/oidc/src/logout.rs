//! RP-Initiated Logout 1.0: decides how a request to the end-session endpoint is handled, as one table.

/// Result of checking `id_token_hint` (§2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// The request has no hint.
    Absent,
    /// The hint isn't an ID token that this server signed.
    NotOurs,
    /// An ID token of this server, expired or not, for the active session of this browser.
    ThisSession,
    /// An ID token of this server, and this browser has no active session.
    NoSession,
    /// An ID token of this server, for another user or session than this browser's.
    Another,
}

/// Result of checking `post_logout_redirect_uri` (§3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// The request has no such parameter.
    Absent,
    /// The URI is registered for the application that the request names.
    Registered,
    /// The request names an application, and the URI isn't registered for it.
    NotRegistered,
    /// The request names no application, so the URI can't be checked and must not be used (§3).
    Unverifiable,
}

/// Everything that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogoutSituation {
    /// Result of checking `id_token_hint`.
    pub hint: Hint,
    /// Whether `client_id` names a different application than the hint, or an unknown one.
    pub client_mismatch: bool,
    /// Result of checking `post_logout_redirect_uri`.
    pub address: Address,
    /// Whether this browser has an active session.
    pub session: bool,
}

/// How the request is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutDecision {
    /// End the session, then redirect to the address if it is registered, or else show a confirmation page.
    End,
    /// There is no session to end: redirect to the address if it is registered, or else show a confirmation
    /// page.
    Done,
    /// Ask the user whether to sign out.
    Confirm,
    /// The request can't be trusted, for this reason: ask the user whether to sign out, and don't redirect
    /// afterwards.
    Distrust(&'static str),
}

/// Returns the decision for an untrusted request. A user who isn't signed in is not asked.
fn distrusted(situation: &LogoutSituation, why: &'static str) -> LogoutDecision {
    if situation.session { LogoutDecision::Distrust(why) } else { LogoutDecision::Done }
}

/// Decides how the request is handled; the test `the_table` lists the cases.
#[must_use]
pub fn decide_logout(situation: &LogoutSituation) -> LogoutDecision {
    if situation.hint == Hint::NotOurs {
        return distrusted(
            situation,
            "A page requests your sign-out. Its ID token wasn't issued by this server, so we don't know whether one of your applications sent it.",
        );
    }
    if situation.client_mismatch {
        return distrusted(
            situation,
            "A page requests your sign-out. We don't know which application sent it.",
        );
    }
    if situation.address == Address::NotRegistered {
        return distrusted(
            situation,
            "An application requests your sign-out and wants to open an address that isn't registered for it.",
        );
    }
    match situation.hint {
        Hint::ThisSession => LogoutDecision::End,
        Hint::NoSession => LogoutDecision::Done,
        Hint::Absent if !situation.session => LogoutDecision::Done,
        Hint::Absent | Hint::Another | Hint::NotOurs => LogoutDecision::Confirm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        use Address as A;
        use Hint as H;
        use LogoutDecision as D;
        let refused = |decision| matches!(decision, D::Distrust(_));
        for (hint, mismatch, address, session, want) in [
            (H::ThisSession, false, A::Registered, true, D::End),
            (H::ThisSession, false, A::Absent, true, D::End),
            (H::NoSession, false, A::Registered, false, D::Done),
            (H::Another, false, A::Registered, true, D::Confirm),
            (H::Absent, false, A::Absent, true, D::Confirm),
            (H::Absent, false, A::Registered, true, D::Confirm),
            (H::Absent, false, A::Unverifiable, true, D::Confirm),
            (H::Absent, false, A::Absent, false, D::Done),
        ] {
            let situation = LogoutSituation { hint, client_mismatch: mismatch, address, session };
            assert_eq!(decide_logout(&situation), want, "{situation:?}");
        }
        for (hint, mismatch, address) in [
            (H::ThisSession, true, A::Registered),
            (H::ThisSession, false, A::NotRegistered),
            (H::NotOurs, false, A::Absent),
            (H::Absent, true, A::Absent),
            (H::Absent, false, A::NotRegistered),
        ] {
            for session in [true, false] {
                let situation =
                    LogoutSituation { hint, client_mismatch: mismatch, address, session };
                let decision = decide_logout(&situation);
                assert!(
                    refused(decision) == session && (session || decision == D::Done),
                    "{situation:?}"
                );
            }
        }
    }
}
