//! Sign-on: a user with an active session reaches a service provider.

use serde::{Deserialize, Serialize};
use sojourn_crypto::sha256;
use sojourn_model::{
    Application, ChangeSet, GivenName, Level, Millis, Op, Outcome, Participation, Protocol,
    SamlChange, SamlSettings, Session, Tenant, User,
};
use sojourn_oidc::authorize::Prompt;
use sojourn_oidc::response::{ReplyTo, ResponseMode, ResponseType};
use sojourn_oidc::{AuthorizeRequest, scope};
use sojourn_saml::assertion::{self, Assertion, ResponseTo};
use sojourn_saml::context::{Comparison, Requested, Wanted};
use sojourn_saml::{NameId, Status, SubStatus};

use super::{attributes, names, settings_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::tokens::{Read, TRIES};

/// How long an assertion may be presented, in milliseconds: the time for the way through a browser.
const ASSERTION_MS: i64 = 2 * 60_000;
/// How long an answered request is remembered, in milliseconds; longer than it is accepted, including the time that a
/// user may take to sign in.
const REMEMBERED_MS: i64 = 2 * 40 * 60_000;

/// A validated sign-on. Its pages carry it in sealed form until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOn {
    /// Entity id of the service provider.
    pub entity_id: String,
    /// Id of the provider's request; `None` if the sign-on started here.
    pub request: Option<String>,
    /// Registered assertion consumer URL to which the response goes.
    pub acs: String,
    /// `RelayState`, which is returned unchanged.
    pub relay_state: Option<String>,
    /// Whether the user must authenticate again (`ForceAuthn`).
    pub force: bool,
    /// Whether no page may be shown (`IsPassive`).
    pub passive: bool,
    /// Requested format of the name, by its identifier.
    pub format: Option<String>,
    /// Affiliation that the name is for (`SPNameQualifier`).
    pub sp_name_qualifier: Option<String>,
    /// Comparison and classes of the requested authentication contexts.
    pub contexts: Option<(String, Vec<String>)>,
    /// Login name with which the sign-in form is filled.
    pub hint: Option<String>,
    /// When the request was received, in milliseconds since 1970. It can't be answered once its answer is no longer
    /// remembered.
    pub at: i64,
}

/// The result of a sign-on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignOnOutcome {
    /// The response message as XML.
    Response(String),
    /// The session ended at the same time, so the user must sign in again.
    SessionGone,
    /// The user withdrew their consent at the same time.
    ApprovalGone,
    /// The request was answered before, in another session.
    Answered,
}

impl SignOn {
    /// Returns whether the request is too old to be answered.
    #[must_use]
    pub fn is_too_old(&self, now: Millis) -> bool {
        self.request.is_some() && now.since(Millis(self.at)) > REMEMBERED_MS / 2
    }

    /// Encodes the sign-on as a query that a page carries back. Its parameter for the application is the one of
    /// OpenID Connect requests.
    #[must_use]
    pub fn to_query(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        let pairs = [("client_id", self.entity_id.as_str()), ("sign_on", json.as_str())];
        sojourn_oidc::params::with_query("", &pairs).trim_start_matches('?').to_owned()
    }

    /// Decodes such a query. The caller must ensure that nobody else could have written it.
    #[must_use]
    pub fn of_query(query: &str) -> Option<Self> {
        let params = sojourn_oidc::Params::parse(query.as_bytes()).ok()?;
        serde_json::from_str(params.get("sign_on")?).ok()
    }

    /// Converts the requested contexts to levels; `None` if nobody who reaches at most `reachable` can satisfy them.
    #[must_use]
    pub fn wanted(&self, reachable: Level) -> Option<Wanted> {
        let Some((comparison, classes)) = &self.contexts else { return Some(Wanted::nothing()) };
        let comparison = match comparison.as_str() {
            "minimum" => Comparison::Minimum,
            "better" => Comparison::Better,
            "maximum" => Comparison::Maximum,
            _ => Comparison::Exact,
        };
        Requested { comparison, classes: classes.clone() }.wanted(reachable)
    }

    /// Converts the requirements to an OpenID Connect request, so that the same decision table determines the user's
    /// next step.
    #[must_use]
    pub fn as_needs(&self, app: &Application, wanted: &Wanted) -> AuthorizeRequest {
        let scopes = match app.protocol() {
            Protocol::Saml(settings) => attributes::scopes(settings),
            _ => Vec::new(),
        };
        AuthorizeRequest {
            reply: ReplyTo {
                redirect_uri: self.acs.clone(),
                mode: ResponseMode::FormPost,
                state: self.relay_state.clone(),
            },
            response_type: ResponseType::CODE,
            scopes,
            nonce: None,
            challenge: None,
            prompt: Prompt { none: self.passive, login: self.force, ..Prompt::default() },
            max_age: None,
            login_hint: self.hint.clone(),
            id_token_hint: None,
            claims: sojourn_oidc::ClaimsRequest::default(),
            acr_values: Vec::new(),
            least_level: wanted.least,
            unmet: None,
        }
    }
}

impl Engine {
    /// Responds to a sign-on with an assertion about the user of an active session. `read` is the state that the
    /// decision not to ask anything was based on.
    ///
    /// # Errors
    /// [`EngineError`] if signing fails or the database fails.
    pub async fn saml_sign_on(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        asked: &SignOn,
        read: Read<'_>,
    ) -> Result<SignOnOutcome, EngineError> {
        let settings = settings_of(app)?;
        let Some(wanted) = asked.wanted(session.level()) else {
            return self.saml_refusal(tenant, app, asked, no_context()).await;
        };
        let format = names::format_of(asked.format.as_deref(), settings);
        let other = asked.sp_name_qualifier.as_ref().is_some_and(|one| *one != app.client_id);
        let Some(format) = format.filter(|_| !other) else {
            let why = "the name that is asked for can't be given";
            let status = Status::Requester(SubStatus::InvalidNameIdPolicy);
            return self.saml_refusal(tenant, app, asked, (status, why)).await;
        };
        let user = self.store.user(tenant.id, session.user).await?;
        let Some(user) = user else { return Ok(SignOnOutcome::SessionGone) };
        let mut approved = read.approved.map(str::to_owned);
        for attempt in 0..TRIES {
            let mut change = ChangeSet::new(tenant.id);
            let stay = match read.stay {
                Some(stay) if attempt == 0 => stay.clone(),
                _ => self.enter(tenant, app, session, &mut change).await?,
            };
            let Some(name) = self.saml_name(tenant, app, &user, stay.sid, format) else {
                let why = "the person has no mail address";
                let status = Status::Responder(SubStatus::InvalidNameIdPolicy);
                return self.saml_refusal(tenant, app, asked, (status, why)).await;
            };
            if let Some(scopes) = approved.clone() {
                let (user, session, app) = (session.user, session.id, app.id);
                change.ops.push(Op::RequireApproval { user, session, app, scopes });
            }
            change.ops.extend(self.answers(app, asked, session, &stay, &name)?);
            match self.apply(change).await? {
                Outcome::Applied(_) => {
                    let class = wanted.class(session.level());
                    let of = Asserted { app, settings, session, user: &user, stay: &stay, class };
                    let xml = self.saml_response(tenant, asked, &name, of).await?;
                    return Ok(SignOnOutcome::Response(xml));
                }
                // Another tab entered at the same time: read again.
                Outcome::Duplicate => {}
                _ => {
                    if let Some(gone) =
                        self.not_answered(tenant, app, session, &mut approved).await?
                    {
                        return Ok(gone);
                    }
                    if attempt > 0 {
                        return Ok(SignOnOutcome::Answered);
                    }
                }
            }
        }
        Err(EngineError::Contended)
    }

    /// Creates and signs the response after the decision was stored.
    pub(super) async fn saml_response(
        &self,
        tenant: &Tenant,
        asked: &SignOn,
        name: &NameId,
        of: Asserted<'_>,
    ) -> Result<String, EngineError> {
        let Asserted { app, settings, session, user, stay, class } = of;
        let attributes = self.saml_attributes(tenant, app, settings, user).await?;
        let assertion = Assertion {
            id: &self.saml_id(),
            audience: &app.client_id,
            name,
            session_index: &stay.sid.to_string(),
            authn_instant: session.auth_time,
            session_not_on_or_after: session.absolute_deadline,
            class,
            attributes: &attributes,
            valid_ms: ASSERTION_MS,
        };
        let signer = self.saml_signer(tenant, settings.signing_alg).await?;
        let (issuer, id) = (self.saml_entity_id(tenant), self.saml_id());
        let to = asked.answer(&issuer, &id, self.now());
        Ok(assertion::response(&to, &assertion, settings.signed_part, &signer)?)
    }

    /// The operations that are stored with a response: that the request was answered, and the name that was issued.
    fn answers(
        &self,
        app: &Application,
        asked: &SignOn,
        session: &Session,
        stay: &Participation,
        name: &NameId,
    ) -> Result<Vec<Op>, EngineError> {
        let text = serde_json::to_string(name).map_err(|e| EngineError::Invalid(e.to_string()))?;
        let given = GivenName {
            session: session.id,
            app: app.id,
            sid: stay.sid,
            key: sha256(text.as_bytes()),
            value: name.value.clone(),
            name: text,
        };
        let answered = asked.request.as_ref().map(|request| {
            let text = format!("{}\n{request}", app.id);
            let expires_at = self.now().plus(REMEMBERED_MS);
            let key = sha256(text.as_bytes());
            SamlChange::AnswerRequest { key, session: session.id, expires_at }
        });
        let all = answered.into_iter().chain([SamlChange::AddName(given)]);
        Ok(all.map(Op::Saml).collect())
    }

    /// Determines what no longer exists after a conflict.
    async fn not_answered(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        approved: &mut Option<String>,
    ) -> Result<Option<SignOnOutcome>, EngineError> {
        let now = self.store.session(tenant.id, session.id).await?;
        let slack = self.settings.lifetimes.touch_flush_ms;
        if !now.is_some_and(|session| session.is_live(self.now(), slack)) {
            return Ok(Some(SignOnOutcome::SessionGone));
        }
        if let Some(before) = approved {
            let now = self.consent(tenant, session.user, app.id).await?;
            let scopes = now.map(|(scopes, _)| scopes).unwrap_or_default();
            // Another tab may have added scopes.
            if !before.split(' ').all(|one| scope::has(&scopes, one)) {
                return Ok(Some(SignOnOutcome::ApprovalGone));
            }
            *before = scopes;
        }
        Ok(None)
    }

    /// Creates a response that states why there is no assertion.
    ///
    /// # Errors
    /// [`EngineError`] if signing fails.
    pub async fn saml_refusal(
        &self,
        tenant: &Tenant,
        app: &Application,
        asked: &SignOn,
        (status, why): (Status, &str),
    ) -> Result<SignOnOutcome, EngineError> {
        let signer = self.saml_signer(tenant, settings_of(app)?.signing_alg).await?;
        let (issuer, id) = (self.saml_entity_id(tenant), self.saml_id());
        let to = asked.answer(&issuer, &id, self.now());
        let xml = assertion::failure(&to, status, why, &signer)?;
        Ok(SignOnOutcome::Response(xml))
    }
}

/// The subject and context of an assertion.
pub(super) struct Asserted<'a> {
    pub(super) app: &'a Application,
    pub(super) settings: &'a SamlSettings,
    pub(super) session: &'a Session,
    pub(super) user: &'a User,
    pub(super) stay: &'a Participation,
    pub(super) class: &'a str,
}

/// The status for requested contexts that can't be reached.
fn no_context() -> (Status, &'static str) {
    let why = "none of the authentication contexts can be reached";
    (Status::Responder(SubStatus::NoAuthnContext), why)
}

impl SignOn {
    fn answer<'a>(&'a self, issuer: &'a str, id: &'a str, now: Millis) -> ResponseTo<'a> {
        ResponseTo {
            issuer,
            id,
            destination: &self.acs,
            in_response_to: self.request.as_deref(),
            now,
        }
    }
}
