//! Client certificates at the APIs: who they stand for, and what a stranger's is worth.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use sojourn_engine::{CertificateOwner, sha256};
use sojourn_server::tls;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::{Engine, Folder};

/// A certificate of the authority in a folder, with its key in PEM, and its SHA-256.
fn certificate(folder: &Folder, name: &str) -> (String, [u8; 32]) {
    let read = |file: &str| std::fs::read_to_string(folder.0.join(file)).expect("a file");
    let ca_key = KeyPair::from_pem(&read("ca.key")).expect("a key");
    // The authority's own name: what it signs is traced back by that.
    let mut authority = CertificateParams::default();
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, "Sojourn local authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let issuer = Issuer::new(authority, ca_key);
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let made = params.signed_by(&key, &issuer).expect("signed");
    (format!("{}{}", made.pem(), key.serialize_pem()), sha256(made.der()))
}

fn client(identity: Option<&str>) -> reqwest::Client {
    let mut builder = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = identity {
        let identity = reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity");
        builder = builder.identity(identity);
    }
    builder.build().expect("a client")
}

#[tokio::test]
async fn a_certificate_stands_for_a_user_or_an_application() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let files = tls::local_certificate(&folder.0, "server").expect("a certificate");
    tls::local_certificate(&elsewhere.0, "server").expect("another authority");
    let (admin, admin_hash) = certificate(&folder, "admin");
    let (machine, machine_hash) = certificate(&folder, "machine");
    let (gone, gone_hash) = certificate(&folder, "gone");
    let (unmapped, _) = certificate(&folder, "unmapped");
    let (foreign, foreign_hash) = certificate(&elsewhere, "admin");
    let config = tls::server_config(&files, Some(&folder.0.join("ca.pem"))).expect("TLS");
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            let admin = CertificateOwner::User("admin".into());
            settings.certificates.insert(admin_hash, admin.clone());
            settings.certificates.insert(foreign_hash, admin);
            settings
                .certificates
                .insert(machine_hash, CertificateOwner::Application("machine".into()));
            settings.certificates.insert(gone_hash, CertificateOwner::User("nobody".into()));
        },
        |serve| serve.tls = Some(config),
    )
    .await;
    server.user("admin", "admin12", &["admin"]).await;
    server
        .app("machine", |new| new.settings.oidc.own_scopes = vec!["internal_session_view".into()])
        .await;
    let base = server.base.replace("http://", "https://");
    let ask = async |client: &reqwest::Client, method: &str, path: &str, site: Option<&str>| {
        let mut request =
            client.request(method.parse().expect("a method"), format!("{base}{path}"));
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        request.send().await.map(|answer| answer.status().as_u16()).map_err(|_| "no connection")
    };
    let (sessions, me) = ("/api/sessions/v1/sessions", "/api/users/v1/me/sessions");
    let grant = "/api/sessions/v1/grants/00000000000000000000000000000000";
    for (who, method, path, site, want) in [
        (Some(&admin), "GET", sessions, None, Ok(200)),
        (Some(&admin), "GET", me, None, Ok(200)),
        (Some(&admin), "DELETE", grant, None, Ok(404)),
        (Some(&admin), "GET", sessions, Some("cross-site"), Ok(401)),
        (Some(&machine), "GET", sessions, None, Ok(200)),
        (Some(&machine), "GET", "/api/users/v1/sessions", None, Ok(200)),
        (Some(&machine), "DELETE", grant, None, Ok(403)),
        (Some(&gone), "GET", sessions, None, Ok(401)),
        (Some(&unmapped), "GET", sessions, None, Ok(401)),
        (None, "GET", sessions, None, Ok(401)),
        (Some(&admin), "GET", "/t/acme/api/sessions/v1/sessions", None, Ok(401)),
        (Some(&foreign), "GET", sessions, None, Err("no connection")),
    ] {
        if path.starts_with("/t/acme") {
            server.second_tenant("acme").await;
        }
        let client = client(who.map(String::as_str));
        assert_eq!(ask(&client, method, path, site).await, want, "{method} {path} {site:?}");
    }
    server.stop().await;
}
