//! /users-ms/internal/sessions and /users-ms/internal/users/{id}/sessions: sessions, which auth begins and users stores, since
//! users has the database and knows when somebody is deleted or changes a password.

use super::sign_in::shown_if_asked_for;
use super::{Call, token_metadata, trace};
use crate::settings;
use crate::store::Store;
use crate::store::sessions::{self, Ended};
use api::List;
use api::users::operation::{CheckSession, EndSession, EndSessionByToken, EndSessions, ListSessions, RotateToken};
use api::users::{EndSessionResponse, SessionStatus, SessionsEnded};
use problem::{Kind, Problem};
use service_kit::HandlerResult;
use users_domain::{Actor, Precondition, Rotation, ShownToken};
use uuid::Uuid;

/// POST `/rotate`: rotates a refresh token.
pub(super) fn rotate_token(call: &Call<'_, RotateToken>) -> HandlerResult {
    let rotation = Rotation::try_from(call.body()?)?;
    let mut rotated = sessions::rotate(&Store::open()?, &rotation, &trace::of_service(call.request, Actor::Nobody))?;
    if let Some(session) = &mut rotated.session {
        shown_if_asked_for(settings::email_verification()?, &mut session.email_verified);
        session.metadata = token_metadata::of(call.request, session.user_id)?;
    }
    Ok(call.ok(&rotated))
}

/// POST `/end`: ends the session that a refresh token belongs to.
pub(super) fn end_session_by_token(call: &Call<'_, EndSessionByToken>) -> HandlerResult {
    let token = ShownToken::try_from(call.body()?)?;
    let ended = sessions::end_by_token(&Store::open()?, &token, &trace::of_service(call.request, Actor::Owner))?;
    Ok(call.ok(&EndSessionResponse { ended }))
}

/// GET `/{session_id}`: whether a session is alive.
pub(super) fn check_session(call: &Call<'_, CheckSession>) -> HandlerResult {
    let found = sessions::find_alive(&Store::open()?, call.path)?;
    let recent = found.as_ref().is_some_and(|session| session.is_recent);
    Ok(call.ok(&SessionStatus { alive: found.is_some(), recent }))
}

/// GET: the sessions of a user.
pub(super) fn list_sessions(call: &Call<'_, ListSessions>) -> HandlerResult {
    Ok(call.ok(&List::new(sessions::list(&Store::open()?, call.path)?)))
}

/// DELETE: ends all sessions of a user, or all but one.
pub(super) fn end_sessions(call: &Call<'_, EndSessions>) -> HandlerResult {
    let trace = trace::of_service(call.request, trace::acting_user(call.request, call.path));
    let which = match call.query.get("except").map(|text| Uuid::try_parse(text)) {
        None => Ended::All,
        Some(Ok(session)) => Ended::AllBut(session),
        Some(Err(_)) => return Err(Problem::field(Kind::InvalidQuery, "except", "The id of a session is a UUID.")),
    };
    let condition = Precondition::parse(call.request.header("if-match"), call.path, false)?;
    let ended = sessions::end(&Store::open()?, call.path, which, &condition, &trace)?;
    Ok(call.ok(&SessionsEnded { ended }))
}

/// DELETE `/{session_id}`: ends one session of a user.
pub(super) fn end_session(call: &Call<'_, EndSession>) -> HandlerResult {
    let (user_id, session) = call.path;
    let trace = trace::of_service(call.request, trace::acting_user(call.request, user_id));
    let ended = sessions::end(&Store::open()?, user_id, Ended::One(session), &Precondition::None, &trace)?;
    Ok(call.ok(&SessionsEnded { ended }))
}
