//! My Account: overview and sessions. Also the access check and the form check of all pages that require a sign-in.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::directory::{CONSOLE, MY_ACCOUNT};
use sojourn_engine::session::{FrontChannelNotice, SessionView};
use sojourn_engine::{Authority, EndPlan, EngineError};
use sojourn_model::limits::RECOVERY_CODES_FEW;
use sojourn_model::{
    Actor, AppKind, EndReason, EndTarget, Level, Millis, Session, SessionId, SessionState, User,
};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::ticket::{Ticket, way_back};
use crate::web::factor_list::FactorLine;
use crate::web::factor_list::TrustedLine;
use crate::web::pages::{AppLine, Confirm, Frame, SessionCard};
use crate::web::refusal::{Answer, Refusal};
use crate::web::{factor_list, filters, render, signed_out, words};
use crate::{request, respond};

/// The overview page of My Account.
#[derive(Template)]
#[template(path = "my_account.html")]
struct MyAccountPage {
    frame: Frame,
    rows: Vec<(&'static str, Text)>,
    sessions: Text,
    /// Number of findings of the security check that need attention.
    due: usize,
}

/// The page with the user's sessions, factors and trusted browsers.
#[derive(Template)]
#[template(path = "security.html")]
struct SecurityPage {
    frame: Frame,
    /// ID of the session of this browser.
    own: String,
    sessions: Vec<SessionCard>,
    /// The user's passkeys, security keys and authenticator apps.
    factors: Vec<FactorLine>,
    /// Number of unused recovery codes.
    codes_left: usize,
    /// Whether fewer than [`RECOVERY_CODES_FEW`] codes are left, so that the user should create new ones.
    few_codes: bool,
    /// Whether passkeys and security keys can be added at this server's address.
    takes_keys: bool,
    /// Whether the password alone is sufficient to sign in.
    password_alone: bool,
    /// The accepted passkeys as JSON, which the browser reports to authenticators.
    accepted: Option<String>,
    /// Browsers in which the second factor isn't asked for.
    trusted: Vec<TrustedLine>,
}

/// The signed-in user of a page, with their session.
pub(crate) struct Visitor {
    pub(crate) session: Session,
    pub(crate) user: User,
    /// The user's rights, and the actor for the audit log.
    pub(crate) by: Authority,
}

impl Visitor {
    pub(crate) fn frame(&self, context: &Context, here: &'static str) -> Frame {
        Frame {
            base: context.arrival.prefix.to_string(),
            here,
            user: self.user.shown_name().to_owned(),
            csrf: context.session_token(&self.session),
            administrator: self.by.rights().is_administrator(),
            menu: crate::web::console::menu(context, self.by.rights(), here),
            notice: None,
            rights: self.by.rights().clone(),
        }
    }
}

/// An authentication that is required before a session can be used.
enum Due {
    /// A new sign-in, because the account was changed or the sign-in is too old or too weak.
    SignIn,
    /// One more factor in the same session, which raises it to this level.
    Level(Level),
}

/// Returns the authentication that a session requires before it can be used: because of a change to the account, or
/// because a policy considers the sign-in too old or too weak. It applies to built-in pages as well as to applications.
async fn due(
    context: &Context,
    client_id: &str,
    session: &Session,
) -> Result<Option<Due>, EngineError> {
    if session.sign_in_due {
        return Ok(Some(Due::SignIn));
    }
    let (engine, tenant) = (context.engine(), context.tenant());
    let Some(app) = engine.application_by_client(tenant.id, client_id).await? else {
        return Ok(None);
    };
    let demanded = engine.demands(tenant, session, app.id).await?;
    let age = engine.now().since(session.auth_time);
    if demanded.max_age_ms.is_some_and(|ms| age > ms) {
        return Ok(Some(Due::SignIn));
    }
    // A user without such a factor adds one during the sign-in.
    Ok(demanded.unmet.map(|unmet| match unmet.in_reach {
        true => Due::Level(unmet.level),
        false => Due::SignIn,
    }))
}

/// Redirects to the required authentication, which leads back to `back`. `before` is the current session, if any.
fn way_to(context: &Context, back: &str, before: Option<SessionId>, due: &Due) -> Response {
    let ticket = Ticket { before, ..way_back(context, back) };
    let (page, ticket) = match due {
        Due::SignIn => ("/login", ticket),
        Due::Level(level) => ("/login/factor", Ticket { least: level.acr().to_owned(), ..ticket }),
    };
    let text = ticket.seal(context).unwrap_or_default();
    respond::see_other(&sojourn_oidc::params::with_query(&context.link(page), &[("ticket", &text)]))
}

/// Returns whether an administrator must prove a second factor before using the Console: everyone who has one must, in
/// any browser.
async fn must_step_up(
    context: &Context,
    session: &Session,
    by: &Authority,
) -> Result<bool, EngineError> {
    if session.level() >= Level::Two || !by.rights().is_administrator() {
        return Ok(false);
    }
    Ok(context.engine().level_of(context.tenant(), session.user).await? >= Level::Two)
}

/// Returns the signed-in user of this browser, or a redirect to the sign-in page, which leads back to `back`.
/// `client_id` names the built-in application of the page.
pub(crate) async fn visitor(
    context: &Context,
    back: &str,
    client_id: &str,
) -> Result<Visitor, Refusal> {
    let present = context.session().await?;
    let Some(session) = present else {
        return Err(Refusal::instead(way_to(context, back, None, &Due::SignIn)));
    };
    if let Some(due) = due(context, client_id, &session).await? {
        return Err(Refusal::instead(way_to(context, back, Some(session.id), &due)));
    }
    let engine = context.engine();
    engine.enter_built_in(context.tenant(), client_id, &session).await?;
    let found = engine.reads(context.tenant().id).user(session.user).await;
    let user = found?.ok_or(sojourn_engine::EngineError::NotFound("user"))?;
    context.speak_as(&user.profile);
    let by = engine.authority_of(context.tenant(), user.id, Some(session.id)).await?;
    if client_id == CONSOLE && must_step_up(context, &session, &by).await? {
        return Err(Refusal::instead(way_to(
            context,
            back,
            Some(session.id),
            &Due::Level(Level::Two),
        )));
    }
    Ok(Visitor { session, user, by })
}

/// Creates the card of a session. `this_one` is the session of the current browser.
pub(crate) fn card(
    user: &User,
    view: &SessionView,
    now: Millis,
    this_one: Option<SessionId>,
) -> SessionCard {
    let session = &view.session;
    SessionCard {
        id: session.id.to_string(),
        user: user.username.clone(),
        user_id: user.id.to_string(),
        browser: words::browser(&session.user_agent),
        user_agent: session.user_agent.clone(),
        ip: session.ip.clone(),
        signed_in: words::moment(session.signed_in_at),
        last_access: words::ago(session.last_access, now),
        this_one: Some(session.id) == this_one,
        phone: ["Mobile", "Android", "iPhone", "iPad"]
            .iter()
            .any(|word| session.user_agent.contains(word)),
        place: String::new(),
        clients: view
            .stays
            .iter()
            .filter(|stay| stay.app.kind == AppKind::Client && stay.row.ended_at.is_none())
            .count(),
        ended: match &session.state {
            SessionState::Living => None,
            SessionState::Ended { at, reason, .. } => {
                Some(say("{0}, {1}", [words::moment(*at), words::reason(reason)]))
            }
        },
        apps: view
            .stays
            .iter()
            .map(|stay| AppLine {
                id: stay.app.id.to_string(),
                name: stay.app.name.clone(),
                last_access: words::ago(stay.row.stay.last_access, now),
                sid: if stay.app.kind == AppKind::Client {
                    stay.row.stay.sid.to_string()
                } else {
                    String::new()
                },
                ended: stay.row.ended_at.is_some(),
            })
            .collect(),
    }
}

/// Serves `GET /myaccount`: the overview of the user's account.
pub(crate) async fn overview(context: Context) -> Answer {
    let visitor = visitor(&context, "/myaccount", MY_ACCOUNT).await?;
    let check = context.engine().security_check(context.tenant(), visitor.user.id).await?;
    let user = &visitor.user;
    let rows = [
        ("Login name", Some(plain(&user.username))),
        ("Name", (user.shown_name() != user.username).then(|| plain(user.shown_name()))),
        ("Mail", user.email.clone().map(Text::Plain)),
        ("Signed in", Some(words::moment(visitor.session.signed_in_at))),
    ];
    let page = MyAccountPage {
        frame: visitor.frame(&context, "overview"),
        rows: rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        sessions: words::count(check.sessions as u64, words::Noun::ActiveSession),
        due: check.advice().len(),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `GET /myaccount/security`: the user's sessions, factors and trusted browsers.
pub(crate) async fn security(context: Context, uri: Uri) -> Answer {
    let visitor = visitor(&context, "/myaccount/security", MY_ACCOUNT).await?;
    let engine = context.engine();
    let views = engine.sessions_of_user(context.tenant(), visitor.user.id).await?;
    let factors = engine.factors(context.tenant(), visitor.user.id).await?;
    let trusted = engine.trusted_browsers(context.tenant(), visitor.user.id).await?;
    let now = engine.now();
    let mut frame = visitor.frame(&context, "security");
    frame.notice = notice(&uri);
    let this_one = Some(visitor.session.id);
    let page = SecurityPage {
        frame,
        own: visitor.session.id.to_string(),
        accepted: factor_list::accepted(&context, &factors.factors),
        trusted: trusted.iter().map(|one| factor_list::trusted(one, now)).collect(),
        takes_keys: engine.takes_keys(),
        password_alone: visitor.user.factors == 0,
        factors: factors.factors.iter().map(|one| factor_list::line(one, now)).collect(),
        codes_left: usize::try_from(factors.codes_left).unwrap_or_default(),
        few_codes: factors.codes_left < RECOVERY_CODES_FEW,
        sessions: views
            .iter()
            .map(|view| SessionCard {
                place: place(&context, &view.session.ip),
                ..card(&visitor.user, view, now, this_one)
            })
            .collect(),
    };
    Ok(render::live_page(&context, StatusCode::OK, &page))
}

/// Returns the city and country of an IP address; empty if they are unknown.
fn place(context: &Context, ip: &str) -> String {
    let found = context.state.places.as_ref().and_then(|places| places.find(ip));
    let found = found.unwrap_or_default();
    [found.city, found.country].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn notice(uri: &Uri) -> Option<Text> {
    let params = request::query(uri.query()).ok()?;
    match params.get("done")? {
        "password" => Some("Your password is changed. You are signed out everywhere else.".into()),
        "factor" => Some("Signing in now requires a second factor.".into()),
        "passkey" => Some("The passkey is added. Next time, sign in with it.".into()),
        "security_key" => Some("The security key is added.".into()),
        "untrusted" => Some("The browser is no longer trusted.".into()),
        "factor_removed" => Some("The factor is removed.".into()),
        "others" => Some("You are signed out everywhere else.".into()),
        "application" => {
            Some("You are signed out of the application, which is being notified.".into())
        }
        "one" => Some("The session has ended. Its applications are being notified.".into()),
        _ => None,
    }
}

/// Serves `GET /myaccount/sessions/{session_id}/end`: asks for confirmation before one session ends.
pub(crate) async fn confirm_one(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = visitor(&context, "/myaccount/security", MY_ACCOUNT).await?;
    let id = id.parse::<SessionId>().map_err(|_| Refusal::missing("There is no such session."))?;
    let view = context
        .engine()
        .session_of_user(context.tenant(), visitor.user.id, id)
        .await?
        .ok_or_else(|| Refusal::missing("This session has already ended."))?;
    let shown = card(&visitor.user, &view, context.engine().now(), Some(visitor.session.id));
    let mut facts = vec![
        say("{0} at {1}", [shown.browser, plain(shown.ip)]),
        say("Signed in {0}", [shown.signed_in]),
    ];
    facts.extend(view.client_stays().map(|stay| say("Signs out of {0}", [plain(&stay.app.name)])));
    if shown.this_one {
        facts.push("This is the browser you are using now".into());
    }
    let page = Confirm {
        title: "End this session?".into(),
        text: "All of its tokens are revoked immediately, including those for access while you are away, and its applications are notified."
            .into(),
        facts,
        action: context.link(&format!("/myaccount/sessions/{id}/end")),
        button: "End session".into(),
        back: context.link("/myaccount/security"),
        frame: visitor.frame(&context, "security"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `GET /myaccount/sessions/end-all`: asks for confirmation before all sessions end.
pub(crate) async fn confirm_all(context: Context) -> Answer {
    let visitor = visitor(&context, "/myaccount/security", MY_ACCOUNT).await?;
    let plan = plan(&visitor, EndTarget::User(visitor.user.id));
    let preview = context.engine().preview_end(context.tenant(), plan, &visitor.by).await?.summary;
    let page = Confirm {
        title: "End all sessions?".into(),
        text: "You will be signed out everywhere, including here. Tokens for access while you are away are revoked as well.".into(),
        facts: vec![
            say("{0} will end", [words::count(preview.sessions, words::Noun::Session)]),
            say("{0} will be notified", [words::count(preview.deliveries, words::Noun::Application)]),
        ],
        action: context.link("/myaccount/sessions/end-all"),
        button: "End all sessions".into(),
        back: context.link("/myaccount/security"),
        frame: visitor.frame(&context, "security"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `GET /myaccount/sessions/end-others`: asks for confirmation before all other sessions end.
pub(crate) async fn confirm_others(context: Context) -> Answer {
    let visitor = visitor(&context, "/myaccount/security", MY_ACCOUNT).await?;
    let target = EndTarget::UserExcept(visitor.user.id, visitor.session.id);
    let preview = context
        .engine()
        .preview_end(context.tenant(), plan(&visitor, target), &visitor.by)
        .await?
        .summary;
    let page = Confirm {
        title: "End all other sessions?".into(),
        text: "You stay signed in here. Tokens of the other sessions for access while you are away are revoked as well.".into(),
        facts: vec![
            say("{0} will end", [words::count(preview.sessions, words::Noun::Session)]),
            say("{0} will be notified", [words::count(preview.deliveries, words::Noun::Application)]),
        ],
        action: context.link("/myaccount/sessions/end-others"),
        button: "End all others".into(),
        back: context.link("/myaccount/security"),
        frame: visitor.frame(&context, "security"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /myaccount/sessions/end-others`: ends all sessions except the one of this browser.
pub(crate) async fn end_others(context: Context, body: Bytes) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, "/myaccount/security", MY_ACCOUNT).await?;
    let target = EndTarget::UserExcept(visitor.user.id, visitor.session.id);
    context.engine().end_sessions(context.tenant(), plan(&visitor, target), &visitor.by).await?;
    Ok(respond::see_other(&context.link("/myaccount/security?done=others")))
}

/// Finds an active application in one of the user's own sessions, by the IDs of both; also returns its name.
async fn stay(
    context: &Context,
    visitor: &Visitor,
    (id, app): (&str, &str),
) -> Result<(SessionId, sojourn_model::AppId, String), Refusal> {
    let missing = || Refusal::missing("You are already signed out of this application.");
    let id: SessionId = id.parse().map_err(|_| missing())?;
    let app: sojourn_model::AppId = app.parse().map_err(|_| missing())?;
    let found = context.engine().session_of_user(context.tenant(), visitor.user.id, id).await;
    let view = found?.ok_or_else(missing)?;
    let name =
        view.client_stays().find(|stay| stay.app.id == app).map(|stay| stay.app.name.clone());
    name.map(|name| (id, app, name)).ok_or_else(missing)
}

/// Serves `GET /myaccount/sessions/{session_id}/applications/{app_id}/end`: asks for confirmation before the user is
/// signed out of one application.
pub(crate) async fn confirm_application(
    context: Context,
    Path((id, app)): Path<(String, String)>,
) -> Answer {
    let visitor = visitor(&context, "/myaccount/security", MY_ACCOUNT).await?;
    let (_, _, name) = stay(&context, &visitor, (&id, &app)).await?;
    let page = Confirm {
        title: say("Sign out of {0}?", [plain(name)]),
        text:
            "Its tokens of this session are revoked immediately, and the application is notified. The session stays active."
                .into(),
        facts: Vec::new(),
        action: context.link(&format!("/myaccount/sessions/{id}/applications/{app}/end")),
        button: "Sign out of application".into(),
        back: context.link("/myaccount/security"),
        frame: visitor.frame(&context, "security"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /myaccount/sessions/{session_id}/applications/{app_id}/end`: signs out of one application; the session
/// stays.
pub(crate) async fn end_application(
    context: Context,
    Path((id, app)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, "/myaccount/security", MY_ACCOUNT).await?;
    let (id, app, _) = stay(&context, &visitor, (&id, &app)).await?;
    let mut plan = plan(&visitor, EndTarget::Session(visitor.user.id, id));
    plan.effects.session = false;
    plan.applications = Some(vec![app]);
    context.engine().end_sessions(context.tenant(), plan, &visitor.by).await?;
    Ok(respond::see_other(&context.link("/myaccount/security?done=application")))
}

fn plan(visitor: &Visitor, target: EndTarget) -> EndPlan {
    EndPlan::new(target, EndReason::User, Actor::User(visitor.user.id))
}

/// Parses a form of a signed-in user and verifies its origin and CSRF token.
pub(crate) async fn genuine_form(
    context: &Context,
    body: &Bytes,
    back: &str,
    client_id: &str,
) -> Result<(Visitor, Params), Refusal> {
    let visitor = visitor(context, back, client_id).await?;
    let params = request::form(&context.headers, body)?;
    params.no_doubles()?;
    if !context.genuine(&visitor.session, params.get("csrf")) {
        return Err(Refusal::Forged);
    }
    Ok((visitor, params))
}

/// Serves `POST /myaccount/sessions/{session_id}/end`: ends one session.
pub(crate) async fn end_one(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, "/myaccount/security", MY_ACCOUNT).await?;
    let id = id.parse::<SessionId>().map_err(|_| Refusal::missing("There is no such session."))?;
    let target = EndTarget::Session(visitor.user.id, id);
    end(&context, &visitor, target, id == visitor.session.id).await
}

/// Ends sessions of the user. If the browser's own session is among them (`own`), frames on the next page notify the
/// applications that use front-channel logout.
async fn end(context: &Context, visitor: &Visitor, target: EndTarget, own: bool) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let frames = match own {
        true => engine.front_channel(tenant, &visitor.session).await?,
        false => Vec::new(),
    };
    engine.end_sessions(tenant, plan(visitor, target), &visitor.by).await?;
    match own {
        true => everything_ended(context, visitor, frames).await,
        false => Ok(respond::see_other(&context.link("/myaccount/security?done=one"))),
    }
}

/// Serves `POST /myaccount/sessions/end-all`: ends all sessions, including the one of this browser.
pub(crate) async fn end_all(context: Context, body: Bytes) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, "/myaccount/security", MY_ACCOUNT).await?;
    end(&context, &visitor, EndTarget::User(visitor.user.id), true).await
}

/// Responds after this browser's own session has ended: shows the signed-out page and removes the cookies.
pub(crate) async fn everything_ended(
    context: &Context,
    visitor: &Visitor,
    frames: Vec<FrontChannelNotice>,
) -> Answer {
    signed_out::ended(context, Some(&visitor.session), None, frames).await
}
