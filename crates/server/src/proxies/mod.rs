//! Reverse proxies: what they report about a client's address and scheme is believed if their own address is trusted,
//! and ignored otherwise.

mod forwarded;
pub(crate) mod protocol;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::HeaderMap;
use sojourn_model::network::{Network, address_key};

use forwarded::Hop;

/// Which proxies are trusted, and what they send.
#[derive(Debug, Clone, Default)]
pub struct ProxyOptions {
    /// Addresses and networks of the trusted proxies.
    pub trusted: Vec<Network>,
    /// Whether each connection from them begins with a PROXY protocol header, version 1 or 2.
    pub proxy_protocol: bool,
    /// Whether `Forwarded` takes precedence if a request also has `X-Forwarded-For`. A proxy that writes one of them
    /// passes the other on as the client sent it.
    pub prefer_forwarded: bool,
}

/// The origin of a request, beyond all trusted proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// IP address of the client, in canonical form.
    pub(crate) ip: IpAddr,
    /// Whether the client's connection uses TLS.
    pub(crate) secure: bool,
    /// Whether the request is the machine's own or a trusted proxy's: beyond all hops, there is no other client.
    pub(crate) own: bool,
}

/// Minimum time between two log lines about headers from untrusted addresses.
const WARN_EVERY: Duration = Duration::from_secs(3_600);

/// The trusted proxies, which can be replaced at runtime.
#[derive(Debug)]
pub(crate) struct Proxies {
    options: ArcSwap<ProxyOptions>,
    warned: Mutex<Option<Instant>>,
}

impl Proxies {
    pub(crate) fn new(options: ProxyOptions) -> Self {
        Self { options: ArcSwap::from_pointee(options), warned: Mutex::default() }
    }

    /// Replaces the trusted proxies and their options.
    pub(crate) fn change(&self, options: ProxyOptions) {
        self.options.store(Arc::new(options));
    }

    /// Whether connections from trusted proxies begin with a PROXY protocol header.
    pub(crate) fn have_protocol(&self) -> bool {
        self.options.load().proxy_protocol
    }

    /// Whether an address belongs to a trusted proxy.
    pub(crate) fn is_trusted(&self, ip: IpAddr) -> bool {
        // Without proxies, the address needn't be formatted for the comparison.
        let options = self.options.load();
        if options.trusted.is_empty() {
            return false;
        }
        let key = address_key(&ip.to_canonical().to_string());
        options.trusted.iter().any(|network| network.contains(&key))
    }

    /// Determines the origin of a request. `peer` is the address that the connection comes from, or that a PROXY
    /// protocol header named; `secure` is whether that connection uses TLS.
    pub(crate) fn origin(&self, peer: IpAddr, secure: bool, headers: &HeaderMap) -> Origin {
        let peer = peer.to_canonical();
        let direct = Origin { ip: peer, secure, own: false };
        if !self.is_trusted(peer) {
            // A header that isn't believed may still name another client.
            return Origin { own: peer.is_loopback() && !is_forwarded(headers), ..direct };
        }
        let hops = match self.options.load().prefer_forwarded {
            true => forwarded::forwarded(headers).or_else(|| forwarded::x_forwarded(headers)),
            false => forwarded::x_forwarded(headers).or_else(|| forwarded::forwarded(headers)),
        };
        let Some(hops) = hops else {
            let secure = forwarded::x_forwarded_proto(headers).unwrap_or(secure);
            return Origin { secure, own: !is_forwarded(headers), ..direct };
        };
        self.past_trusted(direct, &hops)
    }

    /// Walks from the last hop to the first, as long as the proxy that wrote the hop is trusted.
    fn past_trusted(&self, direct: Origin, hops: &[Hop]) -> Origin {
        let mut origin = direct;
        for hop in hops.iter().rev() {
            if !self.is_trusted(origin.ip) {
                return origin;
            }
            origin.secure = hop.secure.unwrap_or(origin.secure);
            // Obfuscated or malformed: no hop further to the left can be believed, and there is another client.
            let Some(ip) = hop.client else { return origin };
            origin.ip = ip.to_canonical();
        }
        Origin { own: self.is_trusted(origin.ip), ..origin }
    }

    /// Whether a request with forwarding headers comes from an untrusted address, and a warning about that is due.
    pub(crate) fn is_to_be_warned_of(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        now: Instant,
    ) -> bool {
        if !is_forwarded(headers) || self.is_trusted(peer) {
            return false;
        }
        let mut warned = self.warned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = warned.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if due {
            *warned = Some(now);
        }
        due
    }
}

/// Whether a request has a header in which a proxy names a client.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    forwarded::NAMES.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(
        trusted: &[&str],
        prefer: bool,
        peer: &str,
        headers: &[(&'static str, &str)],
    ) -> (String, bool) {
        let trusted = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        let options = ProxyOptions { trusted, prefer_forwarded: prefer, ..ProxyOptions::default() };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let origin = Proxies::new(options).origin(peer.parse().expect("an address"), false, &map);
        (origin.ip.to_string(), origin.secure)
    }

    /// Returns whether a request with one header, of any bytes, is a proxy's or the machine's own; and its client's
    /// address.
    fn own(trusted: &str, peer: &str, header: Option<(&'static str, &[u8])>) -> (bool, String) {
        let trusted = trusted.split_whitespace().map(|text| text.parse().expect("a network"));
        let options = ProxyOptions { trusted: trusted.collect(), ..ProxyOptions::default() };
        let mut map = HeaderMap::new();
        if let Some((name, value)) = header {
            map.append(name, http::HeaderValue::from_bytes(value).expect("a value"));
        }
        let origin = Proxies::new(options).origin(peer.parse().expect("an address"), false, &map);
        (origin.own, origin.ip.to_string())
    }

    #[test]
    fn nobody_passes_for_the_proxy_itself() {
        const XFF: &str = "x-forwarded-for";
        const FORWARDED: &str = "forwarded";
        type Header = Option<(&'static str, &'static [u8])>;
        let cases: &[(&str, &str, Header, bool, &str)] = &[
            // The machine itself, a proxy itself, another client.
            ("", "127.0.0.1", None, true, "127.0.0.1"),
            ("", "::1", None, true, "::1"),
            ("10.0.0.0/8", "10.0.0.1", None, true, "10.0.0.1"),
            ("10.0.0.0/8", "192.0.2.1", None, false, "192.0.2.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((XFF, b"10.0.0.1")), true, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((XFF, b"192.0.2.1")), false, "192.0.2.1"),
            ("10.0.0.0/8", "192.0.2.1", Some((XFF, b"10.0.0.1")), false, "192.0.2.1"),
            ("", "127.0.0.1", Some((XFF, b"127.0.0.1")), false, "127.0.0.1"),
            // A client is named, but the name can't be parsed.
            ("10.0.0.0/8", "10.0.0.1", Some((XFF, b"\xff")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((XFF, b"")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((XFF, b"unknown")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((FORWARDED, b"for=_x")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((FORWARDED, b"for=unknown")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((FORWARDED, b"proto=http")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some((FORWARDED, b"for=\"")), false, "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", Some(("x-forwarded-proto", b"https")), false, "10.0.0.1"),
            // What a client wrote to the left doesn't hide what the proxy wrote to its right.
            ("10.0.0.0/8", "10.0.0.1", Some((XFF, b"\xff, 192.0.2.1")), false, "192.0.2.1"),
            (
                "10.0.0.0/8",
                "10.0.0.1",
                Some((FORWARDED, b"for=\", for=192.0.2.1")),
                false,
                "192.0.2.1",
            ),
            (
                "10.0.0.0/8",
                "10.0.0.1",
                Some((FORWARDED, b"for=\"\\, for=\"[2001:db8::1]:1\";host=\"a,\\\"b\"")),
                false,
                "2001:db8::1",
            ),
        ];
        for (trusted, peer, header, is_own, ip) in cases {
            assert_eq!(
                own(trusted, peer, *header),
                (*is_own, (*ip).to_owned()),
                "{peer} {header:?}"
            );
        }
    }

    /// One case: what is trusted, the peer, its headers, the client and whether it uses TLS.
    type Case<'c> = (&'c [&'c str], &'c str, &'c [(&'static str, &'c str)], &'c str, bool);

    #[test]
    fn only_trusted_hops_are_believed() {
        const LB: &[&str] = &["10.0.0.0/8"];
        let cases: &[Case<'_>] = &[
            // No proxy is trusted, or another one is.
            (&[], "10.0.0.1", &[("x-forwarded-for", "1.2.3.4")], "10.0.0.1", false),
            (
                LB,
                "192.0.2.1",
                &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")],
                "192.0.2.1",
                false,
            ),
            // One hop, and one that a client forged to its left.
            (
                LB,
                "10.0.0.1",
                &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")],
                "1.2.3.4",
                true,
            ),
            (LB, "10.0.0.1", &[("x-forwarded-for", "9.9.9.9, 1.2.3.4")], "1.2.3.4", false),
            (
                LB,
                "10.0.0.1",
                &[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "1.2.3.4")],
                "1.2.3.4",
                false,
            ),
            // Two trusted hops.
            (
                LB,
                "10.0.0.1",
                &[("x-forwarded-for", "9.9.9.9, 1.2.3.4, 10.0.0.2")],
                "1.2.3.4",
                false,
            ),
            (LB, "10.0.0.1", &[("x-forwarded-for", "10.0.0.9, 10.0.0.2")], "10.0.0.9", false),
            // Ports and brackets, and values with neither.
            (LB, "10.0.0.1", &[("x-forwarded-for", "1.2.3.4:4711")], "1.2.3.4", false),
            (LB, "10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]:4711")], "2001:db8::1", false),
            (LB, "10.0.0.1", &[("x-forwarded-for", "2001:db8::1")], "2001:db8::1", false),
            (LB, "10.0.0.1", &[("x-forwarded-for", "::ffff:1.2.3.4")], "1.2.3.4", false),
            (LB, "::ffff:10.0.0.1", &[("x-forwarded-for", "1.2.3.4")], "1.2.3.4", false),
            (LB, "10.0.0.1", &[("x-forwarded-for", "1.2.3.4, unknown")], "10.0.0.1", false),
            (LB, "10.0.0.1", &[("x-forwarded-for", "")], "10.0.0.1", false),
            (LB, "10.0.0.1", &[("x-forwarded-proto", "https")], "10.0.0.1", true),
            // RFC 7239.
            (
                LB,
                "10.0.0.1",
                &[(
                    "forwarded",
                    "for=9.9.9.9, For=\"[2001:db8:cafe::17]:4711\";proto=https;by=10.0.0.1",
                )],
                "2001:db8:cafe::17",
                true,
            ),
            (LB, "10.0.0.1", &[("forwarded", "for=\"1.2.3.4\";host=\"a, b;c\"")], "1.2.3.4", false),
            (LB, "10.0.0.1", &[("forwarded", "for=1.2.3.4, for=_hidden")], "10.0.0.1", false),
            (LB, "10.0.0.1", &[("forwarded", "proto=https")], "10.0.0.1", true),
            (LB, "10.0.0.1", &[("forwarded", "for=\"1.2.3.4")], "10.0.0.1", false),
            // A proxy that writes X-Forwarded-For passes on what the client wrote as Forwarded.
            (
                LB,
                "10.0.0.1",
                &[("forwarded", "for=9.9.9.9"), ("x-forwarded-for", "1.2.3.4")],
                "1.2.3.4",
                false,
            ),
        ];
        for (trusted, peer, headers, ip, secure) in cases {
            assert_eq!(
                seen(trusted, false, peer, headers),
                ((*ip).to_owned(), *secure),
                "{peer} {headers:?}"
            );
        }
        let both = [("forwarded", "for=9.9.9.9"), ("x-forwarded-for", "1.2.3.4")];
        assert_eq!(seen(LB, true, "10.0.0.1", &both).0, "9.9.9.9");
    }
}
