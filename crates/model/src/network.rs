//! IP addresses and networks as ranges of 16-byte values. An IPv4 address is mapped into IPv6 (RFC 4291 §2.5.5.2).

use std::net::{IpAddr, Ipv6Addr};

/// Returns the 16 bytes of an IP address, or an empty vector if the text isn't an address.
#[must_use]
pub fn address_key(text: &str) -> Vec<u8> {
    text.parse().map(|ip| mapped(ip).octets().to_vec()).unwrap_or_default()
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Returns the key by which rate limits count an address: an IPv4 address (mapped into IPv6), or the first address of
/// an IPv6 /64, because one host usually has the whole /64.
#[must_use]
pub fn host_key(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits() & !u128::from(u64::MAX),
    }
}

/// A network in CIDR notation (RFC 4632, RFC 4291 §2.3), or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    last: u128,
}

/// Error for a text that is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network such as 192.0.2.0/24")]
pub struct MalformedNetwork;

impl std::str::FromStr for Network {
    type Err = MalformedNetwork;

    fn from_str(text: &str) -> Result<Self, MalformedNetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| MalformedNetwork)?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let length: u32 = match length {
            None => width,
            Some(length) => length.parse().map_err(|_| MalformedNetwork)?,
        };
        let free = width.checked_sub(length).ok_or(MalformedNetwork)?;
        let hosts = u128::MAX.checked_shr(128 - free).unwrap_or(0);
        let first = mapped(ip).to_bits() & !hosts;
        Ok(Self { first, last: first | hosts })
    }
}

impl Network {
    /// Returns whether the network contains an address, given as the result of [`address_key`].
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        let Ok(bytes) = <[u8; 16]>::try_from(key) else { return false };
        (self.first..=self.last).contains(&u128::from_be_bytes(bytes))
    }

    /// Returns whether the network consists of a single address.
    #[must_use]
    pub fn is_one_address(&self) -> bool {
        self.first == self.last
    }

    /// Returns the first and the last address of the network, in the form of [`address_key`].
    #[must_use]
    pub fn range(&self) -> (Vec<u8>, Vec<u8>) {
        (self.first.to_be_bytes().to_vec(), self.last.to_be_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, within) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
        ] {
            let parsed: Network = network.parse().expect("a network");
            assert_eq!(parsed.contains(&address_key(address)), within, "{network} {address}");
        }
        for wrong in ["", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2/24", "2001:db8::/129", "x/8"] {
            assert_eq!(wrong.parse::<Network>(), Err(MalformedNetwork), "{wrong}");
        }
        let any: Network = "0.0.0.0/0".parse().expect("a network");
        assert!(!any.contains(&address_key("unknown")) && !any.is_one_address());
    }
}
