//! Modules that use each other in a circle: none of them can be understood, moved or tested alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const CRATES: &[&str] = &[
    "crates/model",
    "crates/crypto",
    "crates/oidc",
    "crates/saml",
    "crates/scim",
    "crates/store",
    "crates/engine",
    "crates/server",
    "crates/cli",
    "demo",
    "testkit",
    "bench",
    "xtask",
];

type Graph = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for name in CRATES {
        let modules = modules(&root.join(name).join("src"));
        let mut graph = graph(&modules);
        add_calls(&mut graph, &modules);
        for circle in circles(&graph) {
            let all: Vec<&str> = circle.iter().map(String::as_str).collect();
            problems.push(format!("{name}: {} use each other in a circle", all.join(", ")));
        }
    }
    problems
}

/// The modules of a crate with their sources, without comments and tests.
fn modules(source: &Path) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![(source.to_owned(), Vec::<String>::new())];
    while let Some((folder, above)) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut name = above.clone();
            if path.is_dir() {
                name.push(stem);
                folders.push((path, name));
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            if !["mod", "lib", "main"].contains(&&*stem) {
                name.push(stem);
            }
            let text = std::fs::read_to_string(&path).expect("a file");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            modules.insert(name.join("::"), lines.collect::<Vec<_>>().join("\n"));
        }
    }
    modules
}

fn graph(modules: &BTreeMap<String, String>) -> Graph {
    let mut graph = Graph::new();
    for (name, text) in modules {
        let here: Vec<&str> = name.split("::").filter(|part| !part.is_empty()).collect();
        let mut used = BTreeSet::new();
        for path in paths(text, &here) {
            // The longest beginning that is a module; the rest are items of it.
            let found = (1..=path.len())
                .rev()
                .map(|length| path[..length].join("::"))
                .find(|module| modules.contains_key(module));
            used.extend(found.filter(|module| module != name));
        }
        graph.insert(name.clone(), used);
    }
    graph
}

/// Adds the calls of the engine's methods, which are spread over its modules: such a call needs no import. Only methods
/// with a name that one module alone defines are followed, and only receivers that are the engine by their name.
fn add_calls(graph: &mut Graph, modules: &BTreeMap<String, String>) {
    let mut defined: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for (module, text) in modules {
        for block in text.split("\nimpl Engine {\n").skip(1) {
            let block = block.split("\n}\n").next().unwrap_or_default();
            for line in block.lines().filter(|line| line.starts_with("    ")) {
                let line = line.trim_start_matches("    ");
                let words = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub "));
                let words = words.unwrap_or(line);
                let words = words.strip_prefix("const ").unwrap_or(words);
                let words = words.strip_prefix("async ").unwrap_or(words);
                if let Some(name) = words.strip_prefix("fn ") {
                    defined.entry(&name[..length_of_path(name)]).or_default().insert(module);
                }
            }
        }
    }
    for (module, text) in modules {
        let calls = ["self", "engine"].iter().flat_map(|receiver| text.split(*receiver).skip(1));
        for call in calls {
            let Some(method) = call.trim_start().strip_prefix('.') else { continue };
            let (name, after) = method.split_at(length_of_path(method));
            let Some(homes) = defined.get(name).filter(|_| after.starts_with('(')) else {
                continue;
            };
            if let Some(home) = homes.first().filter(|home| homes.len() == 1 && **home != module) {
                graph.entry(module.clone()).or_default().insert((*home).clone());
            }
        }
    }
}

/// What a module's text names of its own crate, as paths from the crate's root.
fn paths(text: &str, here: &[&str]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("crate::").into_iter().chain(rest.find("super::")).min() {
        let (before, from) = rest.split_at(at);
        let statement = before.rsplit(['\n', ';']).next().unwrap_or_default().trim();
        let exported = statement.starts_with("pub");
        let in_use = statement.ends_with("use");
        let inside =
            before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
        let end = if in_use { from.find(';') } else { None };
        let tree = &from[..end.unwrap_or_else(|| length_of_path(from))];
        rest = &from[tree.len().max("crate::".len())..];
        // `$crate` and `other_crate::` name something else; what a module hands on is no use of it.
        if inside || (exported && in_use) {
            continue;
        }
        expand(&[], tree, &mut |path| paths.push(from_root(path, here)));
    }
    paths
}

fn length_of_path(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len())
}

/// Takes a tree such as `a::{b, c::d}` apart.
fn expand(prefix: &[&str], tree: &str, found: &mut impl FnMut(&[&str])) {
    let tree = tree.trim();
    let (head, inside) = match tree.split_once('{') {
        Some((head, inside)) => (head, Some(inside.trim_end().trim_end_matches('}'))),
        None => (tree.split(" as ").next().unwrap_or_default(), None),
    };
    let parts = head.split("::").map(str::trim).filter(|part| !part.is_empty() && *part != "self");
    let path: Vec<&str> = prefix.iter().copied().chain(parts).collect();
    let Some(inside) = inside else { return found(&path) };
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inside[begin..at].trim();
                if !part.is_empty() {
                    expand(&path, part, found);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

fn from_root(path: &[&str], here: &[&str]) -> Vec<String> {
    let mut base: Vec<&str> = Vec::new();
    let mut rest = path;
    if let Some((&"super", _)) = rest.split_first() {
        base = here.to_vec();
        while let Some((&"super", after)) = rest.split_first() {
            base.pop();
            rest = after;
        }
    } else if let Some((&"crate", after)) = rest.split_first() {
        rest = after;
    }
    base.iter().chain(rest).map(|part| (*part).to_owned()).collect()
}

/// Sets of modules of which each reaches each other.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&String> = graph.get(from).into_iter().flatten().collect();
        while let Some(next) = waiting.pop() {
            if seen.insert(next.clone()) {
                waiting.extend(graph.get(next).into_iter().flatten());
            }
        }
        seen
    };
    let all: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|name| (name, reached(name))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (name, reaches) in &all {
        if !reaches.contains(*name) || circles.iter().any(|circle| circle.contains(*name)) {
            continue;
        }
        let back = |other: &&String| all.get(*other).is_some_and(|set| set.contains(*name));
        circles.push(reaches.iter().filter(back).cloned().collect());
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_through_every_way_to_name_a_module() {
        let modules: BTreeMap<String, String> = [
            ("", "pub use a::One; use crate::a::One;"),
            ("a", "use crate::b::{self, Two};\nuse std::fmt;"),
            ("b", "fn two() { super::c::deep::three() }"),
            ("c", ""),
            ("c::deep", "use super::super::a::One as First;"),
            ("d", "use crate::{e, c::deep};"),
            ("e", "pub use crate::d::Four; use other_crate::d::Five;"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
        let found = circles(&graph(&modules));
        let expected: BTreeSet<String> = ["a", "b", "c::deep"].map(str::to_owned).into();
        assert_eq!(found, [expected]);
    }

    #[test]
    fn methods_of_the_engine_are_uses_of_the_module_that_defines_them() {
        let modules: BTreeMap<String, String> = [
            ("a", "\nimpl Engine {\n    pub fn one(&self) {\n        self\n            .two()\n    }\n}\n"),
            ("b", "\nimpl Engine {\n    pub(crate) async fn two(&self) { engine.three() }\n}\n"),
            ("c", "\nimpl Engine {\n    fn three(&self) {}\n}\nimpl Other {\n    fn f() { self.one(); }\n}\n"),
            ("d", "\nimpl Engine {\n    fn four(&self) { self.three() }\n}\n"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
        let mut graph = graph(&modules);
        add_calls(&mut graph, &modules);
        let expected: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(circles(&graph), [expected]);
    }
}
