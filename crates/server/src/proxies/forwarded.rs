//! `Forwarded` (RFC 7239), `X-Forwarded-For` and `X-Forwarded-Proto`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Headers by which a proxy names a client.
pub(super) const NAMES: [&str; 3] = ["forwarded", "x-forwarded-for", "x-forwarded-proto"];
/// Elements that are looked at, from the right: no chain of trusted proxies is longer.
const HOPS_MAX: usize = 32;

/// What one proxy says of the connection that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    /// Its client; none when that is obfuscated, unknown or malformed.
    pub(super) client: Option<IpAddr>,
    /// Whether its client spoke TLS, if it says.
    pub(super) secure: Option<bool>,
}

/// Whatever isn't text is lost, and nothing beside it.
fn lines<'h>(headers: &'h HeaderMap, name: &str) -> Option<Vec<Cow<'h, str>>> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!lines.is_empty()).then_some(lines)
}

/// An address, with a port or without.
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

/// The hops of `X-Forwarded-For`, first to last; none without the header. `X-Forwarded-Proto` is the last proxy's: each
/// overwrites it, or appends to it.
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

/// What `X-Forwarded-Proto` says.
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

/// The hops of `Forwarded`, first to last; none without the header.
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

/// Splits at a separator outside quoted strings, from the right: what a client left open to the left doesn't swallow what
/// a proxy appended to it.
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

/// A token, or what a quoted string says; none when its quotes are unbalanced.
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
