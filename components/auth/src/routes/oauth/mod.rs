//! /auth-ms/oauth: the OAuth 2.1 and OpenID Connect provider.

pub(super) mod authorize;
pub(super) mod decision;
pub(super) mod logout;
pub(super) mod revoke;
pub(super) mod sign_in;
pub(super) mod token;
pub(super) mod userinfo;

use crate::oauth;
use crate::users::Users;
use api::auth::OauthError;
use api::users::{AuthenticateOauthClientRequest, OauthClient};
use auth_domain::oauth::{ClientSecret, OauthFailure, Parameters, Texts, client_of, policy};
use problem::Problem;
use service_kit::attempts::too_many_attempts;
use service_kit::{Request, Response, StatusCode, client_address, json, set_header};

/// The texts for whoever has sent a request: a query or a form.
fn texts_of(request: &Request, encoded: &[u8]) -> Texts {
    Texts::of(encoded, request.header("accept-language"))
}

/// A page.
fn page(status: StatusCode, html: String, redirect_uri: Option<&str>) -> Response {
    let mut response = service_kit::page(status, html);
    set_header(&mut response, "content-security-policy", &policy(redirect_uri));
    // The form has to say where it is from (`origin`), which a browser leaves out by `no-referrer`.
    set_header(&mut response, "referrer-policy", "same-origin");
    response
}

/// The way back to an application: by GET, whatever led here (RFC 9700, 4.12).
fn redirection(location: &str) -> Response {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    set_header(&mut response, "location", location);
    set_header(&mut response, "referrer-policy", "no-referrer");
    response
}

/// A failure, as clients are told it.
fn failure(failure: &OauthFailure) -> Response {
    let body = OauthError { error: failure.error, error_description: failure.description };
    if failure.error != "invalid_client" {
        return json(StatusCode::BAD_REQUEST, &body);
    }
    let mut response = json(StatusCode::UNAUTHORIZED, &body);
    set_header(&mut response, "www-authenticate", "Basic realm=\"concierge\"");
    response
}

/// What keeps a client from what it asks for.
enum Refused {
    /// It is told so.
    Client(OauthFailure),
    /// Anything else.
    Problem(Problem),
}

impl From<OauthFailure> for Refused {
    fn from(failure: OauthFailure) -> Self {
        Self::Client(failure)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The answer to a client, whatever came of it.
fn answer(outcome: Result<Response, Refused>) -> Result<Response, Problem> {
    match outcome {
        Ok(response) => Ok(response),
        Err(Refused::Client(refused)) => Ok(failure(&refused)),
        Err(Refused::Problem(problem)) => Err(problem),
    }
}

/// The client of a request, if it is the one that it says.
async fn authenticated(request: &Request, users: &Users, form: &Parameters) -> Result<OauthClient, Refused> {
    let ClientSecret { id, digest, .. } = client_of(request.header("authorization"), form)?;
    let body = AuthenticateOauthClientRequest {
        client_id: id,
        secret_digest: digest,
        client_address: client_address(request)?,
    };
    let answer = users.authenticate_oauth_client(&body).await?;
    if let Some(seconds) = answer.retry_after {
        return Err(too_many_attempts(seconds).into());
    }
    Ok(answer.client.ok_or_else(OauthFailure::invalid_client)?)
}

/// Goes on only if there is a provider, and asks users from now on.
fn users_of(request: &Request) -> Result<Users, Problem> {
    oauth::require()?;
    Users::from_config(request)
}
