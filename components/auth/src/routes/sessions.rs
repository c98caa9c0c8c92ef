//! /auth-ms/auth/sessions: a person's own sessions.

use crate::keys::Keys;
use crate::users::Users;
use problem::{Kind, Problem};
use shell::{Outcome, Request, StatusCode, empty, json, log, session_id};

/// GET: lists them, and says which one is asking.
pub(super) async fn list_sessions(request: &Request) -> Outcome {
    let caller = Keys::from_config()?.tokens().require(request)?;
    request.query(&[])?;
    let mut sessions = Users::from_config()?.sessions(caller.user_id).await?;
    for session in sessions["items"].as_array_mut().into_iter().flatten() {
        session["current"] = (session["id"] == caller.session.to_string()).into();
    }
    Ok(json(StatusCode::OK, &sessions))
}

/// DELETE: ends one, or all of them.
pub(super) async fn end_sessions(request: &Request, id: Option<&str>) -> Outcome {
    let caller = Keys::from_config()?.tokens().require(request)?;
    request.query(&[])?;
    let id = id.map(session_id).transpose()?;
    let ended = Users::from_config()?.end_sessions(caller.user_id, id).await?;
    if id.is_some() && ended == 0 {
        return Err(Problem::new(Kind::SessionNotFound, "You have no session with this id."));
    }
    let (user_id, ended) = (caller.user_id.to_string(), ended.to_string());
    log::audit("sessions-ended", "success", &request.id, &[("user_id", &user_id), ("count", &ended)]);
    Ok(empty(StatusCode::NO_CONTENT))
}
