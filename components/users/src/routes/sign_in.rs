//! /users-ms/internal/sign-in: the two halves of a sign-in at auth, each in one statement: what auth needs before it
//! checks a password, and what came of it.

use super::{Call, token_metadata, trace};
use crate::hashing;
use crate::settings::{self, EmailVerification};
use crate::store::{Store, sign_in};
use api::users::{BeginSignInResponse, operation};
use identity::PasswordHash;
use service_kit::{HandlerResult, log};
use users_domain::{Actor, Attempt, BeginSignIn, EndSignIn};

/// POST `/begin`: a hashing permit and the credentials, or how long to wait.
pub(super) async fn begin_sign_in(call: &Call<'_, operation::BeginSignIn>) -> HandlerResult {
    let begin = BeginSignIn::try_from(call.body()?)?;
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&begin.keys));
    let ask = |store: &Store, request: &str| {
        let begun = sign_in::begin(store, request, begin.email.as_ref())?;
        Ok((begun.acquired, (begun.credentials, begun.foreign_hash)))
    };
    let (acquired, (mut credentials, foreign_hash), _) = hashing::acquire(&attempt, ask).await?;
    let verification = settings::email_verification()?;
    let is_unverified = credentials.as_ref().is_some_and(|credentials| credentials.email_verified == Some(false));
    let second_factor = match &credentials {
        Some(credentials) => {
            settings::mfa_required_for()?.task(credentials.role, credentials.has_second_factor, credentials.has_passkey)
        }
        None => None,
    };
    if let Some(credentials) = &mut credentials {
        shown_if_asked_for(verification, &mut credentials.email_verified);
    }
    let answer = BeginSignInResponse {
        permit: acquired.permit,
        retry_after: acquired.retry_after,
        locked: acquired.locked,
        report: acquired.report,
        credentials,
        second_factor,
        // Only what it costs leaves.
        decoy_hash: foreign_hash.and_then(|hash| Some(PasswordHash::parse(&hash).ok()?.decoy()?.expose().to_owned())),
        verification_required: is_unverified && verification == EmailVerification::Required,
    };
    Ok(call.ok(&answer))
}

/// POST `/end`: gives the permit back, and after a success begins the session.
pub(super) fn end_sign_in(call: &Call<'_, operation::EndSignIn>) -> HandlerResult {
    let end = EndSignIn::try_from(call.body()?)?;
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&end.keys));
    let trace = trace::of_service(call.request, Actor::Owner);
    let mut ended = sign_in::end(&Store::open()?, &end, &attempt, settings::notice_terms(end.known_device())?, trace)?;
    if let Some(session) = &mut ended.session {
        shown_if_asked_for(settings::email_verification()?, &mut session.email_verified);
        session.metadata = token_metadata::of(call.request, session.user_id)?;
        let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
        log::audit("session-begun", "success", &call.request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    Ok(call.ok(&ended))
}

/// Where nobody is asked to confirm an address, nothing says whether it is.
pub(super) fn shown_if_asked_for(verification: EmailVerification, email_verified: &mut Option<bool>) {
    if verification == EmailVerification::Off {
        *email_verified = None;
    }
}
