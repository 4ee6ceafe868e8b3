//! Parsing of SCIM requests: parameters of lists, bodies.

use axum::body::Bytes;
use http::header;
use serde_json::Value;
use sojourn_engine::scim::{ListQuery, PAGE, PAGE_MAX, Page};
use sojourn_oidc::Params;
use sojourn_scim::filter::Filter;
use sojourn_scim::{Projection, ScimError};

use super::Refusal;
use crate::context::Context;

/// Schema URN of a search by POST.
const SEARCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Parses a query; fails if a parameter is repeated.
pub(super) fn query(text: Option<&str>) -> Result<Params, Refusal> {
    let wrong = |error: sojourn_oidc::ParamError| ScimError::invalid_value(error.to_string());
    let params = crate::request::api_query(text).map_err(wrong)?;
    params.no_doubles().map_err(wrong)?;
    Ok(params)
}

/// Parses `attributes` and `excludedAttributes`.
pub(super) fn projection(params: &Params) -> Result<Projection, Refusal> {
    Ok(Projection::of(params.get("attributes"), params.get("excludedAttributes"))?)
}

/// The parameters of a list request, as text.
struct Asked {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start: Option<i64>,
    count: Option<i64>,
    cursor: Option<String>,
    shown: Projection,
}

fn list(asked: Asked) -> Result<ListQuery, ScimError> {
    let filter = match &asked.filter {
        None => None,
        Some(text) => Some(
            Filter::parse(text).map_err(|error| ScimError::invalid_filter(error.to_string()))?,
        ),
    };
    let descending = match asked.sort_order.as_deref() {
        None | Some("ascending") => false,
        Some("descending") => true,
        Some(_) => {
            return Err(ScimError::invalid_value("'sortOrder' is ascending or descending"));
        }
    };
    // A negative count means none, and a count above the maximum means the maximum (RFC 7644 §3.4.2.4).
    let count = match asked.count {
        None => PAGE,
        Some(count) => usize::try_from(count.max(0)).unwrap_or(PAGE_MAX).min(PAGE_MAX),
    };
    let page = match (asked.cursor, asked.start) {
        (Some(_), Some(_)) => {
            let why = "a page begins at 'startIndex' or at 'cursor', not at both";
            return Err(ScimError::invalid_value(why));
        }
        (Some(cursor), None) => {
            Page::Cursor { at: Some(cursor).filter(|text| !text.is_empty()), count }
        }
        (None, start) => {
            let start = usize::try_from(start.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
            Page::Index { start, count }
        }
    };
    Ok(ListQuery { filter, sort_by: asked.sort_by, descending, page, shown: asked.shown })
}

/// Parses a list request from a query.
pub(super) fn list_of_query(text: Option<&str>) -> Result<ListQuery, Refusal> {
    let params = query(text)?;
    let number = |name: &str| -> Result<Option<i64>, ScimError> {
        let wrong = |_| ScimError::invalid_value(format!("'{name}' is a whole number"));
        params.get(name).map(|text| text.parse().map_err(wrong)).transpose()
    };
    let own = |name: &str| params.get(name).map(str::to_owned);
    // An empty cursor requests the first page; elsewhere, a parameter without a value counts as omitted.
    let first = text.unwrap_or_default().split('&').any(|one| one == "cursor" || one == "cursor=");
    Ok(list(Asked {
        filter: own("filter"),
        sort_by: own("sortBy"),
        sort_order: own("sortOrder"),
        start: number("startIndex")?,
        count: number("count")?,
        cursor: own("cursor").or_else(|| first.then(String::new)),
        shown: projection(&params)?,
    })?)
}

/// Parses a list request from a body (RFC 7644 §3.4.3).
pub(super) fn list_of_body(context: &Context, bytes: &Bytes) -> Result<ListQuery, Refusal> {
    let body = body(context, bytes)?;
    let schemas = body.get("schemas").and_then(Value::as_array).into_iter().flatten();
    if !schemas.filter_map(Value::as_str).any(|urn| urn.eq_ignore_ascii_case(SEARCH_SCHEMA)) {
        return Err(ScimError::invalid_syntax(format!("'schemas' names {SEARCH_SCHEMA}")).into());
    }
    let text = |name: &str| -> Result<Option<String>, ScimError> {
        match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(ScimError::invalid_value(format!("'{name}' is text"))),
        }
    };
    let number = |name: &str| -> Result<Option<i64>, ScimError> {
        match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| ScimError::invalid_value(format!("'{name}' is a whole number"))),
        }
    };
    let names = |name: &str| -> Result<Option<String>, ScimError> {
        match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(all)) => {
                let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                Ok(Some(all.join(",")))
            }
            Some(_) => Err(ScimError::invalid_value(format!("'{name}' is a list of names"))),
        }
    };
    let (attributes, excluded) = (names("attributes")?, names("excludedAttributes")?);
    Ok(list(Asked {
        filter: text("filter")?,
        sort_by: text("sortBy")?,
        sort_order: text("sortOrder")?,
        start: number("startIndex")?,
        count: number("count")?,
        cursor: text("cursor")?,
        shown: Projection::of(attributes.as_deref(), excluded.as_deref())?,
    })?)
}

/// Parses a JSON body; 415 if the media type is neither `application/scim+json` nor `application/json`.
pub(super) fn body(context: &Context, bytes: &Bytes) -> Result<Value, Refusal> {
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/scim+json" && kind != "application/json" {
        return Err(ScimError::new(415, None, "Send application/scim+json.").into());
    }
    let read = serde_json::from_slice(bytes);
    Ok(read.map_err(|error| ScimError::invalid_syntax(error.to_string()))?)
}
