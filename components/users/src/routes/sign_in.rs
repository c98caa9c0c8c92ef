//! /users-ms/internal/sign-in: the two halves of a sign-in at auth, each in one statement: what auth needs before it
//! checks a password, and what came of it.

use super::JSON;
use crate::hashing;
use crate::store::{Store, sign_in};
use api::users::{BeginSignInRequest, BeginSignInResponse, EndSignInRequest};
use service_kit::{Outcome, Request, Service, StatusCode, log};
use users_domain::{Attempt, BeginSignIn, EndSignIn};

/// POST `/begin`: a hashing permit and the credentials, or how long to wait.
pub(super) async fn begin_sign_in(request: &Request) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let begin = BeginSignIn::try_from(request.json::<BeginSignInRequest>(JSON)?)?;
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&begin.keys));
    let ask = |store: &Store, request: &str| {
        let begun = sign_in::begin(store, request, begin.email.as_ref())?;
        Ok((begun.acquired, begun.credentials))
    };
    let (_, acquired, credentials) = hashing::acquire(&attempt, ask).await?;
    let answer = BeginSignInResponse {
        permit: acquired.permit,
        retry_after: acquired.retry_after,
        locked: acquired.locked,
        report: acquired.report,
        credentials,
    };
    Ok(service_kit::json(StatusCode::OK, &answer))
}

/// POST `/end`: gives the permit back, and after a success begins the session.
pub(super) fn end_sign_in(request: &Request) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let end = EndSignIn::try_from(request.json::<EndSignInRequest>(JSON)?)?;
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&end.keys));
    let ended = sign_in::end(&Store::open()?, &end, &attempt)?;
    if let Some(session) = &ended.session {
        let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
        log::audit("session-begun", "success", &request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    Ok(service_kit::json(StatusCode::OK, &ended))
}
