//! My Account: the user's own profile.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::scim::{ScimFailure, UserEdit, Writing};
use sojourn_model::UserId;
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::Text;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

const PATH: &str = "/myaccount/profile";
/// Schema URI of a SCIM `PATCH` request (RFC 7644 §3.5.2).
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// An input field of a profile's form.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) kind: &'static str,
    pub(crate) autocomplete: &'static str,
}

/// A known field of the profile: its name in the form, SCIM attribute, label, input type and `autocomplete` token.
pub(crate) type Known = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    frame: Frame,
    fields: Vec<Field>,
    /// The mail address and whether it is confirmed; `None` if the server sends no mail and the address is one of
    /// `fields`.
    address: Option<(String, bool)>,
    /// The confirmed addresses besides the main one.
    others: Vec<String>,
    /// Whether users can delete their own accounts.
    leave: bool,
    error: Option<Text>,
}

/// The attributes that users can change themselves. The address must stay last, because `own` leaves it out.
pub(crate) const FIELDS: [Known; 6] = [
    ("display_name", "displayName", "Display name", "text", "name"),
    ("given_name", "name.givenName", "Given name", "text", "given-name"),
    ("family_name", "name.familyName", "Family name", "text", "family-name"),
    ("nickname", "nickName", "Nickname", "text", "nickname"),
    ("phone", "phoneNumbers", "Phone number", "tel", "tel"),
    ("email", "emails", "Mail address", "email", "email"),
];

/// The attributes that users can change on this page: if the server sends mail, the address has a page of its own.
fn own(context: &Context) -> &'static [Known] {
    let without = FIELDS.split_last().map_or(FIELDS.as_slice(), |(_, others)| others);
    if context.engine().settings().resets_by_mail { without } else { &FIELDS }
}

fn value_of(resource: &Value, attribute: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match attribute {
        "emails" | "phoneNumbers" => {
            let all = resource.get(attribute).and_then(Value::as_array);
            let first = all.and_then(|all| {
                all.iter().find(|one| one["primary"] == true).or_else(|| all.first())
            });
            first.and_then(|one| one.get("value")).map(text).unwrap_or_default()
        }
        dotted => {
            let pointer = format!("/{}", dotted.replace('.', "/"));
            resource.pointer(&pointer).map(text).unwrap_or_default()
        }
    }
}

/// Loads an account as a SCIM user resource.
pub(crate) async fn resource(context: &Context, user: UserId) -> Result<Value, ScimFailure> {
    Ok(Value::Object(context.engine().user_resource(context.tenant(), user).await?))
}

/// Creates the fields of a form, with the values that were sent, or else with those of the resource.
pub(crate) fn fields(known: &[Known], resource: &Value, sent: Option<&Params>) -> Vec<Field> {
    let field = |(name, attribute, label, kind, autocomplete): &Known| Field {
        name,
        label,
        value: match sent {
            Some(params) => params.get(name).unwrap_or_default().to_owned(),
            None => value_of(resource, attribute),
        },
        kind,
        autocomplete,
    };
    known.iter().map(field).collect()
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    resource: &Value,
    (sent, notice): (Option<&Params>, Option<Text>),
    error: Option<Text>,
) -> Answer {
    let mut frame = visitor.frame(context, "profile");
    frame.notice = notice;
    let fields = fields(own(context), resource, sent);
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let user = &visitor.user;
    let address = context
        .engine()
        .settings()
        .resets_by_mail
        .then(|| (user.email.clone().unwrap_or_default(), user.email_verified));
    let others = context.engine().other_addresses(context.tenant(), user.id).await?;
    let others = others.into_iter().map(|other| other.address).collect();
    let leave = context.tenant().sign_up.leaving != sojourn_model::Leaving::Never;
    let page = ProfilePage { frame, fields, address, others, leave, error };
    Ok(render::page(context, status, &page))
}

/// Serves `GET /myaccount/profile`: the form with the user's profile.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    let done = request::query(uri.query()).ok();
    let done = done.and_then(|params| match params.get("done")? {
        "kept" => Some("Your account stays.".into()),
        "address" => Some("Your mail address is confirmed.".into()),
        _ => Some("Your profile is saved.".into()),
    });
    match resource(&context, visitor.user.id).await {
        Ok(resource) => show(&context, &visitor, &resource, (None, done), None).await,
        Err(failure) => Err(failure.into()),
    }
}

impl From<ScimFailure> for Refusal {
    fn from(failure: ScimFailure) -> Self {
        match failure {
            ScimFailure::Failed(error) => error.into(),
            ScimFailure::Refused(error) => Self::bad_request(words::message(&error.detail)),
        }
    }
}

/// Creates the SCIM `PATCH` that changes the resource to the values that were sent; `None` if nothing differs.
pub(crate) fn change(known: &[Known], resource: &Value, params: &Params) -> Option<Value> {
    let operations = operations(known, resource, params);
    let some = !operations.is_empty();
    some.then(|| json!({ "schemas": [PATCH], "Operations": operations }))
}

fn operations(known: &[Known], resource: &Value, params: &Params) -> Vec<Value> {
    let mut all = Vec::new();
    for (name, attribute, ..) in known {
        let (name, attribute) = (*name, *attribute);
        let (before, after) =
            (value_of(resource, attribute), params.get(name).unwrap_or_default().trim().to_owned());
        if before == after {
            continue;
        }
        let list = matches!(attribute, "emails" | "phoneNumbers");
        let quoted = Value::String(before.clone());
        all.push(match (list, after.is_empty()) {
            (false, true) => json!({ "op": "remove", "path": attribute }),
            (false, false) => json!({ "op": "replace", "path": attribute, "value": after }),
            (true, true) => {
                json!({ "op": "remove", "path": format!("{attribute}[value eq {quoted}]") })
            }
            (true, false) if before.is_empty() => {
                let value = json!([{ "value": after, "primary": true }]);
                json!({ "op": "add", "path": attribute, "value": value })
            }
            (true, false) => {
                let path = format!("{attribute}[value eq {quoted}].value");
                json!({ "op": "replace", "path": path, "value": after })
            }
        });
    }
    all
}

/// Serves `POST /myaccount/profile`: saves the changed attributes.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let resource = match resource(&context, visitor.user.id).await {
        Ok(resource) => resource,
        Err(failure) => return Err(failure.into()),
    };
    let Some(change) = change(own(&context), &resource, &params) else {
        return Ok(respond::see_other(&context.link(PATH)));
    };
    let writing = Writing { by: &visitor.by, own: true, fresh: false, if_match: None };
    let (engine, tenant) = (context.engine(), context.tenant());
    let done = engine.edit_user(tenant, visitor.user.id, UserEdit::Patch(&change), &writing);
    match done.await {
        Ok(_) => Ok(respond::see_other(&context.link(&format!("{PATH}?done=1")))),
        Err(ScimFailure::Refused(error)) => {
            let error = Some(words::sentence(&error.detail));
            show(&context, &visitor, &resource, (Some(&params), None), error).await
        }
        Err(ScimFailure::Failed(EngineError::Invalid(why))) => {
            let error = Some(words::sentence(why));
            show(&context, &visitor, &resource, (Some(&params), None), error).await
        }
        Err(failure) => Err(failure.into()),
    }
}
