//! Renders mails as HTML for mail programs: styles are in each element, and nothing is loaded except a tenant's logo.

use askama::Template;
use sojourn_engine::{Addressee, Letter};

use super::{organisation, values};
use crate::language::Language;
use crate::web::colours;

/// A paragraph of a letter.
struct Part {
    text: String,
    /// Whether the text is the URL of a page.
    link: bool,
    /// A code at the end of the text, shown in large type.
    code: Option<String>,
}

impl Part {
    fn says_something(&self) -> bool {
        !self.text.is_empty() || self.code.is_some()
    }
}

#[derive(Template)]
#[template(path = "letter.html")]
struct LetterPage<'a> {
    lang: &'a str,
    dir: &'static str,
    subject: &'a str,
    organisation: String,
    /// URL of the tenant's logo, if the tenant has its own.
    logo: Option<String>,
    /// The colours of the button and of the text on it.
    accent: (String, String),
    /// The label of the button.
    open: String,
    parts: Vec<Part>,
}

/// Renders a letter as an HTML document.
pub(super) fn letter(
    to: &Addressee<'_>,
    language: &Language,
    (subject, paragraphs): (&str, &[String]),
    letter: &Letter<'_>,
) -> String {
    let link = values::link(letter);
    let code = match letter {
        Letter::Address { code, .. } | Letter::SignUp { code, .. } => Some(*code),
        _ => None,
    };
    let part = |text: &String| {
        let text = text.trim();
        let before = code.and_then(|code| Some((text.strip_suffix(code)?, code)));
        match before {
            Some((before, code)) => {
                Part { text: before.to_owned(), link: false, code: Some(code.to_owned()) }
            }
            None => Part { text: text.to_owned(), link: Some(text) == link, code: None },
        }
    };
    let page = LetterPage {
        lang: &language.code,
        dir: language.direction.as_str(),
        subject,
        organisation: organisation(to),
        logo: to.tenant.look.logo.as_ref().map(|_| format!("{}/assets/logo", to.address)),
        accent: colours::of_letters(to.tenant.look.accent.as_deref()),
        open: crate::language::Text::from("Open the page").in_language(language),
        parts: paragraphs.iter().map(part).filter(Part::says_something).collect(),
    };
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a letter can't be rendered");
        String::new()
    })
}
