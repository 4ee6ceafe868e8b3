//! What is the same for both databases: applications and a role, made by the engine itself.

use sojourn_engine::Authority;
use sojourn_engine::directory::NewApplication;
use sojourn_model::{AppKind, AppOwner, ApplicationSettings, Millis};

use super::Installation;
use super::rows::Plan;

/// Applications; each session is in one of them.
const APPLICATIONS: usize = 20;
/// Members of the role whose sessions end in a job.
const MEMBERS: u64 = 100_000;
/// Sessions of one user.
const SESSIONS_OF_USER: u64 = 10;

pub(super) async fn prepare(installation: &Installation, sessions: u64, now: Millis) -> Plan {
    let Installation { engine, tenant } = installation;
    let mut apps = Vec::new();
    for number in 0..APPLICATIONS {
        let new = NewApplication {
            client_id: format!("app-{number}"),
            name: format!("Application {number}"),
            secret: None,
            backchannel_logout_uri: Some(format!("https://app-{number}.test/bclogout")),
            settings: ApplicationSettings::default(),
            kind: AppKind::Client,
            owner: AppOwner::Database,
        };
        let app = engine.declare_application(tenant, new).await.expect("an application");
        apps.push(app.id.to_vec());
    }
    let role = engine.add_role(tenant, "crowd", "", &Authority::system()).await.expect("a role");
    let users = (sessions / SESSIONS_OF_USER).max(1);
    let members = (MEMBERS / SESSIONS_OF_USER).min(users / 10);
    Plan { sessions, users, members, now: now.0, role: role.id.to_vec(), apps }
}

/// The plan of a database that is filled.
pub(super) async fn again(installation: &Installation, sessions: u64) -> Plan {
    let Installation { engine, tenant } = installation;
    let role = engine.role_named(tenant, "crowd").await.expect("the role");
    let users = (sessions / SESSIONS_OF_USER).max(1);
    let members = (MEMBERS / SESSIONS_OF_USER).min(users / 10);
    Plan {
        sessions,
        users,
        members,
        now: engine.now().0,
        role: role.id.to_vec(),
        apps: vec![Vec::new(); APPLICATIONS],
    }
}
