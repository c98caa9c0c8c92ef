//! /users-ms/internal/oauth: what auth, which is the provider, asks users about clients, codes and their sessions.

use super::{Call, trace};
use crate::hashing::with_enabled_limits;
use crate::store::{Store, oauth_clients, oauth_sessions};
use api::users::operation::{
    AuthenticateOauthClient, EndOauthSession, FindOauthClient, FindOauthSession, IssueOauthCode, RotateOauthToken,
    SpendOauthCode,
};
use api::users::{AuthenticateOauthClientResponse, FoundOauthClient, SessionsEnded};
use service_kit::{HandlerResult, config, log};
use users_domain::{
    Actor, Attempt, authenticates, shown_secret, validate_code, validate_shown_code, validate_shown_token,
};

/// GET `/clients/{client_id}`: the client.
pub(super) fn find_oauth_client(call: &Call<'_, FindOauthClient>) -> HandlerResult {
    Ok(call.ok(&FoundOauthClient { client: oauth_clients::find(&Store::open()?, call.path)? }))
}

/// POST `/clients/authenticate`: whether a client is the one that it says.
pub(super) fn authenticate_oauth_client(call: &Call<'_, AuthenticateOauthClient>) -> HandlerResult {
    let body = call.body()?;
    let shown = shown_secret(&body)?;
    let address = config::peppers()?.digest("client secrets by address", &body.client_address);
    let attempt = with_enabled_limits(Attempt::to_authenticate_client(&address));
    let store = Store::open()?;
    let known = oauth_clients::find_to_authenticate(&store, body.client_id, &attempt)?;
    let answer = |client, retry_after| Ok(call.ok(&AuthenticateOauthClientResponse { client, retry_after }));
    // Whoever shows no secret guesses none, and does not wait for those who do.
    if known.retry_after.is_some() && shown.is_some() {
        return answer(None, known.retry_after);
    }
    let is_good = known.client.is_some() && authenticates(known.secret_digest.as_deref(), shown.as_deref());
    if is_good {
        return answer(known.client, None);
    }
    let is_reported = match shown {
        Some(_) => oauth_clients::count_failure(&store, &attempt).map(|()| true)?,
        // Nothing limits these, so there may be any number of them.
        None => oauth_clients::may_report(&store)?,
    };
    if is_reported {
        let id = body.client_id.to_string();
        log::audit("client-authentication", "invalid-client", &call.request.id, &[("client_id", &id)]);
    }
    answer(None, None)
}

/// POST `/codes`: keeps a code.
pub(super) fn issue_oauth_code(call: &Call<'_, IssueOauthCode>) -> HandlerResult {
    let body = call.body()?;
    validate_code(&body)?;
    let trace = trace::of_service(call.request, Actor::Owner);
    Ok(call.ok(&oauth_sessions::issue_code(&Store::open()?, &body, &trace)?))
}

/// POST `/codes/spend`: begins the session of a client.
pub(super) fn spend_oauth_code(call: &Call<'_, SpendOauthCode>) -> HandlerResult {
    let body = call.body()?;
    validate_shown_code(&body)?;
    let trace = trace::of_service(call.request, Actor::Nobody);
    Ok(call.ok(&oauth_sessions::spend_code(&Store::open()?, &body, &trace)?))
}

/// POST `/sessions/rotate`: rotates a refresh token of a client.
pub(super) fn rotate_oauth_token(call: &Call<'_, RotateOauthToken>) -> HandlerResult {
    let body = call.body()?;
    validate_shown_token(&body)?;
    let trace = trace::of_service(call.request, Actor::Nobody);
    Ok(call.ok(&oauth_sessions::rotate(&Store::open()?, &body, &trace)?))
}

/// GET `/clients/{client_id}/sessions/{session_id}`: the user of a session.
pub(super) fn find_oauth_session(call: &Call<'_, FindOauthSession>) -> HandlerResult {
    let (client, session) = call.path;
    Ok(call.ok(&oauth_sessions::find_user(&Store::open()?, client, session)?))
}

/// DELETE of the same: ends the session.
pub(super) fn end_oauth_session(call: &Call<'_, EndOauthSession>) -> HandlerResult {
    let (client, session) = call.path;
    let trace = trace::of_service(call.request, Actor::Owner);
    Ok(call.ok(&SessionsEnded { ended: oauth_sessions::end(&Store::open()?, client, session, &trace)? }))
}
