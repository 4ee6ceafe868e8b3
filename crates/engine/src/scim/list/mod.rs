//! Lists (RFC 7644 §3.4.2, RFC 9865). An index is used where one applies. Otherwise a limited number of resources is
//! scanned, and a list that would need more is refused with advice on what to do.

mod groups;
mod roles;
mod users;

use std::cmp::Ordering;

use serde_json::Value;
use sojourn_crypto::{TokenKind, sha256};
use sojourn_model::{Actor, Millis, Tenant, UserId};
use sojourn_scim::filter::{Comparison, Filter};
use sojourn_scim::path::Path;
use sojourn_scim::schema::Kind;
use sojourn_scim::{Resource, ResourceType, ScimError};

use super::{ListQuery, Page, SCAN_MAX, ScimFailure};
use crate::engine::Engine;

/// First byte of the cursor, which differs from that of session cursors.
const CURSOR: u8 = 16;

/// Position at which a page by cursor starts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// After this number of entries in a list that is collected again.
    Number(usize),
    /// After the user with this creation time and id, or this name.
    User(Millis, UserId, String),
}

fn too_many(what: &str) -> ScimFailure {
    let why = format!(
        "{what}: more than {SCAN_MAX} would have to be looked at. Filter by userName, externalId, emails, id, \
         groups or roles with 'eq', or go through all of them with 'cursor'"
    );
    ScimError::too_many(why).into()
}

/// The first comparison that all results must satisfy and for which there is an index.
fn required<'f>(
    of: &ResourceType,
    filter: &'f Filter,
    names: &[&str],
) -> Option<(String, &'f Comparison)> {
    filter.required().into_iter().find_map(|one| {
        let path = Path::parse(of, &one.attribute).ok().filter(|path| path.extension.is_none())?;
        let attribute = path.attribute?;
        let whole = path.part.is_none_or(|part| part.name == "value");
        let fits = whole && names.contains(&attribute.name.as_str());
        fits.then(|| (attribute.name.clone(), one))
    })
}

fn sort_path<'a>(of: &'a ResourceType, query: &ListQuery) -> Result<Option<Path<'a>>, ScimError> {
    let Some(name) = &query.sort_by else { return Ok(None) };
    let path = Path::parse(of, name)?;
    if path.last().is_none() || path.filter.is_some() {
        return Err(ScimError::invalid_path(format!("'{name}' can't be sorted by")));
    }
    Ok(Some(path))
}

/// The value by which a resource is sorted: the primary value of a list, otherwise its first.
fn sort_key<'r>(resource: &'r Resource, path: &Path<'_>) -> Option<&'r Value> {
    let inside = match path.extension {
        Some(extension) => resource.get(&extension.id)?.as_object()?,
        None => resource,
    };
    let value = inside.get(&path.attribute?.name)?;
    let one = match value {
        Value::Array(all) => all.iter().find(|one| one["primary"] == true).or(all.first())?,
        one => one,
    };
    match path.part {
        Some(part) => one.get(&part.name),
        None if one.is_object() => one.get("value"),
        None => Some(one),
    }
}

fn compare(a: Option<&Value>, b: Option<&Value>, exact: bool) -> Ordering {
    match (a, b) {
        // Resources without a value come last (RFC 7644 §3.4.2.3).
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(Value::String(a)), Some(Value::String(b))) if exact => a.cmp(b),
        (Some(Value::String(a)), Some(Value::String(b))) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.as_i64().cmp(&b.as_i64()),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(a), Some(b)) => a.to_string().cmp(&b.to_string()),
    }
}

/// Sorts the collected resources if an order is requested.
fn sort<T>(found: &mut [(T, Resource)], path: Option<&Path<'_>>, descending: bool) {
    let Some(path) = path else { return };
    let exact = path.last().is_some_and(|one| one.case_exact || one.kind == Kind::DateTime);
    found.sort_by(|(_, a), (_, b)| {
        let order = compare(sort_key(a, path), sort_key(b, path), exact);
        if descending { order.reverse() } else { order }
    });
}

impl Engine {
    fn cursor(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        caller: &Actor,
        mark: &Mark,
    ) -> Result<String, ScimFailure> {
        let mut body = vec![CURSOR];
        body.extend_from_slice(&question(query, caller));
        match mark {
            Mark::Number(number) => {
                body.push(0);
                body.extend_from_slice(&(*number as u64).to_be_bytes());
            }
            Mark::User(at, id, name) => {
                body.push(1);
                body.extend_from_slice(&at.0.to_be_bytes());
                body.extend_from_slice(&id.to_vec());
                body.extend_from_slice(name.as_bytes());
            }
        }
        let sealed = self.sealer.seal(TokenKind::Cursor, tenant.id, &body);
        Ok(sealed.map_err(crate::error::EngineError::from)?)
    }

    fn mark(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        caller: &Actor,
    ) -> Result<Option<Mark>, ScimError> {
        let Page::Cursor { at: Some(cursor), .. } = &query.page else { return Ok(None) };
        let foreign = || {
            let why = "the cursor doesn't belong to this query: start without one";
            ScimError::new(400, Some("invalidCursor"), why)
        };
        let body = self.sealer.open(TokenKind::Cursor, tenant.id, cursor).ok_or_else(foreign)?;
        let read = || {
            let rest = body.strip_prefix(&[CURSOR])?;
            let (asked, rest) = rest.split_first_chunk::<32>()?;
            let (kind, rest) = rest.split_first()?;
            let (first, rest) = rest.split_first_chunk::<8>()?;
            if *asked != question(query, caller) {
                return None;
            }
            if *kind == 0 {
                return usize::try_from(u64::from_be_bytes(*first)).ok().map(Mark::Number);
            }
            let (id, name) = rest.split_at_checked(16)?;
            let id = UserId::from_slice(id).ok()?;
            let name = std::str::from_utf8(name).ok()?.to_owned();
            Some(Mark::User(Millis(i64::from_be_bytes(*first)), id, name))
        };
        read().map(Some).ok_or_else(foreign)
    }

    /// Members are only read if the filter uses them.
    fn looked_at(members: bool, name: &str) -> sojourn_scim::Projection {
        let excluded = if members { Vec::new() } else { vec![name.to_owned()] };
        sojourn_scim::Projection { attributes: Vec::new(), excluded }
    }

    /// The requested page of a collected list.
    fn part<T>(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        mark: Option<Mark>,
        caller: &Actor,
        found: Vec<(T, Resource)>,
    ) -> Result<(usize, Vec<T>, Option<String>), ScimFailure> {
        let total = found.len();
        let (skip, count, by_cursor) = match (&query.page, mark) {
            (Page::Index { start, count }, _) => (start - 1, *count, false),
            (Page::Cursor { count, .. }, Some(Mark::Number(number))) => (number, *count, true),
            (Page::Cursor { count, .. }, _) => (0, *count, true),
        };
        let part: Vec<T> = found.into_iter().skip(skip).take(count).map(|(one, _)| one).collect();
        let end = skip + part.len();
        let next = if by_cursor && count > 0 && end < total {
            Some(self.cursor(tenant, query, caller, &Mark::Number(end))?)
        } else {
            None
        };
        Ok((total, part, next))
    }
}

/// Returns whether a filter uses an attribute.
fn names(of: &ResourceType, filter: &Filter, attribute: &str) -> bool {
    filter.attributes().into_iter().any(|name| {
        let path = Path::parse(of, name);
        path.is_ok_and(|path| path.attribute.is_some_and(|one| one.name == attribute))
    })
}

/// The only member that a filter asks for, if it asks nothing else about members: the index has evaluated it, so no
/// other member needs to be read.
fn only_member<'f>(
    of: &ResourceType,
    filter: &Filter,
    answered: Option<&(String, &'f Comparison)>,
) -> Option<(String, &'f Comparison)> {
    let (attribute, one) = answered?;
    let asks = filter.attributes().into_iter().filter(|name| {
        let path = Path::parse(of, name);
        path.is_ok_and(|path| path.attribute.is_some_and(|one| one.name == *attribute))
    });
    (["members", "users"].contains(&&**attribute) && asks.count() == 1)
        .then(|| (attribute.clone(), *one))
}

/// Hash of the query and the caller that a cursor is bound to.
fn question(query: &ListQuery, caller: &Actor) -> [u8; 32] {
    let ListQuery { filter, sort_by, descending, .. } = query;
    sha256(format!("{caller}\n{filter:?}\n{sort_by:?}\n{descending}").as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sojourn_scim::schema;

    use super::*;

    #[test]
    fn rfc_7644_3_4_2_3_orders() {
        let of = schema::user(&[]);
        let resource = |name: &str, email: Option<&str>| {
            let mut one = json!({ "userName": name });
            if let Some(email) = email {
                one["emails"] = json!([{ "value": "zz" }, { "value": email, "primary": true }]);
            }
            (name.to_owned(), one.as_object().cloned().expect("an object"))
        };
        let all = [resource("b", None), resource("C", Some("b@x")), resource("a", Some("A@x"))];
        for (by, descending, want) in [
            ("userName", false, ["a", "b", "C"]),
            ("userName", true, ["C", "b", "a"]),
            ("emails", false, ["a", "C", "b"]),
            ("emails.value", false, ["a", "C", "b"]),
        ] {
            let mut found = all.to_vec();
            sort(&mut found, Some(&Path::parse(&of, by).expect("a path")), descending);
            let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
            assert_eq!(names, want, "{by} {descending}");
        }
    }
}
