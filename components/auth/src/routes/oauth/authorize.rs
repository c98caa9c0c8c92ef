//! GET and POST /auth-ms/oauth/authorize: an application asks for an authorization.

use super::super::Call;
use super::{page, redirection, texts_of, users_of};
use crate::oauth;
use crate::users::Users;
use api::auth::operation::{ShowAuthorization, SubmitAuthorization};
use api::users::OauthClient;
use auth_domain::oauth::{
    Asked, AuthorizationRequest, Consent, NoRedirect, OauthFailure, Prompt, Texts, is_back_from_account, message_page,
    sign_in_page,
};
use problem::Problem;
use service_kit::{HandlerResult, Request, Response, StatusCode, config};

/// GET: the page of account, where people may be signed in, or one with a sign-in.
pub(in super::super) async fn show_authorization(call: &Call<'_, ShowAuthorization>) -> HandlerResult {
    authorize(call.request, call.request.raw_query().as_bytes()).await
}

/// POST: the same by a form.
pub(in super::super) async fn submit_authorization(call: &Call<'_, SubmitAuthorization>) -> HandlerResult {
    authorize(call.request, call.raw_body()?).await
}

async fn authorize(request: &Request, encoded: &[u8]) -> HandlerResult {
    let users = users_of(request)?;
    let t = texts_of(request, encoded);
    let Known { request, client, asked } = match known(&users, encoded, &t).await? {
        Ok(known) => known,
        Err(refusal) => return Ok(refusal),
    };
    if let Some(account) = oauth::account()?.filter(|_| !is_back_from_account(encoded))
        && let Some(hosted) = request.hosted_page(&account)
    {
        return Ok(redirection(&hosted));
    }
    if asked.prompt == Prompt::None {
        // Nobody is signed in at this endpoint, which sets no cookie.
        let failure = OauthFailure::new("login_required", "The user has to sign in.");
        return Ok(redirection(&request.refusal(&config::token_issuer()?, &failure)));
    }
    let consent = Consent { t: &t, name: &client.name, scopes: &asked.scopes };
    let html = sign_in_page(&request, consent, asked.login_hint.as_deref().unwrap_or_default(), None);
    Ok(page(StatusCode::OK, html, Some(&request.redirect_uri)))
}

/// A request that is valid, and its client.
pub(super) struct Known {
    pub(super) request: AuthorizationRequest,
    pub(super) client: OauthClient,
    pub(super) asked: Asked,
}

/// Reads an authorization request, or answers why it is none: on a page if nobody may be sent back, else to the client.
pub(super) async fn known(users: &Users, encoded: &[u8], t: &Texts) -> Result<Result<Known, Response>, Problem> {
    let (request, client) = match identified(users, encoded).await? {
        Ok(identified) => identified,
        Err(reason) => return Ok(Err(no_redirect(reason, t))),
    };
    match request.validate(&client) {
        Ok(asked) => Ok(Ok(Known { request, client, asked })),
        Err(failure) => Ok(Err(redirection(&request.refusal(&config::token_issuer()?, &failure)))),
    }
}

/// The client of a request, if people may be sent back to where that says.
pub(super) async fn identified(
    users: &Users,
    encoded: &[u8],
) -> Result<Result<(AuthorizationRequest, OauthClient), NoRedirect>, Problem> {
    let request = match AuthorizationRequest::read(encoded) {
        Ok(request) => request,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some(client) = users.oauth_client(request.client_id).await? else { return Ok(Err(NoRedirect::Client)) };
    if !request.may_redirect(&client) {
        return Ok(Err(NoRedirect::RedirectUri));
    }
    Ok(Ok((request, client)))
}

fn no_redirect(reason: NoRedirect, t: &Texts) -> Response {
    let text = match reason {
        NoRedirect::Client => t.unknown_client,
        NoRedirect::RedirectUri => t.unknown_address,
    };
    page(StatusCode::BAD_REQUEST, message_page(t, t.not_here, text), None)
}
