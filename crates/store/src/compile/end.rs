//! Ends as statements. The order matters: locks first, then what is selected through living sessions (tokens,
//! notifications), and the sessions themselves last.

use sojourn_model::{
    AppId, Effects, EndReason, EndSessions, EndTarget, EventName, SessionId, UserId,
};

use super::{Expect, Gather, Steps, params};
use crate::dialect::Statement;
use crate::sql::end as sql;
use crate::value::Value;

/// A target in the form of statement parameters.
pub(crate) struct Selected {
    user: Value,
    session: Value,
    detached: i64,
    by: By,
}

/// What a target selects by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Session,
    User,
    /// A list of users at once.
    Users,
}

impl Selected {
    /// Converts a target; `None` for a single grant, which doesn't select sessions.
    pub(crate) fn of(target: EndTarget, effects: &Effects) -> Option<Self> {
        match target {
            EndTarget::User(user) => Some(Self {
                user: user.into(),
                session: Value::Blob(Vec::new()),
                detached: 1,
                by: By::User,
            }),
            EndTarget::UserExcept(user, spared) => Some(Self {
                user: user.into(),
                session: spared.into(),
                // An end that includes offline grants also includes grants without a session.
                detached: i64::from(effects.offline),
                by: By::User,
            }),
            EndTarget::Session(user, session) | EndTarget::ExpiredSession(user, session) => {
                Some(Self {
                    user: user.into(),
                    session: session.into(),
                    detached: 0,
                    by: By::Session,
                })
            }
            EndTarget::Grant(_) => None,
        }
    }

    pub(crate) fn user(&self) -> Value {
        self.user.clone()
    }

    /// Selects everything of several users.
    fn many(users: &[UserId]) -> Self {
        Self {
            user: Value::Text(super::many(users, |user| user.to_vec())),
            session: Value::Blob(Vec::new()),
            detached: 1,
            by: By::Users,
        }
    }

    pub(crate) fn pick(
        &self,
        by_session: &'static Statement,
        by_user: &'static Statement,
    ) -> &'static Statement {
        if self.by == By::Session { by_session } else { by_user }
    }

    fn pick_of_three(
        &self,
        by_session: &'static Statement,
        by_user: &'static Statement,
        by_users: &'static Statement,
    ) -> &'static Statement {
        match self.by {
            By::Session => by_session,
            By::User => by_user,
            By::Users => by_users,
        }
    }

    pub(crate) fn params(&self, tenant: sojourn_model::TenantId, more: Vec<Value>) -> Vec<Value> {
        let mut all = vec![
            Value::from(tenant),
            self.user.clone(),
            self.session.clone(),
            Value::Int(self.detached),
        ];
        all.extend(more);
        all
    }
}

/// Returns the applications of an end as statement parameters: a single `NULL` for all, or one parameter for each.
pub(crate) fn each_app(applications: Option<&[AppId]>) -> Vec<Value> {
    match applications {
        None => vec![Value::Null],
        Some(apps) => apps.iter().map(|app| Value::from(*app)).collect(),
    }
}

pub(super) fn compile(steps: &mut Steps, end: &EndSessions) {
    // The same order for all ends, so that two of them can't deadlock.
    let mut targets = end.targets.clone();
    targets.sort_unstable();
    targets.dedup();
    let users: Vec<UserId> = targets
        .iter()
        .filter_map(|target| match target {
            EndTarget::User(user) => Some(*user),
            _ => None,
        })
        .collect();
    if users.len() > 1 && users.len() == targets.len() {
        return end_users(steps, end, &users);
    }
    for target in &targets {
        if let EndTarget::User(user) | EndTarget::UserExcept(user, _) = target
            && (end.effects.session || end.effects.tokens)
        {
            steps.must(&sql::EPOCH_BUMP, params![end.tenant, *user]);
        }
    }
    for target in targets {
        if let EndTarget::Grant(grant) = target {
            if end.effects.tokens {
                steps.push(
                    &sql::GRANT_END,
                    params![end.tenant, grant, end.at, end.reason.to_string(), end.id],
                    Expect::Any,
                    Gather::Grants,
                );
                // Runs after the grant is locked: a token that was being issued for it has its link by now.
                steps.run(&sql::GRANT_END_SHARED, params![end.tenant, grant]);
            }
        } else if let Some(selected) = Selected::of(target, &end.effects) {
            if let EndTarget::ExpiredSession(_, session) = target {
                expired_guard(steps, end, session);
            }
            one(steps, end, &selected);
        }
    }
}

/// Ends several users at once with a handful of statements.
fn end_users(steps: &mut Steps, end: &EndSessions, users: &[UserId]) {
    let selected = Selected::many(users);
    if end.effects.session || end.effects.tokens {
        steps.must(&sql::EPOCHS_BUMP, params![end.tenant, selected.user.clone()]);
    }
    one(steps, end, &selected);
}

fn expired_guard(steps: &mut Steps, end: &EndSessions, session: SessionId) {
    steps.must(
        &sql::EXPIRED_GUARD,
        params![end.tenant, session, end.at, end.at.plus(-end.slack_ms)],
    );
}

fn one(steps: &mut Steps, end: &EndSessions, selected: &Selected) {
    let tenant = end.tenant;
    let apps = each_app(end.applications.as_deref());
    // The account is locked first: every writer of its events and sessions uses this order.
    let accounts = match selected.by {
        By::Users => &sql::ACCOUNTS_LOCK,
        _ => &sql::ACCOUNT_LOCK,
    };
    steps.lock(accounts, vec![tenant.into(), selected.user.clone()]);
    steps.lock(
        selected.pick_of_three(&sql::LOCK_BY_SESSION, &sql::LOCK_BY_USER, &sql::LOCK_BY_USERS),
        selected.params(tenant, vec![]),
    );
    if end.effects.tokens {
        for app in &apps {
            end_tokens(steps, end, selected, app);
            if !end.effects.session && !end.effects.notify {
                cut_stays(steps, end, selected, app);
            }
        }
    }
    if end.effects.session {
        steps.push(
            selected.pick_of_three(
                &sql::BOUND_BY_SESSION,
                &sql::BOUND_BY_USER,
                &sql::BOUND_BY_USERS,
            ),
            selected.params(tenant, vec![]),
            Expect::NoBoundTokens,
            Gather::Nothing,
        );
        steps.run(
            selected.pick_of_three(
                &sql::DETACH_BY_SESSION,
                &sql::DETACH_BY_USER,
                &sql::DETACH_BY_USERS,
            ),
            selected.params(tenant, vec![]),
        );
    }
    if end.effects.notify {
        for app in &apps {
            tell(steps, end, selected, app);
        }
    }
    if end.effects.consents {
        for app in &apps {
            forget(steps, end, selected, app);
        }
    }
    if end.effects.session {
        end_stays(steps, end, selected, Value::Null);
        end_the_sessions(steps, end, selected);
    }
}

fn tell(steps: &mut Steps, end: &EndSessions, selected: &Selected, app: &Value) {
    let tenant = end.tenant;
    steps.push(
        selected.pick_of_three(
            &sql::DELIVER_BY_SESSION,
            &sql::DELIVER_BY_USER,
            &sql::DELIVER_BY_USERS,
        ),
        selected.params(
            tenant,
            params![
                app.clone(),
                end.issuer.as_str(),
                end.at,
                end.at.plus(end.delivery_lifetime_ms),
                if selected.by == By::Session { end.lease_ms } else { 0 }
            ],
        ),
        Expect::Any,
        match (selected.by == By::Session, end.lease_ms > 0) {
            (true, true) => Gather::HandedDeliveries,
            _ => Gather::Deliveries,
        },
    );
    end_stays(steps, end, selected, app.clone());
}

fn forget(steps: &mut Steps, end: &EndSessions, selected: &Selected, app: &Value) {
    let remove = match selected.by {
        By::Users => &sql::CONSENTS_REMOVE_MANY,
        _ => &sql::CONSENTS_REMOVE,
    };
    steps.push(
        remove,
        vec![end.tenant.into(), selected.user.clone(), app.clone()],
        Expect::Any,
        Gather::Consents,
    );
}

fn end_tokens(steps: &mut Steps, end: &EndSessions, selected: &Selected, app: &Value) {
    let spare = i64::from(end.spare_kept);
    steps.push(
        selected.pick_of_three(
            &sql::GRANTS_BY_SESSION,
            &sql::GRANTS_BY_USER,
            &sql::GRANTS_BY_USERS,
        ),
        selected.params(
            end.tenant,
            params![
                end.effects.offline,
                app.clone(),
                end.at,
                end.reason.to_string(),
                end.id,
                spare
            ],
        ),
        Expect::Any,
        Gather::Grants,
    );
    // Sessions that share an access token with an ending session lose it as well.
    let mut more = params![app.clone()];
    if selected.by == By::Session {
        more.push(spare.into());
    }
    steps.run(
        selected.pick_of_three(
            &sql::SHARED_BY_SESSION,
            &sql::SHARED_BY_USER,
            &sql::SHARED_BY_USERS,
        ),
        selected.params(end.tenant, more),
    );
}

/// Invalidates unredeemed codes of participations that continue.
fn cut_stays(steps: &mut Steps, end: &EndSessions, selected: &Selected, app: &Value) {
    steps.run(
        selected.pick_of_three(&sql::CUT_BY_SESSION, &sql::CUT_BY_USER, &sql::CUT_BY_USERS),
        selected.params(end.tenant, params![app.clone()]),
    );
}

fn end_stays(steps: &mut Steps, end: &EndSessions, selected: &Selected, app: Value) {
    steps.run(
        selected.pick_of_three(&sql::STAYS_BY_SESSION, &sql::STAYS_BY_USER, &sql::STAYS_BY_USERS),
        selected.params(end.tenant, params![app, end.at]),
    );
}

fn end_the_sessions(steps: &mut Steps, end: &EndSessions, selected: &Selected) {
    let event = match end.reason {
        EndReason::IdleTimeout | EndReason::Lifetime => EventName::SessionExpire,
        _ => EventName::SessionTerminate,
    };
    let data = serde_json::json!({
        "reason": end.reason.to_string(), "end": end.id.to_string(), "effects": end.effects,
    });
    let data = data.to_string();
    steps.run(
        selected.pick_of_three(
            &sql::EVENTS_BY_SESSION,
            &sql::EVENTS_BY_USER,
            &sql::EVENTS_BY_USERS,
        ),
        selected.params(end.tenant, params![end.at, end.actor.to_string(), data, event.as_str()]),
    );
    for rule in steps.rules_for(event) {
        steps.run(
            selected.pick_of_three(
                &sql::TASKS_BY_SESSION,
                &sql::TASKS_BY_USER,
                &sql::TASKS_BY_USERS,
            ),
            selected.params(end.tenant, params![end.at, end.at.plus(rule.delay_ms), rule.handler]),
        );
    }
    steps.run(
        selected.pick_of_three(&sql::COUNT_BY_SESSION, &sql::COUNT_BY_USER, &sql::COUNT_BY_USERS),
        selected.params(end.tenant, vec![]),
    );
    steps.push(
        selected.pick_of_three(&sql::END_BY_SESSION, &sql::END_BY_USER, &sql::END_BY_USERS),
        selected.params(
            end.tenant,
            params![
                end.at,
                end.reason.to_string(),
                end.actor.to_string(),
                end.id,
                end.effects.code()
            ],
        ),
        Expect::Any,
        Gather::Sessions,
    );
}
