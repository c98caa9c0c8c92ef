//! /users-ms/internal/sessions: the sessions that auth gives out and users keeps, since users has the database and
//! knows when somebody goes or changes a password.

use super::JSON;
use crate::store::{Store, sessions};
use api::users::{EndSessionRequest, EndSessionResponse, RotateTokenRequest, SessionStatus, SessionsEnded};
use identity::UserId;
use service_kit::{Outcome, Page, Request, Service, StatusCode, session_id};
use users_domain::{Rotation, ShownToken};

/// POST `/rotate`: rotates a refresh token.
pub(super) fn rotate_token(request: &Request) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let rotation = Rotation::try_from(request.json::<RotateTokenRequest>(JSON)?)?;
    Ok(service_kit::json(StatusCode::OK, &sessions::rotate(&Store::open()?, &rotation)?))
}

/// POST `/end`: ends the session that a refresh token belongs to. One that is gone is ended.
pub(super) fn end_by_token(request: &Request) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let token = ShownToken::try_from(request.json::<EndSessionRequest>(JSON)?)?;
    let ended = sessions::end_by_token(&Store::open()?, &token)?;
    Ok(service_kit::json(StatusCode::OK, &EndSessionResponse { ended }))
}

/// GET `/{id}`: whether a session is alive.
pub(super) fn show_session(request: &Request, id: &str) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let is_alive = sessions::is_alive(&Store::open()?, session_id(id)?)?;
    Ok(service_kit::json(StatusCode::OK, &SessionStatus { alive: is_alive }))
}

/// GET `/internal/users/{id}/sessions`: the sessions of a user.
pub(super) fn list_sessions(request: &Request, user_id: UserId) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let items = sessions::list(&Store::open()?, user_id)?;
    Ok(service_kit::json(StatusCode::OK, &Page { items, next_cursor: None }))
}

/// DELETE `/internal/users/{id}/sessions` and `.../{session}`: ends all sessions of a user, or one.
pub(super) fn end_sessions(request: &Request, user_id: UserId, id: Option<&str>) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let id = id.map(session_id).transpose()?;
    let ended = sessions::end(&Store::open()?, user_id, id)?;
    Ok(service_kit::json(StatusCode::OK, &SessionsEnded { ended }))
}
