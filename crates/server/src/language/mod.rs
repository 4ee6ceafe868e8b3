//! The languages of the pages. Templates and code contain English phrases; any other language is a file that translates
//! them. The language of a page comes from, in this order: the request (`ui_locales`, OpenID Connect Core 1.0
//! §3.1.2.1), the user's choice, the user's account, the browser's preference.

mod text;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use serde::Deserialize;
use unic_langid::LanguageIdentifier;

pub use text::{Text, plain, say};

/// Language files embedded in the program, besides English.
const EMBEDDED: [&str; 1] = [include_str!("../../languages/de.toml")];

/// The reason why a language file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct LanguageError {
    /// Path of the language file.
    pub file: String,
    /// Description of what is wrong with the file.
    pub why: String,
}

/// One translation, or one for each plural category of CLDR (zero, one, two, few, many, other).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Said {
    Alike(String),
    ByNumber(HashMap<String, String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    code: String,
    name: String,
    #[serde(default)]
    direction: Direction,
    phrases: HashMap<String, Said>,
}

/// Base direction of a language's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Left to right, as in English.
    #[default]
    Ltr,
    /// Right to left, as in Arabic.
    Rtl,
}

impl Direction {
    /// Returns the value of HTML's `dir` attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

/// A language and its translations of the phrases.
pub struct Language {
    /// Language tag (BCP 47), such as `de`.
    pub code: String,
    /// Name of the language in the language itself.
    pub name: String,
    /// Base direction of the language's text.
    pub direction: Direction,
    phrases: HashMap<String, Said>,
    /// Phrases with placeholders, to translate complete texts: the pieces before, between and after the values, and the
    /// translation.
    patterns: Vec<(Vec<String>, String)>,
    plural: Option<PluralRules>,
}

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Language({})", self.code)
    }
}

const fn category(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::ZERO => "zero",
        PluralCategory::ONE => "one",
        PluralCategory::TWO => "two",
        PluralCategory::FEW => "few",
        PluralCategory::MANY => "many",
        PluralCategory::OTHER => "other",
    }
}

/// Returns the pieces around the values of a phrase: `a {0} b` is `a ` and ` b`.
fn pieces(phrase: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, behind)) = after.split_once('}') else { break };
        if let Some(last) = out.last_mut() {
            last.push_str(before);
        }
        out.push(String::new());
        rest = behind;
    }
    if let Some(last) = out.last_mut() {
        last.push_str(rest);
    }
    out
}

impl Language {
    /// Returns English, which needs no translations.
    #[must_use]
    pub fn english() -> Self {
        Self {
            code: "en".into(),
            name: "English".into(),
            direction: Direction::Ltr,
            phrases: HashMap::new(),
            patterns: Vec::new(),
            plural: None,
        }
    }

    /// Parses a language file.
    ///
    /// # Errors
    /// [`LanguageError`] if the file isn't TOML of the expected shape, or its code isn't a language tag.
    pub fn read(file: &str, text: &str) -> Result<Self, LanguageError> {
        let wrong = |why: String| LanguageError { file: file.to_owned(), why };
        let read: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let tag: LanguageIdentifier = read
            .code
            .parse()
            .map_err(|_| wrong(format!("'{}' is no tag of a language", read.code)))?;
        let mut known = vec![tag.clone()];
        known.push(LanguageIdentifier::from_parts(tag.language, None, None, &[]));
        let plural = known
            .into_iter()
            .find_map(|tag| PluralRules::create(tag, PluralRuleType::CARDINAL).ok());
        let patterns = read
            .phrases
            .iter()
            .filter(|(phrase, _)| phrase.contains("{0}"))
            .filter_map(|(phrase, said)| match said {
                Said::Alike(said) => Some((pieces(phrase), said.clone())),
                Said::ByNumber(_) => None,
            })
            .collect();
        Ok(Self {
            code: read.code,
            name: read.name,
            direction: read.direction,
            phrases: read.phrases,
            patterns,
            plural,
        })
    }

    /// Translates a phrase; returns it unchanged if there is no translation.
    #[must_use]
    pub fn phrase<'l>(&'l self, phrase: &'l str) -> &'l str {
        match self.phrases.get(phrase) {
            Some(Said::Alike(said)) => said,
            Some(Said::ByNumber(forms)) => forms.get("other").map_or(phrase, String::as_str),
            None => phrase,
        }
    }

    /// Translates a phrase about a number of things. `one` is the English text for one, `many` the text for any other
    /// number and the phrase's key in files.
    #[must_use]
    pub fn counted<'l>(&'l self, one: &'l str, many: &'l str, number: u64) -> &'l str {
        match self.phrases.get(many) {
            Some(Said::Alike(said)) => said,
            Some(Said::ByNumber(forms)) => {
                let kind = self.plural.as_ref().and_then(|rules| rules.select(number).ok());
                let form = forms.get(category(kind.unwrap_or(PluralCategory::OTHER)));
                form.or_else(|| forms.get("other")).map_or(many, String::as_str)
            }
            None if number == 1 => one,
            None => many,
        }
    }

    /// Translates a complete text that already contains its values.
    #[must_use]
    pub fn message(&self, text: &str) -> String {
        if self.phrases.contains_key(text) {
            return self.phrase(text).to_owned();
        }
        let values = |around: &[String]| -> Option<Vec<String>> {
            let (first, others) = around.split_first()?;
            let mut rest = text.strip_prefix(first.as_str())?;
            let mut values = Vec::new();
            for (at, piece) in others.iter().enumerate() {
                let (value, behind) = if at + 1 == others.len() {
                    (rest.strip_suffix(piece.as_str())?, "")
                } else {
                    rest.split_once(piece.as_str())?
                };
                values.push(self.phrase(value).to_owned());
                rest = behind;
            }
            Some(values)
        };
        // The pattern with the most literal text wins.
        let weight = |around: &[String]| around.iter().map(String::len).sum::<usize>();
        let best = self
            .patterns
            .iter()
            .filter_map(|(around, said)| Some((weight(around), said, values(around)?)))
            .max_by_key(|(weight, ..)| *weight);
        match best {
            Some((_, said, values)) => filled(said, &values),
            None => text.to_owned(),
        }
    }
}

/// Replaces `{0}`, `{1}` … in a phrase with values.
pub(crate) fn filled(phrase: &str, values: &[String]) -> String {
    let mut out = String::with_capacity(phrase.len() + 16);
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let value = after.split_once('}').and_then(|(number, behind)| {
            Some((values.get(number.parse::<usize>().ok()?)?, behind))
        });
        match value {
            Some((value, behind)) => {
                out.push_str(value);
                rest = behind;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The available languages, English first.
#[derive(Debug, Clone)]
pub struct Languages {
    all: Arc<[Arc<Language>]>,
}

impl Default for Languages {
    fn default() -> Self {
        let mut all = vec![Arc::new(Language::english())];
        // A test parses them: embedded files are well-formed.
        all.extend(EMBEDDED.iter().filter_map(|text| Language::read("", text).ok()).map(Arc::new));
        Self { all: all.into() }
    }
}

impl Languages {
    /// Returns the embedded languages and those of a folder: each file there with a name that ends in `.toml` is a
    /// language and overrides the embedded one with the same code.
    ///
    /// # Errors
    /// [`LanguageError`] for the first file that can't be read or used.
    pub fn with_folder(folder: &Path) -> Result<Self, LanguageError> {
        let wrong = |file: &Path, error: std::io::Error| LanguageError {
            file: file.display().to_string(),
            why: error.to_string(),
        };
        let entries = std::fs::read_dir(folder).map_err(|error| wrong(folder, error))?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        files.sort();
        let mut all: Vec<Arc<Language>> = Self::default().all.to_vec();
        for path in files {
            let text = std::fs::read_to_string(&path).map_err(|error| wrong(&path, error))?;
            let language = Language::read(&path.display().to_string(), &text)?;
            all.retain(|one| one.code != language.code);
            all.push(Arc::new(language));
        }
        Ok(Self { all: all.into() })
    }

    /// Returns all available languages, English first.
    #[must_use]
    pub fn all(&self) -> &[Arc<Language>] {
        &self.all
    }

    /// Returns the first available language in a list of tags, which is sorted by preference: the same tag, or else the
    /// same language.
    #[must_use]
    pub fn of_tags<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Option<Arc<Language>> {
        let main =
            |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        tags.into_iter().find_map(|tag| {
            let same = self.all.iter().find(|one| one.code.eq_ignore_ascii_case(tag));
            let near = || self.all.iter().find(|one| main(&one.code) == main(tag));
            same.or_else(near).map(Arc::clone)
        })
    }

    /// Returns the language that a browser prefers, from its `Accept-Language` header (RFC 9110 §12.5.4).
    #[must_use]
    pub fn accepted(&self, header: &str) -> Option<Arc<Language>> {
        let mut wanted: Vec<(u32, &str)> = header
            .split(',')
            .take(32)
            .filter_map(|one| {
                let (tag, weight) = match one.split_once(';') {
                    Some((tag, weight)) => {
                        let weight = weight.trim().strip_prefix("q=")?.trim();
                        (tag, weight.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q))?)
                    }
                    None => (one, 1.0),
                };
                // Weights have at most three decimals.
                Some(((weight * 1000.0) as u32, tag.trim()))
            })
            .filter(|(weight, tag)| *weight > 0 && !tag.is_empty())
            .collect();
        wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        self.of_tags(wanted.into_iter().map(|(_, tag)| tag))
    }

    /// Returns English, the default if nothing else applies.
    #[must_use]
    pub fn english(&self) -> Arc<Language> {
        self.all
            .iter()
            .find(|one| one.code == "en")
            .map_or_else(|| Arc::new(Language::english()), Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_part_of_the_program_is_well_formed() {
        for text in EMBEDDED {
            Language::read("embedded", text).expect("a language");
        }
        assert_eq!(Languages::default().all().len(), EMBEDDED.len() + 1);
    }

    #[test]
    fn a_language_is_chosen() {
        let languages = Languages::default();
        for (header, expected) in [
            ("de-AT,en;q=0.5", Some("de")),
            ("en-GB, de;q=0.9", Some("en")),
            ("fr, de;q=0.1, en;q=0.3", Some("en")),
            ("de;q=0, en", Some("en")),
            ("fr", None),
            ("*;q=x, ;;;,", None),
        ] {
            let found = languages.accepted(header).map(|one| one.code.clone());
            assert_eq!(found.as_deref(), expected, "{header}");
        }
        let found = languages.of_tags("fr de_CH".split(' ')).map(|one| one.code.clone());
        assert_eq!(found.as_deref(), Some("de"));
    }

    #[test]
    fn numbers_and_whole_texts() {
        let file = r#"
            code = "cs"
            name = "Čeština"
            [phrases]
            "{0} days" = { one = "{0} den", few = "{0} dny", other = "{0} dní" }
            "there is no role {0}" = "role {0} neexistuje"
            "there is no role {0} in {1}" = "role {0} v {1} neexistuje"
        "#;
        let czech = Language::read("cs.toml", file).expect("a language");
        let days = |number: u64| czech.counted("{0} day", "{0} days", number).to_owned();
        assert_eq!([days(1), days(3), days(5)], ["{0} den", "{0} dny", "{0} dní"]);
        assert_eq!(czech.message("there is no role boss"), "role boss neexistuje");
        assert_eq!(czech.message("there is no role boss in acme"), "role boss v acme neexistuje");
        assert_eq!(czech.message("another text"), "another text");
        let english = Language::english();
        assert_eq!(english.counted("{0} day", "{0} days", 1), "{0} day");
        assert!(Language::read("x", "code = \"!\"\nname = \"x\"\n[phrases]").is_err());
        assert!(Language::read("x", "nonsense").is_err());
    }
}
