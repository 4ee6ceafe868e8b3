//! Applications: list, create, change, switch off and remove.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use sojourn_engine::directory::application_document;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{AppId, AppOwner, Application, Millis, Protocol};
use sojourn_oidc::Params;

use super::quick_start::{QuickStart, quick_start};
use super::{administrator, form, twice};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::respond;
use crate::web::my_account::Visitor;
use crate::web::pages::{Confirm, Frame};
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// An application in the list.
struct ApplicationLine {
    number: i64,
    name: String,
    client_id: String,
    binding: &'static str,
    told_at: String,
    owner: &'static str,
    id: String,
    enabled: bool,
}

/// The page that lists all applications.
#[derive(Template)]
#[template(path = "console/applications.html")]
struct ApplicationsPage {
    frame: Frame,
    applications: Vec<ApplicationLine>,
    may_add: bool,
}

const CREATE: Right = Right::ApplicationCreate;
pub(super) const UPDATE: Right = Right::ApplicationUpdate;
const DELETE: Right = Right::ApplicationDelete;

/// The values of an application's form.
#[derive(Default)]
pub(super) struct Fields {
    name: String,
    client_id: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    backchannel_logout_uri: String,
    frontchannel_logout_uri: String,
    home_uri: String,
    logo_uri: String,
    token_binding: String,
    first_party: bool,
    public: bool,
    revoke: bool,
    validate: bool,
}

#[derive(Template)]
#[template(path = "console/application.html")]
struct ApplicationPage {
    frame: Frame,
    /// `None` while the application is being created.
    id: Option<String>,
    owner: &'static str,
    enabled: bool,
    fields: Fields,
    /// The `client_id` of a new application if the user types none.
    drawn: String,
    /// A new secret, which is shown only once.
    secret: Option<String>,
    may_change: bool,
    may_remove: bool,
    has_secret: bool,
    /// What a developer needs to connect the application; `None` while it is being created.
    start: Option<QuickStart>,
    error: Option<Text>,
}

pub(super) fn owner(app: &Application) -> &'static str {
    match app.owner {
        AppOwner::File => "declared in deployment.toml",
        AppOwner::Database => "created in the Console",
        AppOwner::Program => "built in",
    }
}

impl Fields {
    pub(super) fn of(app: &Application) -> Self {
        let settings = &app.settings;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self {
            name: app.name.clone(),
            client_id: app.client_id.clone(),
            redirect_uris: settings.oidc.redirect_uris.join("\n"),
            post_logout_redirect_uris: settings.oidc.post_logout_redirect_uris.join("\n"),
            backchannel_logout_uri: text(&app.backchannel_logout_uri),
            frontchannel_logout_uri: text(&settings.oidc.frontchannel_logout_uri),
            home_uri: text(&settings.home_uri),
            logo_uri: text(&settings.logo_uri),
            token_binding: settings.oidc.token_binding.as_str().into(),
            first_party: settings.first_party,
            public: app.is_public(),
            revoke: settings.oidc.revoke_tokens_when_session_ends,
            validate: settings.oidc.validate_token_binding,
        }
    }

    fn sent(params: &Params) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        let flag = |name: &str| params.get(name).is_some();
        Self {
            name: text("name"),
            client_id: text("client_id"),
            redirect_uris: text("redirect_uris"),
            post_logout_redirect_uris: text("post_logout_redirect_uris"),
            backchannel_logout_uri: text("backchannel_logout_uri"),
            frontchannel_logout_uri: text("frontchannel_logout_uri"),
            home_uri: text("home_uri"),
            logo_uri: text("logo_uri"),
            token_binding: text("token_binding"),
            first_party: flag("first_party"),
            public: flag("public"),
            revoke: flag("revoke"),
            validate: flag("validate"),
        }
    }

    /// Converts the values to a document of registered metadata; an empty text removes a value.
    fn document(&self) -> Map<String, Value> {
        let lines = |text: &str| -> Value {
            text.split_whitespace().map(|line| Value::from(line.to_owned())).collect()
        };
        let uri = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let document = json!({
            "client_name": uri(&self.name),
            "redirect_uris": lines(&self.redirect_uris),
            "post_logout_redirect_uris": lines(&self.post_logout_redirect_uris),
            "backchannel_logout_uri": uri(&self.backchannel_logout_uri),
            "frontchannel_logout_uri": uri(&self.frontchannel_logout_uri),
            "client_uri": uri(&self.home_uri),
            "logo_uri": uri(&self.logo_uri),
            "token_binding": self.token_binding,
            "first_party": self.first_party,
            "revoke_tokens_when_session_ends": self.revoke,
            "validate_token_binding": self.validate,
        });
        match document {
            Value::Object(document) => document,
            _ => Map::new(),
        }
    }
}

/// Serves `GET /console/applications`: the list of all applications.
pub(crate) async fn list(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/applications", Right::ApplicationView).await?;
    let found = context.engine().applications(context.tenant()).await?;
    let applications = found
        .into_iter()
        .map(|app| ApplicationLine {
            id: app.id.to_string(),
            binding: match app.protocol() {
                Protocol::Saml(_) => "SAML",
                _ => app.settings.oidc.token_binding.as_str(),
            },
            owner: owner(&app),
            enabled: app.enabled,
            number: app.number,
            name: app.name,
            client_id: app.client_id,
            told_at: app.backchannel_logout_uri.unwrap_or_default(),
        })
        .collect();
    let frame = visitor.frame(&context, "applications");
    let may_add = visitor.by.may(CREATE);
    Ok(render::page(&context, StatusCode::OK, &ApplicationsPage { frame, applications, may_add }))
}

pub(super) async fn show(
    context: &Context,
    visitor: &Visitor,
    app: Option<&Application>,
    (fields, secret): (Fields, Option<String>),
    error: Option<Text>,
) -> Response {
    let of_database = app.is_none_or(|app| app.owner == AppOwner::Database);
    let right = if app.is_some() { UPDATE } else { CREATE };
    let page = ApplicationPage {
        frame: visitor.frame(context, "applications"),
        id: app.map(|app| app.id.to_string()),
        owner: app.map_or("created in the Console", owner),
        enabled: app.is_none_or(|app| app.enabled),
        has_secret: app
            .is_some_and(|app| app.settings.oidc.token_endpoint_auth_method.has_secret()),
        drawn: match app {
            Some(_) => String::new(),
            None => AppId::random(context.engine().rng()).to_string(),
        },
        fields,
        secret,
        start: app.map(|app| quick_start(context, app)),
        may_change: of_database && visitor.by.may(right),
        may_remove: of_database && visitor.by.may(DELETE),
        error,
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    render::page(context, status, &page)
}

/// Serves `GET /console/applications/new`: the form for a new application.
pub(crate) async fn new(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/applications", CREATE).await?;
    let token_binding = "sso-session".to_owned();
    let fields = Fields { token_binding, first_party: true, revoke: true, ..Fields::default() };
    Ok(show(&context, &visitor, None, (fields, None), None).await)
}

/// Serves `POST /console/applications`: creates an application and shows its secret.
pub(crate) async fn add(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/applications", CREATE).await?;
    let fields = Fields::sent(&params);
    let mut document = fields.document();
    document.retain(|_, value| !value.is_null());
    // The page generated the `client_id`, so that a form that is sent twice creates only one application.
    let drawn = params.get("drawn").unwrap_or_default().to_owned();
    let client_id = if fields.client_id.is_empty() { drawn } else { fields.client_id.clone() };
    if !client_id.is_empty() {
        document.insert("client_id".into(), client_id.clone().into());
    }
    if fields.public {
        document.insert("token_endpoint_auth_method".into(), "none".into());
    }
    document.insert("grant_types".into(), json!(["authorization_code", "refresh_token"]));
    let (engine, tenant) = (context.engine(), context.tenant());
    match engine.create_application(tenant, &document, &visitor.by).await {
        Ok((app, secret)) => {
            let fields = Fields::of(&app);
            Ok(show(&context, &visitor, Some(&app), (fields, secret), None).await)
        }
        Err(error @ EngineError::Exists(_)) => {
            match engine.application_by_client(tenant.id, &client_id).await {
                Ok(Some(app)) if made_by_the_same_form(&context, &app, &fields) => {
                    let secret = engine.secret_of_new_application(&app);
                    Ok(show(&context, &visitor, Some(&app), (Fields::of(&app), secret), None).await)
                }
                _ => {
                    let said = Some(words::sentence(error));
                    Ok(show(&context, &visitor, None, (fields, None), said).await)
                }
            }
        }
        Err(error @ EngineError::Invalid(_)) => {
            Ok(show(&context, &visitor, None, (fields, None), Some(words::sentence(error))).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns whether an application was created a moment ago, with the values of this form.
fn made_by_the_same_form(context: &Context, app: &Application, fields: &Fields) -> bool {
    let at = app.settings.registered_at.map(|seconds| Millis(seconds * 1000));
    at.is_some_and(|at| twice::just_made(context, at))
        && app.settings.oidc.redirect_uris.join("\n")
            == fields.redirect_uris.split_whitespace().collect::<Vec<_>>().join("\n")
        && (fields.name.is_empty() || app.name == fields.name)
}

pub(super) async fn named(context: &Context, id: &str) -> Result<Application, Refusal> {
    let missing = || Refusal::missing("There is no such application.");
    let id: AppId = id.parse().map_err(|_| missing())?;
    match context.engine().application_to_manage(context.tenant(), id).await {
        Ok(app) => Ok(app),
        Err(EngineError::NotFound(_)) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// Serves `GET /console/applications/{app_id}`: the form of one application; redirects to its own page if it is a SAML
/// service provider.
pub(crate) async fn one(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, "/console/applications", Right::ApplicationView).await?;
    match named(&context, &id).await {
        Ok(app) if matches!(app.protocol(), Protocol::Saml(_)) => {
            Ok(respond::see_other(&context.link(&format!("/console/service-providers/{id}"))))
        }
        Ok(app) => Ok(show(&context, &visitor, Some(&app), (Fields::of(&app), None), None).await),
        Err(refused) => Err(refused),
    }
}

/// Serves `POST /console/applications/{app_id}`: changes an application. `act` is `save`, `enable` or `disable`.
pub(crate) async fn change(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/applications", UPDATE).await?;
    let app = named(&context, &id).await?;
    let (engine, tenant, by) = (context.engine(), context.tenant(), &visitor.by);
    let act = params.get("act").unwrap_or_default();
    let mut fields = Fields::of(&app);
    let done = match act {
        "enable" | "disable" => {
            let mut document = Map::new();
            document.insert("enabled".into(), (act == "enable").into());
            engine.change_application(tenant, app.id, (&document, true), by).await
        }
        _ => {
            fields = Fields { client_id: app.client_id.clone(), ..Fields::sent(&params) };
            let document = fields.document();
            engine.change_application(tenant, app.id, (&document, true), by).await
        }
    };
    match done {
        Ok((app, secret)) => {
            let fields = Fields::of(&app);
            Ok(show(&context, &visitor, Some(&app), (fields, secret), None).await)
        }
        Err(EngineError::Invalid(why)) => {
            let error = Some(words::sentence(why));
            Ok(show(&context, &visitor, Some(&app), (fields, None), error).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// Serves `GET /console/applications/{app_id}/{act}`: asks for confirmation before an application is switched off
/// (`disable`) or removed (`remove`), and says what ends.
pub(crate) async fn confirm(context: Context, Path((id, act)): Path<(String, String)>) -> Answer {
    let right = if act == "remove" { DELETE } else { UPDATE };
    let visitor = administrator(&context, "/console/applications", right).await?;
    let app = named(&context, &id).await?;
    let (title, button, action) = match &*act {
        "remove" => ("Remove {0}?", "Remove application", "remove"),
        "disable" => ("Switch off {0}?", "Switch off", "disable"),
        _ => return Err(Refusal::missing("There is no such act.")),
    };
    let living = context.engine().sessions_in(context.tenant(), app.id).await?;
    let ends = if living.exact {
        Text::Counted(
            "{0} application session will end",
            "{0} application sessions will end",
            living.count,
        )
    } else {
        say("more than {0} application sessions will end", [living.count.into()])
    };
    let told = if app.backchannel_logout_uri.is_some() {
        "It is notified of each of them"
    } else {
        "It has no logout address to notify"
    };
    let page = Confirm {
        title: say(title, [plain(&app.name)]),
        text: "Everything it was given stops working immediately.".into(),
        facts: vec![ends, told.into()],
        action: context.link(&format!("/console/applications/{id}/{action}")),
        button: button.into(),
        back: context.link(&format!("/console/applications/{id}")),
        frame: visitor.frame(&context, "applications"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /console/applications/{app_id}/{act}`: switches an application off (`disable`) or removes it
/// (`remove`).
pub(crate) async fn go(
    context: Context,
    Path((id, act)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let right = if act == "remove" { DELETE } else { UPDATE };
    let (visitor, _) = form(&context, &body, "/console/applications", right).await?;
    let app = named(&context, &id).await?;
    let (engine, tenant, by) = (context.engine(), context.tenant(), &visitor.by);
    let done = match &*act {
        "remove" => engine.remove_application(tenant, app.id, by).await,
        "disable" => {
            let mut document = Map::new();
            document.insert("enabled".into(), false.into());
            let changed = engine.change_application(tenant, app.id, (&document, true), by);
            changed.await.map(|_| ())
        }
        _ => return Err(Refusal::missing("There is no such act.")),
    };
    match done? {
        () if act == "remove" => Ok(respond::see_other(&context.link("/console/applications"))),
        () => Ok(respond::see_other(&context.link(&format!("/console/applications/{id}")))),
    }
}

/// Serves `GET /console/applications/{app_id}/document`: all settings of an application as JSON, for copying.
pub(crate) async fn document(context: Context, Path(id): Path<String>) -> Answer {
    administrator(&context, "/console/applications", Right::ApplicationView).await?;
    let app = named(&context, &id).await?;
    Ok(respond::json(StatusCode::OK, &application_document(&app)))
}
