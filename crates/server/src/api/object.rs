//! Deserialization from JSON objects only. A derived implementation for a struct also accepts an array with the values
//! in the order of the fields, and an empty array for a struct with only optional fields.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Deserializes a `T` from a JSON object, and from nothing else.
pub(crate) struct Object<T>(pub(crate) T);

struct OfMap<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfMap(PhantomData))
    }
}

/// Parses a JSON document; trailing data is an error.
///
/// # Errors
/// A message that says which member is invalid and why.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize::<_, T>(&mut reader).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner().to_string());
        // The line and column don't help anybody who generated the document with a program.
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
        if path == "." { why.to_owned() } else { format!("{path}: {why}") }
    })?;
    reader.end().map_err(|_| "unexpected data after the JSON document".to_owned())?;
    Ok(read)
}

/// Deserializes a field that is an object or null, for `deserialize_with`.
pub(crate) fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let read = Option::<Object<T>>::deserialize(deserializer)?;
    Ok(read.map(|object| object.0))
}

/// Deserializes a list of objects, for `deserialize_with`.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let read = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(read.into_iter().map(|object| object.0).collect())
}
