//! The PROXY protocol, versions 1 and 2: a header before everything else, TLS included, in which a load balancer that
//! forwards bytes names their client.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Signature at the beginning of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Maximum length of the line of version 1 in bytes, including its end.
const LINE_BYTES_MAX: usize = 107;
/// Maximum number of bytes after the fixed part of version 2, including extensions, which are ignored.
const REST_BYTES_MAX: u16 = 4096;

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Reads the header, and not a byte more. Returns the client's address; `None` if the load balancer itself is the
/// client (a health check) or doesn't know the address.
///
/// # Errors
/// Errors of the connection, and [`io::ErrorKind::InvalidData`] if it begins with something else.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return version_2(stream).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(malformed("no PROXY protocol header"));
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE_BYTES_MAX {
            return Err(malformed("the PROXY protocol line is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line).ok_or_else(|| malformed("the PROXY protocol line is malformed"))
}

/// Parses a line such as `PROXY TCP4 192.0.2.1 192.0.2.2 4711 443`; with `UNKNOWN` the rest is ignored.
fn version_1(line: &[u8]) -> Option<Option<IpAddr>> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let words: Vec<&str> = line.split(' ').collect();
    match *words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, destination, from, to] => {
            from.parse::<u16>().ok()?;
            to.parse::<u16>().ok()?;
            let (source, destination): (IpAddr, IpAddr) =
                (source.parse().ok()?, destination.parse().ok()?);
            let fits = |ip: IpAddr| ip.is_ipv4() == (family == "TCP4");
            (fits(source) && fits(destination)).then_some(Some(source))
        }
        _ => None,
    }
}

async fn version_2(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let [command, family] = [stream.read_u8().await?, stream.read_u8().await?];
    let length = stream.read_u16().await?;
    if length > REST_BYTES_MAX {
        return Err(malformed("the PROXY protocol header is too long"));
    }
    let mut rest = vec![0; usize::from(length)];
    stream.read_exact(&mut rest).await?;
    match command {
        // The load balancer itself is the client.
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(malformed("another version or command of the PROXY protocol")),
    }
    let short = || malformed("the PROXY protocol header is too short");
    // The high half is the address family, the low half the transport.
    match family >> 4 {
        1 if rest.len() >= 12 => {
            let bytes: [u8; 4] = rest.first_chunk().copied().ok_or_else(short)?;
            Ok(Some(Ipv4Addr::from(bytes).into()))
        }
        2 if rest.len() >= 36 => {
            let bytes: [u8; 16] = rest.first_chunk().copied().ok_or_else(short)?;
            Ok(Some(Ipv6Addr::from(bytes).into()))
        }
        1 | 2 => Err(short()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Result of reading a header: the client's address, or the kind of the error.
    type Said = Result<Option<String>, io::ErrorKind>;

    /// Reads a header; returns the result and how many bytes are left after it.
    async fn outcome(bytes: &[u8]) -> (Said, usize) {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        (read.map(|ip| ip.map(|ip| ip.to_string())).map_err(|error| error.kind()), stream.len())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short");
        [&SIGNATURE, [command, family].as_slice(), &length.to_be_bytes(), rest, b"GET"].concat()
    }

    #[tokio::test]
    async fn headers_of_both_versions() {
        let ip = |text: &str| Ok(Some(text.to_owned()));
        let bad = || Err(io::ErrorKind::InvalidData);
        let cut = || Err(io::ErrorKind::UnexpectedEof);
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 3, 4];
        let mut v6 = [0; 36];
        v6[15] = 1;
        let extended = [v4.as_slice(), &[0x04, 0, 1, 7]].concat();
        let cases: [(Vec<u8>, Said); 15] = [
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\nGET".to_vec(), ip("192.0.2.1")),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\nGET".to_vec(), ip("2001:db8::1")),
            (b"PROXY UNKNOWN\r\nGET".to_vec(), Ok(None)),
            (b"PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\nGET".to_vec(), bad()),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\nGET".to_vec(), bad()),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 99999\r\nGET".to_vec(), bad()),
            ([b"PROXY ".as_slice(), &[b'x'; 200]].concat(), bad()),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), bad()),
            (b"PROXY TCP4".to_vec(), cut()),
            (v2(0x21, 0x11, &v4), ip("192.0.2.1")),
            (v2(0x21, 0x11, &extended), ip("192.0.2.1")),
            (v2(0x21, 0x21, &v6), ip("::1")),
            (v2(0x20, 0x00, &[]), Ok(None)),
            (v2(0x21, 0x11, &v4[..8]), bad()),
            (v2(0x31, 0x11, &v4), bad()),
        ];
        for (bytes, expected) in cases {
            let (outcome, left) = outcome(&bytes).await;
            let shown = String::from_utf8_lossy(&bytes);
            assert_eq!(outcome, expected, "{shown}");
            if outcome.is_ok() {
                assert_eq!(left, 3, "not a byte more: {shown}");
            }
        }
        assert_eq!(outcome(&v2(0x21, 0x11, &vec![0; 5000])).await.0, bad(), "too long");
    }
}
