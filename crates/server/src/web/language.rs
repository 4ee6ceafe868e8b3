//! Which language a person reads pages in, and the link by which they choose another.

use std::sync::Arc;

use axum::extract::RawQuery;
use http::{StatusCode, header};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::Language;
use crate::web::errors;
use crate::web::filters::Around;
use crate::web::own_path::own_path;
use crate::web::refusal::{Answer, Refusal};
use crate::{request, respond};

/// What the person chose; a tag and nothing else.
const COOKIE: &str = "sojourn-language";
const COOKIE_SECONDS: i64 = 400 * 86_400;

impl Context {
    /// The language of the answer: what was preferred already, what the person chose, what the browser prefers.
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

    /// Answers in the first of the languages that a request names (`ui_locales`, OpenID Connect Core 1.0 §3.1.2.1),
    /// unless the person chose another in this browser.
    pub(crate) fn speak(&self, params: &Params) {
        if let Some(tags) = params.get("ui_locales") {
            self.speak_one_of(tags);
        }
    }

    /// Answers in the language of an account, unless the person chose another in this browser.
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
            // Whoever came first knew better.
            let _ = self.language.set(language);
        }
    }

    /// What templates know without being told.
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
                // Another colour is another address, so that none is kept too long.
                self.link(&format!("/assets/colours.css?{}", accent.trim_start_matches('#')))
            }),
            name: look.name.clone().unwrap_or_else(|| "Sojourn".into()),
        }
    }
}

/// `GET /language?to=…&back=…`: remembers the choice in this browser and goes back. It changes nothing but words.
pub(crate) async fn choose(context: Context, RawQuery(query): RawQuery) -> Answer {
    let params = request::query(query.as_deref())
        .map_err(|_| Refusal::bad_request("The address is malformed."))?;
    let wanted = params.get("to").unwrap_or_default();
    let Some(language) = context.state.languages.of_tags([wanted]) else {
        return Ok(errors::page(
            &context,
            StatusCode::NOT_FOUND,
            "Not found",
            "Pages aren't written in that language here.",
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
