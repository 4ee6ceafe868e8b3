//! Values that are written as text: durations, networks, events, directions, thumbprints.

use serde::{Deserialize, Deserializer, de};
use sojourn_engine::RoleDirection;
use sojourn_model::EventName;

/// A duration in milliseconds, written as `500ms`, `90s`, `15m`, `12h` or `14d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) i64);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        duration(&text).map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "'{text}' is not a duration: use a number and ms, s, m, h or d, such as \"15m\""
            ))
        })
    }
}

impl std::str::FromStr for Duration {
    type Err = String;

    /// Parses a duration from the command line, where `0` and `0s` are allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "0" | "0s") {
            return Ok(Self(0));
        }
        duration(text).map(Self).ok_or_else(|| "use a number and s, m, h or d, such as 24h".into())
    }
}

fn duration(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let number: i64 = digits.parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(unit)
}

/// An IP address or network, such as `192.0.2.7` or `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) sojourn_model::network::Network);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|error| de::Error::custom(format!("'{text}' is {error}")))
    }
}

/// The name of an event that handlers can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event(pub(crate) EventName);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        EventName::parse(&text).map(Self).ok_or_else(|| {
            let known: Vec<&str> = EventName::CATALOGUE.iter().map(|(_, name, _)| *name).collect();
            de::Error::custom(format!(
                "there is no event '{text}'; the known events are {}",
                known.join(", ")
            ))
        })
    }
}

/// The direction of a role change: `removed`, `added` or `any`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Direction(pub(crate) RoleDirection);

impl<'de> Deserialize<'de> for Direction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "removed" => Ok(Self(RoleDirection::Removed)),
            "added" => Ok(Self(RoleDirection::Added)),
            "any" => Ok(Self(RoleDirection::Any)),
            other => Err(de::Error::custom(format!(
                "'{other}' is not a direction: use \"removed\", \"added\" or \"any\""
            ))),
        }
    }
}

/// SHA-256 fingerprint of a certificate, written as 64 hex digits with or without colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thumbprint(pub(crate) [u8; 32]);

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = text.replace(':', "").to_lowercase();
        sojourn_model::ids::unhex(&plain)
            .map(Self)
            .map_err(|_| de::Error::custom("a certificate's SHA-256 has 64 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, want) in [
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("15m", Some(900_000)),
            ("12h", Some(43_200_000)),
            ("14d", Some(1_209_600_000)),
            ("15", None),
            ("m", None),
            ("0s", None),
            ("-1s", None),
            ("1w", None),
            ("99999999999999d", None),
            ("", None),
        ] {
            assert_eq!(duration(text), want, "{text}");
        }
    }
}
