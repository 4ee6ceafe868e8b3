//! An operator's mail templates: files in a folder, `{kind}.{language}.txt` and optionally `{kind}.{language}.html`.
//!
//! The first line of a text is `Subject: …`, followed by an empty line. `{name}`, `{link}` and the other names of
//! [`values::NAMES`] are replaced with values. Errors in a file are reported at startup, not when a mail is due.

use std::collections::HashMap;
use std::path::Path;

use sojourn_engine::{Addressee, Letter, Written};

use super::{html, values};
use crate::language::{Language, Languages};

/// Maximum size of a file in bytes.
const FILE_BYTES_MAX: usize = 256 * 1024;

/// Subject, text and optional HTML of one template.
#[derive(Debug, Default)]
struct Template {
    subject: String,
    text: String,
    html: Option<String>,
}

/// An operator's mail templates, by kind and language.
#[derive(Debug, Default)]
pub struct Templates(HashMap<(String, String), Template>);

/// Returns the names in braces in a text. Braces around anything else, as in a style sheet, are ignored.
fn names(text: &str) -> Vec<&str> {
    let word = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name).filter(word))
        .collect()
}

/// Replaces the names in a text, in one pass: the values aren't scanned again.
fn filled(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut all = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        all.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if values::NAMES.contains(&name) => {
                all.push_str(&value(name));
                rest = behind;
            }
            _ => {
                all.push('{');
                rest = after;
            }
        }
    }
    all.push_str(rest);
    all
}

fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            other => all.push(other),
        }
    }
    all
}

/// Fails if a text contains an unknown name or lacks one that its letter needs.
fn check(text: &str, needed: &[&str]) -> Result<(), String> {
    let found = names(text);
    if let Some(unknown) = found.iter().find(|name| !values::NAMES.contains(name)) {
        let known = values::NAMES.join(", ");
        return Err(format!("{{{unknown}}} stands for nothing: there are {known}"));
    }
    match needed.iter().find(|name| !found.contains(name)) {
        Some(missing) => Err(format!("{{{missing}}} is missing")),
        None => Ok(()),
    }
}

impl Templates {
    /// Reads and checks the templates in a folder.
    ///
    /// # Errors
    /// A message that says which file is invalid and why.
    pub fn read(folder: &Path, languages: &Languages) -> Result<Self, String> {
        let wrong = |what: &Path, why: &str| format!("{}: {why}", what.display());
        let entries =
            std::fs::read_dir(folder).map_err(|error| wrong(folder, &error.to_string()))?;
        let mut all: HashMap<(String, String), Template> = HashMap::new();
        for entry in entries {
            let path = entry.map_err(|error| wrong(folder, &error.to_string()))?.path();
            let end = path.extension().and_then(|end| end.to_str());
            let Some(end) = end.filter(|end| matches!(*end, "txt" | "html")) else { continue };
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let fails = |why: &str| wrong(&path, why);
            let (kind, language) = stem.split_once('.').unwrap_or((stem, ""));
            let known = values::KINDS.iter().find(|(name, _)| *name == kind);
            let (_, needed) = known.ok_or_else(|| {
                let kinds: Vec<&str> = values::KINDS.iter().map(|(name, _)| *name).collect();
                fails(&format!("there is no such letter: there are {}", kinds.join(", ")))
            })?;
            if !languages.all().iter().any(|one| one.code == language) {
                return Err(fails("name the language behind the letter, as in address.en.txt"));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| fails(&error.to_string()))?;
            if text.len() > FILE_BYTES_MAX {
                return Err(fails("it has more than 256 KiB"));
            }
            check(&text, needed).map_err(|why| fails(&why))?;
            let template = all.entry((kind.to_owned(), language.to_owned())).or_default();
            if end == "html" {
                template.html = Some(text);
                continue;
            }
            let text = text.replace("\r\n", "\n");
            let (subject, text) = text
                .strip_prefix("Subject:")
                .and_then(|rest| rest.split_once("\n\n"))
                .filter(|(subject, _)| !subject.trim().is_empty() && !subject.contains('\n'))
                .ok_or_else(|| fails("it begins with 'Subject: …' and an empty line"))?;
            template.subject = subject.trim().to_owned();
            template.text = text.to_owned();
        }
        match all.iter().find(|(_, template)| template.subject.is_empty()) {
            Some(((kind, language), _)) => {
                let path = folder.join(format!("{kind}.{language}.html"));
                Err(wrong(&path, "there is no .txt beside it: a mail has text as well"))
            }
            None => Ok(Self(all)),
        }
    }

    /// Writes a letter from its template; `None` if there is none in the language.
    pub(super) fn write(
        &self,
        to: &Addressee<'_>,
        letter: &Letter<'_>,
        language: &Language,
    ) -> Option<Written> {
        let key = (values::kind(letter).to_owned(), language.code.clone());
        let template = self.0.get(&key)?;
        let value = |name: &str| values::value(name, to, letter, language);
        // A subject is one line.
        let subject = filled(&template.subject, |name| value(name).replace(['\r', '\n'], " "));
        let text = filled(&template.text, value);
        let html = match &template.html {
            Some(html) => filled(html, |name| escaped(&value(name))),
            None => {
                let paragraphs: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
                html::letter(to, language, (&subject, &paragraphs), letter)
            }
        };
        Some(Written { subject, text, html })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_once_and_other_braces_stay() {
        let value = |name: &str| format!("<{name} {{link}}>");
        assert_eq!(filled("a { b: c } {name}{x} {", value), "a { b: c } <name {link}>{x} {");
        assert_eq!(names("p{color:red} {name} {no_such} {Name}"), ["name", "no_such"]);
        assert_eq!(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let folder = sojourn_testkit::store::Folder::new();
        let languages = Languages::default();
        for (name, text, why) in [
            ("greeting.en.txt", "Subject: x\n\ny", "there is no such letter"),
            ("secured.txt", "Subject: x\n\ny", "name the language"),
            ("secured.xx.txt", "Subject: x\n\ny", "name the language"),
            ("secured.en.txt", "x", "begins with 'Subject:"),
            ("secured.en.txt", "Subject: \n\nx", "begins with 'Subject:"),
            ("secured.en.txt", "Subject: x\n\n{who}", "{who} stands for nothing"),
            ("new_password.en.txt", "Subject: x\n\nHello {name}", "{link} is missing"),
            ("sign_up.en.txt", "Subject: x\n\n{link}", "{code} is missing"),
            ("secured.en.html", "<p>x</p>", "a mail has text as well"),
        ] {
            let path = folder.0.join(name);
            std::fs::write(&path, text).expect("written");
            let refused = Templates::read(&folder.0, &languages).expect_err(name);
            assert!(refused.contains(why) && refused.contains(name), "{refused}");
            std::fs::remove_file(&path).expect("removed");
        }
        std::fs::write(folder.0.join("notes.md"), "anything").expect("written");
        assert!(Templates::read(&folder.0, &languages).is_ok());
    }
}
