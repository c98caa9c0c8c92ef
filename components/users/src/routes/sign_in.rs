//! /users-ms/internal/sign-in: the two halves of a sign-in at auth, each in one statement: what auth needs before it
//! checks a password, and what came of it.

use super::JSON;
use crate::hashing;
use crate::store::{Store, sign_in};
use shell::{Outcome, Request, Service, StatusCode, json, log};
use users_domain::{BeginSignInForm, Counter, EndSignInForm};

/// POST `/begin`: a hashing permit and the credentials, or how long to wait.
pub(super) fn begin_sign_in(request: &Request) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let begin = request.json::<BeginSignInForm>(JSON)?.validate()?;
    let counters = hashing::counted(Counter::of_attempt(&begin.keys));
    let begun = sign_in::begin(&Store::open()?, &counters, begin.email.as_ref(), hashing::places()?)?;
    Ok(json(StatusCode::OK, &begun))
}

/// POST `/end`: gives the permit back, and after a success begins the session.
pub(super) fn end_sign_in(request: &Request) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let end = request.json::<EndSignInForm>(JSON)?.validate()?;
    let counters = hashing::counted(Counter::of_attempt(&end.keys));
    let ended = sign_in::end(&Store::open()?, &end, &counters)?;
    if let Some(session) = &ended.session {
        let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
        log::audit("session-begun", "success", &request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    Ok(json(StatusCode::OK, &ended))
}
