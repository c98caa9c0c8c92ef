//! GET /users-ms/users: a page of users.

use super::guard::Guard;
use crate::store::{Store, users};
use service_kit::{Outcome, Page, Request, StatusCode};
use users_domain::{Cursor, PageRequest};

/// Lists users in the order of their ids, with the way to the next page in the body and in `link` (RFC 8288).
pub(super) fn list_users(request: &Request) -> Outcome {
    let guard = Guard::of(request)?;
    guard.list(request)?;
    let page = PageRequest::from_query(request.query(PageRequest::PARAMETERS)?)?;
    let store = Store::open()?;
    guard.confirm(&store)?;
    let mut items = users::list(&store, &page)?;
    let has_more = items.len() > page.limit;
    items.truncate(page.limit);
    let next_cursor = items.last().filter(|_| has_more).map(|user| Cursor(user.id).to_text());
    let page = Page { items, next_cursor };
    let mut response = service_kit::json(StatusCode::OK, &page);
    if let Some(next) = &page.next_cursor {
        // The path of the next page: the query as it came, with another cursor.
        let query = request.query_with("cursor", next);
        service_kit::set_header(&mut response, "link", &format!("</users-ms/users?{query}>; rel=\"next\""));
    }
    Ok(response)
}
