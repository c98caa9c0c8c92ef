//! GET /users-ms/users: a page of users.

use super::Call;
use crate::store::Store;
use crate::store::user_list::{self, Listed};
use api::Page;
use api::users::operation::ListUsers;
use service_kit::{HandlerResult, Request, Response};
use users_domain::{Cursor, PageRequest};

/// Lists users in the order that is asked for, with the way to the next page in the body and in `link` (RFC 8288).
pub(super) fn list_users(call: &Call<'_, ListUsers>) -> HandlerResult {
    call.caller.authorize_list(call.request)?;
    let page = PageRequest::from_query(call.query.clone())?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let mut items = user_list::list(&store, &page)?;
    let has_more = items.len() > page.limit;
    items.truncate(page.limit);
    let order = page.order;
    let cursor = |last: &Listed| Cursor { order, id: last.user.id, key: last.key.clone().unwrap_or_default() };
    let next_cursor = items.last().filter(|_| has_more).map(|last| cursor(last).to_text());
    let page = Page { items: items.into_iter().map(|listed| listed.user).collect(), next_cursor };
    let response = call.ok(&page);
    Ok(with_next(response, call.request, "/users-ms/users", page.next_cursor.as_deref()))
}

/// The response with the path of the next page, if there is one: the query as it came, with another cursor.
pub(super) fn with_next(mut response: Response, request: &Request, path: &str, cursor: Option<&str>) -> Response {
    if let Some(next) = cursor {
        let query = request.query_with("cursor", next);
        service_kit::set_header(&mut response, "link", &format!("<{path}?{query}>; rel=\"next\""));
    }
    response
}
