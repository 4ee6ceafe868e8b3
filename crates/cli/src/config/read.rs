//! Reading the file, with environment variables over it. All mistakes are named in one go.

use std::path::{Path, PathBuf};

use super::Config;
use super::check::{self, Wrong};
use super::document::{Node, Origin, Step, named, steps};
use super::environment::{self, Variable};

/// A configuration that can't be used. Its text has a line for each mistake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file.
    #[error("{path}: {source}\nWrite one, or name another with --config.")]
    File {
        /// The file that was read.
        path: PathBuf,
        /// Why it could not be read.
        source: std::io::Error,
    },
    /// What is wrong with it.
    #[error("{}", .0.join("\n"))]
    Mistakes(Vec<String>),
}

/// A configuration that was read.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    /// What it says.
    pub(crate) config: Config,
    /// Its values as they were written.
    pub(crate) values: toml::Value,
    /// Variables of the environment that look like ours and name no setting.
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

/// The same, and looks whether the files are there that the server needs.
pub(crate) fn read_to_serve(path: &Path) -> Result<Read, ConfigError> {
    let read = read(path)?;
    let wrong = check::files(path, &read.config);
    if wrong.is_empty() {
        return Ok(read);
    }
    let said = wrong.iter().map(|wrong| read.placed(wrong)).collect();
    Err(ConfigError::Mistakes(said))
}

/// How many mistakes are looked for: one can be the reason for others.
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
                // What follows from a mistake that was named already is left out.
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
        // All that are concerned: a section may be read as a whole.
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
                format!("environment variable {name}: it names no setting of deployment.toml");
            if !mistakes.contains(&said) {
                mistakes.push(said);
            }
        }
    }
}

impl Read {
    /// A mistake with the place where it was made.
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
