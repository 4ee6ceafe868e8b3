//! Whether the manual names every setting: fields of the configuration's sections, in `docs/CONFIGURATION.md` and the pages it
//! leads to.

use std::path::Path;

const SECTIONS: &str = "crates/cli/src/config";
const MANUAL: &[&str] = &["docs/CONFIGURATION.md", "docs/ADMINISTRATION.md", "docs/PROXIES.md"];

pub(crate) fn check(root: &Path) -> Vec<String> {
    let read = |path: &Path| std::fs::read_to_string(path).expect("a file");
    let manual: String = MANUAL.iter().map(|page| read(&root.join(page))).collect();
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(root.join(SECTIONS)).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        for setting in settings(&read(&path)) {
            if !manual.contains(&format!("`{setting}`")) {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                problems.push(format!("{file}: the setting '{setting}' isn't in the manual"));
            }
        }
    }
    problems
}

/// The fields of structs whose comment begins with the name of a section, such as `[server]`.
fn settings(source: &str) -> Vec<String> {
    let (mut settings, mut section, mut inside) = (Vec::new(), false, false);
    let mut renamed = None;
    for line in source.lines() {
        let text = line.trim();
        if !line.starts_with(' ') {
            if text.starts_with("/// `[") {
                section = true;
            } else if text == "}" || text.is_empty() {
                (section, inside) = (false, false);
            } else if section && text.contains("struct ") {
                inside = true;
            }
            continue;
        }
        if !inside {
            continue;
        }
        if let Some((_, rest)) = text.split_once("rename = \"") {
            renamed = rest.split('"').next().map(str::to_owned);
        }
        if text.starts_with("//") || text.starts_with('#') {
            continue;
        }
        // A section inside a section has a comment of its own.
        if let Some((name, kind)) = text.split_once(": ")
            && !["Section", "Settings"].iter().any(|inner| kind.contains(inner))
        {
            let name = renamed.take().unwrap_or(name.rsplit(' ').next().unwrap_or(name).to_owned());
            settings.push(name);
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_of_sections_alone() {
        let source = "/// `[x]`: things.\n#[derive(Debug)]\npub(crate) struct X {\n    /// One: of them.\n    \
                      pub(crate) one: String,\n    #[serde(default, rename = \"2\")]\n    two: u8,\n}\n\nstruct Y {\n    three: u8,\n}\n";
        assert_eq!(super::settings(source), ["one", "2"]);
    }
}
