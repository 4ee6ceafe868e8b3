//! Texts of pages: phrases of the catalogue with values, and text that is the same in any language.

use sojourn_model::Millis;

use super::{Language, filled};

/// A text for a user, translated when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// A phrase, with the values for `{0}`, `{1}` ….
    Phrase(&'static str, Vec<Text>),
    /// A phrase about a number of things: the text for one, the text for any other number, and the number.
    Counted(&'static str, &'static str, u64),
    /// Text that is the same in any language: a name, an address, an id.
    Plain(String),
    /// A complete text, such as the message of an error.
    Message(String),
    /// A point in time, written out with the month's name.
    Moment(Millis),
    /// A point in time relative to now, in milliseconds ago.
    Ago(i64),
    /// Several texts, and the separator between them.
    Joined(Vec<Text>, &'static str),
}

/// Creates a phrase with values for its placeholders.
pub fn say<const N: usize>(phrase: &'static str, values: [Text; N]) -> Text {
    Text::Phrase(phrase, values.into())
}

/// Creates a text that is the same in any language.
pub fn plain(text: impl ToString) -> Text {
    Text::Plain(text.to_string())
}

impl From<&'static str> for Text {
    fn from(phrase: &'static str) -> Self {
        Self::Phrase(phrase, Vec::new())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<u64> for Text {
    fn from(number: u64) -> Self {
        Self::Plain(number.to_string())
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Plain(String::new())
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn moment(language: &Language, at: Millis) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at.0) else { return String::new() };
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let month = usize::try_from(at.month() - 1).ok().and_then(|at| MONTHS.get(at)).copied();
    let values = [
        at.day().to_string(),
        language.phrase(month.unwrap_or_default()).to_owned(),
        at.year().to_string(),
        format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
    ];
    filled(language.phrase("{0} {1} {2}, {3} UTC"), &values)
}

fn ago(language: &Language, ms: i64) -> String {
    let seconds = u64::try_from(ms.max(0) / 1000).unwrap_or(0);
    let (number, one, many) = match seconds {
        0..5 => return language.phrase("just now").to_owned(),
        5..60 => (seconds, "{0} second ago", "{0} seconds ago"),
        60..3600 => (seconds / 60, "{0} minute ago", "{0} minutes ago"),
        3600..86_400 => (seconds / 3600, "{0} hour ago", "{0} hours ago"),
        _ => (seconds / 86_400, "{0} day ago", "{0} days ago"),
    };
    filled(language.counted(one, many, number), &[number.to_string()])
}

impl Text {
    /// Renders the text in a language.
    #[must_use]
    pub fn in_language(&self, language: &Language) -> String {
        match self {
            Self::Phrase(phrase, values) if values.is_empty() => language.phrase(phrase).to_owned(),
            Self::Phrase(phrase, values) => {
                let values: Vec<String> =
                    values.iter().map(|value| value.in_language(language)).collect();
                filled(language.phrase(phrase), &values)
            }
            Self::Counted(one, many, number) => {
                filled(language.counted(one, many, *number), &[number.to_string()])
            }
            Self::Plain(text) => text.clone(),
            Self::Message(text) => language.message(text),
            Self::Moment(at) => moment(language, *at),
            Self::Ago(ms) => ago(language, *ms),
            Self::Joined(all, between) => {
                let all: Vec<String> = all.iter().map(|one| one.in_language(language)).collect();
                all.join(between)
            }
        }
    }

    /// Whether the text is empty in every language.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Plain(text) | Self::Message(text) if text.is_empty())
            || matches!(self, Self::Phrase("", _))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        let english = Language::english();
        let say_it = |text: &Text| text.in_language(&english);
        assert_eq!(say_it(&Text::Moment(Millis(1_574_535_591_876))), "23 Nov 2019, 18:59:51 UTC");
        for (ms, want) in [
            (0, "just now"),
            (59_000, "59 seconds ago"),
            (60_000, "1 minute ago"),
            (7_200_000, "2 hours ago"),
            (86_400_000, "1 day ago"),
        ] {
            assert_eq!(say_it(&Text::Ago(ms)), want);
        }
        // Braces in a value are never treated as a placeholder.
        let tricky = say("{0} and {1}", [plain("{1}"), plain("b{")]);
        assert_eq!(say_it(&tricky), "{1} and b{");
        let counted = Text::Counted("{0} application", "{0} applications", 2);
        assert_eq!(say_it(&say("in {0}", [counted])), "in 2 applications");
    }
}
