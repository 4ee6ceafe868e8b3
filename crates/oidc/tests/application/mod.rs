//! The application that the tests ask for.

use sojourn_model::{
    AppId, AppKind, AppOwner, Application, ApplicationSettings, GrantType, OidcSettings, TenantId,
};
use sojourn_oidc::ResponseType;

/// An application that may use every flow.
pub(crate) fn app() -> Application {
    Application {
        tenant: TenantId::DEFAULT,
        id: AppId::from_slice(&[1; 16]).expect("an id"),
        number: 1,
        version: 1,
        client_id: "app".into(),
        name: "App".into(),
        kind: AppKind::Client,
        owner: AppOwner::Database,
        enabled: true,
        epoch: 0,
        secret_hash: None,
        backchannel_logout_uri: None,
        settings: ApplicationSettings {
            oidc: OidcSettings {
                redirect_uris: vec!["https://app.test/cb".into(), "http://127.0.0.1/cb".into()],
                response_types: ResponseType::SUPPORTED.map(str::to_owned).to_vec(),
                grant_types: GrantType::ALL.to_vec(),
                ..OidcSettings::default()
            },
            ..ApplicationSettings::default()
        },
    }
}
