//! Variables of the environment that stand over the file.

use super::document::{Node, Step};

/// Prefix of variables that stand over the file: `SOJOURN_SERVER__LISTEN` is `[server] listen`.
const PREFIX: &str = "SOJOURN_";
/// Variables of the same prefix with a meaning of their own.
const OTHERS: [&str; 2] = ["SOJOURN_CONFIG", "SOJOURN_MASTER_KEY_FILE"];

/// A variable that names a setting.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    name: String,
    keys: Vec<String>,
    text: String,
    /// What its text means where the setting is no text.
    meant: Option<toml::Value>,
    as_meant: bool,
}

/// All of them, by name, and the names of those that aren't ours alone: an orchestrator writes `SOJOURN_PORT` for a
/// service of that name. Every setting is in a section, so its variable has two underscores.
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
        // Numbers, truth values, lists and tables, as TOML writes them.
        let meant = toml::from_str::<toml::Table>(&format!("value = {text}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .filter(|value| !value.is_str());
        Self { name, keys, text, meant, as_meant: false }
    }

    /// Puts its value into the file's tree. False where the file has a value for what has to be a section.
    pub(super) fn put(&self, tree: &mut Node) -> bool {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let value = self.meant.clone().filter(|_| self.as_meant);
        let value = value.unwrap_or_else(|| toml::Value::String(self.text.clone()));
        tree.put(&keys, Node::of_variable(&self.name, value))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a path leads to its value, or to what that is in.
    pub(super) fn is_at(&self, path: &[Step]) -> bool {
        let same = |(key, step): (&String, &Step)| matches!(step, Step::Key(name) if name == key);
        path.len() <= self.keys.len() && self.keys.iter().zip(path).all(same)
    }

    /// Takes the text for what it means, if it was taken for a text and lies where a reading failed. A text is tried
    /// first: a password of digits stays one.
    pub(super) fn mean(&mut self, failed: &[Step]) -> bool {
        let same = |(key, step): (&String, &Step)| matches!(step, Step::Key(name) if name == key);
        let concerned = self.keys.iter().zip(failed).all(same);
        let changes = concerned && !self.as_meant && self.meant.is_some();
        self.as_meant |= changes;
        changes
    }
}
