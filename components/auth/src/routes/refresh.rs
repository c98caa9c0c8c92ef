//! POST /auth-ms/auth/refresh and /auth-ms/auth/logout: a session goes on, or ends.

use super::Call;
use crate::keys::{Signer, refresh_keys};
use crate::users::{Rotated, Users};
use api::auth::operation::{Logout, Refresh};
use api::auth::{ACCESS_TOKEN_SECONDS, RefreshResponse};
use service_kit::{HandlerResult, StatusCode, invalid_token, log, refuse_idempotency_key};

/// Rotates a refresh token (RFC 9700, 4.14.2). The one before the current one gives the same successor again for a
/// moment, since the answer may have been lost. Any older one was stolen, by the first who used it or by this caller:
/// its whole session ends. What auth has not made is refused without asking users. A token that is nobody's is in no log:
/// it says nothing about anybody, and anybody can send as many as they like.
pub(super) async fn refresh(call: &Call<'_, Refresh>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let form = call.body()?;
    let keys = refresh_keys()?;
    let shown = keys.read(&form.refresh_token).ok_or_else(invalid_token)?;
    let signer = Signer::from_config()?;
    let (session, result) = match Users::from_config(request)?.rotate(&shown).await? {
        Rotated::Renewed(session) => (session, "success"),
        Rotated::Repeated(session) => (session, "repeated"),
        Rotated::Reused(ended) => {
            let (user_id, session_id) = (ended.user_id.to_string(), ended.session_id.to_string());
            let fields = [("request_id", request.id.as_str()), ("user_id", &user_id), ("session_id", &session_id)];
            log::warn("a refresh token was used again; its session has ended", &fields);
            log::audit("refresh", "reused", &request.id, &fields[1..]);
            return Err(invalid_token());
        }
        Rotated::Unknown => return Err(invalid_token()),
    };
    let access = signer.sign(&session, ACCESS_TOKEN_SECONDS)?;
    let next = keys.token(session.session_id, shown.generation.saturating_add(1), shown.successor());
    let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
    log::audit("refresh", result, &request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    Ok(call.ok(&RefreshResponse::new(access, next)))
}

/// Ends a session. Whether there was one is not said.
pub(super) async fn logout(call: &Call<'_, Logout>) -> HandlerResult {
    let request = call.request;
    let form = call.body()?;
    let ended = match refresh_keys()?.read(&form.refresh_token) {
        Some(token) => Users::from_config(request)?.end_by_token(&token).await?,
        None => None,
    };
    if let Some(ended) = ended {
        let (user_id, session_id) = (ended.user_id.to_string(), ended.session_id.to_string());
        log::audit("logout", "success", &request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    Ok(call.empty(StatusCode::NO_CONTENT))
}
