//! An account's factors as pages list them, and as authenticators learn of them.

use serde_json::json;
use sojourn_engine::factors::{KeyFacts, Listed};
use sojourn_engine::sign_in::trusted_browser_id;
use sojourn_model::{FactorKind, Millis, TrustedBrowser};

use crate::context::Context;
use crate::language::Text;
use crate::language::say;
use crate::web::words;

/// A browser in which the second factor isn't asked for.
pub(super) struct TrustedLine {
    pub(super) id: String,
    pub(super) browser: Text,
    pub(super) since: Text,
    pub(super) until: Text,
    pub(super) used: Text,
}

/// A factor.
pub(super) struct FactorLine {
    pub(super) id: String,
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Text,
    /// Where it is and where it was added, for a key.
    pub(super) about: Option<Text>,
    pub(super) added: Text,
    pub(super) used: Text,
}

/// What a factor is, in words.
const fn kind(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "Authenticator app",
        FactorKind::Passkey => "Passkey",
        FactorKind::SecurityKey => "Security key",
    }
}

/// A factor as My Account lists it.
pub(super) fn line(listed: &Listed, now: Millis) -> FactorLine {
    let Listed { factor, key } = listed;
    let kind = kind(factor.kind);
    let about = key.as_ref().map(|key| {
        let place = match (key.may_sync, key.synced) {
            (true, true) => "synced between devices",
            (true, false) => "may be synced between devices",
            (false, _) => "on one device alone",
        };
        say("{0}, added with {1}", [place.into(), words::browser(&key.user_agent)])
    });
    FactorLine {
        id: factor.id.to_string(),
        name: factor.name.clone(),
        kind: kind.into(),
        about,
        added: words::moment(factor.added_at),
        used: factor.used_at.map_or_else(|| "never".into(), |at| words::ago(at, now)),
    }
}

/// Which passkeys of an account are good, as JSON, for the authenticators to learn (Web Authentication §5.1.10.3).
pub(super) fn accepted(context: &Context, factors: &[Listed]) -> Option<String> {
    let rp = context.engine().settings().relying_party()?;
    let keys: Vec<&KeyFacts> = factors.iter().filter_map(|one| one.key.as_ref()).collect();
    let handle = keys.first().map(|key| key.handle.as_str())?;
    let ids: Vec<&str> = keys.iter().map(|key| key.credential.as_str()).collect();
    let accepted = json!({ "rpId": rp.id, "userId": handle, "allAcceptedCredentialIds": ids });
    Some(accepted.to_string())
}

/// A trusted browser as My Account lists it.
pub(super) fn trusted(one: &TrustedBrowser, now: Millis) -> TrustedLine {
    TrustedLine {
        id: trusted_browser_id(one),
        browser: words::browser(&one.user_agent),
        since: words::moment(one.since),
        until: words::moment(one.until),
        used: one.used_at.map_or_else(|| "never".into(), |at| words::ago(at, now)),
    }
}
