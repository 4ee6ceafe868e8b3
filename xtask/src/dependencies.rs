//! What dependencies may be: licences, banned crates and sources, from `deny.toml` and `cargo metadata`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The only registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

struct Rules {
    licences: Vec<String>,
    banned: Vec<String>,
}

fn rules(root: &Path) -> Rules {
    let text = std::fs::read_to_string(root.join("deny.toml")).expect("deny.toml");
    let file: toml::Table = text.parse().expect("deny.toml is TOML");
    let list = |section: &str, key: &str| {
        let list = file.get(section).and_then(|section| section.get(key));
        list.and_then(toml::Value::as_array).cloned().unwrap_or_default()
    };
    let text = |value: &toml::Value| value.as_str().map(str::to_owned);
    Rules {
        licences: list("licenses", "allow").iter().filter_map(text).collect(),
        banned: list("bans", "deny").iter().filter_map(|one| text(one.get("crate")?)).collect(),
    }
}

/// Whether an SPDX expression can be met with the allowed licences: AND binds tighter than OR; `/` is an old way to write OR.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, allowed);
    met && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = any(words, at, allowed);
        *at += usize::from(words.get(*at) == Some(&")"));
        return met;
    }
    let mut licence = (*word).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*at), words.get(*at + 1)) {
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    allowed.contains(&licence)
}

/// This machine's target: what is only for others isn't downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("a host").to_owned()
}

pub(crate) fn check(root: &Path) -> Vec<String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform"])
        .arg(host())
        .current_dir(root)
        .output()
        .expect("cargo");
    let Ok(metadata) = serde_json::from_slice::<Value>(&output.stdout) else {
        return vec![format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr))];
    };
    let rules = rules(root);
    let built = built(root);
    if built.is_empty() {
        return vec!["cargo tree lists no dependency".to_owned()];
    }
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, licence, source) = (text("name"), text("license"), text("source"));
        let here = format!("{name} v{}", text("version"));
        if source.is_empty() || !built.contains(&here) {
            continue;
        }
        if source != REGISTRY {
            problems.push(format!("{name}: comes from {source}, only crates.io is allowed"));
        }
        if rules.banned.iter().any(|banned| banned == name) {
            problems.push(format!("{name}: is banned by deny.toml"));
        }
        if !is_met(licence, &rules.licences) {
            problems.push(format!("{name}: the licence '{licence}' isn't allowed by deny.toml"));
        }
    }
    problems
}

/// Names and versions of what is built on this machine with the features that are asked for. `cargo metadata` also lists optional
/// crates that no feature enables.
fn built(root: &Path) -> BTreeSet<String> {
    let output = Command::new("cargo")
        .args(["tree", "--workspace", "--edges=all", "--prefix=none", "--locked", "--offline"])
        .args(["--format={p}"])
        .current_dir(root)
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    text.lines().filter(|line| !line.is_empty()).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::is_met;

    #[test]
    fn expressions() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for (expression, met) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("ISC AND (GPL-3.0 OR MIT)", true),
            ("(GPL-3.0 OR ISC) AND GPL-2.0", false),
            ("MIT OR GPL-3.0 AND GPL-2.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
            ("", false),
            ("MIT MIT", false),
        ] {
            assert_eq!(is_met(expression, &allowed), met, "{expression}");
        }
    }
}
