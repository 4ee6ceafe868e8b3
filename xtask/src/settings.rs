//! The reference of the settings, and whether the manual names every one: fields of the configuration's sections, in
//! `docs/CONFIGURATION.md` and the pages it leads to.

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
        for Setting { name: setting, .. } in settings(&read(&path)) {
            if !manual.contains(&format!("`{setting}`")) {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                problems.push(format!("{file}: the setting '{setting}' isn't in the manual"));
            }
        }
    }
    problems
}

/// The reference of `deployment.toml`, from the comments of the structs that it is read into.
pub(crate) fn reference(root: &Path) -> String {
    let mut text = String::from(
        "# Settings\n\nWritten by `make gen` from the code. What the settings do together, and their defaults, is in \
         [CONFIGURATION.md](../CONFIGURATION.md).\n",
    );
    let mut files: Vec<_> = std::fs::read_dir(root.join(SECTIONS))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    let mut settings: Vec<Setting> = files
        .iter()
        .flat_map(|path| settings(&std::fs::read_to_string(path).expect("a file")))
        .collect();
    settings.sort_by_key(|setting| setting.section.trim_start_matches(['`', '[']).to_owned());
    let mut section = "";
    for setting in &settings {
        if setting.section != section {
            section = &setting.section;
            text.push_str(&format!(
                "\n## {section}\n\n| setting | value | meaning |\n|---|---|---|\n"
            ));
        }
        let meaning = setting.meaning.replace('|', "\\|");
        text.push_str(&format!("| `{}` | {} | {meaning} |\n", setting.name, value(&setting.kind)));
    }
    text
}

/// What a setting takes, in words, from its type.
fn value(kind: &str) -> String {
    let inner = |outer: &str| kind.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
    if let Some(kind) = inner("Option<") {
        return format!("{}, optional", value(kind));
    }
    if let Some(kind) = inner("Vec<") {
        return format!("list of {}", value(kind));
    }
    match kind.rsplit("::").next().unwrap_or(kind) {
        "String" => "text".into(),
        "bool" => "true or false".into(),
        "PathBuf" => "path".into(),
        "SocketAddr" => "address and port".into(),
        "usize" | "u64" | "u32" | "u16" | "i64" => "number".into(),
        "Duration" => "duration, such as `15m`".into(),
        "Network" => "address or network".into(),
        "Thumbprint" => "64 hex digits".into(),
        "Form" => "table".into(),
        // An enum: the meaning lists its words.
        _ => "word".into(),
    }
}

/// A field of a section.
struct Setting {
    /// As the file writes it: `[server]`, or `[[user]]`.
    section: String,
    name: String,
    kind: String,
    meaning: String,
}

/// The fields of structs that have the name of a section at the beginning of their comment, such as `[server]`. A section
/// that is an enum has the settings of all its kinds, and `type`, which chooses one.
fn settings(source: &str) -> Vec<Setting> {
    let mut settings = Vec::<Setting>::new();
    let (mut section, mut inside) = (None::<String>, false);
    let (mut renamed, mut meaning) = (None, String::new());
    for line in source.lines() {
        let text = line.trim();
        if !line.starts_with(' ') {
            if let Some(named) = text.strip_prefix("/// `[").and_then(|rest| rest.split_once('`')) {
                section = Some(format!("`[{}`", named.0));
            } else if text == "}" || text.is_empty() {
                (section, inside) = (None, false);
            } else if section.is_some() && (text.contains("struct ") || text.contains("enum ")) {
                inside = true;
            }
            continue;
        }
        let Some(section) = section.as_ref().filter(|_| inside) else { continue };
        if let Some(comment) = text.strip_prefix("/// ") {
            meaning = format!("{meaning} {comment}").trim().to_owned();
        }
        if let Some((_, rest)) = text.split_once("rename = \"") {
            renamed = rest.split('"').next().map(str::to_owned);
        }
        if text.starts_with("//") || text.starts_with('#') {
            continue;
        }
        if let Some(variant) = text.strip_suffix(" {").filter(|name| !name.contains(' ')) {
            let word = format!("\"{}\": {meaning}", variant.to_lowercase());
            meaning.clear();
            // The kinds of a section stand together in its first row.
            match settings.iter_mut().find(|one| one.name == "type" && one.section == *section) {
                Some(kinds) => kinds.meaning = format!("{} {word}", kinds.meaning),
                None => settings.push(Setting {
                    section: section.clone(),
                    name: "type".into(),
                    kind: "Kind".into(),
                    meaning: word,
                }),
            }
            continue;
        }
        // A section inside a section has a comment of its own.
        if let Some((name, kind)) = text.split_once(": ")
            && !["Section", "Settings"].iter().any(|inner| kind.contains(inner))
        {
            let name = renamed.take().unwrap_or(name.rsplit(' ').next().unwrap_or(name).to_owned());
            let kind = kind.trim_end_matches(',').to_owned();
            settings.push(Setting {
                section: section.clone(),
                name,
                kind,
                meaning: std::mem::take(&mut meaning),
            });
        } else {
            meaning.clear();
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
        let found = super::settings(source);
        let shown: Vec<_> =
            found.iter().map(|one| [&*one.section, &one.name, &one.meaning]).collect();
        assert_eq!(shown, [["`[x]`", "one", "One: of them."], ["`[x]`", "2", ""]]);
        let source = "/// `[y]`: things.\nenum Y {\n    /// First.\n    One {\n        /// A place.\n        place: PathBuf,\n    },\n    \
                      /// Second.\n    Two {\n        port: u16,\n    },\n}\n";
        let found = super::settings(source);
        let shown: Vec<_> = found.iter().map(|one| [&*one.name, &one.meaning]).collect();
        let kinds = "\"one\": First. \"two\": Second.";
        assert_eq!(shown, [["type", kinds], ["place", "A place."], ["port", ""]]);
    }
}
