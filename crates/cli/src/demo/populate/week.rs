//! A week in the organisation: who signs in when, with which browser, where they go and how it ends.

use sojourn_engine::sign_in::{Credentials, SignedIn, Visit};
use sojourn_engine::tokens::{AuthorizeOutcome, Read};
use sojourn_engine::{
    AttemptResult, Authority, Boxed, DeliverySender, EndPlan, Engine, EngineError, Mailer,
    WebhookSender,
};
use sojourn_model::{
    Actor, Application, EndReason, EndTarget, Level, Mail, Millis, Session, Tenant, User, UserState,
};
use sojourn_oidc::authorize::{AuthorizeRequest, Prompt};
use sojourn_oidc::claims_request::ClaimsRequest;
use sojourn_oidc::response::{ReplyTo, ResponseMode, ResponseType};

use super::people::{DOWN, PASSWORD};
use super::random::Random;
use super::{Clock, Failure};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Length of the told story, in days.
pub(super) const DAYS: i64 = 7;
/// Number of sessions that begin in it.
const SESSIONS: usize = 600;
/// How often the sessions that are in use are noted as such, in milliseconds; less than the idle timeout.
const TICK_MS: i64 = 10 * MINUTE_MS;
/// How long before the end the application that is down was last reached.
const DOWN_MS: i64 = 5 * HOUR_MS;

/// Mails of this last part of the week are still there to be looked at, in milliseconds.
const MAILS_MS: i64 = 4 * HOUR_MS;

const BROWSERS: [&str; 8] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
];

/// What happens at a moment. Numbers are positions in the lists of sessions, people and applications.
#[derive(Debug, Clone, Copy)]
enum Act {
    SignIn { session: usize, person: usize, browser: usize },
    Enter { session: usize, app: usize },
    SignOut { session: usize },
    EndByAdministrator { session: usize },
    WrongPassword { person: usize },
    Lock { person: usize },
    RequirePassword { person: usize },
    Tick,
}

/// The organisation and what goes on in it.
pub(super) struct Week<'w> {
    pub(super) engine: &'w Engine,
    pub(super) tenant: &'w Tenant,
    pub(super) clock: &'w Clock,
    pub(super) people: &'w [User],
    pub(super) apps: &'w [Application],
    /// Who acts as administrator.
    pub(super) administrator: &'w Authority,
    /// The end of the week: now.
    pub(super) until: Millis,
}

/// Where somebody signs in from: an office, a home or a phone network. The addresses are reserved for documentation.
fn address(person: usize, browser: usize, random: &mut Random) -> String {
    match browser {
        5 | 6 => format!("2001:db8:{:x}:{:x}::{:x}", person % 7, person, 1 + random.below(900)),
        _ if person.is_multiple_of(4) => format!("203.0.113.{}", 2 + person % 250),
        _ => format!("198.51.100.{}", 10 + person % 6),
    }
}

/// The acts of the week, in order.
fn plan(until: Millis, people: usize, apps: usize, random: &mut Random) -> Vec<(Millis, Act)> {
    let begin = until.plus(-DAYS * DAY_MS);
    let mut acts = Vec::new();
    let mut session = 0;
    while session < SESSIONS {
        let person = random.below(people);
        // Most begin in the morning, some in the afternoon and evening; later days are fuller.
        let day = i64::try_from(random.below(8)).unwrap_or(0).min(DAYS - 1);
        let hour = match random.below(10) {
            0..=5 => 7 + random.below(3),
            6..=8 => 10 + random.below(8),
            _ => 18 + random.below(5),
        };
        let within = random.below(60) * 60 + random.below(60);
        let seconds = i64::try_from(hour * 3_600 + within).unwrap_or(0);
        // It is always four in the afternoon there, so that people are at work whenever the demonstration starts.
        let midnight = until.0 - 16 * HOUR_MS - (DAYS - 1 - day) * DAY_MS;
        let at = Millis(midnight + seconds * 1_000);
        if at < begin || at >= until {
            continue;
        }
        let browser = if person.is_multiple_of(3) && random.percent(30) {
            5 + person % 2
        } else {
            person % 8
        };
        acts.push((at, Act::SignIn { session, person, browser }));
        for visit in 0..1 + random.below(4) {
            let later = i64::try_from(1 + visit * (5 + random.below(40))).unwrap_or(0);
            let app = (person + random.below(3 + visit)) % apps;
            acts.push((at.plus(later * MINUTE_MS), Act::Enter { session, app }));
        }
        let length = i64::try_from(40 + random.below(9 * 60)).unwrap_or(0) * MINUTE_MS;
        match random.below(100) {
            0..=54 => acts.push((at.plus(length), Act::SignOut { session })),
            55..=57 => acts.push((at.plus(length), Act::EndByAdministrator { session })),
            _ => {}
        }
        if random.percent(8) {
            acts.push((at.plus(-MINUTE_MS), Act::WrongPassword { person }));
        }
        session += 1;
    }
    for hours in [140, 95, 51, 27, 3] {
        let (at, person) = (until.plus(-hours * HOUR_MS), random.below(people));
        // Somebody guesses, until the account is locked.
        acts.extend((0..12).map(|n| (at.plus(n * 2_000), Act::WrongPassword { person })));
    }
    acts.push((until.plus(-70 * HOUR_MS), Act::Lock { person: 17 % people }));
    acts.push((until.plus(-20 * HOUR_MS), Act::Lock { person: 101 % people }));
    acts.push((until.plus(-6 * HOUR_MS), Act::RequirePassword { person: 42 % people }));
    let ticks = (begin.0..until.0).step_by(usize::try_from(TICK_MS).unwrap_or(1));
    acts.extend(ticks.map(|at| (Millis(at), Act::Tick)));
    acts.retain(|(at, _)| *at < until && *at >= begin);
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// What applications answered during the week.
struct Answers {
    down: bool,
}

impl DeliverySender for Answers {
    fn post<'a>(&'a self, uri: &'a str, _: &'a str) -> Boxed<'a, AttemptResult> {
        let answer = if uri.contains(DOWN) && self.down {
            AttemptResult::NotSent("connection refused".into())
        } else if uri.contains("payroll") {
            AttemptResult::Answered(400)
        } else {
            AttemptResult::Answered(200)
        };
        Box::pin(std::future::ready(answer))
    }

    fn post_soap<'a>(&'a self, _: &'a str, _: String) -> Boxed<'a, Result<Vec<u8>, AttemptResult>> {
        Box::pin(std::future::ready(Err(AttemptResult::NotSent("nobody is there".into()))))
    }
}

impl WebhookSender for Answers {
    fn post_json<'a>(
        &'a self,
        _: &'a str,
        _: &'a [(&'static str, String)],
        _: String,
    ) -> Boxed<'a, AttemptResult> {
        Box::pin(std::future::ready(AttemptResult::NotSent("nobody is there".into())))
    }
}

/// Mails of past days were read long ago.
impl Mailer for Answers {
    fn send<'a>(&'a self, _: &'a Mail) -> Boxed<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn request(app: &Application) -> AuthorizeRequest {
    let redirect_uri = app.settings.oidc.redirect_uris.first().cloned().unwrap_or_default();
    AuthorizeRequest {
        reply: ReplyTo { redirect_uri, mode: ResponseMode::Query, state: None },
        response_type: ResponseType::CODE,
        scopes: vec!["openid".to_owned(), "profile".to_owned()],
        nonce: None,
        challenge: None,
        prompt: Prompt::default(),
        max_age: None,
        login_hint: None,
        id_token_hint: None,
        claims: ClaimsRequest::default(),
        acr_values: Vec::new(),
        least_level: Level::One,
        unmet: None,
    }
}

impl Week<'_> {
    /// Lets the week pass.
    pub(super) async fn pass(&self, random: &mut Random) -> Result<(), Failure> {
        let acts = plan(self.until, self.people.len(), self.apps.len(), random);
        let mut sessions: Vec<Option<Session>> = vec![None; SESSIONS];
        for (at, act) in acts {
            self.clock.set(at);
            self.act(act, &mut sessions, random).await?;
        }
        self.clock.set(self.until);
        self.deliver().await
    }

    async fn act(
        &self,
        act: Act,
        sessions: &mut [Option<Session>],
        random: &mut Random,
    ) -> Result<(), Failure> {
        let (engine, tenant) = (self.engine, self.tenant);
        match act {
            Act::SignIn { session, person, browser } => {
                let visit = self.visit(person, browser, random);
                let begun = self.sign_in(person, PASSWORD, &visit).await;
                if let (Some(kept), Some(begun)) = (sessions.get_mut(session), begun) {
                    *kept = Some(begun.session);
                }
            }
            Act::WrongPassword { person } => {
                let visit = self.visit(person, 2, random);
                self.sign_in(person, "not the password", &visit).await;
            }
            Act::Enter { session, app } => {
                if let (Some(session), Some(app)) = (live(sessions, session), self.apps.get(app)) {
                    self.enter(&session, app).await?;
                }
            }
            Act::SignOut { session } => {
                if let Some(session) = taken(sessions, session) {
                    let actor = Actor::User(session.user);
                    gone(engine.sign_out(tenant, &session, EndReason::User, actor).await)?;
                }
            }
            Act::EndByAdministrator { session } => {
                if let Some(session) = taken(sessions, session) {
                    let target = EndTarget::Session(session.user, session.id);
                    let plan = EndPlan::new(target, EndReason::Admin, self.administrator.actor());
                    gone(engine.end_sessions(tenant, plan, self.administrator).await)?;
                }
            }
            Act::Lock { person } | Act::RequirePassword { person } => {
                let Some(user) = self.people.get(person) else { return Ok(()) };
                let by = self.administrator;
                match act {
                    Act::Lock { .. } => {
                        engine.set_user_state(tenant, user, UserState::Locked, by).await?;
                    }
                    _ => engine.demand_new_password(tenant, user, by).await?,
                }
                for kept in sessions.iter_mut() {
                    kept.take_if(|session| session.user == user.id);
                }
            }
            Act::Tick => self.tick(sessions).await?,
        }
        Ok(())
    }

    fn visit(&self, person: usize, browser: usize, random: &mut Random) -> Visit {
        let mut own = [0; 32];
        // The same browser of the same person has the same cookie.
        for (byte, value) in own.iter_mut().zip(person.to_be_bytes().into_iter().chain([7, 7])) {
            *byte = value;
        }
        own[31] = u8::try_from(browser).unwrap_or(0);
        Visit {
            ip: address(person, browser, random),
            user_agent: BROWSERS.get(browser).copied().unwrap_or_default().to_owned(),
            browser: Some(own),
            remember: person.is_multiple_of(5),
            ..Visit::default()
        }
    }

    /// Signs somebody in; nothing if they may not.
    async fn sign_in(&self, person: usize, password: &str, visit: &Visit) -> Option<SignedIn> {
        let user = self.people.get(person)?;
        let typed = Credentials::new(user.username.clone(), password);
        self.engine.sign_in(self.tenant, &typed, visit).await.ok()
    }

    async fn enter(&self, session: &Session, app: &Application) -> Result<(), Failure> {
        let (engine, tenant) = (self.engine, self.tenant);
        let request = request(app);
        let stay = engine.reads(tenant.id).participation(session.id, app.id).await?;
        let read = Read { stay: stay.as_ref(), approved: None };
        let outcome = engine.authorize(tenant, app, session, &request, read, None).await;
        let answer = outcome.map_err(|error| Failure(error.to_string()))?;
        let AuthorizeOutcome::Answer(answer) = answer else { return Ok(()) };
        if let Some(code) = answer.code {
            let uri = Some(&*request.reply.redirect_uri);
            let redeemed = engine.redeem_code(tenant, app, &code, uri, None).await;
            redeemed.map_err(|error| Failure(error.to_string()))?;
        }
        engine.touch(tenant.id, session.id, Some(app.id));
        Ok(())
    }

    /// Notes which sessions are in use, ends those that were not, and lets notices out.
    async fn tick(&self, sessions: &mut [Option<Session>]) -> Result<(), Failure> {
        let now = self.clock.time();
        for session in sessions.iter_mut() {
            // People go home: nine hours after the sign-in nobody is at the screen any more.
            session.take_if(|session| now.since(session.signed_in_at) > 9 * HOUR_MS);
            if let Some(session) = session {
                self.engine.touch(self.tenant.id, session.id, None);
            }
        }
        self.engine.flush_touches().await?;
        self.engine.sweep().await?;
        self.work().await?;
        self.deliver().await
    }

    /// What the workers of a running server would do: events, jobs and mails.
    async fn work(&self) -> Result<(), Failure> {
        let sender = Answers { down: false };
        for handler in self.engine.handlers_with_tasks() {
            loop {
                let tasks = self.engine.claim_tasks(&handler, 100).await?;
                if tasks.is_empty() {
                    break;
                }
                for task in &tasks {
                    self.engine.do_task(task, &sender).await?;
                }
            }
        }
        while self.engine.run_job_step().await? {}
        if self.until.since(self.clock.time()) > MAILS_MS {
            while self.engine.send_mail(&sender).await? > 0 {}
        }
        Ok(())
    }

    async fn deliver(&self) -> Result<(), Failure> {
        let sender = Answers { down: self.until.since(self.clock.time()) < DOWN_MS };
        loop {
            let claimed = self.engine.claim_deliveries(Vec::new()).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let mut settled = Vec::new();
            for delivery in &claimed {
                settled.extend(self.engine.attempt_delivery(delivery, &sender).await?);
            }
            self.engine.settle_deliveries(settled).await?;
        }
    }
}

fn live(sessions: &[Option<Session>], number: usize) -> Option<Session> {
    sessions.get(number).cloned().flatten()
}

fn taken(sessions: &mut [Option<Session>], number: usize) -> Option<Session> {
    sessions.get_mut(number).and_then(Option::take)
}

/// A session may have timed out a moment before somebody ended it.
fn gone<T>(ended: Result<T, EngineError>) -> Result<(), Failure> {
    match ended {
        Ok(_) | Err(EngineError::NotFound(_) | EngineError::Contended) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
