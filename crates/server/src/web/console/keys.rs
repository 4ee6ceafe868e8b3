//! Signing keys: the list, and publishing the next key.

use askama::Template;
use axum::body::Bytes;
use http::StatusCode;
use sojourn_engine::saml::SamlKeys;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Millis, SigningAlg};

use super::{administrator, form};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{errors, filters, render, words};

struct KeyLine {
    kid: String,
    alg: &'static str,
    since: Text,
    signs: Text,
    until: Text,
    in_use: bool,
}

struct CertificateLine {
    alg: &'static str,
    fingerprint: String,
    signs: Text,
    ends: Text,
    withdrawn: Text,
    in_use: bool,
}

fn certificate_lines(set: &SamlKeys, now: Millis) -> Vec<CertificateLine> {
    let lines = set.keys.iter().map(|one| CertificateLine {
        alg: one.alg.as_str(),
        fingerprint: one.signer.certificate().fingerprint(),
        signs: words::moment(one.active_from),
        ends: words::moment(one.signer.certificate().valid_until()),
        withdrawn: one.retired_at.map(words::moment).unwrap_or_default(),
        in_use: set.signer(one.alg, now).is_some_and(|signer| signer.generation == one.generation),
    });
    lines.collect()
}

#[derive(Template)]
#[template(path = "console/keys.html")]
struct KeysPage {
    frame: Frame,
    keys: Vec<KeyLine>,
    algorithms: Vec<&'static str>,
    /// SAML keys, which have certificates and are replaced with longer notice.
    certificates: Vec<CertificateLine>,
    /// Algorithms of the SAML keys.
    certified: Vec<&'static str>,
    may_rotate: bool,
}

/// Serves `GET /console/keys`: the keys of OpenID Connect and the certificates of SAML.
pub(crate) async fn list(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/keys", Right::ConfigView).await?;
    let engine = context.engine();
    let tenant = context.tenant().id;
    let (set, saml) = match (engine.keys(tenant).await, engine.saml_keys(tenant).await) {
        (Ok(set), Ok(saml)) => (set, saml),
        (Err(error), _) | (_, Err(error)) => return Err(error.into()),
    };
    let now = engine.now();
    let mut algorithms: Vec<&'static str> = Vec::new();
    let mut keys: Vec<KeyLine> = Vec::new();
    for one in &set.keys {
        let alg = one.key.alg();
        if !algorithms.contains(&alg.as_str()) {
            algorithms.push(alg.as_str());
        }
        keys.push(KeyLine {
            kid: one.key.kid().to_owned(),
            alg: alg.as_str(),
            since: words::moment(one.created_at),
            signs: words::moment(one.active_from),
            until: one.retired_at.map(words::moment).unwrap_or_default(),
            in_use: set.signer(alg, now).is_some_and(|signer| signer.kid() == one.key.kid()),
        });
    }
    let frame = visitor.frame(&context, "keys");
    let may_rotate = visitor.by.may(Right::ConfigUpdate);
    let certificates = certificate_lines(&saml, now);
    let mut certified: Vec<&'static str> = certificates.iter().map(|one| one.alg).collect();
    certified.dedup();
    let page = KeysPage { frame, keys, algorithms, certificates, certified, may_rotate };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /console/keys`: publishes the next key of an algorithm (`alg`), for SAML with `use=saml`.
pub(crate) async fn rotate(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/keys", Right::ConfigUpdate).await?;
    let alg = params
        .get("alg")
        .and_then(SigningAlg::parse)
        .ok_or_else(|| Refusal::missing("There is no key of that algorithm."))?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let rotated = match params.get("use") {
        Some("saml") => engine.rotate_saml_key(tenant, alg, None, &visitor.by).await.map(|_| ()),
        _ => engine.rotate_key(tenant, alg, &visitor.by).await.map(|_| ()),
    };
    match rotated {
        Ok(()) => Ok(respond::see_other(&context.link("/console/keys"))),
        Err(EngineError::Exists(_)) => {
            let title = "The next key is already published";
            let text = "It will be used when its start time is reached. Nothing was changed.";
            Ok(errors::page(&context, StatusCode::CONFLICT, title, text))
        }
        Err(error) => Err(error.into()),
    }
}
