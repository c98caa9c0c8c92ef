//! POST /auth-ms/auth/refresh and /auth-ms/auth/logout: a session goes on, or ends.

use crate::keys::{Keys, invalid_token};
use crate::users::Users;
use auth_domain::{ACCESS_TOKEN_SECONDS, RefreshForm, RefreshToken, TokenResponse};
use shell::{Outcome, Request, StatusCode, empty, json, log, random};

/// Spends a refresh token for new tokens (RFC 9700, 4.14.2). One that was spent before has been stolen, by the first
/// who used it or by this caller: its whole session ends.
pub(super) async fn refresh(request: &Request) -> Outcome {
    let form: RefreshForm = request.json(&["application/json"])?;
    let spent = RefreshToken::parse(&form.refresh_token).ok_or_else(invalid_token)?;
    let keys = Keys::from_config()?;
    let next = RefreshToken::new(random::bytes());
    let rotated = Users::from_config()?.rotate(&spent, &next).await?;
    if rotated.was_reused {
        log::warn("a spent refresh token was used again; its session has ended", &[("request_id", &request.id)]);
    }
    let session = rotated.session.ok_or_else(invalid_token)?;
    let access = keys.sign(session.user_id, session.role, session.session_id, ACCESS_TOKEN_SECONDS)?;
    Ok(json(StatusCode::OK, &TokenResponse::new(access, next)))
}

/// Ends a session. Whether there was one is not said.
pub(super) async fn logout(request: &Request) -> Outcome {
    let form: RefreshForm = request.json(&["application/json"])?;
    if let Some(token) = RefreshToken::parse(&form.refresh_token) {
        Users::from_config()?.end_by_token(&token).await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
