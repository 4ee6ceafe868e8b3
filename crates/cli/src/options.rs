//! Converts the configuration to the server's options: TLS, connections, proxies, mail, metrics.

use std::path::Path;
use std::sync::Arc;

use sojourn_server::places::Places;
use sojourn_server::tls::{self, TlsFiles};
use sojourn_server::{Admission, MetricsAccess, ProxyOptions, ServerOptions};

use crate::Failure;
use crate::config::Config;
use crate::open::{self, beside};

/// Returns the server's options; reads the files that they name.
pub(crate) fn server_options(
    config_file: &Path,
    config: &Config,
) -> Result<ServerOptions, Failure> {
    let server = &config.server;
    let tls = server_tls(config_file, config)?;
    Ok(ServerOptions {
        tls,
        same_site: server.cookie_same_site.as_str(),
        outgoing: open::outgoing_options(config_file, config)?,
        mailer: open::mailer(config_file, config)?,
        mail_folder: config
            .mail
            .as_ref()
            .and_then(|mail| mail.folder.as_ref())
            .map(|folder| beside(config_file, folder)),
        places: places(config_file, config)?,
        languages: open::languages(config_file, config)?,
        admission: admission(config),
        access_log: config.log.access,
        metrics: MetricsAccess {
            listen: config.metrics.listen,
            bearer_token: metrics_token(config_file, config)?,
        },
        proxies: ProxyOptions {
            trusted: server.trusted_proxies.iter().map(|network| network.0).collect(),
            proxy_protocol: server.proxy_protocol,
            prefer_forwarded: server.prefer_forwarded,
        },
        ..ServerOptions::default()
    })
}

/// Reads certificate, key and trusted authorities; `None` without TLS.
fn server_tls(
    config_file: &Path,
    config: &Config,
) -> Result<Option<Arc<rustls::ServerConfig>>, Failure> {
    let server = &config.server;
    if !server.tls {
        return Ok(None);
    }
    let files = match (&server.certificate, &server.key) {
        (Some(certificate), Some(key)) => TlsFiles {
            certificate: beside(config_file, certificate),
            key: beside(config_file, key),
        },
        _ => {
            let folder = open::data_folder(config_file, config)?.join("tls");
            tls::local_certificate(&folder, "server")?
        }
    };
    let client_ca = server.client_ca.as_ref().map(|path| beside(config_file, path));
    Ok(Some(tls::server_config(&files, client_ca.as_deref())?))
}

/// Returns the connection limits. The default is what the limit of open files allows, and a quarter of it for one
/// address.
fn admission(config: &Config) -> Admission {
    let server = &config.server;
    let room = sojourn_server::file_limit();
    let connections = server.connections.unwrap_or(room).max(1);
    if connections > room {
        tracing::warn!(
            connections,
            room,
            "the limit of open files leaves room for fewer connections: raise it (LimitNOFILE=, ulimit -n)"
        );
    } else if server.connections.is_none() && room < Admission::default().connections {
        tracing::warn!(
            connections,
            "the limit of open files bounds the connections: raise it (LimitNOFILE=, ulimit -n)"
        );
    }
    Admission {
        connections,
        of_one_address: server.connections_of_one_address.unwrap_or((connections / 4).max(1)),
    }
}

fn places(config_file: &Path, config: &Config) -> Result<Option<Arc<Places>>, Failure> {
    let Some(path) = &config.session.places else { return Ok(None) };
    let opened = Places::open(&beside(config_file, path));
    opened
        .map(|places| Some(Arc::new(places)))
        .map_err(|why| Failure(format!("[session] places {why}")))
}

/// Reads the bearer token that requests for the metrics have to present; `None` if none is required.
fn metrics_token(config_file: &Path, config: &Config) -> Result<Option<String>, Failure> {
    let Some(file) = &config.metrics.bearer_token_file else { return Ok(None) };
    let file = beside(config_file, file);
    let wrong = |why: String| format!("[metrics] bearer_token_file {}: {why}", file.display());
    let text = std::fs::read_to_string(&file).map_err(|error| Failure(wrong(error.to_string())))?;
    let token = text.trim();
    if token.len() < 32 {
        return Err(Failure(wrong(
            "a token must have at least 32 characters; 'openssl rand -hex 32' generates one".into(),
        )));
    }
    Ok(Some(token.to_owned()))
}
