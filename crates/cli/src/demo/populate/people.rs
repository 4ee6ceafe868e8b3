//! The organisation of `--populated`: generated people in departments, and the applications that they use.

use sojourn_engine::directory::{NewApplication, NewUser, PasswordGiven, RoleWrite};
use sojourn_engine::{Authority, Engine};
use sojourn_model::{
    AppKind, AppOwner, Application, ApplicationSettings, GroupId, OidcSettings, Tenant, User,
};

use super::random::Random;
use crate::Failure;

/// Number of people in the organisation.
pub(super) const PEOPLE: usize = 1_000;
/// Number of people who have a password and sign in during the week; the others were added by a directory.
pub(super) const ACTIVE: usize = 320;
/// The password of everybody; public, like all secrets of the demonstration.
pub(super) const PASSWORD: &str = "populated-demo";

const GIVEN: [&str; 40] = [
    "Ada", "Amir", "Anna", "Ben", "Carla", "Chen", "Dana", "Elif", "Emil", "Eva", "Farid", "Finn",
    "Grace", "Hana", "Ivan", "Jana", "Jonas", "Kaya", "Lars", "Lea", "Lena", "Luca", "Maja",
    "Mara", "Mehmet", "Mia", "Nils", "Nina", "Noah", "Olga", "Omar", "Paul", "Priya", "Rosa",
    "Sami", "Sofia", "Tara", "Tim", "Vera", "Yusuf",
];
const FAMILY: [&str; 40] = [
    "Albers", "Bauer", "Becker", "Brandt", "Costa", "Demir", "Ernst", "Fischer", "Frank", "Garcia",
    "Haas", "Hansen", "Hoffmann", "Ito", "Jansen", "Kaiser", "Keller", "Kim", "Koch", "Kowalski",
    "Lange", "Lopez", "Martin", "Meyer", "Moreau", "Nguyen", "Novak", "Okafor", "Park", "Peters",
    "Rossi", "Roth", "Sato", "Schulz", "Singh", "Sommer", "Vogel", "Weber", "Winter", "Wolf",
];
/// Departments with the role that their members have, if any.
const DEPARTMENTS: [(&str, Option<&str>); 8] = [
    ("Couriers", Some("pickup-staff")),
    ("Dispatch", Some("pickup-staff")),
    ("Warehouse", None),
    ("Customer service", None),
    ("Finance", Some("payroll-staff")),
    ("Human resources", Some("payroll-staff")),
    ("Engineering", None),
    ("Management", Some("reports-reader")),
];
/// Applications besides the running samples: client id and name.
const APPS: [(&str, &str); 7] = [
    ("calendar", "Calendar"),
    ("chat", "Chat"),
    ("intranet", "Intranet"),
    ("payroll", "Payroll"),
    ("reports", "Reports"),
    ("time-sheets", "Time sheets"),
    ("wiki", "Wiki"),
];
/// The application that isn't there.
pub(super) const DOWN: &str = "reports";

/// Adds the applications. Notices for them go to the demonstration's office, except for the one that isn't there.
pub(super) async fn applications(
    engine: &Engine,
    tenant: &Tenant,
    office: u16,
) -> Result<Vec<Application>, Failure> {
    let mut all = Vec::new();
    for (client_id, name) in APPS {
        let port = if client_id == DOWN { office + 1 } else { office };
        let home = format!("https://localhost:{port}/{client_id}");
        let oidc = OidcSettings {
            redirect_uris: vec![format!("{home}/callback")],
            post_logout_redirect_uris: vec![home.clone()],
            ..OidcSettings::default()
        };
        let settings = ApplicationSettings {
            home_uri: Some(home.clone()),
            oidc,
            ..ApplicationSettings::default()
        };
        let new = NewApplication {
            client_id: client_id.to_owned(),
            name: name.to_owned(),
            secret: Some(super::super::secret(client_id)),
            backchannel_logout_uri: Some(format!("{home}/logout")),
            settings,
            kind: AppKind::Client,
            owner: AppOwner::Database,
        };
        all.push(engine.declare_application(tenant, new).await?);
    }
    Ok(all)
}

/// Adds the people, their departments and roles. Returns the people who sign in during the week.
pub(super) async fn people(
    engine: &Engine,
    tenant: &Tenant,
    random: &mut Random,
) -> Result<Vec<User>, Failure> {
    let by = Authority::operator();
    let mut departments = DEPARTMENTS.map(|_| Vec::new());
    let mut active = Vec::new();
    for number in 0..PEOPLE {
        // The two lists together have more names than there are people, so no name comes twice.
        let (given, family) = (
            GIVEN.get(number % GIVEN.len()).copied().unwrap_or_default(),
            FAMILY.get((number / GIVEN.len() + number) % FAMILY.len()).copied().unwrap_or_default(),
        );
        let username = format!("{}.{}", given.to_lowercase(), family.to_lowercase());
        let new = NewUser {
            email: Some(format!("{username}@localhost")),
            email_verified: number % 9 != 0,
            username,
            display_name: Some(format!("{given} {family}")),
            given_name: Some(given.to_owned()),
            family_name: Some(family.to_owned()),
            ..NewUser::default()
        };
        let password = (number < ACTIVE).then(|| PasswordGiven::Declared(PASSWORD.to_owned()));
        let user = engine.add_user_with(tenant, new, password, &by).await?;
        if let Some(members) = departments.get_mut(random.below(DEPARTMENTS.len())) {
            members.push(user.id);
        }
        if number < ACTIVE {
            active.push(user);
        }
    }
    let mut carried: Vec<(&str, GroupId)> = Vec::new();
    for ((name, role), members) in DEPARTMENTS.into_iter().zip(departments) {
        let group = engine.add_group(tenant, name, None, &members, &by).await?;
        carried.extend(role.map(|role| (role, group.id)));
    }
    for role in ["pickup-staff", "payroll-staff", "reports-reader"] {
        let with = |(name, group): &(&str, GroupId)| (*name == role).then_some(*group);
        let groups_add = carried.iter().filter_map(with).collect();
        let write = RoleWrite { name: Some(role.to_owned()), groups_add, ..RoleWrite::default() };
        // One of them belongs to the running samples and is there already.
        match engine.role_named(tenant, role).await {
            Ok(found) => engine.change_role_set(tenant, found.id, &write, &by).await.map(|_| ())?,
            Err(_) => engine.add_role_with(tenant, &write, &by).await.map(|_| ())?,
        }
    }
    Ok(active)
}
