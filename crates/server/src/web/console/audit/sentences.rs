//! What an action of the audit log is called: as a sentence, and as a verb next to its actor.

use serde_json::Value;
use sojourn_engine::AuditEntry;

use crate::language::Text;

/// Sentences for actions: `{0}` is the actor, `{1}` the target, and `{2}` what the details name. An action that isn't
/// listed is shown by its name.
const SENTENCES: [(&str, &str); 70] = [
    ("application.add", "{0} added the application {1}"),
    ("application.change", "{0} changed the settings of the application {1}"),
    ("application.disable", "{0} switched the application {1} off"),
    ("application.enable", "{0} switched the application {1} on"),
    ("application.metadata", "{0} updated the application {1} from its metadata"),
    ("application.register", "{0} registered the application {1}"),
    ("application.remove", "{0} removed the application {1}"),
    ("application.secret", "{0} created a new secret for the application {1}"),
    ("application.secret.drop", "{0} revoked the previous secret of the application {1}"),
    ("delivery.give_up", "{0} gave up the notices of the session {1}"),
    ("delivery.resend", "{0} resent the notices of the session {1}"),
    ("group.add", "{0} added the group {1}"),
    ("group.change", "{0} changed the group {1}"),
    ("group.remove", "{0} removed the group {1}"),
    ("handler.redo", "{0} retried an event of {1} with its handler"),
    ("handler.skip", "{0} skipped an event of {1}"),
    ("job.cancel", "{0} cancelled the bulk sign-out {1}"),
    ("key.rotate", "{0} published the next signing key, {1}"),
    ("saml_key.rotate", "{0} published the next SAML key, {1}"),
    ("policy.set", "{0} set the policy of {1}"),
    ("role.add", "{0} added the role {1}"),
    ("role.assign", "{0} gave {1} the role {2}"),
    ("role.change", "{0} changed the role {1}"),
    ("role.remove", "{0} removed the role {1}"),
    ("role.unassign", "{0} took the role {2} from {1}"),
    ("session.end", "{0} ended sessions of {2}"),
    ("session.end_job", "{0} started the bulk sign-out {1}"),
    ("session.end_preview", "{0} looked up what ending sessions would do"),
    ("session.not_me", "{0} reported a sign-in as not theirs"),
    ("tenant.add", "{0} added the tenant {1}"),
    ("tenant.code_add", "{0} created an invitation code"),
    ("tenant.code_remove", "{0} removed an invitation code"),
    ("tenant.disable", "{0} switched the tenant {1} off"),
    ("tenant.enable", "{0} switched the tenant {1} on"),
    ("tenant.look", "{0} changed the appearance"),
    ("tenant.remove", "{0} removed the tenant {1}"),
    ("tenant.sign_up", "{0} changed the rules for sign-up"),
    ("user.add", "{0} added the user {1}"),
    ("user.address_add", "{0} confirmed another mail address"),
    ("user.address_main", "{0} chose another main mail address"),
    ("user.address_prove", "{0} confirmed the mail address"),
    ("user.address_remove", "{0} removed a mail address"),
    ("user.address_undo", "{0} undid a change of the mail address"),
    ("user.browser_trust", "{0} trusted a browser"),
    ("user.browser_untrust", "{0} stopped trusting a browser"),
    ("user.change", "{0} changed the profile of {1}"),
    ("user.data_export", "{0} downloaded their data"),
    ("user.deletion_ask", "{0} asked for the account {1} to be deleted"),
    ("user.deletion_cancel", "{0} cancelled the deletion of the account {1}"),
    ("user.disable", "{0} switched the account {1} off"),
    ("user.enable", "{0} switched the account {1} on"),
    ("user.factor_add", "{0} added a way to sign in to the account {1}"),
    ("user.factor_counter", "The counter of a key of {1} went backwards: it may have been copied"),
    ("user.factor_remove", "{0} removed a way to sign in from the account {1}"),
    ("user.factor_rename", "{0} renamed a way to sign in"),
    ("user.factors_reset", "{0} removed all second factors and recovery codes of {1}"),
    ("user.invitation_accept", "{0} accepted an invitation"),
    ("user.invite", "{0} invited {1}"),
    ("user.lock", "{0} locked the account {1}"),
    ("user.password", "{0} set a new password for {1}"),
    ("user.password_change", "{0} changed their password"),
    ("user.password_demand", "{0} required a new password from {1}"),
    ("user.recovery_code_use", "{0} used a recovery code"),
    ("user.recovery_codes", "{0} generated new recovery codes"),
    ("user.remove", "{0} removed the account {1}"),
    ("user.roles", "{0} changed the roles of {1}: {2}"),
    ("user.secure", "{0} secured the account {1}"),
    ("user.sign_up", "{0} signed up"),
    ("user.unlock", "{0} unlocked the account {1}"),
    ("user.wait_end", "{0} ended the waiting time of {1}"),
];

/// Actions as verbs; an action that isn't listed here is shown by its name.
const ACTS: [(&str, &str); 43] = [
    ("application.add", "added an application"),
    ("application.change", "changed an application"),
    ("application.disable", "switched an application off"),
    ("application.enable", "switched an application on"),
    ("application.register", "registered an application"),
    ("application.remove", "removed an application"),
    ("application.secret", "created a new secret for an application"),
    ("application.secret.drop", "revoked the previous secret of an application"),
    ("delivery.give_up", "gave up a delivery"),
    ("delivery.resend", "resent a delivery"),
    ("group.add", "added a group"),
    ("group.change", "changed a group"),
    ("group.remove", "removed a group"),
    ("handler.redo", "retried a task of a handler"),
    ("handler.skip", "skipped a task of a handler"),
    ("job.cancel", "cancelled a bulk sign-out"),
    ("key.rotate", "published the next signing key"),
    ("policy.set", "set a policy"),
    ("role.add", "added a role"),
    ("role.assign", "assigned a role"),
    ("role.change", "changed a role"),
    ("role.remove", "removed a role"),
    ("role.unassign", "unassigned a role"),
    ("session.end", "ended sessions"),
    ("session.end_job", "started a bulk sign-out"),
    ("session.end_preview", "previewed ending sessions"),
    ("session.not_me", "reported an unknown sign-in"),
    ("tenant.add", "added a tenant"),
    ("tenant.disable", "switched a tenant off"),
    ("tenant.enable", "switched a tenant on"),
    ("tenant.look", "changed the appearance"),
    ("tenant.remove", "removed a tenant"),
    ("user.add", "added a user"),
    ("user.change", "changed a user"),
    ("user.disable", "switched an account off"),
    ("user.enable", "switched an account on"),
    ("user.lock", "locked an account"),
    ("user.password", "set a password"),
    ("user.password_change", "changed their password"),
    ("user.password_demand", "required a new password"),
    ("user.remove", "removed a user"),
    ("user.roles", "changed the roles of a user"),
    ("user.unlock", "unlocked an account"),
];

/// Returns the words for an action, or its name if there are none.
pub(super) fn act(action: &str) -> Text {
    let known = ACTS.iter().find(|(name, _)| *name == action);
    known.map_or_else(|| Text::Plain(action.to_owned()), |(_, words)| (*words).into())
}

/// Returns the sentence for an action; without one, the actor, the action's name and the target.
pub(super) fn sentence(action: &str) -> &'static str {
    let known = SENTENCES.iter().find(|(name, _)| *name == action);
    known.map_or("{0}: {2} {1}", |(_, sentence)| sentence)
}

/// Returns what the details of a row name in its sentence: the roles that were given and taken.
pub(super) fn named(row: &AuditEntry) -> String {
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
    let list = |name: &str, sign: &str| {
        let all = detail.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|one| one.as_str()).map(|one| format!("{sign}{one}")).collect::<Vec<_>>()
    };
    match &*row.action {
        "role.assign" => list("NEW_ROLES", "").join(", "),
        "role.unassign" => list("DELETED_ROLES", "").join(", "),
        "user.roles" => [list("NEW_ROLES", "+"), list("DELETED_ROLES", "−")].concat().join(", "),
        _ => row.action.clone(),
    }
}

/// Details that the sentence says already, or that say nothing to a reader.
const SAID: [&str; 13] = [
    "NEW_ROLES",
    "DELETED_ROLES",
    "user-name",
    "role-name",
    "group-name",
    "tenant-domain",
    "effects",
    "targets",
    "users",
    "sessions",
    "number",
    "end",
    "job",
];

/// Returns the details of a row, each as name and value.
pub(super) fn more(detail: &str) -> Vec<(String, String)> {
    let read: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let pairs = read.as_object().into_iter().flatten();
    let said = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(all) => {
            let all =
                all.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
            all.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    pairs
        .filter(|(name, _)| !SAID.contains(&name.as_str()))
        .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()))
        .map(|(name, value)| (name.clone(), said(value)))
        .collect()
}
