//! The configuration file as a tree that records the origin of each value: a line or an environment variable.

use std::collections::BTreeMap;

use serde_path_to_error::{Path, Segment};
use toml::de::{DeTable, DeValue};

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// This line of the file, counted from 1.
    Line(usize),
    /// The environment variable with this name.
    Variable(String),
    /// Not written anywhere: a table that was created to contain another value.
    Unwritten,
}

/// A value with its origin.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Leaf(toml::Value),
}

/// One step of a path: a table's key or a list's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Returns the path at which deserialization failed.
pub(super) fn steps(path: &Path) -> Vec<Step> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            // An enum variant is part of its value, and an unknown segment can't be followed.
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Splits a text such as `server.base_url` into steps; numbers are list indexes.
pub(super) fn named(path: &str) -> Vec<Step> {
    let step = |part: &str| match part.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Key(part.to_owned()),
    };
    path.split('.').map(step).collect()
}

impl Node {
    /// Parses the file.
    ///
    /// # Errors
    /// The syntax errors, each with its line number.
    pub(super) fn read(text: &str) -> Result<Self, Vec<(usize, String)>> {
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let said = |error: &toml::de::Error| {
                (line(error.span().map_or(0, |span| span.start)), error.message().to_owned())
            };
            return Err(errors.iter().map(said).collect());
        }
        // The values are taken from a second parse, which converts numbers and dates.
        let values: toml::Table = toml::from_str(text).map_err(|error| {
            vec![(line(error.span().map_or(0, |span| span.start)), error.message().to_owned())]
        })?;
        Ok(Self { origin: Origin::Line(1), kind: table(document.get_ref(), &values, &line) })
    }

    /// Creates a value that comes from an environment variable.
    pub(super) fn of_variable(name: &str, value: toml::Value) -> Self {
        Self { origin: Origin::Variable(name.to_owned()), kind: Kind::Leaf(value) }
    }

    /// Converts the tree to a TOML value without origins.
    pub(super) fn value(&self) -> toml::Value {
        match &self.kind {
            Kind::Leaf(value) => value.clone(),
            Kind::Array(all) => toml::Value::Array(all.iter().map(Self::value).collect()),
            Kind::Table(all) => {
                let entries = all.iter().map(|(key, node)| (key.clone(), node.value()));
                toml::Value::Table(entries.collect())
            }
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::Table(all), Step::Key(key)) => all.get(key),
            (Kind::Array(all), Step::Index(index)) => all.get(*index),
            _ => None,
        }
    }

    /// Returns the origin of the node, or of its first child if the node itself isn't written anywhere.
    fn written(&self) -> Origin {
        match &self.kind {
            Kind::Table(all) if self.origin == Origin::Unwritten => {
                all.values().next().map_or(Origin::Unwritten, Self::written)
            }
            _ => self.origin.clone(),
        }
    }

    /// Returns how many steps of the path exist, and the origin of the last node found.
    pub(super) fn deepest(&self, path: &[Step]) -> (usize, Origin) {
        let (mut node, mut origin) = (self, self.origin.clone());
        for (depth, step) in path.iter().enumerate() {
            let Some(inner) = node.child(step) else { return (depth, origin) };
            node = inner;
            origin = node.written();
        }
        (path.len(), origin)
    }

    /// Inserts a node at a path of keys, and creates missing tables. Returns false if a value is in the way.
    pub(super) fn put(&mut self, keys: &[&str], node: Self) -> bool {
        let Some((key, rest)) = keys.split_first() else { return false };
        let Kind::Table(all) = &mut self.kind else { return false };
        if rest.is_empty() {
            all.insert((*key).to_owned(), node);
            return true;
        }
        let empty = || Self { origin: Origin::Unwritten, kind: Kind::Table(BTreeMap::new()) };
        all.entry((*key).to_owned()).or_insert_with(empty).put(rest, node)
    }

    /// Removes the node at a path. Later elements of a list move up, so their indexes change.
    pub(super) fn remove(&mut self, path: &[Step]) {
        let Some((step, rest)) = path.split_first() else { return };
        match (&mut self.kind, step) {
            (Kind::Table(all), Step::Key(key)) if rest.is_empty() => {
                all.remove(key);
            }
            (Kind::Array(all), Step::Index(index)) if rest.is_empty() && *index < all.len() => {
                all.remove(*index);
            }
            (Kind::Table(all), Step::Key(key)) => {
                if let Some(inner) = all.get_mut(key) {
                    inner.remove(rest);
                }
            }
            (Kind::Array(all), Step::Index(index)) => {
                if let Some(inner) = all.get_mut(*index) {
                    inner.remove(rest);
                }
            }
            _ => {}
        }
    }
}

fn table(document: &DeTable<'_>, values: &toml::Table, line: &impl Fn(usize) -> usize) -> Kind {
    let entries = document.iter().filter_map(|(key, value)| {
        let name = key.get_ref().to_string();
        let kind = kind(value.get_ref(), values.get(&name)?, line);
        Some((name, Node { origin: Origin::Line(line(key.span().start)), kind }))
    });
    Kind::Table(entries.collect())
}

fn kind(document: &DeValue<'_>, value: &toml::Value, line: &impl Fn(usize) -> usize) -> Kind {
    match (document, value) {
        (DeValue::Table(document), toml::Value::Table(values)) => table(document, values, line),
        (DeValue::Array(document), toml::Value::Array(values)) => {
            let nodes = document.iter().zip(values).map(|(document, value)| Node {
                origin: Origin::Line(line(document.span().start)),
                kind: kind(document.get_ref(), value, line),
            });
            Kind::Array(nodes.collect())
        }
        _ => Kind::Leaf(value.clone()),
    }
}
