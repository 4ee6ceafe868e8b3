//! Geolocation of IP addresses, from a database in MaxMind's format that the operator supplies.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};

/// The place of an IP address, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-1 code of the country.
    pub country: Option<String>,
    /// The city's English name.
    pub city: Option<String>,
}

/// A database of places, in memory.
pub struct Places(Reader<Vec<u8>>);

impl Places {
    /// Opens a database: GeoLite2 City, GeoIP2 Country or another one in this format.
    ///
    /// # Errors
    /// A message that names the file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, String> {
        Reader::open_readfile(path)
            .map(Self)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Returns the place of an IP address; `None` if the database doesn't contain it.
    #[must_use]
    pub fn find(&self, ip: &str) -> Option<Place> {
        let ip: IpAddr = ip.parse().ok()?;
        let found: geoip2::City = self.0.lookup(ip).ok()?.decode().ok()??;
        let country = found.country.iso_code.map(str::to_owned);
        let city = found.city.names.english.map(str::to_owned);
        (country.is_some() || city.is_some()).then_some(Place { country, city })
    }
}
