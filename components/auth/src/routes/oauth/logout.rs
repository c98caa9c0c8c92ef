//! GET and POST /auth-ms/oauth/logout: an application signs its user out (OpenID Connect RP-Initiated Logout 1.0).

use super::super::Call;
use super::{page, redirection, texts_of, users_of};
use crate::keys::client_token_verifier;
use api::auth::operation::{ShowLogout, SubmitLogout};
use auth_domain::oauth::{LogoutRequest, Texts, message_page, parameters};
use service_kit::{HandlerResult, Request, Response, StatusCode, log};

/// GET: by a query.
pub(in super::super) async fn show_logout(call: &Call<'_, ShowLogout>) -> HandlerResult {
    log_out(call.request, call.request.raw_query().as_bytes()).await
}

/// POST: by a form.
pub(in super::super) async fn submit_logout(call: &Call<'_, SubmitLogout>) -> HandlerResult {
    log_out(call.request, call.raw_body()?).await
}

/// Ends the session of the ID token, which only the client and its user have, and sends the person on.
async fn log_out(request: &Request, encoded: &[u8]) -> HandlerResult {
    let (users, t) = (users_of(request)?, texts_of(request, encoded));
    let Ok(form) = parameters(encoded) else { return Ok(refused(&t)) };
    let logout = LogoutRequest::of(&form);
    let hint = match logout.id_token_hint() {
        None => None,
        Some(token) => match client_token_verifier()?.read_id(token) {
            Ok(hint) if logout.may_be_of(hint.client_id) => Some(hint),
            _ => return Ok(refused(&t)),
        },
    };
    let client = match hint {
        Some(hint) => users.oauth_client(hint.client_id).await?,
        None => None,
    };
    let Ok(way_back) = logout.way_back(client.as_ref()) else { return Ok(refused(&t)) };
    if let Some(hint) = hint
        && users.end_oauth_session(hint.client_id, hint.session).await? > 0
    {
        let (client, session) = (hint.client_id.to_string(), hint.session.to_string());
        log::audit("oauth-logout", "success", &request.id, &[("client_id", &client), ("session_id", &session)]);
    }
    match way_back {
        Some(location) => Ok(redirection(&location)),
        None => Ok(page(StatusCode::OK, message_page(&t, t.signed_out_title, t.signed_out), None)),
    }
}

fn refused(t: &Texts) -> Response {
    page(StatusCode::BAD_REQUEST, message_page(t, t.not_out_title, t.not_out), None)
}
