//! POST /auth-ms/oauth/token: from a code, a refresh token or a secret to tokens.

use super::super::Call;
use super::{Refused, answer, authenticated, users_of};
use crate::keys::{ClientSigner, client_refresh_keys};
use crate::users::Users;
use api::auth::operation::IssueTokens;
use api::auth::{ACCESS_TOKEN_SECONDS, TokenResponse};
use api::users::{
    OauthClient, OauthGrantOutcome, OauthGrantResponse, OauthSession, RotateOauthTokenRequest, SpendOauthCodeRequest,
};
use auth_domain::oauth::{GrantRequest, OFFLINE_ACCESS, OPENID, OauthFailure, parameters};
use auth_domain::{ABSOLUTE_SECONDS, IDLE_SECONDS, REFRESH_LEEWAY_SECONDS, RefreshSecret};
use service_kit::{HandlerResult, Request, Response, StatusCode, json, log, now, random};
use tokens::{ClientClaims, IdClaims};
use uuid::Uuid;

/// How long a session lives that has no refresh token, in seconds: as long as its access token.
const ONLINE_SECONDS: i32 = ACCESS_TOKEN_SECONDS as i32;

/// Issues tokens.
pub(in super::super) async fn issue_tokens(call: &Call<'_, IssueTokens>) -> HandlerResult {
    let (users, body) = (users_of(call.request)?, call.raw_body()?);
    answer(grant(call.request, &users, body).await)
}

async fn grant(request: &Request, users: &Users, body: &[u8]) -> Result<Response, Refused> {
    let form = parameters(body)?;
    let client = authenticated(request, users, &form).await?;
    let tokens = match GrantRequest::read(&form, &client.grants)? {
        GrantRequest::Code { digest, redirect_uri, challenge } => {
            by_code(request, users, &client, (digest, redirect_uri, challenge)).await?
        }
        GrantRequest::Refresh { token, scopes } => by_refresh(request, users, &client, &token, scopes).await?,
        GrantRequest::Client { scopes } => by_secret(request, &client, scopes)?,
    };
    Ok(json(StatusCode::OK, &tokens))
}

async fn by_code(
    request: &Request,
    users: &Users,
    client: &OauthClient,
    (code, redirect_uri, code_challenge): (String, String, String),
) -> Result<TokenResponse, Refused> {
    let (signer, keys) = (ClientSigner::from_config()?, client_refresh_keys()?);
    let refresh = RefreshSecret::new(random::bytes());
    let body = SpendOauthCodeRequest {
        code,
        client_id: client.id,
        redirect_uri,
        code_challenge,
        session_id: Uuid::new_v4(),
        refresh_digest: refresh.digest(),
        idle_seconds: IDLE_SECONDS,
        online_seconds: ONLINE_SECONDS,
        absolute_seconds: ABSOLUTE_SECONDS,
    };
    let granted = users.spend_oauth_code(&body).await?;
    logged(request, "authorization-code", client, &granted);
    let session = granted.session.ok_or_else(OauthFailure::invalid_grant)?;
    let refresh = keys.token(session.session_id, 0, refresh);
    let scopes = session.scopes.clone();
    tokens(&signer, client, &session, scopes, Some(refresh), granted.nonce.as_deref())
}

async fn by_refresh(
    request: &Request,
    users: &Users,
    client: &OauthClient,
    token: &str,
    asked: Option<Vec<String>>,
) -> Result<TokenResponse, Refused> {
    let (signer, keys) = (ClientSigner::from_config()?, client_refresh_keys()?);
    let shown = keys.read(token).ok_or_else(OauthFailure::invalid_grant)?;
    let session_id = shown.session.ok_or_else(OauthFailure::invalid_grant)?;
    // Who may not stay connected any more does not.
    if !may_stay(&client.scopes) {
        return Err(OauthFailure::invalid_grant().into());
    }
    let is_more = |scopes: &[String]| {
        asked.iter().flatten().any(|asked| !scopes.contains(asked) || !client.scopes.contains(asked))
    };
    // Before anything is rotated, as far as it can be known.
    if is_more(&client.scopes) {
        return Err(OauthFailure::new("invalid_scope", "The user has not allowed one of the scopes.").into());
    }
    let body = RotateOauthTokenRequest {
        client_id: client.id,
        session_id,
        generation: shown.generation,
        refresh_digest: shown.digest(),
        next_digest: shown.successor().digest(),
        idle_seconds: IDLE_SECONDS,
        leeway_seconds: REFRESH_LEEWAY_SECONDS,
    };
    let granted = users.rotate_oauth_token(&body).await?;
    logged(request, "oauth-refresh", client, &granted);
    let session = granted.session.ok_or_else(OauthFailure::invalid_grant)?;
    if is_more(&session.scopes) {
        // For a moment the token before the current one is as good as that.
        return Err(OauthFailure::new("invalid_scope", "The user has not allowed one of the scopes.").into());
    }
    // What the client may not ask for any more it does not get any more.
    let allowed = session.scopes.iter().filter(|scope| client.scopes.contains(scope)).cloned().collect();
    let next = keys.token(session_id, shown.generation.saturating_add(1), shown.successor());
    tokens(&signer, client, &session, asked.unwrap_or(allowed), Some(next), None)
}

fn by_secret(request: &Request, client: &OauthClient, asked: Option<Vec<String>>) -> Result<TokenResponse, Refused> {
    // What is about a user is for those who have one.
    let of_users = [OPENID, "profile", "email", "phone", OFFLINE_ACCESS];
    let own: Vec<String> = client.scopes.iter().filter(|scope| !of_users.contains(&scope.as_str())).cloned().collect();
    if asked.iter().flatten().any(|asked| !own.contains(asked)) {
        return Err(OauthFailure::new("invalid_scope", "The client may not ask for one of the scopes.").into());
    }
    let scopes = asked.unwrap_or(own);
    let scope = scopes.join(" ");
    let access_token = ClientSigner::from_config()?.sign(&ClientClaims {
        client_id: client.id,
        user: None,
        scopes,
        authentication: None,
        id: Uuid::new_v4(),
        issued_at: now(),
        expires_at: now() + ACCESS_TOKEN_SECONDS,
    })?;
    log::audit("client-credentials", "success", &request.id, &[("client_id", &client.id.to_string())]);
    let (token_type, expires_in) = ("Bearer", ACCESS_TOKEN_SECONDS);
    Ok(TokenResponse { access_token, token_type, expires_in, scope, refresh_token: None, id_token: None })
}

fn may_stay(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| scope == OFFLINE_ACCESS)
}

/// The tokens of a session of a client, with these of its scopes.
fn tokens(
    signer: &ClientSigner,
    client: &OauthClient,
    session: &OauthSession,
    scopes: Vec<String>,
    refresh: Option<String>,
    nonce: Option<&str>,
) -> Result<TokenResponse, Refused> {
    let (issued_at, expires_at) = (now(), now() + ACCESS_TOKEN_SECONDS);
    let (scope, is_openid) = (scopes.join(" "), scopes.iter().any(|scope| scope == OPENID));
    let has_refresh = may_stay(&session.scopes) && may_stay(&client.scopes);
    let access_token = signer.sign(&ClientClaims {
        client_id: client.id,
        user: Some((session.user_id, session.session_id)),
        scopes,
        authentication: Some(session.authentication.clone()),
        id: Uuid::new_v4(),
        issued_at,
        expires_at,
    })?;
    let id = IdClaims {
        user_id: session.user_id,
        client_id: client.id,
        session: session.session_id,
        nonce,
        authentication: &session.authentication,
        access_token: &access_token,
        issued_at,
        expires_at,
    };
    let id_token = is_openid.then(|| signer.sign_id(&id)).transpose()?;
    let refresh_token = refresh.filter(|_| has_refresh);
    let (token_type, expires_in) = ("Bearer", ACCESS_TOKEN_SECONDS);
    Ok(TokenResponse { access_token, token_type, expires_in, scope, refresh_token, id_token })
}

/// Logs what came of a grant. One that is nobody's says nothing about anybody, and is in no log.
fn logged(request: &Request, action: &str, client: &OauthClient, granted: &OauthGrantResponse) {
    let Some(user) = granted.user_id else { return };
    let result = match granted.outcome {
        OauthGrantOutcome::Begun | OauthGrantOutcome::Renewed => "success",
        OauthGrantOutcome::Repeated => "repeated",
        OauthGrantOutcome::Reused => "reused",
        OauthGrantOutcome::Invalid | OauthGrantOutcome::Unknown => "refused",
    };
    let (user, client) = (user.to_string(), client.id.to_string());
    log::audit(action, result, &request.id, &[("user_id", &user), ("client_id", &client)]);
}
