//! Files of the source that the documents name: a reader who follows one has to find it.

use std::collections::BTreeSet;
use std::path::Path;

/// Returns a problem for each file that a document names and that isn't there.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut documents = vec![root.join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(root.join(folder)).expect("a folder of documents");
        documents.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let there = sources(root);
    let mut problems = Vec::new();
    for path in documents {
        let text = std::fs::read_to_string(&path).expect("a document");
        let shown = path.strip_prefix(root).unwrap_or(&path).display();
        for name in named(&text).into_iter().filter(|name| !is_there(name, &there)) {
            problems.push(format!("{shown}: '{name}' isn't there"));
        }
    }
    problems
}

/// Paths of all source files, with a slash before them.
fn sources(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["target", ".git", "node_modules"].contains(&&*name) {
                folders.push(path);
            } else if name.ends_with(".rs") {
                found.push(format!("/{}", path.strip_prefix(root).unwrap_or(&path).display()));
            }
        }
    }
    found
}

/// Names of Rust files in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let part = |c: char| c.is_alphanumeric() || "_/.".contains(c);
    text.split(|c| !part(c)).filter(|word| word.ends_with(".rs") && word.len() > 3).collect()
}

/// Whether a file is there under a name: the end of its path, or that without the folder `src` of its crate.
fn is_there(name: &str, there: &[String]) -> bool {
    let name = name.trim_start_matches("../");
    let whole = format!("/{name}");
    let inside = name.split_once('/').map(|(of, rest)| format!("/{of}/src/{rest}"));
    let ends = |path: &String, end: &String| path.ends_with(end.as_str());
    there
        .iter()
        .any(|path| ends(path, &whole) || inside.as_ref().is_some_and(|end| ends(path, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_names_that_documents_give_them() {
        let there = ["/crates/engine/src/memory/outbox.rs".to_owned()];
        let text = "see `engine/memory/outbox.rs`, outbox.rs and (engine/outbox.rs).";
        let missing: Vec<&str> =
            named(text).into_iter().filter(|name| !is_there(name, &there)).collect();
        assert_eq!(missing, ["engine/outbox.rs"]);
    }
}
