//! GET and POST /auth-ms/oauth/logout: an application signs its user out (OpenID Connect RP-Initiated Logout 1.0).

use super::super::Call;
use super::{page, redirection, users_of};
use crate::keys::client_token_verifier;
use api::auth::operation::{ShowLogout, SubmitLogout};
use auth_domain::oauth::{LogoutRequest, message_page, parameters};
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
    let users = users_of(request)?;
    let Ok(form) = parameters(encoded) else { return Ok(refused()) };
    let logout = LogoutRequest::of(&form);
    let hint = match logout.id_token_hint() {
        None => None,
        Some(token) => match client_token_verifier()?.read_id(token) {
            Ok(hint) if logout.may_be_of(hint.client_id) => Some(hint),
            _ => return Ok(refused()),
        },
    };
    let client = match hint {
        Some(hint) => users.oauth_client(hint.client_id).await?,
        None => None,
    };
    let Ok(way_back) = logout.way_back(client.as_ref()) else { return Ok(refused()) };
    if let Some(hint) = hint
        && users.end_oauth_session(hint.client_id, hint.session).await? > 0
    {
        let (client, session) = (hint.client_id.to_string(), hint.session.to_string());
        log::audit("oauth-logout", "success", &request.id, &[("client_id", &client), ("session_id", &session)]);
    }
    match way_back {
        Some(location) => Ok(redirection(&location)),
        None => {
            let text = "The application is not connected to your session here any more. You can close this page.";
            Ok(page(StatusCode::OK, message_page("You are signed out", text), None))
        }
    }
}

fn refused() -> Response {
    let text = "The application that has sent you here does not say rightly whom to sign out, or where to send you afterwards.";
    page(StatusCode::BAD_REQUEST, message_page("You cannot be signed out here", text), None)
}
