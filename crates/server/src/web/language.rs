//! The language of pages, and the link for selecting another one.

use std::sync::Arc;

use axum::extract::RawQuery;
use http::{StatusCode, header};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::Language;
use crate::own_path::own_path;
use crate::web::errors;
use crate::web::filters::Around;
use crate::web::refusal::{Answer, Refusal};
use crate::{request, respond};

/// Cookie with the selected language; it contains a language tag and nothing else.
const COOKIE: &str = "sojourn-language";
const COOKIE_SECONDS: i64 = 400 * 86_400;

impl Context {
    /// The language of the response: the one set earlier in this request, else the one that the user selected, else the
    /// one that the browser prefers, else English.
    pub(crate) fn language(&self) -> &Arc<Language> {
        self.language.get_or_init(|| {
            let languages = &self.state.languages;
            let chosen =
                self.cookie(&self.own_cookie_name(COOKIE)).and_then(|tag| languages.of_tags([tag]));
            let accepted =
                || languages.accepted(self.header(header::ACCEPT_LANGUAGE).unwrap_or_default());
            chosen.or_else(accepted).unwrap_or_else(|| languages.english())
        })
    }

    /// Sets the language of the response to the first supported one that a request names (`ui_locales`, OpenID Connect
    /// Core 1.0 §3.1.2.1), unless the user selected another one in this browser.
    pub(crate) fn speak(&self, params: &Params) {
        if let Some(tags) = params.get("ui_locales") {
            self.speak_one_of(tags);
        }
    }

    /// Sets the language of the response to that of an account, unless the user selected another one in this browser.
    pub(crate) fn speak_as(&self, profile: &str) {
        let claims: serde_json::Value = serde_json::from_str(profile).unwrap_or_default();
        if let Some(locale) = claims.get("locale").and_then(serde_json::Value::as_str) {
            self.speak_one_of(locale);
        }
    }

    fn speak_one_of(&self, tags: &str) {
        let found = self.state.languages.of_tags(tags.split_whitespace());
        if let Some(language) =
            found.filter(|_| self.cookie(&self.own_cookie_name(COOKIE)).is_none())
        {
            // The first setting within a request takes precedence.
            let _ = self.language.set(language);
        }
    }

    /// Returns the values that every template can use without a parameter.
    pub(crate) fn around(&self) -> Around {
        let language = Arc::clone(self.language());
        let all = self.state.languages.all();
        let look = &self.tenant().look;
        Around {
            language,
            languages: all.iter().map(|one| (one.code.clone(), one.name.clone())).collect(),
            base: self.arrival.prefix.to_string(),
            root: self.at_root(""),
            here: self.here.clone(),
            logo: match &look.logo {
                Some(tag) => self.link(&format!("/assets/logo?{tag}")),
                None => self.at_root("/assets/logo.svg"),
            },
            colours: look.accent.as_ref().map(|accent| {
                // The address contains the colour, so that no outdated style sheet stays in a cache.
                self.link(&format!("/assets/colours.css?{}", accent.trim_start_matches('#')))
            }),
            name: look.name.clone().unwrap_or_else(|| "Sojourn".into()),
        }
    }
}

/// Serves `GET /language?to=…&back=…`: stores the selected language in this browser and redirects back. It changes
/// nothing but the language.
pub(crate) async fn choose(context: Context, RawQuery(query): RawQuery) -> Answer {
    let params = request::query(query.as_deref())
        .map_err(|_| Refusal::bad_request("The address is malformed."))?;
    let wanted = params.get("to").unwrap_or_default();
    let Some(language) = context.state.languages.of_tags([wanted]) else {
        return Ok(errors::page(
            &context,
            StatusCode::NOT_FOUND,
            "Not found",
            "This language isn't available.",
        ));
    };
    let home = context.link("/");
    let back = params.get("back").and_then(|to| own_path(&context.arrival.prefix, to));
    let to = back.unwrap_or(home);
    let cookie = format!(
        "{}={}; Path={}; Secure; HttpOnly; SameSite=Lax; Max-Age={COOKIE_SECONDS}",
        context.own_cookie_name(COOKIE),
        language.code,
        context.cookie_path()
    );
    Ok(respond::with(respond::see_other(&to), header::SET_COOKIE, &cookie))
}
