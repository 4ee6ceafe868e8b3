//! `sojourn demo`: runs the server with three sample applications, in a folder of its own.

mod populate;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::{Done, Failure, config, say, serve};

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Start over: delete the state of earlier runs
    #[arg(long)]
    fresh: bool,
    /// Fill a new database with an organisation: 1,000 people, ten applications, and a week of sessions
    #[arg(long)]
    populated: bool,
    /// Folder for database, keys and certificates
    #[arg(long, default_value = "sojourn-demo")]
    folder: PathBuf,
    /// Port of the server; the applications take the ones above it
    #[arg(long, default_value_t = 9443, value_parser = clap::value_parser!(u16).range(1..65530))]
    port: u16,
}

/// Options of one sample application, which `demo` starts.
#[derive(Debug, Args)]
pub(crate) struct DemoAppArgs {
    #[arg(long)]
    name: String,
    #[arg(long)]
    issuer: String,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    signing_alg: String,
    #[arg(long)]
    tls_folder: PathBuf,
}

struct Sample {
    name: &'static str,
    signing_alg: &'static str,
    offset: u16,
}

/// Marks the SAML application, in place of a signing algorithm.
const SAML: &str = "SAML";

const SAMPLES: [Sample; 3] = [
    Sample { name: "pickup-dispatch", signing_alg: "RS256", offset: 1 },
    Sample { name: "pickup-manager", signing_alg: "ES256", offset: 2 },
    Sample { name: "saml2-web-app-pickup-dispatch", signing_alg: SAML, offset: 3 },
];

/// The listener of the applications that `--populated` adds. The port after it stays free: nobody is there.
const OFFICE: Sample = Sample { name: "office", signing_alg: "OFFICE", offset: 4 };

/// The sample users, and a setting that lets anyone on this machine register an application.
const PEOPLE: &str = r#"
[[role]]
name = "pickup-staff"

[[user]]
username = "alex"
password = "alex123"
display_name = "Alex"
given_name = "Alex"
family_name = "Courier"
email = "alex@localhost"
email_verified = true
roles = ["pickup-staff"]

[user.claims]
nickname = "lex"
middle_name = "Robin"
profile = "https://localhost:{port}/"
picture = "https://localhost:{port}/assets/logo.svg"
website = "https://localhost:{port}/"
gender = "x"
birthdate = "1990-01-31"
zoneinfo = "Europe/Berlin"
locale = "en"
phone_number = "+49 30 000000"
phone_number_verified = false

[user.claims.address]
formatted = "1 Parcel Street\nBerlin"
street_address = "1 Parcel Street"
locality = "Berlin"
region = "Berlin"
postal_code = "10115"
country = "DE"

# Anyone on this machine may register an application.
[oauth.dcr]
mode = "open"

[super_admin]
username = "admin"
password = "admin"
display_name = "Administrator"
"#;

/// Returns a secret that is public, like the passwords: the demonstration listens only on this machine.
fn secret(name: &str) -> String {
    format!("{name}-secret-for-the-demonstration")
}

fn deployment(port: u16) -> String {
    let mut text = format!(
        r#"# Written by 'sojourn demo' at each start. For the demonstration only.

[server]
base_url = "https://localhost:{port}"
listen = "127.0.0.1:{port}"
data = "."

[outgoing]
ca_file = "tls/ca.pem"
allow_private_addresses = true

# Mails are written there, a file each.
[mail]
from = "Sojourn <no-reply@localhost>"
folder = "mail"

# The demonstration shows sessions, without a page in between.
[passkeys]
offer_after_password = false

[log]
level = "warn,sojourn_server::mail=info"

# A change of a user's roles ends the user's sessions, in every application.
[[event_handler]]
name = "sessionTermination"
subscriptions = ["POST_UPDATE_ROLE_LIST_OF_USER", "POST_UPDATE_USER_LIST_OF_ROLE"]
"#
    );
    text.push_str(&PEOPLE.replace("{port}", &port.to_string()));
    for sample in SAMPLES {
        let (name, own) = (sample.name, port + sample.offset);
        if sample.signing_alg == SAML {
            text.push_str(&format!(
                r#"
[[application]]
client_id = "{name}"
protocol = "saml"
home_uri = "https://localhost:{own}/"

[application.saml]
assertion_consumers = [{{ url = "https://localhost:{own}/home.jsp" }}]
logout_services = [{{ binding = "post", url = "https://localhost:{own}/logged-out" }}]
soap_logout_url = "https://localhost:{own}/soap"
name_id_format = "persistent"
attribute_preset = "basic"
"#
            ));
            continue;
        }
        text.push_str(&format!(
            r#"
[[application]]
client_id = "{name}"
client_secret = "{}"
redirect_uris = ["https://localhost:{own}/oauth2client"]
post_logout_redirect_uris = ["https://localhost:{own}/"]
backchannel_logout_uri = "https://localhost:{own}/bclogout"
id_token_signed_response_alg = "{}"
home_uri = "https://localhost:{own}/"
"#,
            secret(name),
            sample.signing_alg
        ));
    }
    text
}

fn prepare(args: &DemoArgs) -> Result<PathBuf, Failure> {
    let folder = &args.folder;
    let wrong = |error: std::io::Error| Failure(format!("{}: {error}", folder.display()));
    let config_file = folder.join("deployment.toml");
    if args.fresh && folder.exists() {
        // Only a folder that a demonstration created is emptied.
        if !config_file.exists() {
            return Err(Failure(format!(
                "{} was not created by 'sojourn demo', so it is not changed",
                folder.display()
            )));
        }
        std::fs::remove_dir_all(folder).map_err(wrong)?;
    }
    std::fs::create_dir_all(folder).map_err(wrong)?;
    std::fs::write(&config_file, deployment(args.port)).map_err(wrong)?;
    let tls = folder.join("tls");
    for name in ["server", OFFICE.name].into_iter().chain(SAMPLES.map(|sample| sample.name)) {
        sojourn_server::tls::local_certificate(&tls, name)?;
    }
    Ok(config_file)
}

/// Starts an application, and returns it with its lifeline as a separate value, because waiting for a child closes
/// the pipes that it holds.
fn spawn(sample: &Sample, args: &DemoArgs) -> Result<(Child, Option<ChildStdin>), Failure> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program)
        .arg("demo-app")
        .args(["--name", sample.name])
        .args(["--issuer", &format!("https://localhost:{}", args.port)])
        .args(["--port", &(args.port + sample.offset).to_string()])
        .args(["--signing-alg", sample.signing_alg])
        .arg("--tls-folder")
        .arg(args.folder.join("tls"))
        // The lifeline: when this process ends for whatever reason, the pipe closes and the application ends.
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let life_line = child.stdin.take();
    Ok((child, life_line))
}

/// Runs the demonstration until a signal or the end of an application stops it.
pub(crate) async fn demo(args: DemoArgs) -> Done {
    let config_file = prepare(&args)?;
    let config = config::read(&config_file)?.config;
    let _ = crate::log::start_log(&config)?;
    let mut signals = serve::EndSignals::listen()?;
    if args.populated {
        say("Filling the database with an organisation and a week of its sessions …");
        populate::populate(&config_file, &config, args.port + OFFICE.offset).await?;
    }
    let started = serve::start(&config_file, &config).await?;
    let samples = SAMPLES.iter().chain(args.populated.then_some(&OFFICE));
    let mut children = tokio::task::JoinSet::new();
    let mut life_lines = Vec::new();
    for sample in samples {
        let (mut child, life_line) = spawn(sample, &args)?;
        life_lines.push(life_line);
        children.spawn(async move {
            let _ = child.wait().await;
            sample.name
        });
    }
    say(&welcome(&args));
    let early = tokio::select! {
        () = signals.end() => None,
        ended = children.join_next() => ended.and_then(Result::ok),
    };
    drop(life_lines);
    drop(children);
    started.running.stop().await;
    match early {
        None => Ok(()),
        Some(name) => Err(Failure(format!("{name} has stopped; see its message above"))),
    }
}

fn welcome(args: &DemoArgs) -> String {
    let port = args.port;
    let [dispatch, manager, saml] = SAMPLES.map(|sample| port + sample.offset);
    let ca = args.folder.join("tls/ca.pem");
    format!(
        "
Sojourn runs with everything in {folder}. These names and passwords are public: for the
demonstration only, never where anyone else can reach it.

  pickup-dispatch   https://localhost:{dispatch}/     sign in as  alex   with  alex123
  pickup-manager    https://localhost:{manager}/     then come here: you are signed in already
  the same by SAML  https://localhost:{saml}/     saml2-web-app-pickup-dispatch, in the same session
  My Account        https://localhost:{port}/myaccount/security
  Console           https://127.0.0.1:{port}/console  sign in as  admin  with  admin
                    (under this name your browser takes the administrator for someone else,
                    so both stay signed in side by side)
  Mails             https://127.0.0.1:{port}/console/mail

  curl -k -u alex:alex123 https://localhost:{port}/t/carbon.super/api/users/v1/me/sessions

Your browser will warn of the certificate: it is signed by an authority made on this machine,
{ca}. Ctrl-C ends it all; '--fresh' begins anew.
",
        folder = args.folder.display(),
        ca = ca.display(),
    )
}

/// Runs one sample application until its lifeline closes.
pub(crate) async fn app(args: DemoAppArgs) -> Done {
    let options = sojourn_demo::AppOptions {
        client_id: args.name.clone(),
        client_secret: secret(&args.name),
        name: args.name,
        issuer: args.issuer,
        port: args.port,
        signing_alg: args.signing_alg,
        tls_folder: absolute(&args.tls_folder)?,
    };
    let mut life_line = tokio::io::stdin();
    let mut byte = [0_u8; 1];
    tokio::select! {
        ran = run(options) => ran.map_err(Failure::from),
        _ = life_line.read(&mut byte) => Ok(()),
    }
}

async fn run(options: sojourn_demo::AppOptions) -> Result<(), sojourn_demo::AppError> {
    match options.signing_alg.as_str() {
        _ if options.name == OFFICE.name => sojourn_demo::office::run(options).await,
        SAML => sojourn_demo::saml::run(options).await,
        _ => sojourn_demo::run(options).await,
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path)?)
}
