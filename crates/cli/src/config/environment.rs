//! Environment variables that override the file.

use super::document::{Node, Step};

/// Prefix of variables that override the file: `SOJOURN_SERVER__LISTEN` is `[server] listen`.
const PREFIX: &str = "SOJOURN_";
/// Variables with the same prefix that are not settings.
const OTHERS: [&str; 2] = ["SOJOURN_CONFIG", "SOJOURN_MASTER_KEY_FILE"];

/// An environment variable that names a setting.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    name: String,
    keys: Vec<String>,
    text: String,
    /// The text parsed as a TOML value that isn't a string, for settings that aren't text.
    meant: Option<toml::Value>,
    as_meant: bool,
}

/// Returns the variables for settings, sorted by name, and the names of others with the same prefix. These are not
/// mistakes: an orchestrator sets `SOJOURN_PORT` for a service of that name. Every setting is in a section, so its
/// variable contains two underscores.
pub(super) fn read(all: Vec<(String, String)>) -> (Vec<Variable>, Vec<String>) {
    let mut all: Vec<(String, String)> = all
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()))
        .collect();
    all.sort();
    let (ours, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| name.contains("__"));
    let ours = ours.into_iter().map(|(name, text)| Variable::new(name, text)).collect();
    (ours, others.into_iter().map(|(name, _)| name).collect())
}

#[expect(clippy::disallowed_methods, reason = "cli is the one that reads the environment")]
pub(super) fn present() -> Vec<(String, String)> {
    std::env::vars().collect()
}

impl Variable {
    fn new(name: String, text: String) -> Self {
        let path = name.strip_prefix(PREFIX).unwrap_or_default().to_lowercase();
        let keys = path.split("__").map(str::to_owned).collect();
        // Numbers, Booleans, lists and tables, in TOML syntax.
        let meant = toml::from_str::<toml::Table>(&format!("value = {text}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .filter(|value| !value.is_str());
        Self { name, keys, text, meant, as_meant: false }
    }

    /// Inserts the value into the file's tree. Returns false if the file has a value where a section has to be.
    pub(super) fn put(&self, tree: &mut Node) -> bool {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let value = self.meant.clone().filter(|_| self.as_meant);
        let value = value.unwrap_or_else(|| toml::Value::String(self.text.clone()));
        tree.put(&keys, Node::of_variable(&self.name, value))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a path leads to the variable's setting, or to a section that contains it.
    pub(super) fn is_at(&self, path: &[Step]) -> bool {
        let same = |(key, step): (&String, &Step)| matches!(step, Step::Key(name) if name == key);
        path.len() <= self.keys.len() && self.keys.iter().zip(path).all(same)
    }

    /// Switches from text to the parsed value, if there is one and deserialization failed at this setting, in it or
    /// in a section around it. Returns whether it switched. Text is tried first, so that a password of digits stays
    /// text.
    pub(super) fn mean(&mut self, failed: &[Step]) -> bool {
        let same = |(key, step): (&String, &Step)| matches!(step, Step::Key(name) if name == key);
        let concerned = self.keys.iter().zip(failed).all(same);
        let changes = concerned && !self.as_meant && self.meant.is_some();
        self.as_meant |= changes;
        changes
    }
}
