//! An account's factors, as pages list them and as browsers report them to authenticators.

use serde_json::json;
use sojourn_engine::factors::{KeyFacts, Listed};
use sojourn_engine::sign_in::trusted_browser_id;
use sojourn_model::{FactorKind, Millis, TrustedBrowser};

use crate::context::Context;
use crate::language::Text;
use crate::language::say;
use crate::web::words;

/// A trusted browser, in which the second factor isn't asked for.
pub(super) struct TrustedLine {
    pub(super) id: String,
    pub(super) browser: Text,
    pub(super) since: Text,
    pub(super) until: Text,
    pub(super) used: Text,
}

/// A factor in the list of an account.
pub(super) struct FactorLine {
    pub(super) id: String,
    pub(super) name: String,
    /// Display name of the kind, such as "Passkey".
    pub(super) kind: Text,
    /// For a key: whether it is synced between devices, and the browser in which it was added.
    pub(super) about: Option<Text>,
    pub(super) added: Text,
    pub(super) used: Text,
}

/// Returns the display name of a kind of factor.
const fn kind(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "Authenticator app",
        FactorKind::Passkey => "Passkey",
        FactorKind::SecurityKey => "Security key",
    }
}

/// Creates the list entry of a factor. `now` is the current time.
pub(super) fn line(listed: &Listed, now: Millis) -> FactorLine {
    let Listed { factor, key } = listed;
    let kind = kind(factor.kind);
    let about = key.as_ref().map(|key| {
        let place = match (key.may_sync, key.synced) {
            (true, true) => "synced between devices",
            (true, false) => "may be synced between devices",
            (false, _) => "on one device only",
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

/// The accepted credentials of an account as JSON, for `signalAllAcceptedCredentials` (Web Authentication §5.1.10.3);
/// `None` if the account has no keys.
pub(super) fn accepted(context: &Context, factors: &[Listed]) -> Option<String> {
    let rp = context.engine().settings().relying_party()?;
    let keys: Vec<&KeyFacts> = factors.iter().filter_map(|one| one.key.as_ref()).collect();
    let handle = keys.first().map(|key| key.handle.as_str())?;
    let ids: Vec<&str> = keys.iter().map(|key| key.credential.as_str()).collect();
    let accepted = json!({ "rpId": rp.id, "userId": handle, "allAcceptedCredentialIds": ids });
    Some(accepted.to_string())
}

/// Creates the list entry of a trusted browser. `now` is the current time.
pub(super) fn trusted(one: &TrustedBrowser, now: Millis) -> TrustedLine {
    TrustedLine {
        id: trusted_browser_id(one),
        browser: words::browser(&one.user_agent),
        since: words::moment(one.since),
        until: words::moment(one.until),
        used: one.used_at.map_or_else(|| "never".into(), |at| words::ago(at, now)),
    }
}
