//! GET /users-ms/users/{id}/activity and /users-ms/audit: what happened to somebody's access.

use super::Call;
use super::list_users::with_next;
use crate::settings;
use crate::store::audit_reading::{self, Numbered};
use crate::store::{Store, users};
use api::Page;
use api::users::AuditRow;
use api::users::operation::{ListActivity, ListAudit};
use problem::Problem;
use service_kit::{HandlerResult, invalid_token};
use users_domain::{AuditCursor, AuditPageRequest, user_not_found};

/// Lists what happened to one user's access, to the user and to administrators.
pub(super) fn list_activity(call: &Call<'_, ListActivity>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    let page = AuditPageRequest { user_id: Some(id), ..AuditPageRequest::from_query(call.query.clone())? };
    let store = Store::open()?;
    let found = users::find(&store, id, guard.session)?;
    if !found.is_alive {
        return Err(invalid_token());
    }
    found.user.ok_or_else(user_not_found)?;
    let Page { items, next_cursor } = read(&store, &page)?;
    let items = items.into_iter().map(audit_reading::shown_to_owner).collect();
    let response = call.ok(&Page { items, next_cursor: next_cursor.clone() });
    Ok(with_next(response, request, &format!("/users-ms/users/{id}/activity"), next_cursor.as_deref()))
}

/// Lists what happened to everybody's access, to administrators.
pub(super) fn list_audit(call: &Call<'_, ListAudit>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let page = AuditPageRequest::from_query(call.query.clone())?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let page = read(&store, &page)?;
    let response = call.ok(&page);
    Ok(with_next(response, call.request, "/users-ms/audit", page.next_cursor.as_deref()))
}

fn read(store: &Store, page: &AuditPageRequest) -> Result<Page<AuditRow>, Problem> {
    let mut rows = audit_reading::list(store, page, settings::audit_retention()?)?;
    let has_more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let cursor = |last: &Numbered| AuditCursor { time: last.row.time.clone(), id: last.id }.to_text();
    let next_cursor = rows.last().filter(|_| has_more).map(cursor);
    Ok(Page { items: rows.into_iter().map(|numbered| numbered.row).collect(), next_cursor })
}
