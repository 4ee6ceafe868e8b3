//! The effects of an end, in the format that callers send.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use sojourn_model::Effects;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, Type};

/// Names of the effects, the same as on the command line.
const NAMES: [&str; 5] = ["session", "tokens", "offline", "consents", "notify"];

/// A list of exactly the wanted effects, or an object in which omitted effects are true.
pub(crate) struct EffectsBody(pub(crate) Effects);

impl Default for EffectsBody {
    fn default() -> Self {
        Self(Effects::END)
    }
}

fn set<E: Error>(effects: &mut Effects, name: &str, on: bool) -> Result<(), E> {
    match name {
        "session" => effects.session = on,
        "tokens" => effects.tokens = on,
        "offline" => effects.offline = on,
        "consents" => effects.consents = on,
        "notify" => effects.notify = on,
        other => {
            return Err(E::custom(format!("'{other}' is not one of {}", NAMES.join(", "))));
        }
    }
    Ok(())
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = EffectsBody;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of {}, or an object of them with true or false", NAMES.join(", "))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut effects = Effects::NONE;
        while let Some(name) = list.next_element::<String>()? {
            set(&mut effects, &name, true)?;
        }
        Ok(EffectsBody(effects))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut effects = Effects { consents: true, ..Effects::END };
        while let Some(name) = map.next_key::<String>()? {
            set::<A::Error>(&mut effects, &name, true)?;
            set(&mut effects, &name, map.next_value()?)?;
        }
        Ok(EffectsBody(effects))
    }
}

impl<'de> Deserialize<'de> for EffectsBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Returns the OpenAPI schema of the effects.
pub(super) fn schema() -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(NAMES));
    let list = ArrayBuilder::new()
        .items(name)
        .unique_items(true)
        .description(Some("Exactly what is wanted."));
    let flag = || ObjectBuilder::new().schema_type(Type::Boolean).default(Some(true.into()));
    let object =
        NAMES.into_iter().fold(ObjectBuilder::new(), |object, name| object.property(name, flag()));
    let object = object.description(Some("What is left out is true."));
    let object = object.additional_properties(Some(
        utoipa::openapi::schema::AdditionalProperties::FreeForm(false),
    ));
    RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(list).item(object).build()))
}
