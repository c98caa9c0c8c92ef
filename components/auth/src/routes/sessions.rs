//! /auth-ms/auth/sessions: a person's own sessions; for an administrator anybody's, by `?user_id=`.

use crate::keys::good_tokens;
use crate::users::Users;
use api::{Page, auth, users};
use identity::{Role, UserId};
use problem::{FieldError, Kind, Problem};
use service_kit::{Outcome, Request, StatusCode, empty, invalid_token, json, log, session_id};
use tokens::AccessClaims;

/// Who asks, and about whose sessions.
struct Asked {
    caller: AccessClaims,
    user_id: UserId,
    users: Users,
}

/// GET: lists them, and says which one is asking.
pub(super) async fn list_sessions(request: &Request) -> Outcome {
    let Asked { caller, user_id, users } = asked(request).await?;
    let Page { items, next_cursor } = users.sessions(user_id).await?;
    let shown = |session: users::Session| auth::Session {
        current: session.id == caller.session,
        id: session.id,
        created_at: session.created_at,
        used_at: session.used_at,
        ends_at: session.ends_at,
    };
    Ok(json(StatusCode::OK, &Page { items: items.into_iter().map(shown).collect(), next_cursor }))
}

/// DELETE: ends one, or all of them.
pub(super) async fn end_sessions(request: &Request, id: Option<&str>) -> Outcome {
    let Asked { caller, user_id, users } = asked(request).await?;
    let id = id.map(session_id).transpose()?;
    let ended = users.end_sessions(user_id, id).await?;
    if id.is_some() && ended == 0 {
        return Err(Problem::new(Kind::SessionNotFound, "This user has no session with this id."));
    }
    let (user_id, by, ended) = (user_id.to_string(), caller.user_id.to_string(), ended.to_string());
    let fields = [("user_id", user_id.as_str()), ("by", &by), ("count", &ended)];
    log::audit("sessions-ended", "success", &request.id, &fields);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Lets only a caller through whose token is good and whose session is alive, to what is their own; an administrator
/// to what is anybody's.
async fn asked(request: &Request) -> Result<Asked, Problem> {
    let caller = good_tokens()?.require(request)?;
    let query = request.query(&["user_id"])?;
    let user_id = match query.get("user_id").map(|text| UserId::parse(text)) {
        None => caller.user_id,
        Some(Ok(user_id)) => user_id,
        Some(Err(error)) => {
            let fault = FieldError::new("user_id", error.to_string());
            return Err(Problem::new(Kind::InvalidQuery, error.to_string()).with_error(fault));
        }
    };
    if user_id != caller.user_id && caller.role != Role::Admin {
        log::audit("access", "refused", &request.id, &[("user_id", &caller.user_id.to_string())]);
        return Err(Problem::forbidden("Only an administrator may look at the sessions of others."));
    }
    let users = Users::from_config(request)?;
    if !users.is_session_alive(caller.session).await? {
        return Err(invalid_token());
    }
    Ok(Asked { caller, user_id, users })
}
