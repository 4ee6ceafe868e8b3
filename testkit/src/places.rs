//! Writes a small geolocation database in MaxMind's format (version 2.0 of its description).

use std::net::Ipv4Addr;

fn text(out: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29, "longer ones are written otherwise");
    out.push(2 << 5 | text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn map(out: &mut Vec<u8>, members: usize) {
    out.push(7 << 5 | members as u8);
}

fn number(out: &mut Vec<u8>, kind: u8, value: u32) {
    let bytes = value.to_be_bytes();
    // Types above 7 are written in a separate byte.
    if kind > 7 {
        out.extend([4, kind - 7]);
    } else {
        out.push(kind << 5 | 4);
    }
    out.extend(bytes);
}

/// Returns a database with a place for one IPv4 network.
#[must_use]
pub fn database(network: Ipv4Addr, length: u32, country: &str, city: &str) -> Vec<u8> {
    const NODE: usize = 6;
    let bits = u32::from(network);
    let mut out = Vec::new();
    // One node for each bit: the matching side leads to the next node, the other side to nothing, and the last node to
    // the data.
    for depth in 0..length {
        let last = depth + 1 == length;
        let on_the_way = if last { length + 16 } else { depth + 1 };
        let mut sides = [length, length];
        sides[(bits >> (31 - depth) & 1) as usize] = on_the_way;
        for side in sides {
            out.extend_from_slice(&side.to_be_bytes()[1..]);
        }
    }
    assert_eq!(out.len(), NODE * length as usize);
    out.extend([0; 16]);
    map(&mut out, 2);
    text(&mut out, "country");
    map(&mut out, 1);
    text(&mut out, "iso_code");
    text(&mut out, country);
    text(&mut out, "city");
    map(&mut out, 1);
    text(&mut out, "names");
    map(&mut out, 1);
    text(&mut out, "en");
    text(&mut out, city);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    map(&mut out, 9);
    for (name, kind, value) in [
        ("node_count", 6, length),
        ("record_size", 5, 24),
        ("ip_version", 5, 4),
        ("binary_format_major_version", 5, 2),
        ("binary_format_minor_version", 5, 0),
        ("build_epoch", 9, 1_760_000_000),
    ] {
        text(&mut out, name);
        // A 16-bit number must not be written in four bytes.
        if kind == 5 {
            out.push(5 << 5 | 2);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        } else {
            number(&mut out, kind, value);
        }
    }
    text(&mut out, "database_type");
    text(&mut out, "Test-City");
    text(&mut out, "languages");
    out.extend([1, 11 - 7]);
    text(&mut out, "en");
    text(&mut out, "description");
    map(&mut out, 1);
    text(&mut out, "en");
    text(&mut out, "For tests");
    out
}
