//! Reads the file with its overrides from environment variables, and reports all mistakes at once.

use std::path::{Path, PathBuf};

use super::Config;
use super::check::{self, Wrong};
use super::document::{Node, Origin, Step, named, steps};
use super::environment::{self, Variable};

/// A configuration that can't be used. Its text has one line for each mistake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    #[error("{path}: {source}\nCreate it, or specify another file with --config.")]
    File {
        /// The file that can't be read.
        path: PathBuf,
        /// The reason why it can't be read.
        source: std::io::Error,
    },
    /// The content is invalid: one message for each mistake, with its place.
    #[error("{}", .0.join("\n"))]
    Mistakes(Vec<String>),
}

/// A configuration that has been read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    /// The settings with their defaults.
    pub(crate) config: Config,
    /// The values of file and environment variables, without defaults.
    pub(crate) values: toml::Value,
    /// Names of environment variables that have the prefix but name no setting.
    pub(crate) ignored: Vec<String>,
    tree: Node,
    path: PathBuf,
}

/// Reads and checks a configuration.
pub(crate) fn read(path: &Path) -> Result<Read, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    parse(path, &text, environment::present()).map_err(ConfigError::Mistakes)
}

/// Reads and checks a configuration, and checks that the files the server needs exist.
pub(crate) fn read_to_serve(path: &Path) -> Result<Read, ConfigError> {
    let read = read(path)?;
    let wrong = check::files(path, &read.config);
    if wrong.is_empty() {
        return Ok(read);
    }
    let said = wrong.iter().map(|wrong| read.placed(wrong)).collect();
    Err(ConfigError::Mistakes(said))
}

/// Maximum number of mistakes to look for, because one mistake can cause others.
const MISTAKES_MAX: usize = 200;

fn parse(path: &Path, text: &str, variables: Vec<(String, String)>) -> Result<Read, Vec<String>> {
    let file = path.display();
    let mut tree = Node::read(text).map_err(|wrong| {
        let said = |(line, message)| format!("{file}:{line}: {message}");
        wrong.into_iter().map(said).collect::<Vec<String>>()
    })?;
    let (mut variables, ignored) = environment::read(variables);
    let mut mistakes = Vec::new();
    put(&variables, &mut tree, &mut mistakes);
    let mut removed: Vec<Vec<Step>> = Vec::new();
    for _ in 0..MISTAKES_MAX {
        let found = serde_path_to_error::deserialize::<_, Config>(tree.value());
        let (at, message) = match found {
            Ok(config) => {
                let values = tree.value();
                let read = Read { config, values, ignored, tree, path: path.to_owned() };
                // Mistakes that follow from one that is already reported are left out.
                let follows =
                    |wrong: &Wrong| removed.iter().any(|at| at.first() == named(&wrong.at).first());
                let more = check::check(&read.config);
                mistakes.extend(
                    more.iter().filter(|wrong| !follows(wrong)).map(|wrong| read.placed(wrong)),
                );
                return if mistakes.is_empty() { Ok(read) } else { Err(mistakes) };
            }
            Err(error) => (steps(error.path()), error.inner().message().to_owned()),
        };
        // Every variable in or around the failed place is retried, because a section can be deserialized as a whole.
        if variables.iter_mut().filter_map(|one| one.mean(&at).then_some(())).count() > 0 {
            put(&variables, &mut tree, &mut mistakes);
            continue;
        }
        let missing =
            message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let known = missing.is_some_and(|name| {
            let mut whole = at.clone();
            whole.push(Step::Key(name.to_owned()));
            removed.contains(&whole)
        });
        let (depth, origin) = tree.deepest(&at);
        if !known {
            mistakes.push(match origin {
                Origin::Variable(name) => format!("environment variable {name}: {message}"),
                Origin::Line(line) if depth > 0 => format!("{file}:{line}: {message}"),
                _ => format!("{file}: {message}"),
            });
        }
        let at: Vec<Step> = at.into_iter().take(depth).collect();
        if at.is_empty() {
            break;
        }
        variables.retain(|one| !one.is_at(&at));
        tree.remove(&at);
        removed.push(at);
    }
    Err(mistakes)
}

fn put(variables: &[Variable], tree: &mut Node, mistakes: &mut Vec<String>) {
    for variable in variables {
        if !variable.put(tree) {
            let name = variable.name();
            let said =
                format!("environment variable {name}: it is not a setting of deployment.toml");
            if !mistakes.contains(&said) {
                mistakes.push(said);
            }
        }
    }
}

impl Read {
    /// Returns the message of a mistake, prefixed with its place: file and line, or the environment variable.
    fn placed(&self, wrong: &Wrong) -> String {
        let (file, message) = (self.path.display(), &wrong.message);
        let at = named(&wrong.at);
        match self.tree.deepest(&at) {
            (_, Origin::Variable(name)) => format!("environment variable {name}: {message}"),
            (depth, Origin::Line(line)) if depth > 0 => format!("{file}:{line}: {message}"),
            _ => format!("{file}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests;
