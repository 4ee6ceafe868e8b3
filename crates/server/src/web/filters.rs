//! Template filters such as `|t`, which translate phrases to the reader's language.

#![expect(unreachable_pub, reason = "what the macro makes of a filter is public")]

use std::sync::Arc;

use askama::Values;

use crate::language::{Language, Text};

/// Values that every template can use: the reader's language and the tenant's appearance.
#[derive(Clone)]
pub(crate) struct Around {
    pub(crate) language: Arc<Language>,
    /// Codes and names of all languages.
    pub(crate) languages: Vec<(String, String)>,
    /// Prefix of links: empty, or `/t/{tenant}`, below the server's own path.
    pub(crate) base: String,
    /// Prefix of addresses that all tenants share: the server's own path.
    pub(crate) root: String,
    /// Path and query of the current page, to which the user returns after selecting another language.
    pub(crate) here: String,
    /// Address of the logo: the tenant's own or the default one.
    pub(crate) logo: String,
    /// Address of the style sheet with the tenant's colours, if it has any.
    pub(crate) colours: Option<String>,
    /// Display name of the tenant; "Sojourn" by default.
    pub(crate) name: String,
}

impl Values for Around {
    fn get_value<'a>(&'a self, key: &str) -> Option<&'a dyn std::any::Any> {
        (key == "around").then_some(self)
    }
}

fn around(values: &dyn Values) -> askama::Result<&Around> {
    askama::get_value::<Around>(values, "around")
}

/// A text that can be translated to a language.
pub(crate) trait Said {
    fn said(&self, language: &Language) -> String;
}

impl Said for str {
    fn said(&self, language: &Language) -> String {
        language.phrase(self).to_owned()
    }
}

impl Said for Text {
    fn said(&self, language: &Language) -> String {
        self.in_language(language)
    }
}

impl<T: Said + ?Sized> Said for &T {
    fn said(&self, language: &Language) -> String {
        (**self).said(language)
    }
}

/// A value that is inserted into a phrase.
pub(crate) trait Value {
    fn value(&self, language: &Language) -> String;
}

impl Value for Text {
    fn value(&self, language: &Language) -> String {
        self.in_language(language)
    }
}

macro_rules! values_as_they_are {
    ($($kind:ty),*) => {
        $(impl Value for $kind {
            fn value(&self, _: &Language) -> String {
                self.to_string()
            }
        })*
    };
}

values_as_they_are!(str, String, i64, u64, usize);

impl<T: Value + ?Sized> Value for &T {
    fn value(&self, language: &Language) -> String {
        (**self).value(language)
    }
}

fn with(phrase: &str, values: &[String], language: &Language) -> String {
    crate::language::filled(language.phrase(phrase), values)
}

/// Translates a phrase or a [`Text`].
#[askama::filter_fn]
pub(crate) fn t<S: Said>(said: S, values: &dyn Values) -> askama::Result<String> {
    Ok(said.said(&around(values)?.language))
}

/// Translates a phrase and inserts a value for `{0}`.
#[askama::filter_fn]
pub(crate) fn t1<A: Value>(phrase: &str, values: &dyn Values, a: A) -> askama::Result<String> {
    let language = &around(values)?.language;
    Ok(with(phrase, &[a.value(language)], language))
}

/// Translates a phrase and inserts two values for `{0}` and `{1}`.
#[askama::filter_fn]
pub(crate) fn t2<A: Value, B: Value>(
    phrase: &str,
    values: &dyn Values,
    a: A,
    b: B,
) -> askama::Result<String> {
    let language = &around(values)?.language;
    Ok(with(phrase, &[a.value(language), b.value(language)], language))
}

/// Escapes a text for HTML, including attributes in double quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

/// Translates a built-in phrase that contains HTML tags, and inserts an escaped value for `{0}`.
#[askama::filter_fn]
pub(crate) fn h1<A: Value>(
    phrase: &str,
    values: &dyn Values,
    a: A,
) -> askama::Result<askama::filters::Safe<String>> {
    let language = &around(values)?.language;
    Ok(askama::filters::Safe(with(phrase, &[escaped(&a.value(language))], language)))
}

/// The same as `h1`, with two values for `{0}` and `{1}`.
#[askama::filter_fn]
pub(crate) fn h2<A: Value, B: Value>(
    phrase: &str,
    values: &dyn Values,
    a: A,
    b: B,
) -> askama::Result<askama::filters::Safe<String>> {
    let language = &around(values)?.language;
    let both = [escaped(&a.value(language)), escaped(&b.value(language))];
    Ok(askama::filters::Safe(with(phrase, &both, language)))
}

/// A translated sentence whose placeholders are lists of names, with links where there are pages.
pub(crate) struct Sentence {
    /// The phrase, with `{0}`, `{1}` … for the names.
    pub(crate) phrase: &'static str,
    /// The names for each placeholder.
    pub(crate) names: Vec<Vec<Thing>>,
}

/// A name, and the link to its page if the reader may open it.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    /// The name.
    pub(crate) name: Text,
    /// Address of its page.
    pub(crate) link: Option<String>,
}

impl Thing {
    fn html(&self, language: &Language) -> String {
        let name = escaped(&self.name.in_language(language));
        match &self.link {
            Some(link) => format!("<a href=\"{}\">{name}</a>", escaped(link)),
            None => format!("<strong>{name}</strong>"),
        }
    }
}

/// Renders a sentence with the links of its names.
#[askama::filter_fn]
pub(crate) fn sentence(
    sentence: &Sentence,
    values: &dyn Values,
) -> askama::Result<askama::filters::Safe<String>> {
    let language = &around(values)?.language;
    let list = |things: &Vec<Thing>| {
        things.iter().map(|thing| thing.html(language)).collect::<Vec<_>>().join(", ")
    };
    let names: Vec<String> = sentence.names.iter().map(list).collect();
    Ok(askama::filters::Safe(with(sentence.phrase, &names, language)))
}

/// Translates a count: `one` is the phrase for one, `many` for any other number.
#[askama::filter_fn]
pub(crate) fn count(
    number: &usize,
    values: &dyn Values,
    one: &str,
    many: &str,
) -> askama::Result<String> {
    let language = &around(values)?.language;
    let form = language.counted(one, many, *number as u64);
    Ok(form.replace("{0}", &number.to_string()))
}

/// Returns a property of the page: `lang`, `dir`, `logo`, `base` or `name`; empty for any other word.
#[askama::filter_fn]
pub(crate) fn about(what: &str, values: &dyn Values) -> askama::Result<String> {
    let around = around(values)?;
    Ok(match what {
        "lang" => around.language.code.clone(),
        "dir" => around.language.direction.as_str().into(),
        "logo" => around.logo.clone(),
        "base" => around.base.clone(),
        "name" => around.name.clone(),
        _ => String::new(),
    })
}

/// Renders links to the page in the other languages; the current language is plain text.
#[askama::filter_fn]
pub(crate) fn languages(
    _: &str,
    values: &dyn Values,
) -> askama::Result<askama::filters::Safe<String>> {
    let around = around(values)?;
    let links = around.languages.iter().map(|(code, name)| {
        if *code == around.language.code {
            return format!("<span lang=\"{}\">{}</span>", escaped(code), escaped(name));
        }
        let to = sojourn_oidc::params::with_query(
            &format!("{}/language", around.base),
            &[("to", code), ("back", &around.here)],
        );
        let (code, name) = (escaped(code), escaped(name));
        format!(
            "<a href=\"{}\" lang=\"{code}\" hreflang=\"{code}\" rel=\"nofollow\">{name}</a>",
            escaped(&to)
        )
    });
    Ok(askama::filters::Safe(links.collect::<Vec<_>>().join(" ")))
}

/// Renders the link to the style sheet with the tenant's colours; empty if it has none.
#[askama::filter_fn]
pub(crate) fn colours(
    _: &str,
    values: &dyn Values,
) -> askama::Result<askama::filters::Safe<String>> {
    let link = around(values)?
        .colours
        .as_ref()
        .map(|link| format!("\n<link rel=\"stylesheet\" href=\"{}\">", escaped(link)));
    Ok(askama::filters::Safe(link.unwrap_or_default()))
}

/// Returns the address of an asset, which all tenants share.
#[askama::filter_fn]
pub(crate) fn root(path: &str, values: &dyn Values) -> askama::Result<String> {
    Ok(format!("{}{path}", around(values)?.root))
}
