//! Outgoing requests, to addresses that applications registered and that are therefore not trusted. No redirects, a
//! time limit, a size limit, and a guard against private addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sojourn_engine::{AttemptResult, Boxed, DeliverySender, Fetcher, WebhookSender};

/// Maximum size of a service provider's response, in bytes.
const SOAP_BYTES_MAX: usize = 128 * 1024;

/// Options of outgoing requests.
#[derive(Debug, Clone, Default)]
pub struct OutgoingOptions {
    /// Certificates (PEM) of the only CAs to trust; defaults to those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether private addresses can be reached despite the guard: loopback for a demonstration.
    pub allow_private: bool,
    /// Time limit of one request in milliseconds; 0 means five seconds.
    pub timeout_ms: u64,
}

/// The one client for all outgoing requests.
pub struct Outgoing(ArcSwap<Way>);

/// The current options, and the client that uses them.
struct Way {
    options: OutgoingOptions,
    // Created on first use: reading the system's CAs would delay every start.
    client: OnceLock<Result<reqwest::Client, String>>,
}

/// Whether an address belongs to the public internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || ip.is_unspecified()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => {
                let [first, second, ..] = ip.segments();
                !(ip.is_loopback()
                    || ip.is_unspecified()
                    || ip.is_multicast()
                    || (first & 0xfe00) == 0xfc00
                    || (first & 0xffc0) == 0xfe80
                    || (first == 0x2001 && second == 0xdb8)
                    // NAT64 and 6to4 lead to IPv4 addresses that would have to be checked again.
                    || (first == 0x64 && second == 0xff9b)
                    || first == 0x2002)
            }
        },
    }
}

/// Resolves names, and returns only addresses that may be reached: the checked addresses are the ones that are used.
struct GuardedResolver {
    allow_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| allow_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err("the name leads to a private address only".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Outgoing {
    /// Creates the client for the given options; nothing is read or connected yet.
    #[must_use]
    pub fn new(options: OutgoingOptions) -> Self {
        Self(ArcSwap::from_pointee(Way { options, client: OnceLock::new() }))
    }

    /// Uses other options from now on; requests in progress finish with the old ones.
    pub fn change(&self, options: OutgoingOptions) {
        self.0.store(Arc::new(Way { options, client: OnceLock::new() }));
    }
}

impl Way {
    fn make(&self) -> Result<reqwest::Client, String> {
        let timeout = match self.options.timeout_ms {
            0 => 5_000,
            ms => ms,
        };
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_millis(timeout))
            .pool_max_idle_per_host(4)
            .user_agent("sojourn")
            .dns_resolver(Arc::new(GuardedResolver { allow_private: self.options.allow_private }));
        if let Some(pem) = &self.options.ca_pem {
            builder = builder.tls_backend_preconfigured(crate::trust::client_config(pem)?);
        }
        builder.build().map_err(|error| error.to_string())
    }

    /// Returns the client and the parsed URL; fails if its host is a private address.
    fn ready(&self, uri: &str) -> Result<(reqwest::Client, url::Url), String> {
        let client = self.client.get_or_init(|| self.make()).clone()?;
        // A literal IP address isn't resolved, so the guard checks it here.
        let url = url::Url::parse(uri).map_err(|_| "the address is malformed")?;
        let literal = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(url::Host::Domain(_)) => None,
            None => return Err("the address has no host".into()),
        };
        if literal.is_some_and(|ip| !self.options.allow_private && !is_public(ip)) {
            return Err("the address is private".into());
        }
        Ok((client, url))
    }
}

impl Outgoing {
    async fn fetch(&self, uri: &str, most: usize) -> Result<Vec<u8>, String> {
        let (client, url) = self.0.load().ready(uri)?;
        let mut answer = client.get(url).send().await.map_err(|error| in_words(&error))?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("answered {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| in_words(&error))? {
            if body.len() + chunk.len() > most {
                return Err(format!("longer than {most} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn send(&self, uri: &str, logout_token: &str) -> AttemptResult {
        let (client, url) = match self.0.load().ready(uri) {
            Ok(ready) => ready,
            Err(why) => return AttemptResult::NotSent(why),
        };
        Self::outcome(client.post(url).form(&[("logout_token", logout_token)])).await
    }

    async fn send_soap(&self, uri: &str, envelope: String) -> Result<Vec<u8>, AttemptResult> {
        let (client, url) = self.0.load().ready(uri).map_err(AttemptResult::NotSent)?;
        let request = client
            .post(url)
            .header("content-type", "text/xml; charset=utf-8")
            // SAML 2.0 bindings §3.2.3.1.
            .header("soapaction", "\"http://www.oasis-open.org/committees/security\"")
            .body(envelope);
        let lost = |error: &reqwest::Error| AttemptResult::AnswerLost(in_words(error));
        let mut answer = match request.send().await {
            Ok(answer) if answer.status() == reqwest::StatusCode::OK => answer,
            // A redirect or a server error isn't a response; any other status means that there is no SAML message.
            Ok(answer) if answer.status().is_server_error() || answer.status().is_redirection() => {
                return Err(AttemptResult::Answered(answer.status().as_u16()));
            }
            Ok(answer) => {
                let why = format!("it answered {} and no SAML", answer.status().as_u16());
                return Err(AttemptResult::Refused(why));
            }
            Err(error) if error.is_connect() || error.is_builder() => {
                return Err(AttemptResult::NotSent(in_words(&error)));
            }
            Err(error) => return Err(lost(&error)),
        };
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| lost(&error))? {
            if body.len() + chunk.len() > SOAP_BYTES_MAX {
                return Err(AttemptResult::Refused("its answer is too long".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn outcome(request: reqwest::RequestBuilder) -> AttemptResult {
        match request.send().await {
            // The body is never read: the status is sufficient.
            Ok(answer) => AttemptResult::Answered(answer.status().as_u16()),
            Err(error) if error.is_connect() || error.is_builder() => {
                AttemptResult::NotSent(in_words(&error))
            }
            Err(error) => AttemptResult::AnswerLost(in_words(&error)),
        }
    }
}

/// Returns the innermost cause, which names what went wrong.
fn in_words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "no answer in time".into() } else { cause.to_string() }
}

impl DeliverySender for Outgoing {
    fn post<'a>(&'a self, uri: &'a str, logout_token: &'a str) -> Boxed<'a, AttemptResult> {
        Box::pin(self.send(uri, logout_token))
    }

    fn post_soap<'a>(
        &'a self,
        uri: &'a str,
        envelope: String,
    ) -> Boxed<'a, Result<Vec<u8>, AttemptResult>> {
        Box::pin(self.send_soap(uri, envelope))
    }
}

impl WebhookSender for Outgoing {
    fn post_json<'a>(
        &'a self,
        uri: &'a str,
        headers: &'a [(&'static str, String)],
        body: String,
    ) -> Boxed<'a, AttemptResult> {
        Box::pin(async move {
            let (client, url) = match self.0.load().ready(uri) {
                Ok(ready) => ready,
                Err(why) => return AttemptResult::NotSent(why),
            };
            let mut request = client.post(url).header("content-type", "application/json");
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            Self::outcome(request.body(body)).await
        })
    }
}

impl Fetcher for Outgoing {
    fn get<'a>(&'a self, uri: &'a str, most: usize) -> Boxed<'a, Result<Vec<u8>, String>> {
        Box::pin(self.fetch(uri, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known() {
        for (text, public) in [
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
        ] {
            assert_eq!(is_public(text.parse().expect("an address")), public, "{text}");
        }
    }
}
