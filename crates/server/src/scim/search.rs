//! `/scim2/.search`: users, groups and roles in one list (RFC 7644 §3.4.3).

use axum::body::Bytes;
use sojourn_engine::Right;
use sojourn_engine::scim::{ListQuery, Listed, Page};
use sojourn_scim::ScimError;
use sojourn_scim::evaluate::check;

use super::{Answer, Call, request};
use crate::context::Context;

/// `POST`: searches users, groups and roles.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let call = Call::new(&context, None).await?;
    let query = request::list_of_body(&context, &body)?;
    everything(&call, &query).await
}

/// Lists first the users, then the groups, then the roles that the caller may list and that have the attributes in the
/// filter.
async fn everything(call: &Call<'_>, query: &ListQuery) -> Answer {
    let Page::Index { start, count } = query.page else {
        let why = "pages of everything begin at 'startIndex'; search one type to use 'cursor'";
        return Err(ScimError::invalid_value(why).into());
    };
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let types = engine.scim_types();
    let mut all = Listed { total: Some(0), ..Listed::default() };
    let mut why_not = None;
    let kinds = [
        (&types.user, Right::UserList),
        (&types.group, Right::GroupList),
        (&types.role, Right::RoleList),
    ];
    let (mut may, mut fits) = (false, false);
    for (of, right) in kinds {
        if call.need(right).is_err() {
            continue;
        }
        may = true;
        // A resource type without such an attribute has no matches.
        if let Some(Err(error)) = query.filter.as_ref().map(|filter| check(of, filter)) {
            why_not = Some(error);
            continue;
        }
        fits = true;
        let before = all.total.unwrap_or(0);
        let page = Page::Index {
            start: start.saturating_sub(before).max(1),
            count: count - all.resources.len(),
        };
        let part = ListQuery { page, sort_by: None, ..query.clone() };
        let found = match of.name {
            "User" => engine.list_users(tenant, &part, &call.caller).await?,
            "Group" => engine.list_groups(tenant, &part, &call.caller).await?,
            _ => engine.list_roles(tenant, &part, &call.caller).await?,
        };
        all.total = Some(before + found.total.unwrap_or(0));
        all.resources.extend(found.resources);
    }
    if !may {
        call.need(Right::UserList)?;
    }
    match why_not {
        Some(error) if !fits => Err(error.into()),
        _ => Ok(call.listed(query, all)),
    }
}
