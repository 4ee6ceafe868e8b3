//! `[user.claims]`: standard claims of a declared user, in addition to name and mail address.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `[user.claims]`: standard claims of a declared user (OpenID Connect Core 1.0 §5.1), also in `[super_admin.claims]`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClaimsSection {
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    middle_name: Option<String>,
    /// Casual name.
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<String>,
    /// URL of the user's profile page.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// URL of the user's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    /// URL of the user's website or blog.
    #[serde(skip_serializing_if = "Option::is_none")]
    website: Option<String>,
    /// Gender, such as "female" or "male".
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    /// Birthday, as `YYYY-MM-DD`, or `0000-MM-DD` without the year.
    #[serde(skip_serializing_if = "Option::is_none")]
    birthdate: Option<String>,
    /// Time zone from the IANA database, such as `Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    zoneinfo: Option<String>,
    /// Preferred language, as a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Phone number, preferably in the format of E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    /// Whether the phone number has been verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number_verified: Option<bool>,
    /// Postal address, as a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<AddressSection>,
}

/// `[user.claims.address]`: the claim `address` (§5.1.1).
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct AddressSection {
    /// Whole address as it is written on a letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    formatted: Option<String>,
    /// Street and house number.
    #[serde(skip_serializing_if = "Option::is_none")]
    street_address: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    locality: Option<String>,
    /// State, province or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

impl ClaimsSection {
    /// Returns the claims as a JSON object, as the database stores them.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(claims)) => claims,
            _ => Map::new(),
        }
    }
}
