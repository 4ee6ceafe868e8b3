//! `GET /api/users/v1/sessions`: searches the tenant's sessions.

use http::{StatusCode, Uri};
use sojourn_engine::Right;
use sojourn_engine::session::{
    Position, SearchRefused, SessionFilter, SessionQuery, SignInStamp, Sort, Vocabulary,
};
use sojourn_oidc::Params;

use super::caller::caller;
use super::json;
use super::refusal::{Answer, Refusal};
use crate::context::Context;
use crate::{request, respond};

/// Default number of sessions on a page, as in WSO2.
const LIMIT: i64 = 20;

struct Asked {
    filter: Option<String>,
    limit: i64,
    position: Position,
}

impl Asked {
    /// Parses the query. If both `since` and `until` are set, `since` applies. A limit below one means the default.
    fn read(params: &Params) -> Result<Self, String> {
        let number = |name: &str| -> Result<Option<i64>, String> {
            params
                .get(name)
                .map(|text| text.parse().map_err(|_| format!("{name} is not a number")))
                .transpose()
        };
        params.no_doubles().map_err(|error| error.to_string())?;
        let (since, until) = (number("since")?, number("until")?);
        let position = match (since, until) {
            (Some(since), _) => SignInStamp(since).above(),
            (None, Some(until)) => SignInStamp(until).below(),
            (None, None) => Position::Newest,
        };
        let limit = number("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT);
        Ok(Self { filter: params.get("filter").map(str::to_owned), limit, position })
    }

    fn link(&self, context: &Context, name: &str, stamp: SignInStamp) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        if let Some(filter) = &self.filter {
            query.append_pair("filter", filter);
        }
        query.append_pair(name, &stamp.0.to_string());
        let tenant = &context.tenant().name;
        context.at_root(&format!("/t/{tenant}/api/users/v1/sessions?{}", query.finish()))
    }
}

/// Searches sessions. Sessions of users with more rights than the caller are left out.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let caller = caller(&context, Right::SessionView).await?;
    let params = request::api_query(uri.query())?;
    let asked = Asked::read(&params).map_err(Refusal::InvalidSearch)?;
    let filter = SessionFilter::parse(asked.filter.as_deref(), Vocabulary::Wso2)
        .map_err(|why| Refusal::InvalidSearch(why.to_string()))?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let query = SessionQuery {
        filter: &filter,
        sort: Sort::SignedIn,
        position: asked.position.clone(),
        limit: asked.limit,
        rights: caller.rights(),
        as_of: None,
    };
    let page = match engine.search_sessions(tenant, &query).await {
        Ok(page) => page,
        Err(SearchRefused::Filter(why)) => return Err(Refusal::InvalidSearch(why)),
        Err(SearchRefused::Failed(cause)) => return Err(cause.into()),
    };
    let resources =
        page.found.iter().filter_map(|(user, view)| json::session(user, view)).collect();
    let body = json::SearchJson {
        previous: page.newer.map(|at| asked.link(&context, "since", SignInStamp::of(&at))),
        next: page.older.map(|at| asked.link(&context, "until", SignInStamp::of(&at))),
        resources,
    };
    Ok(respond::json(StatusCode::OK, &body))
}
