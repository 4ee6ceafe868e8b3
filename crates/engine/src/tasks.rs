//! Tasks of handlers, run after an event: webhooks (Standard Webhooks), and ends that are delayed or only reported.
//! Tasks run at least once, in order per handler and subject. A task that fails too often is parked and doesn't block
//! others.

use serde_json::{Value, json};
use sojourn_crypto::sha256;
use sojourn_model::operation::TaskChange;
use sojourn_model::{
    Actor, ChangeSet, Event, EventName, GroupId, HandlerTask, Millis, NewEvent, Op, Outcome,
    SettleTask, Subject, TaskState, Tenant, TenantId, UserId,
};

use sojourn_store::{TaskBacklog, TaskPlace};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handlers::{is_of_roles, users_of};
use crate::outside::AttemptResult;
use crate::outside::WebhookSender;
use crate::reaction::Reaction;
use crate::rights::Right;
use crate::settings::{HandlerKind, HandlerSettings, RoleDirection, Termination, Webhook};

/// How long a worker owns a claimed task, in milliseconds; longer than any HTTP time limit.
const LEASE_MS: i64 = 30_000;
/// Pause after the first failed attempt, in milliseconds; it doubles with each further one.
const PAUSE_MS: i64 = 5_000;
/// Upper limit of that pause, in milliseconds.
const PAUSE_MAX_MS: i64 = 3_600_000;
/// Attempts at an end before its task is parked.
const TERMINATION_ATTEMPTS_MAX: i64 = 20;

/// The headers of a webhook (Standard Webhooks 1.0, "signature scheme"): one signature per secret, so that a secret
/// can be rotated.
fn signed(webhook: &Webhook, id: &str, at: i64, body: &str) -> Vec<(&'static str, String)> {
    let signatures: Vec<String> = webhook
        .secrets
        .iter()
        .map(|secret| {
            let mac = sojourn_crypto::hmac_of(secret, format!("{id}.{at}.{body}").as_bytes());
            format!("v1,{}", sojourn_crypto::b64(&mac))
        })
        .collect();
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

/// Formats a time as RFC 3339.
pub(crate) fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// The result of an attempt at a task.
struct Came {
    state: TaskState,
    due_at: Millis,
    status: Option<i64>,
    error: Option<String>,
}

impl Came {
    fn done() -> Self {
        Self { state: TaskState::Done, due_at: Millis(0), status: None, error: None }
    }

    fn parked(why: impl Into<String>) -> Self {
        let error = Some(why.into());
        Self { state: TaskState::Parked, due_at: Millis(0), status: None, error }
    }

    /// Schedules a retry after a pause that doubles; parks the task after the last attempt.
    fn failed(task: &HandlerTask, most: i64, now: Millis, error: String) -> Self {
        if task.attempts + 1 >= most {
            return Self::parked(error);
        }
        let pause = (PAUSE_MS << task.attempts.clamp(0, 12)).min(PAUSE_MAX_MS);
        let (state, due_at) = (TaskState::Pending, now.plus(pause));
        Self { state, due_at, status: None, error: Some(error) }
    }
}

fn settle(task: &HandlerTask, came: Came, at: Millis) -> SettleTask {
    SettleTask {
        tenant: task.tenant,
        subject: task.subject,
        handler: task.handler.clone(),
        n: task.n,
        attempts: task.attempts,
        state: came.state,
        due_at: came.due_at,
        at,
        status: came.status,
        error: came.error,
    }
}

/// Per direction, the fields of role events that list what changed: roles of a user, users and groups of a role,
/// permissions.
const BOTH: [(RoleDirection, [&str; 4]); 2] = [
    (RoleDirection::Added, ["NEW_ROLES", "NEW_USERS", "NEW_GROUP_ID_LIST", "ADDED_PERMISSIONS"]),
    (
        RoleDirection::Removed,
        ["DELETED_ROLES", "DELETED_USERS", "DELETE_GROUP_ID_LIST", "DELETED_PERMISSIONS"],
    ),
];

impl Engine {
    /// Claims due tasks of a handler, the first one per subject.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn claim_tasks(
        &self,
        handler: &str,
        limit: i64,
    ) -> Result<Vec<HandlerTask>, EngineError> {
        let (now, handler) = (self.now(), handler.to_owned());
        let claim =
            Op::Task(TaskChange::Claim { handler, now, lease_until: now.plus(LEASE_MS), limit });
        match self.store.apply(ChangeSet::of(TenantId::DEFAULT, claim)).await? {
            Outcome::Applied(applied) => Ok(applied.tasks),
            _ => Ok(Vec::new()),
        }
    }

    /// Prepares a worker for a handler's tasks. With an embedded database, which no other server uses, it releases
    /// the leases that the previous run left behind.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn begin_tasks(&self, handler: &str) -> Result<(), EngineError> {
        if self.store.is_embedded() {
            let release = Op::Task(TaskChange::Release { handler: handler.to_owned() });
            self.must_apply(ChangeSet::of(TenantId::DEFAULT, release)).await?;
        }
        Ok(())
    }

    /// Notifies the receiver whenever this process may have written a task.
    #[must_use]
    pub fn tasks_written(&self) -> tokio::sync::watch::Receiver<()> {
        self.tasks.subscribe()
    }

    /// Ids of the handlers that get tasks, sorted and without duplicates.
    #[must_use]
    pub fn handlers_with_tasks(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.task_rules.iter().map(|rule| rule.handler.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Parks a limited number of tasks of handlers that are no longer configured.
    pub(crate) async fn park_orphans(&self, tenant: &Tenant) -> Result<(), EngineError> {
        const ROWS: i64 = 500;
        let known = |id: &str| self.settings.handlers.iter().any(|handler| handler.id == id);
        for backlog in self.store.task_backlogs(tenant.id).await? {
            if backlog.pending == 0 || known(&backlog.handler) {
                continue;
            }
            for task in self.claim_tasks(&backlog.handler, ROWS).await? {
                let came = Came::parked("no handler with that name is configured");
                let settled = Op::Task(TaskChange::Settle(settle(&task, came, self.now())));
                self.store.apply(ChangeSet::of(task.tenant, settled)).await?;
            }
        }
        Ok(())
    }

    /// Makes one attempt at a task and stores the result.
    ///
    /// # Errors
    /// [`EngineError`] if the result can't be stored; the lease expires and the task is tried again.
    pub async fn do_task(
        &self,
        task: &HandlerTask,
        sender: &dyn WebhookSender,
    ) -> Result<TaskState, EngineError> {
        let tenant = self.store.tenant(task.tenant).await?;
        let event = self.store.event(task.tenant, task.subject, task.n).await?;
        let handler = self.settings.handlers.iter().find(|one| one.id == task.handler);
        let came = match (tenant, event, handler) {
            (Some(tenant), Some(event), Some(handler)) => match &handler.kind {
                HandlerKind::Webhook(webhook) => {
                    self.post_webhook(&tenant, task, &event, webhook, sender).await
                }
                HandlerKind::SessionTermination(termination) => {
                    let done = self.terminate_late(&tenant, task, &event, handler, termination);
                    match done.await {
                        Ok(()) => return Ok(TaskState::Done),
                        Err(error) => Came::failed(
                            task,
                            TERMINATION_ATTEMPTS_MAX,
                            self.now(),
                            error.to_string(),
                        ),
                    }
                }
            },
            (_, _, None) => Came::parked("no handler with that name is configured"),
            // The subject and its events were erased.
            _ => Came::done(),
        };
        let state = came.state;
        let settled = Op::Task(TaskChange::Settle(settle(task, came, self.now())));
        self.store.apply(ChangeSet::of(task.tenant, settled)).await?;
        Ok(state)
    }

    async fn post_webhook(
        &self,
        tenant: &Tenant,
        task: &HandlerTask,
        event: &Event,
        webhook: &Webhook,
        sender: &dyn WebhookSender,
    ) -> Came {
        let body = json!({
            "type": event.name,
            "timestamp": moment(event.at),
            "data": {
                "tenant": tenant.name,
                "subject": task.subject.in_words(),
                "number": event.n,
                "actor": event.actor,
                "session": event.session.map(|session| session.to_string()),
                "properties": serde_json::from_str::<Value>(&event.data).unwrap_or_default(),
            },
        });
        let body = body.to_string();
        // Identical for each attempt, so that the receiver recognises a repetition.
        let name =
            format!("{}/{}/{}/{}", task.tenant.0, task.subject.in_words(), task.n, task.handler);
        let hash = sha256(name.as_bytes());
        let id = format!("msg_{}", sojourn_model::ids::hex(hash.split_at(16).0));
        let headers = signed(webhook, &id, self.now().seconds(), &body);
        let result = sender.post_json(&webhook.url, &headers, body).await;
        let now = self.now();
        let failed = |status: Option<i64>, why: String| Came {
            status,
            ..Came::failed(task, webhook.attempts_max, now, why)
        };
        match result {
            AttemptResult::Answered(status @ 200..=299) => {
                Came { status: Some(i64::from(status)), ..Came::done() }
            }
            // 410: the receiver is permanently gone.
            AttemptResult::Answered(410) => {
                Came { status: Some(410), ..Came::parked("the receiver is gone") }
            }
            AttemptResult::Answered(status) => {
                failed(Some(i64::from(status)), format!("answered {status}"))
            }
            AttemptResult::NotSent(why)
            | AttemptResult::AnswerLost(why)
            | AttemptResult::Refused(why) => failed(None, why),
        }
    }

    /// Executes an end that was delayed, or reports it in a dry run; it is written together with the task's result.
    async fn terminate_late(
        &self,
        tenant: &Tenant,
        task: &HandlerTask,
        event: &Event,
        handler: &HandlerSettings,
        termination: &Termination,
    ) -> Result<(), EngineError> {
        let users = self.concerned(tenant, task.subject, event, termination).await?;
        let users = self.store.users_there(tenant.id, &users).await?;
        let settled = Op::Task(TaskChange::Settle(settle(task, Came::done(), self.now())));
        let mut change = ChangeSet::new(tenant.id);
        if termination.dry_run {
            let mut sessions = 0;
            for user in &users {
                let most = sojourn_model::limits::SESSION_LIST_MAX;
                let slack = self.settings.lifetimes.touch_flush_ms;
                let now = self.now();
                let live = self.store.sessions_of_user(tenant.id, *user, now, slack, most).await?;
                sessions += live.len();
            }
            tracing::info!(
                handler = handler.id,
                event = event.name,
                subject = task.subject.in_words(),
                users = users.len(),
                sessions,
                "dry run: these sessions would end"
            );
        } else {
            let named = EventName::parse(&event.name);
            let reason = match named {
                Some(name) if is_of_roles(name) => sojourn_model::EndReason::RoleChanged,
                _ => sojourn_model::EndReason::Policy(handler.id.clone()),
            };
            let reaction = Reaction::of(termination, reason);
            let actor = event.actor.parse().unwrap_or(Actor::System);
            self.push_reaction(tenant, &reaction, &users, &actor, &mut change)?;
        }
        change.ops.push(settled);
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            Outcome::SessionBoundTokens => Err(EngineError::SessionBoundTokens),
            _ => Err(EngineError::Contended),
        }
    }

    /// Returns the users that an event affects, according to the handler's direction and roles.
    async fn concerned(
        &self,
        tenant: &Tenant,
        subject: Subject,
        event: &Event,
        termination: &Termination,
    ) -> Result<Vec<UserId>, EngineError> {
        let Some(name) = EventName::parse(&event.name) else { return Ok(Vec::new()) };
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let list = |key: &str| -> Vec<String> {
            let all = data.get(key).and_then(Value::as_array).into_iter().flatten();
            all.filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let role = data.get("role-name").and_then(Value::as_str).unwrap_or_default();
        let mut users = Vec::new();
        for (direction, [roles, members, groups, permissions]) in BOTH {
            match name {
                EventName::PostUpdateRoleListOfUser => {
                    let any = list(roles).iter().any(|role| termination.concerns(direction, role));
                    if let (true, Subject::User(user)) = (any, subject) {
                        users.push(user);
                    }
                }
                _ if is_of_roles(name) && !termination.concerns(direction, role) => {}
                EventName::PostUpdateUserListOfRole => {
                    users.extend(list(members).iter().filter_map(|id| id.parse::<UserId>().ok()));
                }
                EventName::PostUpdateGroupListOfRole => {
                    for id in list(groups).iter().filter_map(|id| id.parse::<GroupId>().ok()) {
                        users.extend(self.all_group_members(tenant, id).await?);
                    }
                }
                EventName::PostUpdatePermissionsForRole
                    if users.is_empty() && !list(permissions).is_empty() =>
                {
                    let Subject::Role(id) = subject else { continue };
                    while let Some(some) = Some(
                        self.store
                            .role_members_after(tenant.id, id, users.last().copied(), 5_000)
                            .await?,
                    )
                    .filter(|some| !some.is_empty())
                    {
                        users.extend(some);
                    }
                }
                _ => {}
            }
        }
        if !is_of_roles(name) {
            let as_new = NewEvent {
                subject,
                name,
                actor: Actor::System,
                at: event.at,
                session: event.session,
                data: event.data.clone(),
            };
            users = users_of(&as_new);
        }
        users.sort_unstable();
        users.dedup();
        Ok(users)
    }
}

impl Engine {
    fn handler_of(&self, id: &str) -> Result<&HandlerSettings, EngineError> {
        let found = self.settings.handlers.iter().find(|handler| handler.id == id);
        found.ok_or(EngineError::NotFound("handler"))
    }

    /// The registered handlers, each with the numbers of its waiting tasks.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn handler_backlogs(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<(&HandlerSettings, TaskBacklog)>, EngineError> {
        let waiting = self.store.task_backlogs(tenant.id).await?;
        let of = |handler: &HandlerSettings| {
            let found = waiting.iter().find(|one| one.handler == handler.id).cloned();
            let handler = handler.id.clone();
            found.unwrap_or(TaskBacklog { handler, pending: 0, parked: 0, oldest: None })
        };
        Ok(self.settings.handlers.iter().map(|handler| (handler, of(handler))).collect())
    }

    /// Tasks of a handler, sorted by latest event first; optionally only the parked ones.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if no such handler is registered.
    pub async fn handler_tasks(
        &self,
        tenant: &Tenant,
        handler: &str,
        parked: bool,
        limit: i64,
    ) -> Result<Vec<HandlerTask>, EngineError> {
        self.handler_of(handler)?;
        if parked {
            return Ok(self.store.tasks_parked(tenant.id, handler, limit).await?);
        }
        Ok(self.store.tasks_below(tenant.id, handler, &TaskPlace::NEWEST, limit).await?)
    }

    /// Queues a task again ([`TaskState::Pending`]), or gives up a parked one.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such task in a state that allows it, [`EngineError::Forbidden`] if it
    /// is about someone with more rights.
    pub async fn settle_handler_task(
        &self,
        tenant: &Tenant,
        handler: &str,
        (subject, n): (Subject, i64),
        state: TaskState,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::EventHandlerManage)?;
        let actor = &by.actor();
        let id = self.handler_of(handler)?.id.clone();
        self.must_outrank_subject(tenant, by, subject).await?;
        let again = state == TaskState::Pending;
        let due_at = again.then(|| self.now());
        let redo = Op::Task(TaskChange::Redo { subject, handler: id, n, due_at });
        let mut change = ChangeSet::of(tenant.id, redo);
        let action = if again { "handler.redo" } else { "handler.skip" };
        let detail = json!({ "handler": handler, "number": n });
        change.audit.push(self.audit_row(actor, action, subject.in_words(), &detail));
        match self.apply(change).await? {
            Outcome::Applied(_) => {
                self.tasks.send_replace(());
                Ok(())
            }
            _ => Err(EngineError::NotFound("task in such a state")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The example of the specification's own libraries. Without padding, both base64 alphabets encode it the same
        // way.
        let secret = sojourn_crypto::unb64url("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let webhook = Webhook { url: String::new(), secrets: vec![secret], attempts_max: 1 };
        let body = "{\"test\": 2432232314}";
        let headers = signed(&webhook, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
