//! Users: the list, creating and viewing them, and their roles.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::directory::{NewUser, RoleChange};
use sojourn_engine::{Authority, EngineError, Right, RoleDirection};
use sojourn_model::{
    Actor, EndReason, EndTarget, Millis, Role, RoleId, RoleState, User, UserState,
};
use sojourn_oidc::params::with_query;

use super::consequences::{self, RoleAct};
use super::{administrator, form, twice};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::console::roles::RoleLine;
use crate::web::factor_list::FactorLine;
use crate::web::my_account::{Visitor, card};
use crate::web::pages::Confirm;
use crate::web::pages::Frame;
use crate::web::pages::SessionCard;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{factor_list, filters, render, words};
use crate::{request, respond};

/// A user in a list.
struct UserLine {
    id: String,
    username: String,
    name: String,
    state: &'static str,
}

/// The page that lists users.
#[derive(Template)]
#[template(path = "console/users.html")]
struct UsersPage {
    frame: Frame,
    query: String,
    users: Vec<UserLine>,
    /// Login name after which the next page begins.
    next: Option<String>,
    error: Option<Text>,
}

/// The page of one user.
#[derive(Template)]
#[template(path = "console/user.html")]
struct UserPage {
    frame: Frame,
    /// Link to the ended sessions, for those who may see sessions.
    ended: Option<String>,
    /// Whether the account is being recovered and waits.
    waits: bool,
    user: UserLine,
    has_factors: bool,
    /// Whether the user has a password.
    has_password: bool,
    /// Whether the user can be invited: the server sends mail, and the account has no way to sign in yet.
    may_invite: bool,
    factors: Vec<FactorLine>,
    may_change: bool,
    may_end: bool,
    /// Whether the administrator may set policies.
    may_set_policy: bool,
    /// Groups of the user: ID and name.
    groups: Vec<(String, String)>,
    facts: Vec<(&'static str, Text)>,
    roles: Vec<RoleLine>,
    others: Vec<RoleLine>,
    sessions: Vec<SessionCard>,
}

const SHOWN: i64 = 50;
/// Maximum number of users found by display name, and again by mail address.
const ALSO_SHOWN: i64 = 25;
const ROLES_SHOWN: i64 = 200;

fn line(user: &User) -> UserLine {
    UserLine {
        id: user.id.to_string(),
        username: user.username.clone(),
        name: user.display_name.clone().unwrap_or_default(),
        state: match user.state {
            UserState::Active => "active",
            UserState::Disabled => "disabled",
            UserState::Locked => "locked",
        },
    }
}

fn role_line(role: &Role) -> RoleLine {
    RoleLine {
        id: role.id.to_string(),
        name: role.name.clone(),
        permissions: role.permissions.clone(),
        removing: role.state == RoleState::Removing,
        members: 0,
    }
}

/// Serves `GET /console/users`: users by login name, or those that match a search.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/users", Right::UserList).await?;
    let params = request::query(uri.query())?;
    let query = params.get("q").unwrap_or_default().trim().to_owned();
    show(&context, &visitor, query, params.get("after"), None).await
}

/// Loads users with a login name that begins with the text; on the first page also those with such a display name or
/// this mail address. Also returns the name after which the next page begins.
async fn found(
    context: &Context,
    query: &str,
    after: Option<&str>,
) -> Result<(Vec<UserLine>, Option<String>), EngineError> {
    let store = context.engine().reads(context.tenant().id);
    let mut users = store.users_by_prefix(query, after, SHOWN).await?;
    let next = (users.len() as i64 == SHOWN)
        .then(|| users.last().map(|user| user.username.clone()))
        .flatten();
    if after.is_none() && !query.is_empty() {
        let mut others = store.users_by_shown_name(query, ALSO_SHOWN).await?;
        others.extend(store.users_by_email(query, ALSO_SHOWN).await?);
        for user in others {
            if !users.iter().any(|one| one.id == user.id) {
                users.push(user);
            }
        }
    }
    Ok((users.iter().map(line).collect(), next))
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    query: String,
    after: Option<&str>,
    error: Option<Text>,
) -> Answer {
    let (users, next) = found(context, &query, after).await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = visitor.frame(context, "users");
    Ok(render::page(context, status, &UsersPage { frame, query, users, next, error }))
}

/// Serves `POST /console/users`: creates a user, who is invited if no password is given.
pub(crate) async fn add(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/users", Right::UserCreate).await?;
    let text = |name: &str| params.get(name).map(str::trim).filter(|t| !t.is_empty());
    let new = NewUser {
        username: text("username").unwrap_or_default().to_owned(),
        password: params.get("password").filter(|one| !one.is_empty()).map(str::to_owned),
        invited: params.get("password").is_none_or(str::is_empty),
        display_name: text("name").map(str::to_owned),
        email: text("email").map(str::to_owned),
        ..NewUser::default()
    };
    let (name, shown) = (new.username.clone(), new.display_name.clone());
    match context.engine().add_user(context.tenant(), new, &visitor.by).await {
        Ok(user) => Ok(respond::see_other(&context.link(&format!("/console/users/{}", user.id)))),
        Err(error @ (EngineError::Invalid(_) | EngineError::Exists(_))) => {
            let same = context.engine().user_named(context.tenant(), &name).await;
            match same {
                Ok(user)
                    if matches!(error, EngineError::Exists(_))
                        && twice::just_made(&context, user.created_at)
                        && user.display_name == shown =>
                {
                    Ok(respond::see_other(&context.link(&format!("/console/users/{}", user.id))))
                }
                _ => {
                    let said = Some(words::sentence(error));
                    show(&context, &visitor, String::new(), None, said).await
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Serves `GET /console/users/{user_id}`: one user with factors, groups, roles and sessions.
pub(crate) async fn one(context: Context, Path(id): Path<String>, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/users", Right::UserView).await?;
    let user = super::user(&context, &visitor, &id).await?;
    let page = page(&context, &visitor, &user, &uri).await?;
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// What is known about an account, each with its name; empty values aren't shown.
fn facts(
    user: &User,
    waits: Option<Millis>,
    other_addresses: Vec<String>,
) -> Vec<(&'static str, Text)> {
    vec![
        ("Mail", plain(user.email.clone().unwrap_or_default())),
        ("Other mail addresses", plain(other_addresses.join(", "))),
        ("Since", words::moment(user.created_at)),
        ("Changed", words::moment(user.updated_at)),
        ("Recovery waits until", waits.map(words::moment).unwrap_or_default()),
        ("Locked until", user.unlock_at.map(words::moment).unwrap_or_default()),
    ]
}

async fn page(
    context: &Context,
    visitor: &Visitor,
    user: &User,
    uri: &Uri,
) -> Result<UserPage, EngineError> {
    let engine = context.engine();
    let tenant = context.tenant();
    let roles = engine.reads(tenant.id).roles_of_user(user.id).await?;
    let all = engine.reads(tenant.id).roles(None, ROLES_SHOWN).await?;
    let waits = user.recovers_at.filter(|until| *until > engine.now());
    let other_addresses = engine.other_addresses(tenant, user.id).await?;
    let other_addresses = other_addresses.into_iter().map(|one| one.address).collect();
    let others = all
        .iter()
        .filter(|role| role.state == RoleState::Active && !roles.iter().any(|r| r.id == role.id))
        .filter(|role| may_handle(visitor, role))
        .map(role_line)
        .collect();
    let views = engine.sessions_of_user(tenant, user.id).await?;
    let ways = engine.factors(tenant, user.id).await?.factors;
    let now = engine.now();
    let mut frame = visitor.frame(context, "users");
    frame.notice = request::query(uri.query())
        .ok()
        .and_then(|params| params.get("ended").and_then(|n| n.parse::<u64>().ok()))
        .map(|ended| {
            say("The roles changed. {0} ended.", [words::count(ended, words::Noun::Session)])
        })
        .or_else(|| {
            let params = request::query(uri.query()).ok()?;
            super::user_acts::notice(params.get("done")?).map(Text::from)
        });
    Ok(UserPage {
        frame,
        user: line(user),
        ended: visitor.by.may(Right::SessionView).then(|| {
            let filter = format!("username eq {}", serde_json::Value::from(user.username.clone()));
            with_query(&context.link("/console/ledger"), &[("q", &filter)])
        }),
        waits: waits.is_some(),
        has_factors: !ways.is_empty(),
        has_password: user.password_hash.is_some(),
        may_invite: engine.settings().resets_by_mail
            && ways.is_empty()
            && user.password_hash.is_none(),
        factors: ways.iter().map(|one| factor_list::line(one, now)).collect(),
        may_change: visitor.by.may(Right::RoleUpdate),
        may_end: visitor.by.may(Right::SessionDelete),
        may_set_policy: visitor.by.may(Right::SessionPolicyUpdate),
        groups: engine
            .reads(tenant.id)
            .groups_of_user(user.id)
            .await?
            .into_iter()
            .map(|group| (group.id.to_string(), group.name))
            .collect(),
        facts: facts(user, waits, other_addresses),
        roles: roles.iter().map(role_line).collect(),
        others,
        sessions: views
            .iter()
            .map(|view| card(user, view, now, Some(visitor.session.id)))
            .collect(),
    })
}

/// Returns whether the administrator may assign or remove a role: you can only grant or revoke rights that you hold
/// yourself.
fn may_handle(visitor: &Visitor, role: &Role) -> bool {
    visitor.by.covers(role)
}

async fn role(context: &Context, visitor: &Visitor, id: &str) -> Result<Role, Refusal> {
    let missing = || Refusal::missing("There is no such role.");
    let id: RoleId = id.parse().map_err(|_| missing())?;
    let found = context.engine().reads(context.tenant().id).role(id).await;
    let role = found?.ok_or_else(missing)?;
    if may_handle(visitor, &role) { Ok(role) } else { Err(EngineError::Forbidden.into()) }
}

/// Serves `POST /console/users/{user_id}/roles/assign`: assigns a role to a user.
pub(crate) async fn assign(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/users", Right::RoleUpdate).await?;
    let role_id = params.get("role").unwrap_or_default().to_owned();
    let (user, role) = both(&context, &visitor, &id, &role_id).await?;
    let path = format!("/console/users/{id}");
    let act = RoleAct {
        title: say("Assign the role {0} to {1}?", [plain(&role.name), plain(&user.username)]),
        button: "Assign role".into(),
        roles: &[role.id],
        users: &[user.id],
        more: false,
        direction: RoleDirection::Added,
        fields: vec![("role", role_id.clone())],
        action: format!("{path}/roles/assign"),
        back: path,
    };
    let asked = consequences::before(&context, (&visitor, &params), "users", act).await?;
    if let Some(page) = asked {
        return Ok(page);
    }
    change(&context, &visitor, &id, &role_id, RoleChange::Assign).await
}

/// Serves `GET /console/users/{user_id}/roles/{role_id}/remove`: asks for confirmation before a role is removed from a
/// user, and says what that does.
pub(crate) async fn confirm_unassign(
    context: Context,
    Path((id, role_id)): Path<(String, String)>,
) -> Answer {
    let visitor = administrator(&context, "/console/users", Right::RoleUpdate).await?;
    let (user, role) = both(&context, &visitor, &id, &role_id).await?;
    let target = EndTarget::User(user.id);
    let plan = sojourn_engine::EndPlan::new(target, EndReason::RoleChanged, Actor::System);
    let preview =
        context.engine().preview_end(context.tenant(), plan, &Authority::system()).await?.summary;
    let ends = context.engine().ends_sessions_on_role_removal(context.tenant(), role.id).await?;
    let mut facts = Vec::new();
    if ends {
        facts.push(say("{0} will end", [words::count(preview.sessions, words::Noun::Session)]));
        facts.push(say(
            "{0} will be notified",
            [words::count(preview.deliveries, words::Noun::Application)],
        ));
    } else {
        facts.push("Sessions stay as they are: no handler is registered for this event".into());
    }
    let page = Confirm {
        title: say("Unassign the role {0} from {1}?", [plain(&role.name), plain(&user.username)]),
        text: Text::default(),
        facts,
        action: context.link(&format!("/console/users/{id}/roles/{role_id}/remove")),
        button: "Remove role".into(),
        back: context.link(&format!("/console/users/{id}")),
        frame: visitor.frame(&context, "users"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /console/users/{user_id}/roles/{role_id}/remove`: removes a role from a user.
pub(crate) async fn unassign(
    context: Context,
    Path((id, role_id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (visitor, _) = form(&context, &body, "/console/users", Right::RoleUpdate).await?;
    change(&context, &visitor, &id, &role_id, RoleChange::Unassign).await
}

async fn both(
    context: &Context,
    visitor: &Visitor,
    id: &str,
    role_id: &str,
) -> Result<(User, Role), Refusal> {
    let user = super::user(context, visitor, id).await?;
    let role = role(context, visitor, role_id).await?;
    Ok((user, role))
}

async fn change(
    context: &Context,
    visitor: &Visitor,
    id: &str,
    role_id: &str,
    what: RoleChange,
) -> Answer {
    let (user, role) = both(context, visitor, id, role_id).await?;
    let ended =
        context.engine().change_role(context.tenant(), &role, &user, what, &visitor.by).await?;
    let path = format!("/console/users/{}?ended={}", user.id, ended.sessions);
    Ok(respond::see_other(&context.link(&path)))
}
