//! Suggestions for the search box of sessions: names of users, attributes of filters, operators of an attribute, and
//! existing values.

use http::{StatusCode, Uri};
use serde_json::json;
use sojourn_engine::session::vocabulary;
use sojourn_engine::{EngineError, Right, Rights};
use sojourn_model::EndReason;

use super::administrator;
use crate::context::Context;
use crate::language::{Text, plain};
use crate::web::refusal::Answer;
use crate::web::words;
use crate::{request, respond};

/// Maximum number of suggestions in a response.
const SHOWN: usize = 8;
/// Maximum number of groups or roles that are searched for a name with the typed beginning.
const LOOKED_AT: i64 = 500;
/// Maximum length of a text that is completed, in bytes.
const LONGEST: usize = 1_000;
/// Right that is required to see suggestions of users.
const PEOPLE: Right = Right::UserList;
const HOUR: i64 = 3_600_000;

/// What the user is typing at the end of a text.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    /// An attribute or, at the beginning of the text, anything that can be searched for.
    Attribute(&'a str),
    /// An operator: the attribute before it, and the typed beginning.
    Operator(&'a str, &'a str),
    /// A value: its attribute, and the typed beginning.
    Value(&'a str, &'a str),
    /// The word that joins another condition: its typed beginning.
    Joint(&'a str),
}

/// Splits a text into words, each with its position in bytes; a quoted part belongs to one word. Also returns whether
/// the last word is still being typed.
fn tokens(text: &str) -> (Vec<(usize, &str)>, bool) {
    let mut all = Vec::new();
    let (mut begin, mut quoted, mut escaped) = (None, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                begin = begin.or(Some(at));
            }
            c if (c.is_whitespace() || matches!(c, '(' | ')')) && !quoted => {
                if let Some(begin) = begin.take() {
                    all.extend(text.get(begin..at).map(|word| (begin, word)));
                }
            }
            _ => begin = begin.or(Some(at)),
        }
    }
    let open = begin.is_some();
    if let Some(begin) = begin {
        all.extend(text.get(begin..).map(|word| (begin, word)));
    }
    (all, open)
}

/// Splits a text into the part that stays and what is being typed after it.
fn wanted(text: &str) -> (&str, Wanted<'_>) {
    let (all, open) = tokens(text);
    let (whole, typing) = match all.split_last() {
        Some((last, rest)) if open => (rest, *last),
        _ => (all.as_slice(), (text.len(), "")),
    };
    let stays = text.get(..typing.0).unwrap_or_default();
    let joint = |word: &str| ["and", "or", "not"].iter().any(|one| word.eq_ignore_ascii_case(one));
    let begin = whole.iter().rposition(|(_, word)| joint(word)).map_or(0, |at| at + 1);
    let condition: Vec<&str> = whole.iter().skip(begin).map(|(_, word)| *word).collect();
    let partial = typing.1;
    let wanted = match condition.as_slice() {
        [] => Wanted::Attribute(partial),
        [attribute] => Wanted::Operator(attribute, partial),
        [attribute, operator] if !operator.eq_ignore_ascii_case("pr") => {
            Wanted::Value(attribute, partial.trim_start_matches('"'))
        }
        _ => Wanted::Joint(partial),
    };
    (stays, wanted)
}

/// A suggestion: the text that replaces what is being typed, and a description.
type Suggestion = (String, Text);

fn quoted(value: &str) -> String {
    format!("{} ", serde_json::Value::String(value.to_owned()))
}

fn begins(name: &str, partial: &str) -> bool {
    name.to_lowercase().starts_with(&partial.to_lowercase())
}

/// Returns the words that begin with the typed text, without regard to case.
fn among(all: &[&str], partial: &str) -> Vec<Suggestion> {
    let fitting = all.iter().filter(|one| begins(one, partial));
    fitting.map(|one| (format!("{one} "), Text::default())).collect()
}

async fn values(
    context: &Context,
    rights: &Rights,
    attribute: &str,
    partial: &str,
) -> Result<Vec<Suggestion>, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let store = engine.reads(tenant.id);
    let named = |names: Vec<String>| {
        let fitting = names.into_iter().filter(|name| begins(name, partial));
        fitting.map(|name| (quoted(&name), Text::default())).collect::<Vec<_>>()
    };
    let attribute = attribute.replace(['_', '.'], "").to_ascii_lowercase();
    // Names of objects are suggested only to users with the right to list such objects.
    let listing = match attribute.as_str() {
        "username" | "displayname" => PEOPLE,
        "role" => Right::RoleList,
        "group" => Right::GroupList,
        "application" | "appname" | "clientid" => Right::ApplicationView,
        _ => Right::SessionView,
    };
    if !rights.has(listing) {
        return Ok(Vec::new());
    }
    Ok(match attribute.as_str() {
        "username" => people(context, partial, quoted).await?,
        "displayname" => {
            let found = store.users_by_shown_name(partial, SHOWN as i64).await?;
            let names = found.into_iter().map(|user| user.shown_name().to_owned()).collect();
            named(names)
        }
        "role" => {
            let found = store.roles(None, LOOKED_AT).await?;
            named(found.into_iter().map(|role| role.name).collect())
        }
        "group" => {
            let found = store.groups_after(None, LOOKED_AT).await?;
            named(found.into_iter().map(|group| group.name).collect())
        }
        "application" | "appname" => {
            let found = engine.applications(tenant).await?;
            named(found.into_iter().map(|app| app.name).collect())
        }
        "clientid" => {
            let found = engine.applications(tenant).await?;
            named(found.into_iter().map(|app| app.client_id).collect())
        }
        "endreason" => {
            let all = EndReason::OWN.into_iter().map(|one| (one.to_string(), words::reason(&one)));
            let fitting = all.filter(|(name, _)| begins(name, partial));
            fitting.map(|(name, said)| (quoted(&name), said)).collect()
        }
        "state" => named(vec!["active".into(), "ended".into()]),
        "device" => named(vec!["pc".into(), "smartphone".into(), "mobilephone".into()]),
        "remember" => among(&["true", "false"], partial),
        "signedinat" | "lastaccess" | "endedat" => {
            let ago = [HOUR, 24 * HOUR, 7 * 24 * HOUR].map(|ago| {
                let at = engine.now().plus(-ago);
                let said = jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string());
                (quoted(&said.unwrap_or_default()), words::ago(at, engine.now()))
            });
            ago.into_iter().filter(|(value, _)| begins(value.trim_matches('"'), partial)).collect()
        }
        _ => Vec::new(),
    })
}

async fn people(
    context: &Context,
    partial: &str,
    put: impl Fn(&str) -> String,
) -> Result<Vec<Suggestion>, EngineError> {
    let store = context.engine().reads(context.tenant().id);
    let found = store.users_by_prefix(partial, None, SHOWN as i64).await?;
    let said = |user: &sojourn_model::User| plain(user.display_name.clone().unwrap_or_default());
    Ok(found.iter().map(|user| (put(&user.username), said(user))).collect())
}

async fn suggestions(
    context: &Context,
    rights: &Rights,
    text: &str,
) -> Result<Vec<Suggestion>, EngineError> {
    let (stays, wanted) = wanted(text);
    let mut found = match wanted {
        Wanted::Attribute(partial) => {
            let mut found = Vec::new();
            // The box accepts any search term, which most often is the name of a user.
            if stays.is_empty() && !partial.is_empty() && rights.has(PEOPLE) {
                found = people(context, partial, str::to_owned).await?;
                found.truncate(SHOWN / 2);
            }
            let all = vocabulary();
            let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
            found.extend(among(&names, partial));
            found
        }
        Wanted::Operator(attribute, partial) => {
            let all = vocabulary();
            let plain = |name: &str| name.replace(['_', '.'], "").to_ascii_lowercase();
            let known = all.iter().find(|(name, _)| plain(name) == plain(attribute));
            known.map(|(_, operators)| among(operators, partial)).unwrap_or_default()
        }
        Wanted::Value(attribute, partial) => values(context, rights, attribute, partial).await?,
        Wanted::Joint(partial) => among(&["and", "or"], partial),
    };
    found.truncate(SHOWN);
    for (put, _) in &mut found {
        put.insert_str(0, stays);
    }
    found.retain(|(put, _)| put.trim_end() != text.trim_end());
    Ok(found)
}

/// Serves `GET /console/sessions/completion?q=…`: suggestions as JSON, each with the text for the whole box and a
/// description.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/sessions", Right::SessionView).await?;
    let params = request::query(uri.query())?;
    let text = params.get("q").unwrap_or_default();
    if text.len() > LONGEST {
        return Ok(respond::json(StatusCode::OK, &json!({ "suggestions": [] })));
    }
    let found = suggestions(&context, visitor.by.rights(), text).await?;
    let language = context.language();
    let all =
        found.iter().map(|(put, said)| json!({ "text": put, "said": said.in_language(language) }));
    let all: Vec<serde_json::Value> = all.collect();
    Ok(respond::json(StatusCode::OK, &json!({ "suggestions": all })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_typed() {
        for (text, stays, expected) in [
            ("", "", Wanted::Attribute("")),
            ("al", "", Wanted::Attribute("al")),
            ("username", "", Wanted::Attribute("username")),
            ("username ", "username ", Wanted::Operator("username", "")),
            ("username s", "username ", Wanted::Operator("username", "s")),
            ("username sw ", "username sw ", Wanted::Value("username", "")),
            ("username sw \"al", "username sw ", Wanted::Value("username", "al")),
            ("application eq \"my sho", "application eq ", Wanted::Value("application", "my sho")),
            ("application eq \"my shop\" ", "application eq \"my shop\" ", Wanted::Joint("")),
            ("ip pr ", "ip pr ", Wanted::Joint("")),
            ("ip pr a", "ip pr ", Wanted::Joint("a")),
            ("ip pr and (role ", "ip pr and (role ", Wanted::Operator("role", "")),
            ("ip pr and (ro", "ip pr and (", Wanted::Attribute("ro")),
            ("not (state eq ", "not (state eq ", Wanted::Value("state", "")),
            ("username eq \"a and b", "username eq ", Wanted::Value("username", "a and b")),
            ("username eq \"a\\\" b", "username eq ", Wanted::Value("username", "a\\\" b")),
        ] {
            assert_eq!(wanted(text), (stays, expected), "{text}");
        }
    }
}
