//! Every route of the server, in one table. The tests iterate over it.

use std::collections::HashMap;
use std::sync::OnceLock;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use sojourn_model::limits::SCIM_BYTES_MAX;

use crate::AppState;
use crate::{api, api_docs, health, metrics, oidc, saml, scim, web};

/// A route, for lists and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path below the tenant, with parameters in braces.
    pub path: &'static str,
}

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)+) => {
        /// All routes of the server, in the order of the table.
        pub const ROUTES: &[Route] =
            &[$(Route { method: routes!(@name $method), path: $path }),+];

        /// Builds the router. A path with several methods gets all of them.
        pub(crate) fn router() -> Router<AppState> {
            let mut paths: Vec<(&'static str, MethodRouter<AppState>)> = Vec::new();
            $(add(&mut paths, $path, routes!(@route $method, $handler));)+
            paths.into_iter().fold(Router::new(), |router, (path, methods)| {
                // Groups can have long lists of members, and bulk requests many resources.
                let methods = if path.starts_with("/scim2/") {
                    methods.layer(axum::extract::DefaultBodyLimit::max(SCIM_BYTES_MAX))
                } else {
                    methods
                };
                router.route(path, methods)
            })
        }
    };
    (@name GET) => { "GET" };
    (@name POST) => { "POST" };
    (@name PUT) => { "PUT" };
    (@name PATCH) => { "PATCH" };
    (@name DELETE) => { "DELETE" };
    (@route GET, $handler:path) => { get($handler) };
    (@route POST, $handler:path) => { post($handler) };
    (@route PUT, $handler:path) => { put($handler) };
    (@route PATCH, $handler:path) => { patch($handler) };
    (@route DELETE, $handler:path) => { delete($handler) };
}

/// Returns the table's own text of a route, so that metrics don't create a label for each request; `none` if the route
/// isn't in the table.
pub(crate) fn of_the_table(route: &str) -> &'static str {
    static TABLE: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    let table = TABLE.get_or_init(|| ROUTES.iter().map(|one| (one.path, one.path)).collect());
    table.get(route).copied().unwrap_or("none")
}

fn add(
    paths: &mut Vec<(&'static str, MethodRouter<AppState>)>,
    path: &'static str,
    route: MethodRouter<AppState>,
) {
    match paths.iter_mut().find(|(known, _)| *known == path) {
        Some((_, methods)) => *methods = std::mem::take(methods).merge(route),
        None => paths.push((path, route)),
    }
}

routes! {
    GET "/health/live" => health::live;
    GET "/health/ready" => health::ready;
    GET "/metrics" => metrics::get;

    GET "/.well-known/openid-configuration" => oidc::discovery::get;
    GET "/.well-known/webauthn" => web::sign_in::related_origins::get;
    GET "/.well-known/webfinger" => oidc::webfinger::get;
    GET "/oauth2/jwks" => oidc::jwks::get;
    GET "/oauth2/authorize" => oidc::authorize::get;
    POST "/oauth2/authorize" => oidc::authorize::post;
    POST "/oauth2/token" => oidc::token::post;
    POST "/oauth2/introspect" => oidc::introspect::post;
    POST "/oauth2/revoke" => oidc::revoke::post;
    GET "/oauth2/userinfo" => oidc::userinfo::get;
    POST "/oauth2/userinfo" => oidc::userinfo::post;
    POST "/connect/register" => oidc::register::post;
    GET "/connect/register/{client_id}" => oidc::register::get;
    PUT "/connect/register/{client_id}" => oidc::register::put;
    DELETE "/connect/register/{client_id}" => oidc::register::delete;
    POST "/api/identity/oauth2/dcr/v1.1/register" => oidc::register::post;
    GET "/api/identity/oauth2/dcr/v1.1/register/{client_id}" => oidc::register::get;
    PUT "/api/identity/oauth2/dcr/v1.1/register/{client_id}" => oidc::register::put;
    DELETE "/api/identity/oauth2/dcr/v1.1/register/{client_id}" => oidc::register::delete;
    GET "/identity/extend-session" => oidc::extend::get;
    POST "/identity/extend-session" => oidc::extend::post;
    GET "/identity/extend-session/" => oidc::extend::get;
    POST "/identity/extend-session/" => oidc::extend::post;
    GET "/oidc/checksession" => oidc::session_state::frame;
    POST "/oidc/checksession/state" => oidc::session_state::state;
    GET "/oidc/logout" => oidc::logout::get;
    POST "/oidc/logout" => oidc::logout::post;
    POST "/oidc/logout/confirm" => oidc::logout::confirm;

    GET "/samlsso" => saml::get;
    POST "/samlsso" => saml::post;
    POST "/samlsso/soap" => saml::soap::post;
    GET "/samlsso/answer" => saml::logout::answer;
    GET "/samlsso/frame" => saml::logout::frame;
    GET "/identity/metadata/saml2" => saml::metadata::get;

    GET "/api/users/v1/me/sessions" => api::me_sessions::list;
    DELETE "/api/users/v1/me/sessions" => api::me_sessions::end_all;
    DELETE "/api/users/v1/me/sessions/" => api::me_sessions::end_all;
    DELETE "/api/users/v1/me/sessions/{session_id}" => api::me_sessions::end_one;
    GET "/api/users/v1/me/factors" => api::factors::mine;
    GET "/api/users/v1/me/security-check" => api::factors::check;
    GET "/api/users/v1/{user_id}/factors" => api::factors::list;
    DELETE "/api/users/v1/{user_id}/factors" => api::factors::reset;
    DELETE "/api/users/v1/{user_id}/recovery-wait" => api::factors::end_wait;
    POST "/api/users/v1/{user_id}/secure" => api::factors::secure;
    GET "/api/users/v1/sessions" => api::tenant_sessions::list;
    GET "/api/users/v1/{user_id}/sessions" => api::user_sessions::list;
    DELETE "/api/users/v1/{user_id}/sessions" => api::user_sessions::end_all;
    GET "/api/users/v1/{user_id}/sessions/{session_id}" => api::user_sessions::get;
    DELETE "/api/users/v1/{user_id}/sessions/{session_id}" => api::user_sessions::end_one;

    GET "/api/sessions/v1/openapi.json" => api::v1::openapi::get;
    GET "/api/sessions/v1/docs" => api_docs::page;
    GET "/api/sessions/v1/sessions" => api::v1::sessions::list;
    GET "/api/sessions/v1/sessions/{session_id}" => api::v1::sessions::get;
    DELETE "/api/sessions/v1/sessions/{session_id}" => api::v1::end::session;
    DELETE "/api/sessions/v1/sessions/{session_id}/applications/{app_id}" => api::v1::end::application;
    DELETE "/api/sessions/v1/grants/{grant_id}" => api::v1::end::grant;
    POST "/api/sessions/v1/end" => api::v1::end::post;
    GET "/api/server/v1/configs" => api::configs::get;
    PATCH "/api/server/v1/configs" => api::configs::patch;

    GET "/api/server/v1/applications" => api::applications::list;
    POST "/api/server/v1/applications" => api::applications::post;
    GET "/api/server/v1/applications/{id}" => api::applications::get;
    PUT "/api/server/v1/applications/{id}" => api::applications::put;
    PATCH "/api/server/v1/applications/{id}" => api::applications::patch;
    DELETE "/api/server/v1/applications/{id}" => api::applications::delete;
    POST "/api/server/v1/applications/{id}/secret" => api::application_secrets::rotate;
    GET "/api/server/v1/applications/{id}/secrets" => api::application_secrets::list;
    DELETE "/api/server/v1/applications/{id}/secrets/previous" => api::application_secrets::drop_previous;
    GET "/api/server/v1/applications/{id}/inbound-protocols/oidc" => api::inbound_oidc::get;
    PUT "/api/server/v1/applications/{id}/inbound-protocols/oidc" => api::inbound_oidc::put;
    GET "/api/server/v1/applications/{id}/inbound-protocols/saml" => api::inbound_saml::get;
    PUT "/api/server/v1/applications/{id}/inbound-protocols/saml" => api::inbound_saml::put;
    GET "/api/server/v1/tenants" => api::tenants::list;
    POST "/api/server/v1/tenants" => api::tenants::post;
    GET "/api/server/v1/tenants/{id}" => api::tenants::get;
    DELETE "/api/server/v1/tenants/{id}" => api::tenants::delete;
    PUT "/api/server/v1/tenants/{id}/lifecycle-status" => api::tenants::put_status;
    GET "/api/server/v1/audit" => api::audit::list;

    GET "/api/sessions/v1/policies" => api::v1::policies::list;
    GET "/api/sessions/v1/policies/effective" => api::v1::policies::effective;
    GET "/api/sessions/v1/policies/tenant" => api::v1::policies::get_tenant;
    PUT "/api/sessions/v1/policies/tenant" => api::v1::policies::put_tenant;
    GET "/api/sessions/v1/policies/{scope}/{subject}" => api::v1::policies::get;
    PUT "/api/sessions/v1/policies/{scope}/{subject}" => api::v1::policies::put;
    GET "/api/sessions/v1/deliveries" => api::v1::deliveries::list;
    GET "/api/sessions/v1/deliveries/applications" => api::v1::deliveries::health;
    POST "/api/sessions/v1/deliveries/{session_id}/{sid}/resend" => api::v1::deliveries::resend;
    POST "/api/sessions/v1/deliveries/{session_id}/{sid}/give-up" => api::v1::deliveries::give_up;
    GET "/api/sessions/v1/me/sessions" => api::v1::sessions::mine;
    GET "/api/sessions/v1/me/events" => api::v1::feed::mine;
    GET "/api/sessions/v1/events" => api::v1::feed::all;
    GET "/api/sessions/v1/handlers" => api::v1::handlers::list;
    GET "/api/sessions/v1/handlers/{handler}/tasks" => api::v1::handlers::tasks;
    POST "/api/sessions/v1/handlers/{handler}/tasks/{subject}/{number}/redo" => api::v1::handlers::redo;
    POST "/api/sessions/v1/handlers/{handler}/tasks/{subject}/{number}/skip" => api::v1::handlers::skip;
    GET "/api/sessions/v1/jobs" => api::v1::jobs::list;
    GET "/api/sessions/v1/jobs/{job_id}" => api::v1::jobs::get;
    POST "/api/sessions/v1/jobs/{job_id}/cancel" => api::v1::jobs::cancel;
    GET "/api/sessions/v1/jobs/{job_id}/events" => api::v1::jobs::events;

    GET "/scim2/ServiceProviderConfig" => scim::discovery::service_provider_config;
    GET "/scim2/ResourceTypes" => scim::discovery::resource_types;
    GET "/scim2/ResourceTypes/{id}" => scim::discovery::resource_type;
    GET "/scim2/Schemas" => scim::discovery::schemas;
    GET "/scim2/Schemas/{id}" => scim::discovery::schema;
    GET "/scim2/Users" => scim::users::list;
    POST "/scim2/Users" => scim::users::post;
    POST "/scim2/Users/.search" => scim::users::search;
    GET "/scim2/Users/{id}" => scim::users::get;
    PUT "/scim2/Users/{id}" => scim::users::put;
    PATCH "/scim2/Users/{id}" => scim::users::patch;
    DELETE "/scim2/Users/{id}" => scim::users::delete;
    GET "/scim2/Groups" => scim::groups::list;
    POST "/scim2/Groups" => scim::groups::post;
    POST "/scim2/Groups/.search" => scim::groups::search;
    GET "/scim2/Groups/{id}" => scim::groups::get;
    PUT "/scim2/Groups/{id}" => scim::groups::put;
    PATCH "/scim2/Groups/{id}" => scim::groups::patch;
    DELETE "/scim2/Groups/{id}" => scim::groups::delete;
    GET "/scim2/v2/Roles" => scim::roles::list;
    POST "/scim2/v2/Roles" => scim::roles::post;
    POST "/scim2/v2/Roles/.search" => scim::roles::search;
    GET "/scim2/v2/Roles/{id}" => scim::roles::get;
    PUT "/scim2/v2/Roles/{id}" => scim::roles::put;
    PATCH "/scim2/v2/Roles/{id}" => scim::roles::patch;
    DELETE "/scim2/v2/Roles/{id}" => scim::roles::delete;
    GET "/scim2/Me" => scim::me::get;
    PUT "/scim2/Me" => scim::me::put;
    PATCH "/scim2/Me" => scim::me::patch;
    POST "/scim2/Bulk" => scim::bulk::post;
    POST "/scim2/.search" => scim::search::post;

    GET "/" => web::home::get;
    GET "/dashboard" => web::home::get;
    GET "/carbon" => web::home::console;
    GET "/login" => web::sign_in::password::get;
    POST "/login" => web::sign_in::password::post;
    POST "/login/passkey" => web::sign_in::passkey::post;
    GET "/login/passkey-offer" => web::sign_in::passkey_offer::get;
    POST "/login/passkey-offer" => web::sign_in::passkey_offer::post;
    GET "/login/factor" => web::sign_in::second_factor::get;
    POST "/login/factor" => web::sign_in::second_factor::post;
    POST "/login/enrol" => web::sign_in::enrolment::post;
    POST "/login/password" => web::sign_in::new_password::post;
    GET "/forgot" => web::forgotten::forgot;
    POST "/forgot" => web::forgotten::post_forgot;
    GET "/reset" => web::forgotten::reset;
    POST "/reset" => web::forgotten::post_reset;
    GET "/invitation" => web::invitation::get;
    POST "/invitation" => web::invitation::post;
    GET "/sign-up" => web::sign_up::ask::get;
    POST "/sign-up" => web::sign_up::ask::post;
    POST "/sign-up/code" => web::sign_up::ask::code;
    GET "/sign-up/account" => web::sign_up::account::get;
    POST "/sign-up/account" => web::sign_up::account::post;
    GET "/address" => web::address::link::get;
    POST "/address" => web::address::link::post;
    GET "/address/undo" => web::address::undo::get;
    POST "/address/undo" => web::address::undo::post;
    GET "/not-me" => web::not_me::get;
    POST "/not-me" => web::not_me::post;
    POST "/login/sessions" => web::sign_in::sessions::post;
    POST "/logout" => web::sign_out::post;
    GET "/signed-out" => web::signed_out::get;
    GET "/consent" => web::consent::get;
    POST "/consent" => web::consent::post;
    GET "/select-account" => web::consent::accounts;
    POST "/select-account" => web::consent::chosen;
    GET "/language" => web::language::choose;
    GET "/assets/{name}" => web::assets::get;
    GET "/myaccount" => web::my_account::overview;
    GET "/myaccount/security" => web::my_account::security;
    GET "/myaccount/delete" => web::delete_account::get;
    POST "/myaccount/delete" => web::delete_account::post;
    GET "/myaccount/check" => web::security_check::get;
    GET "/myaccount/address" => web::address::get;
    POST "/myaccount/address" => web::address::post;
    POST "/myaccount/address/code" => web::address::code;
    POST "/myaccount/address/main" => web::address::change;
    POST "/myaccount/address/remove" => web::address::change;
    GET "/myaccount/data" => web::own_data::get;
    POST "/myaccount/data" => web::own_data::post;
    GET "/myaccount/password" => web::password::get;
    POST "/myaccount/password" => web::password::post;
    GET "/myaccount/factors/app" => web::factors::app::get;
    POST "/myaccount/factors/app" => web::factors::app::post;
    GET "/myaccount/factors/codes" => web::factors::codes::get;
    POST "/myaccount/factors/codes" => web::factors::codes::post;
    GET "/myaccount/factors/key/{kind}" => web::factors::key::get;
    POST "/myaccount/factors/key/{kind}" => web::factors::key::post;
    POST "/myaccount/browsers/{browser_id}/untrust" => web::factors::trusted::post;
    GET "/myaccount/factors/{factor_id}/rename" => web::factors::rename::get;
    POST "/myaccount/factors/{factor_id}/rename" => web::factors::rename::post;
    GET "/myaccount/factors/{factor_id}/remove" => web::factors::remove::get;
    POST "/myaccount/factors/{factor_id}/remove" => web::factors::remove::post;
    GET "/myaccount/connections" => web::connections::list;
    POST "/myaccount/connections/{app_id}/withdraw" => web::connections::withdraw;
    GET "/myaccount/sessions/{session_id}/end" => web::my_account::confirm_one;
    POST "/myaccount/sessions/{session_id}/end" => web::my_account::end_one;
    GET "/myaccount/sessions/{session_id}/applications/{app_id}/end" => web::my_account::confirm_application;
    POST "/myaccount/sessions/{session_id}/applications/{app_id}/end" => web::my_account::end_application;
    GET "/myaccount/sessions/end-others" => web::my_account::confirm_others;
    POST "/myaccount/sessions/end-others" => web::my_account::end_others;
    GET "/myaccount/profile" => web::profile::get;
    POST "/myaccount/profile" => web::profile::post;
    GET "/myaccount/history" => web::history::get;
    GET "/myaccount/events" => web::live::mine;
    GET "/console/live" => web::live::page;
    GET "/console/events" => web::live::all;
    GET "/myaccount/sessions/end-all" => web::my_account::confirm_all;
    POST "/myaccount/sessions/end-all" => web::my_account::end_all;
    GET "/console" => web::console::overview::get;
    GET "/console/sessions" => web::console::sessions::search;
    GET "/console/sessions/completion" => web::console::completion::get;
    GET "/console/sessions/{session_id}" => web::console::sessions::one;
    GET "/console/sessions/{session_id}/end" => web::console::sessions::confirm_one;
    POST "/console/sessions/{session_id}/end" => web::console::sessions::end_one;
    GET "/console/end" => web::console::end::get;
    POST "/console/end" => web::console::end::post;
    GET "/console/users/{user_id}/profile" => web::console::profile::get;
    POST "/console/users/{user_id}/profile" => web::console::profile::post;
    GET "/console/users/{user_id}/end-sessions" => web::console::sessions::confirm_all;
    POST "/console/users/{user_id}/end-sessions" => web::console::sessions::end_all;
    GET "/console/users" => web::console::users::list;
    POST "/console/users" => web::console::users::add;
    GET "/console/users/{user_id}" => web::console::users::one;
    GET "/console/users/{user_id}/acts/{act}" => web::console::user_acts::ask;
    POST "/console/users/{user_id}/acts/{act}" => web::console::user_acts::done;
    POST "/console/users/{user_id}/roles/assign" => web::console::users::assign;
    GET "/console/users/{user_id}/roles/{role_id}/remove" => web::console::users::confirm_unassign;
    POST "/console/users/{user_id}/roles/{role_id}/remove" => web::console::users::unassign;
    GET "/console/roles" => web::console::roles::list;
    POST "/console/roles" => web::console::roles::add;
    GET "/console/groups" => web::console::groups::list;
    POST "/console/groups" => web::console::groups::add;
    GET "/console/groups/{group_id}" => web::console::groups::one;
    POST "/console/groups/{group_id}" => web::console::groups::change;
    GET "/console/groups/{group_id}/remove" => web::console::groups::confirm_remove;
    POST "/console/groups/{group_id}/remove" => web::console::groups::remove;
    GET "/console/roles/{role_id}" => web::console::role::get;
    POST "/console/roles/{role_id}" => web::console::role::post;
    GET "/console/roles/{role_id}/remove" => web::console::roles::confirm_remove;
    POST "/console/roles/{role_id}/remove" => web::console::roles::remove;
    GET "/console/applications" => web::console::applications::list;
    POST "/console/applications" => web::console::applications::add;
    GET "/console/applications/new" => web::console::applications::new;
    GET "/console/applications/{app_id}" => web::console::applications::one;
    POST "/console/applications/{app_id}" => web::console::applications::change;
    GET "/console/service-providers/new" => web::console::service_providers::new;
    POST "/console/service-providers" => web::console::service_providers::add;
    GET "/console/service-providers/{app_id}" => web::console::service_providers::one;
    POST "/console/service-providers/{app_id}" => web::console::service_providers::change;
    GET "/console/service-providers/{app_id}/test" => web::console::service_providers::test;
    GET "/console/applications/{app_id}/document" => web::console::applications::document;
    GET "/console/applications/{app_id}/secret" => web::console::application_secret::get;
    POST "/console/applications/{app_id}/secret" => web::console::application_secret::post;
    GET "/console/applications/{app_id}/{act}" => web::console::applications::confirm;
    POST "/console/applications/{app_id}/{act}" => web::console::applications::go;
    GET "/console/policies" => web::console::policies::list;
    POST "/console/policies" => web::console::policies::set;
    GET "/console/policies/{scope}/{id}" => web::console::policies::one;
    POST "/console/policies/{scope}/{id}" => web::console::policies::set_one;
    GET "/console/design" => web::console::design::get;
    GET "/console/deletions" => web::console::deletions::list;
    POST "/console/deletions" => web::console::deletions::post;
    GET "/console/sign-up" => web::console::sign_up::get;
    POST "/console/sign-up" => web::console::sign_up::post;
    GET "/console/appearance" => web::console::appearance::get;
    POST "/console/appearance" => web::console::appearance::post;
    GET "/console/keys" => web::console::keys::list;
    POST "/console/keys" => web::console::keys::rotate;
    GET "/console/tenants" => web::console::tenants::list;
    POST "/console/tenants" => web::console::tenants::add;
    GET "/console/tenants/{tenant_id}/{act}" => web::console::tenants::confirm;
    POST "/console/tenants/{tenant_id}/{act}" => web::console::tenants::go;
    GET "/console/deliveries" => web::console::deliveries::list;
    POST "/console/sessions/{id}/deliveries/{sid}/resend" => web::console::deliveries::resend;
    GET "/console/jobs" => web::console::jobs::list;
    POST "/console/jobs/{job_id}/cancel" => web::console::jobs::cancel;
    GET "/console/handlers" => web::console::handlers::list;
    GET "/console/handlers/{handler}" => web::console::handlers::one;
    POST "/console/handlers/{handler}" => web::console::handlers::settle;
    GET "/console/ledger" => web::console::sessions::ledger;
    GET "/console/mail" => web::console::mail::list;
    GET "/console/audit" => web::console::audit::list;
}
