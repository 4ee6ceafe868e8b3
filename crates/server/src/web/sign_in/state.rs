//! The state of a sign-in between two of its pages.

use serde::{Deserialize, Serialize};
use sojourn_engine::sign_in::{KeyProof, Proven, Visit};
use sojourn_model::{Millis, Session, SessionId};

use crate::context::Context;
use crate::ticket::Ticket;
use crate::web::consent;
use crate::web::refusal::Refusal;

/// The page on which a state was shown: no other page accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Page {
    /// Proving a second factor.
    SecondFactor,
    /// Adding a second factor.
    Enrolment,
    /// Choosing another password, because an administrator requires it.
    NewPassword,
    /// Choosing which sessions to end.
    Sessions,
}

impl Page {
    /// Lifetime of a state in milliseconds. It is short because the password has been verified already, and nobody else
    /// must benefit from that.
    const fn lifetime_ms(self) -> i64 {
        match self {
            Self::SecondFactor | Self::Enrolment | Self::NewPassword => 10 * 60_000,
            Self::Sessions => 5 * 60_000,
        }
    }
}

/// The destination of a sign-in, which is the same for all its steps.
pub(super) struct Way {
    /// The request or page that the sign-in interrupted.
    pub(super) ticket: Ticket,
    /// Whether the user wants to stay signed in.
    pub(super) remember: bool,
    /// The session to raise to a higher level; `None` for a new sign-in.
    pub(super) raises: Option<SessionId>,
}

/// Time in milliseconds within which a sign-in page can be used with a passkey.
const PASSKEY_MS: i64 = 30 * 60_000;

/// The challenge for a passkey on a sign-in page. It is sealed like a [`State`] and valid only in this browser.
#[derive(Serialize, Deserialize)]
pub(super) struct Asked {
    passkey_asked_at: i64,
    browser: String,
    /// Sealing is deterministic, and no two pages may have the same challenge.
    nonce: u128,
}

impl Asked {
    pub(super) fn seal(context: &Context, csrf: &str) -> String {
        let (passkey_asked_at, browser) = (context.engine().now().0, csrf.to_owned());
        let asked = Self { passkey_asked_at, browser, nonce: nonce(context) };
        let body = serde_json::to_vec(&asked).unwrap_or_default();
        context.engine().seal_sign_in(context.tenant(), &body).unwrap_or_default()
    }

    /// Returns whether the challenge that a page sent is valid: shown in this browser, and not too long ago.
    pub(super) fn is_good(context: &Context, text: &str) -> bool {
        let body = context.engine().open_sign_in(context.tenant(), text);
        let Some(asked) = body.and_then(|body| serde_json::from_slice::<Self>(&body).ok()) else {
            return false;
        };
        let at = Millis(asked.passkey_asked_at);
        let (secret, _) = context.form_secret();
        let here = context.has_form_secret() && asked.browser == context.form_token(&secret);
        let recent = context.engine().is_recent(at, PASSKEY_MS);
        here && recent
    }
}

fn nonce(context: &Context) -> u128 {
    u128::from_ne_bytes(sojourn_model::time::random(context.engine().rng()))
}

/// Combines the sealed challenge of a page with the response of the browser.
pub(super) fn key_proof<'a>(
    context: &Context,
    state: &'a str,
    credential: &'a str,
) -> KeyProof<'a> {
    // Longer than any page is valid.
    KeyProof { sealed: state, until: context.engine().now().plus(2 * PASSKEY_MS), credential }
}

/// A sign-in between two of its pages. The browser carries it, sealed with a key that is used for nothing else; it is
/// valid only in that browser, on that page and for some minutes.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    page: Page,
    ticket: Ticket,
    proven: Proven,
    remember: bool,
    raises: Option<SessionId>,
    made_at: i64,
    /// Token of the cookie for forms, which identifies the browser.
    browser: String,
    /// Makes each sealed state unique, as in [`Requested`].
    #[serde(default)]
    nonce: u128,
}

impl State {
    /// Returns the sealed text for the form of a page; `csrf` is the token of that form.
    pub(super) fn seal(
        context: &Context,
        page: Page,
        way: &Way,
        proven: Proven,
        csrf: &str,
    ) -> String {
        let state = Self {
            page,
            ticket: way.ticket.clone(),
            proven,
            remember: way.remember,
            raises: way.raises,
            made_at: context.engine().now().0,
            browser: csrf.to_owned(),
            nonce: nonce(context),
        };
        let body = serde_json::to_vec(&state).unwrap_or_default();
        context.engine().seal_sign_in(context.tenant(), &body).unwrap_or_default()
    }

    /// Opens the state that a page sent. If the user took too long or is in another browser, the same request starts
    /// again.
    pub(super) fn open(
        context: &Context,
        page: Page,
        text: &str,
    ) -> Result<(Way, Proven), Refusal> {
        let body = context.engine().open_sign_in(context.tenant(), text);
        let read = body.and_then(|body| serde_json::from_slice::<Self>(&body).ok());
        let state = read.ok_or(Refusal::Incomplete)?;
        let recent = context.engine().is_recent(Millis(state.made_at), page.lifetime_ms());
        let (secret, _) = context.form_secret();
        let here = context.has_form_secret() && state.browser == context.form_token(&secret);
        if here && recent && state.page == page {
            let State { ticket, remember, raises, proven, .. } = state;
            Ok((Way { ticket, remember, raises }, proven))
        } else {
            Err(Refusal::instead(state.ticket.begin_again(context)))
        }
    }
}

/// Returns the browser that a step comes from, and the cookie that identifies it from now on. `form` identifies the
/// form, so that it counts once.
pub(super) async fn visit(
    context: &Context,
    way: &Way,
    present: Option<Session>,
    form: Option<[u8; 32]>,
) -> (Visit, Option<String>) {
    let (browser, cookie) = context.browser_secret();
    let visit = Visit {
        remember: way.remember,
        trusts: false,
        ip: context.arrival.ip.to_string(),
        user_agent: context.user_agent().to_owned(),
        present,
        app: consent::app_of_ticket(context, &way.ticket).await.map(|app| app.id),
        browser: Some(browser),
        form,
    };
    (visit, cookie)
}

/// Returns the identifier of a form that was sent: a form that is sent twice has the same identifier.
pub(super) fn form_of(fields: &[Option<&str>]) -> [u8; 32] {
    let fields: Vec<&str> = fields.iter().map(|field| field.unwrap_or_default()).collect();
    sojourn_engine::sha256(fields.join(" ").as_bytes())
}
