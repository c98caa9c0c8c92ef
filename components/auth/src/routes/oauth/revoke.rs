//! POST /auth-ms/oauth/revoke: a client gives a token up (RFC 7009).

use super::super::Call;
use super::{Refused, answer, authenticated, users_of};
use crate::keys::{client_refresh_keys, client_token_verifier};
use crate::users::Users;
use api::auth::operation::RevokeToken;
use auth_domain::oauth::{OauthFailure, parameters};
use problem::Problem;
use service_kit::{HandlerResult, Request, StatusCode, log};
use uuid::Uuid;

/// Ends the session that a token belongs to.
pub(in super::super) async fn revoke_token(call: &Call<'_, RevokeToken>) -> HandlerResult {
    let (users, body) = (users_of(call.request)?, call.raw_body()?);
    answer(revoke(call.request, &users, body).await.map(|()| call.empty(StatusCode::OK)))
}

async fn revoke(request: &Request, users: &Users, body: &[u8]) -> Result<(), Refused> {
    let form = parameters(body)?;
    let client = authenticated(request, users, &form).await?;
    let token = form.get("token").ok_or_else(|| OauthFailure::new("invalid_request", "token is required."))?;
    // One that is not this client's is as good as none, and which it is, is not said.
    let Some(session) = session_of(token, client.id)? else { return Ok(()) };
    if users.end_oauth_session(client.id, session).await? > 0 {
        let (client, session) = (client.id.to_string(), session.to_string());
        log::audit("token-revoked", "success", &request.id, &[("client_id", &client), ("session_id", &session)]);
    }
    Ok(())
}

/// The session of a refresh token or of an access token.
fn session_of(token: &str, client: Uuid) -> Result<Option<Uuid>, Problem> {
    if let Some(refresh) = client_refresh_keys()?.read(token) {
        return Ok(refresh.session);
    }
    let claims = client_token_verifier()?.verify(token).ok().filter(|claims| claims.client_id == client);
    Ok(claims.and_then(|claims| claims.user).map(|(_, session)| session))
}
