//! RP-Initiated Logout 1.0: what a request to the end-session endpoint leads to, as one table.

/// What became of `id_token_hint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// There is none.
    Absent,
    /// We didn't sign it, or it isn't an ID token.
    NotOurs,
    /// We signed it, long ago or not, for this browser's living session.
    ThisSession,
    /// We signed it, and this browser has no living session.
    NoSession,
    /// We signed it, for another user or session than this browser's.
    Another,
}

/// What became of `post_logout_redirect_uri`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// There is none.
    Absent,
    /// It is registered for the application that the request names.
    Registered,
    /// The request names an application, and it isn't registered for that one.
    NotRegistered,
    /// The request names no application: it can't be checked, and so not be used (§3).
    Unverifiable,
}

/// Everything that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogoutSituation {
    /// The hint.
    pub hint: Hint,
    /// `client_id` names another application than the hint, or none that there is.
    pub client_mismatch: bool,
    /// The address.
    pub address: Address,
    /// Whether this browser has a living session.
    pub session: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutDecision {
    /// End the session, then go to the address if it is registered, else show that it is done.
    End,
    /// There is nothing to end: go to the address if it is registered, else show that it is done.
    Done,
    /// Ask the person.
    Confirm,
    /// The request can't be trusted, for this reason: ask the person, and lead nowhere then.
    Distrust(&'static str),
}

/// Whoever isn't signed in is asked nothing.
fn distrusted(situation: &LogoutSituation, why: &'static str) -> LogoutDecision {
    if situation.session { LogoutDecision::Distrust(why) } else { LogoutDecision::Done }
}

/// Decides.
#[must_use]
pub fn decide_logout(situation: &LogoutSituation) -> LogoutDecision {
    if situation.hint == Hint::NotOurs {
        return distrusted(
            situation,
            "A page asks to sign you out, and it can't be told whether an application that you use sent it: its ID token is not one of this server.",
        );
    }
    if situation.client_mismatch {
        return distrusted(
            situation,
            "A page asks to sign you out, and it can't be told which application sent it.",
        );
    }
    if situation.address == Address::NotRegistered {
        return distrusted(
            situation,
            "An application asks to sign you out, and to go on to an address that isn't registered for it.",
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
