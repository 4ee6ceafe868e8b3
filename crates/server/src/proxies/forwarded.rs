//! `Forwarded` (RFC 7239), `X-Forwarded-For` and `X-Forwarded-Proto`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Headers in which a proxy names a client.
pub(super) const NAMES: [&str; 3] = ["forwarded", "x-forwarded-for", "x-forwarded-proto"];
/// Maximum number of elements that are read, from the right: no chain of trusted proxies is longer.
const HOPS_MAX: usize = 32;

/// What one proxy reports about the connection that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    /// Address of its client; `None` if that is obfuscated, unknown or malformed.
    pub(super) client: Option<IpAddr>,
    /// Whether its client used TLS, if reported.
    pub(super) secure: Option<bool>,
}

/// Returns the lines of a header as text. Bytes that aren't text are replaced; everything else is kept.
fn lines<'h>(headers: &'h HeaderMap, name: &str) -> Option<Vec<Cow<'h, str>>> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!lines.is_empty()).then_some(lines)
}

/// Parses an IP address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn last(mut hops: Vec<Hop>) -> Vec<Hop> {
    hops.split_off(hops.len().saturating_sub(HOPS_MAX))
}

/// Returns the hops of `X-Forwarded-For`, first to last; `None` without the header. `X-Forwarded-Proto` is the last
/// proxy's: each proxy overwrites it or appends to it.
pub(super) fn x_forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let lines = lines(headers, "x-forwarded-for")?;
    let mut hops: Vec<Hop> = lines
        .iter()
        .flat_map(|line| line.split(','))
        .map(|text| Hop { client: address(text.trim()), secure: None })
        .collect();
    if let Some(hop) = hops.last_mut() {
        hop.secure = x_forwarded_proto(headers);
    }
    Some(last(hops))
}

/// Returns whether `X-Forwarded-Proto` reports TLS; `None` if it is missing or unknown.
pub(super) fn x_forwarded_proto(headers: &HeaderMap) -> Option<bool> {
    let lines = lines(headers, "x-forwarded-proto")?;
    scheme(lines.last()?.rsplit(',').next()?.trim())
}

fn scheme(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "https" => Some(true),
        "http" => Some(false),
        _ => None,
    }
}

/// Returns the hops of `Forwarded`, first to last; `None` without the header.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let lines = lines(headers, "forwarded")?;
    let elements = lines.iter().flat_map(|line| split(line, b','));
    Some(last(elements.map(element).collect()))
}

fn element(text: &str) -> Hop {
    let mut hop = Hop { client: None, secure: None };
    for pair in split(text, b';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = unquoted(value.trim());
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.client = value.as_deref().and_then(address),
            "proto" => hop.secure = value.as_deref().and_then(scheme),
            _ => {}
        }
    }
    hop
}

/// Splits at a separator outside quoted strings, from the right: a quote that a client left open to the left doesn't
/// swallow what a proxy appended.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let (mut pieces, mut end, mut quoted) = (Vec::new(), text.len(), false);
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate().rev() {
        if *byte == b'"' {
            let before = bytes.iter().take(at).rev();
            let escaped = before.take_while(|byte| **byte == b'\\').count() % 2 == 1;
            quoted ^= !escaped;
        } else if *byte == separator && !quoted {
            pieces.extend(text.get(at + 1..end));
            end = at;
        }
    }
    pieces.extend(text.get(..end));
    pieces.reverse();
    pieces
}

/// Returns a token, or the content of a quoted string; `None` if its quotes are unbalanced.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        plain.push(if char == '\\' { chars.next()? } else { char });
    }
    Some(plain)
}
