//! What templates write `|t` behind: phrases in the language of the person who reads the page.

#![expect(unreachable_pub, reason = "what the macro makes of a filter is public")]

use std::sync::Arc;

use askama::Values;

use crate::language::{Language, Text};

/// What every page knows without being told: its reader's language, and what the tenant looks like.
#[derive(Clone)]
pub(crate) struct Around {
    pub(crate) language: Arc<Language>,
    /// Codes and names of all languages.
    pub(crate) languages: Vec<(String, String)>,
    /// Prefix of links: empty, or `/t/{tenant}`, below the server's own path.
    pub(crate) base: String,
    /// Prefix of what is the same for all tenants: the server's own path.
    pub(crate) root: String,
    /// Where the reader is, to come back after the choice of another language.
    pub(crate) here: String,
    /// Where the logo is.
    pub(crate) logo: String,
    /// Where the style sheet with the tenant's colours is, if it has any.
    pub(crate) colours: Option<String>,
    /// What the tenant calls itself.
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

/// What can be said.
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

/// What stands in the place of a value.
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

/// A phrase, or a [`Text`].
#[askama::filter_fn]
pub(crate) fn t<S: Said>(said: S, values: &dyn Values) -> askama::Result<String> {
    Ok(said.said(&around(values)?.language))
}

/// A phrase with a value.
#[askama::filter_fn]
pub(crate) fn t1<A: Value>(phrase: &str, values: &dyn Values, a: A) -> askama::Result<String> {
    let language = &around(values)?.language;
    Ok(with(phrase, &[a.value(language)], language))
}

/// A phrase with two values.
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

/// A text for an attribute in double quotes.
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

/// A phrase of ours with tags in it, and a value that is escaped.
#[askama::filter_fn]
pub(crate) fn h1<A: Value>(
    phrase: &str,
    values: &dyn Values,
    a: A,
) -> askama::Result<askama::filters::Safe<String>> {
    let language = &around(values)?.language;
    Ok(askama::filters::Safe(with(phrase, &[escaped(&a.value(language))], language)))
}

/// The same with two values.
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

/// So many things: for one, and for any other number.
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

/// What the page is shown in: `lang`, `dir`, `logo`, `base`, `name`.
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

/// Links to the page in other languages.
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

/// The style sheet with the tenant's colours.
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

/// The address of an asset, which all tenants share.
#[askama::filter_fn]
pub(crate) fn root(path: &str, values: &dyn Values) -> askama::Result<String> {
    Ok(format!("{}{path}", around(values)?.root))
}
