//! Places for connections: a maximum in total, a maximum for one address, and a reserve for health checks and trusted
//! proxies. If no place is left, the connection that has been idle longest is closed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sojourn_model::network::host_key;
use tokio::net::TcpStream;

use super::Admission;
use super::guard::Line;
use crate::proxies::Proxies;

/// Maximum number of concurrent connections, if the limit of open files allows it.
pub(super) const CONNECTIONS_MAX: usize = 10_000;
/// Places beyond the limit, for health checks and trusted proxies.
const RESERVE: usize = 64;
/// Open files other than connections: the database, deliveries, webhooks, mail, logs.
const OTHER_FILES: usize = 256;

/// Raises the limit of open files as far as the process is allowed to, and returns the number of connections that this
/// leaves room for.
#[must_use]
pub fn file_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    files.saturating_sub(OTHER_FILES + RESERVE).clamp(16, CONNECTIONS_MAX)
}

/// Sets the TCP user timeout: a peer that vanished is detected by data that it doesn't acknowledge.
pub(super) fn set_user_timeout(stream: &TcpStream, time: Duration) {
    let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, ms);
}

/// Name of the limit that was reached, for logs.
pub(super) const ALL: &str = "of all";
pub(super) const OF_ONE: &str = "of one address";

#[derive(Default)]
struct Inner {
    lines: HashMap<u64, (u128, Arc<Line>)>,
    by_address: HashMap<u128, usize>,
    reserve: usize,
    next: u64,
}

pub(super) struct Places {
    limits: Admission,
    proxies: Arc<Proxies>,
    inner: Mutex<Inner>,
}

/// The outcome of requesting a place.
pub(super) enum Entered {
    There(Place),
    /// A place that another connection has to give up; the text is the limit that was reached.
    InsteadOf(Place, &'static str),
    InReserve(Place),
    Refused(&'static str),
}

impl Places {
    pub(super) fn new(limits: Admission, proxies: Arc<Proxies>) -> Arc<Self> {
        Arc::new(Self { limits, proxies, inner: Mutex::default() })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limit_of(&self, whose: &str) -> usize {
        if whose == ALL { self.limits.connections } else { self.limits.of_one_address }
    }

    pub(super) fn open(&self) -> usize {
        let inner = self.inner();
        inner.lines.len() + inner.reserve
    }

    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr) -> Entered {
        let key = host_key(ip);
        let trusted = self.proxies.is_trusted(ip);
        let mut inner = self.inner();
        let of_one = inner.by_address.get(&key).copied().unwrap_or(0);
        let mut displaced = None;
        if !trusted && of_one >= self.limits.of_one_address {
            if !inner.displace(Some(key)) {
                return Entered::Refused(OF_ONE);
            }
            displaced = Some(OF_ONE);
        } else if inner.lines.len() >= self.limits.connections {
            if !inner.displace(None) {
                return self.in_reserve(inner, trusted);
            }
            displaced = Some(ALL);
        }
        let line = Arc::new(Line::new());
        inner.next += 1;
        let id = inner.next;
        inner.lines.insert(id, (key, Arc::clone(&line)));
        *inner.by_address.entry(key).or_default() += 1;
        let place = Place { places: Arc::clone(self), id: Some(id), probes_only: false, line };
        match displaced {
            None => Entered::There(place),
            Some(whose) => Entered::InsteadOf(place, whose),
        }
    }

    fn in_reserve(
        self: &Arc<Self>,
        mut inner: std::sync::MutexGuard<'_, Inner>,
        trusted: bool,
    ) -> Entered {
        if inner.reserve >= RESERVE {
            return Entered::Refused(ALL);
        }
        inner.reserve += 1;
        let line = Arc::new(Line::new());
        Entered::InReserve(Place {
            places: Arc::clone(self),
            id: None,
            probes_only: !trusted,
            line,
        })
    }

    /// Closes the connection that has been idle longest, from any address.
    pub(super) fn let_one_go(&self) {
        self.inner().displace(None);
    }
}

impl Inner {
    /// Closes the connection that has been idle longest, of one address or of all. Its place is free at once. Returns
    /// whether there was one.
    fn displace(&mut self, of: Option<u128>) -> bool {
        let idle = self
            .lines
            .iter()
            .filter(|(_, (key, _))| of.is_none_or(|of| of == *key))
            .filter_map(|(id, (_, line))| line.idle_since().map(|since| (since, *id)))
            .min();
        let Some((_, id)) = idle else { return false };
        self.leave(id).inspect(|line| line.displace()).is_some()
    }

    fn leave(&mut self, id: u64) -> Option<Arc<Line>> {
        let (key, line) = self.lines.remove(&id)?;
        if let Some(count) = self.by_address.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&key);
            }
        }
        Some(line)
    }
}

/// A connection's place, released on drop.
pub(super) struct Place {
    places: Arc<Places>,
    /// Key of the connection; `None` in the reserve.
    id: Option<u64>,
    probes_only: bool,
    line: Arc<Line>,
}

impl Place {
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Whether only health checks are served on this connection.
    pub(super) fn is_reserve(&self) -> bool {
        self.probes_only
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.places.inner();
        match self.id {
            Some(id) => {
                inner.leave(id);
            }
            None => inner.reserve -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::guard::Busy;
    use super::*;

    fn places(connections: usize, of_one_address: usize) -> Arc<Places> {
        let trusted = vec!["10.0.0.1".parse().expect("an address")];
        let proxies = Proxies::new(crate::proxies::ProxyOptions {
            trusted,
            ..crate::proxies::ProxyOptions::default()
        });
        Places::new(Admission { connections, of_one_address }, Arc::new(proxies))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_one_that_was_idle_longest_goes() {
        let places = places(3, 2);
        let mut held = Vec::new();
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            let Entered::There(place) = places.enter(ip(address)) else { panic!("{address}") };
            held.push(place);
        }
        let busy = Busy::new(Arc::clone(held[0].line()));
        let Entered::InsteadOf(_fourth, ALL) = places.enter(ip("192.0.2.4")) else {
            panic!("someone has to go")
        };
        assert!(!held[0].line().is_displaced(), "it is at work");
        assert!(held[1].line().is_displaced(), "it was idle longest");
        assert_eq!(places.open(), 3);
        drop(held.remove(1));
        assert_eq!(places.open(), 3, "a place is given up once");
        drop(busy);
    }

    #[test]
    fn one_address_takes_its_own_places_alone() {
        let places = places(10, 2);
        let network = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff"];
        let held: Vec<Entered> = network.iter().map(|text| places.enter(ip(text))).collect();
        assert!(matches!(held[2], Entered::InsteadOf(_, OF_ONE)), "a /64 counts as one");
        assert!(matches!(places.enter(ip("2001:db8:0:1::1")), Entered::There(_)));
        let proxied: Vec<Entered> = (0..5).map(|_| places.enter(ip("10.0.0.1"))).collect();
        assert!(proxied.iter().all(|entered| matches!(entered, Entered::There(_))));
    }

    #[test]
    fn where_all_are_busy_there_is_a_reserve_for_probes_and_proxies() {
        let places = places(1, 1);
        let Entered::There(first) = places.enter(ip("192.0.2.1")) else { panic!("there is room") };
        let _busy = Busy::new(Arc::clone(first.line()));
        assert!(matches!(places.enter(ip("192.0.2.1")), Entered::Refused(OF_ONE)));
        let Entered::InReserve(probe) = places.enter(ip("192.0.2.2")) else { panic!("reserve") };
        assert!(probe.is_reserve());
        let Entered::InReserve(proxy) = places.enter(ip("10.0.0.1")) else { panic!("reserve") };
        assert!(!proxy.is_reserve(), "a proxy is served whole");
        let more: Vec<Entered> = (0..RESERVE).map(|_| places.enter(ip("192.0.2.3"))).collect();
        assert!(matches!(more.last(), Some(Entered::Refused(ALL))));
    }

    #[test]
    fn addresses_that_are_one() {
        assert_eq!(host_key(ip("::ffff:192.0.2.1")), host_key(ip("192.0.2.1")));
        assert_ne!(host_key(ip("192.0.2.2")), host_key(ip("192.0.2.1")));
        assert_eq!(
            std::net::Ipv6Addr::from_bits(host_key(ip("2001:db8::7"))).to_string(),
            "2001:db8::"
        );
    }
}
