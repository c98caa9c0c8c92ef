//! POST /auth-ms/auth/refresh and /auth-ms/auth/logout: a session goes on, or ends.

use crate::keys::Signer;
use crate::users::Users;
use auth_domain::{ACCESS_TOKEN_SECONDS, RefreshForm, RefreshToken, TokenResponse};
use shell::{Outcome, Request, StatusCode, empty, invalid_token, json, log, random, refuse_idempotency_key};

/// Spends a refresh token for new tokens (RFC 9700, 4.14.2). One that was spent before has been stolen, by the first
/// who used it or by this caller: its whole session ends.
pub(super) async fn refresh(request: &Request) -> Outcome {
    request.query(&[])?;
    refuse_idempotency_key(request)?;
    let form: RefreshForm = request.json(&["application/json"])?;
    let refused = |result: &str| {
        log::audit("refresh", result, &request.id, &[]);
        invalid_token()
    };
    let spent = RefreshToken::parse(&form.refresh_token).ok_or_else(|| refused("malformed"))?;
    let signer = Signer::from_config()?;
    let next = RefreshToken::new(random::bytes());
    let rotated = Users::from_config(request)?.rotate(&spent, &next).await?;
    if rotated.was_reused {
        log::warn("a spent refresh token was used again; its session has ended", &[("request_id", &request.id)]);
    }
    let result = if rotated.was_reused { "reused" } else { "unknown" };
    let session = rotated.session.ok_or_else(|| refused(result))?;
    let access = signer.sign(session.user_id, session.role, session.session_id, ACCESS_TOKEN_SECONDS)?;
    let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
    log::audit("refresh", "success", &request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    Ok(json(StatusCode::OK, &TokenResponse::new(access, next)))
}

/// Ends a session. Whether there was one is not said.
pub(super) async fn logout(request: &Request) -> Outcome {
    request.query(&[])?;
    let form: RefreshForm = request.json(&["application/json"])?;
    let ended = match RefreshToken::parse(&form.refresh_token) {
        Some(token) => Users::from_config(request)?.end_by_token(&token).await?,
        None => None,
    };
    match ended {
        Some(ended) => {
            let (user_id, session_id) = (ended.user_id.to_string(), ended.session_id.to_string());
            log::audit("logout", "success", &request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
        }
        None => log::audit("logout", "unknown", &request.id, &[]),
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
