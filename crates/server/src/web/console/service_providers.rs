//! SAML service providers: add one by its metadata, view what was read from it, change its attributes.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::saml::{SamlPreview, certificates};
use sojourn_engine::{EngineError, Right};
use sojourn_model::{AppOwner, Application, NameIdFormat, Protocol, SamlSettings};

use super::administrator;
use super::applications::{UPDATE, named, owner};
use super::service_provider_form::{Where, document};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::upload::Upload;
use crate::web::{filters, render, words};

const PATH: &str = "/console/service-providers";
const CREATE: Right = Right::ApplicationCreate;
/// Sets of attributes for a service provider: the name of the setting, and its label in the form.
const PRESETS: [(&str, &str); 5] = [
    ("", "leave as it is"),
    ("none", "only the name"),
    ("basic", "login name, name, mail address, roles and groups"),
    ("oid", "the same, with X.500 and eduPerson attribute names"),
    ("microsoft", "the same, with Microsoft attribute names"),
];

struct CertificateLine {
    subject: String,
    until: Text,
    fingerprint: String,
}

#[derive(Template)]
#[template(path = "console/service_provider.html")]
struct ServiceProviderPage {
    frame: Frame,
    /// `None` while the service provider is being added.
    id: Option<String>,
    owner: &'static str,
    enabled: bool,
    name: String,
    entity_id: String,
    consumers: Vec<String>,
    /// How it is notified of logouts, and where.
    logout: Vec<(&'static str, String)>,
    certificates: Vec<CertificateLine>,
    attributes: Vec<(String, String)>,
    formats: Vec<(&'static str, &'static str)>,
    format: &'static str,
    /// Where it is: the part of the form that metadata can replace.
    place: Where,
    /// The mark of what is registered of it.
    seen: String,
    presets: [(&'static str, &'static str); 5],
    preset: String,
    signed_requests: bool,
    idp_initiated: bool,
    first_party: bool,
    /// What the service provider has to know about this server: labels and addresses.
    ours: Vec<(&'static str, String)>,
    may_change: bool,
    may_remove: bool,
    error: Option<Text>,
}

/// Returns the formats of name IDs, with descriptions.
fn formats() -> Vec<(&'static str, &'static str)> {
    NameIdFormat::ALL
        .into_iter()
        .map(|format| {
            let words = match format {
                NameIdFormat::Persistent => "persistent: a pseudonym of its own",
                NameIdFormat::Transient => "transient: a new pseudonym for each session",
                NameIdFormat::EmailAddress => "emailAddress: the mail address",
                NameIdFormat::Unspecified => "unspecified: the login name",
            };
            (format.as_str(), words)
        })
        .collect()
}

fn certificate_lines(settings: &SamlSettings) -> Vec<CertificateLine> {
    let lines = certificates(settings).into_iter().map(|one| CertificateLine {
        subject: one.subject().to_owned(),
        until: words::moment(one.valid_until()),
        fingerprint: one.fingerprint(),
    });
    lines.collect()
}

fn logout_lines(app: &Application, settings: &SamlSettings) -> Vec<(&'static str, String)> {
    let soap = app.backchannel_logout_uri.clone();
    let soap = soap.map(|url| ("from server to server", url));
    let browser = settings.logout_services.iter().map(|one| ("in the browser", one.url.clone()));
    soap.into_iter().chain(browser).collect()
}

fn show(
    context: &Context,
    visitor: &Visitor,
    app: Option<&Application>,
    (notice, error): (Option<Text>, Option<Text>),
    sent: Option<&Upload>,
) -> Response {
    let (engine, tenant) = (context.engine(), context.tenant());
    let settings = match app.map(Application::protocol) {
        Some(Protocol::Saml(settings)) => settings.clone(),
        _ => SamlSettings::default(),
    };
    let of_database = app.is_none_or(|app| app.owner == AppOwner::Database);
    let right = if app.is_some() { UPDATE } else { CREATE };
    let mut frame = visitor.frame(context, "applications");
    frame.notice = notice;
    let page = ServiceProviderPage {
        frame,
        id: app.map(|app| app.id.to_string()),
        owner: app.map_or("created in the Console", owner),
        enabled: app.is_none_or(|app| app.enabled),
        name: app.map(|app| app.name.clone()).unwrap_or_default(),
        entity_id: app.map(|app| app.client_id.clone()).unwrap_or_default(),
        consumers: settings.assertion_consumers.iter().map(|one| one.url.clone()).collect(),
        logout: app.map(|app| logout_lines(app, &settings)).unwrap_or_default(),
        certificates: certificate_lines(&settings),
        attributes: settings
            .attributes
            .iter()
            .map(|one| (one.claim.clone(), one.name.clone()))
            .collect(),
        formats: formats(),
        format: settings.name_id_format.as_str(),
        place: match (sent, app) {
            (Some(upload), _) => Where::sent(upload),
            (None, Some(app)) => Where::of(app, &settings),
            (None, None) => Where::default(),
        },
        seen: app.map(|app| Where::of(app, &settings).mark()).unwrap_or_default(),
        presets: PRESETS,
        preset: if app.is_some() { String::new() } else { "basic".into() },
        signed_requests: settings.signed_requests,
        idp_initiated: settings.idp_initiated,
        first_party: app.is_none_or(|app| app.settings.first_party),
        ours: vec![
            ("Metadata and entity ID", engine.saml_entity_id(tenant)),
            ("Sign-on and logout in the browser", engine.saml_address(tenant)),
            ("Logout from server to server", engine.saml_soap_address(tenant)),
        ],
        may_change: of_database && visitor.by.may(right),
        may_remove: of_database && visitor.by.may(Right::ApplicationDelete),
        error,
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    render::page(context, status, &page)
}

/// Serves `GET /console/service-providers/new`: the form for a new service provider.
pub(crate) async fn new(context: Context) -> Answer {
    let visitor = administrator(&context, PATH, CREATE).await?;
    Ok(show(&context, &visitor, None, (None, None), None))
}

/// Parses the form of one of these pages and verifies that it is genuine and that the administrator has a right.
async fn sent(context: &Context, body: Bytes, right: Right) -> Result<(Visitor, Upload), Refusal> {
    let visitor = administrator(context, PATH, right).await?;
    let upload = Upload::read(context, body).await;
    let malformed = || Refusal::bad_request("The form is malformed.");
    let upload = upload.ok_or_else(malformed)?;
    if !context.genuine(&visitor.session, Some(&upload.text("csrf"))) {
        return Err(Refusal::Forged);
    }
    Ok((visitor, upload))
}

/// Serves `POST /console/service-providers`: adds a service provider.
pub(crate) async fn add(context: Context, body: Bytes) -> Answer {
    let (visitor, upload) = sent(&context, body, CREATE).await?;
    if upload.bytes("metadata").is_empty() && Where::sent(&upload).is_empty() {
        let error = "Choose a file with metadata, enter the address of the metadata, or fill in the settings by hand.";
        return Ok(show(&context, &visitor, None, (None, Some(error.into())), Some(&upload)));
    }
    let mut document = document(&upload, None);
    document.retain(|_, value| !value.is_null());
    let made = context.engine().create_application(context.tenant(), &document, &visitor.by).await;
    match made {
        Ok((app, _)) => Ok(respond::see_other(&context.link(&format!("{PATH}/{}", app.id)))),
        Err(error @ (EngineError::Invalid(_) | EngineError::Exists(_))) => {
            let error = Some(words::sentence(error));
            Ok(show(&context, &visitor, None, (None, error), Some(&upload)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Serves `GET /console/service-providers/{app_id}`: the form of one service provider.
pub(crate) async fn one(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, PATH, Right::ApplicationView).await?;
    match named(&context, &id).await {
        Ok(app) if matches!(app.protocol(), Protocol::Saml(_)) => {
            Ok(show(&context, &visitor, Some(&app), (None, None), None))
        }
        Ok(_) => Err(Refusal::missing("There is no such application.")),
        Err(refused) => Err(refused),
    }
}

#[derive(Template)]
#[template(path = "console/service_provider_test.html")]
struct TestPage {
    frame: Frame,
    id: String,
    name: String,
    /// `None` if the administrator has no name in the format that the service provider asks for.
    told: Option<SamlPreview>,
}

/// Serves `GET /console/service-providers/{app_id}/test`: shows what the service provider would receive about the
/// administrator who asks.
pub(crate) async fn test(context: Context, Path(id): Path<String>) -> Answer {
    let path = format!("{PATH}/{id}/test");
    let visitor = administrator(&context, &path, Right::ApplicationView).await?;
    let app = named(&context, &id).await?;
    match context.engine().saml_preview(context.tenant(), &app, &visitor.session).await {
        Ok(told) => {
            let frame = visitor.frame(&context, "applications");
            let page = TestPage { frame, id: app.id.to_string(), name: app.name.clone(), told };
            Ok(render::page(&context, StatusCode::OK, &page))
        }
        Err(EngineError::NotFound(_)) => Err(Refusal::missing("There is no such application.")),
        Err(error) => Err(error.into()),
    }
}

/// Serves `POST /console/service-providers/{app_id}`: changes a service provider. Empty fields stay unchanged;
/// `act=enable` switches it on and changes nothing else.
pub(crate) async fn change(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, upload) = sent(&context, body, UPDATE).await?;
    let app = named(&context, &id).await?;
    let Protocol::Saml(settings) = app.protocol() else {
        return Err(Refusal::missing("There is no such application."));
    };
    // Otherwise a form that was opened earlier would bring back addresses and certificates that were replaced since.
    if upload.has("seen") && upload.text("seen") != Where::of(&app, settings).mark() {
        let why = "The service provider has changed since this page was opened. Check the values and save again.";
        return Ok(show(&context, &visitor, Some(&app), (None, Some(why.into())), None));
    }
    let mut document = document(&upload, Some((&app, settings)));
    if upload.text("act") == "enable" {
        document = [("enabled".to_owned(), true.into())].into_iter().collect();
    }
    let (engine, tenant) = (context.engine(), context.tenant());
    match engine.change_application(tenant, app.id, (&document, true), &visitor.by).await {
        Ok((app, _)) => Ok(show(
            &context,
            &visitor,
            Some(&app),
            (Some("The service provider is saved.".into()), None),
            None,
        )),
        Err(EngineError::Invalid(why)) => {
            let error = Some(words::sentence(why));
            Ok(show(&context, &visitor, Some(&app), (None, error), Some(&upload)))
        }
        Err(error) => Err(error.into()),
    }
}
