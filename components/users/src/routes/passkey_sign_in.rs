//! /users-ms/internal/passkeys: a sign-in with a passkey, for auth.

use super::passkeys::no_domain;
use super::sign_in::shown_if_asked_for;
use super::tickets::publish_after;
use super::{Call, token_metadata, trace};
use crate::hashing::{self, release_failed};
use crate::settings::{self, EmailVerification};
use crate::store::challenges::{self, Proved};
use crate::store::passkey_sign_ins::{self, Found, Known};
use crate::store::{Store, hash_permits};
use api::users::operation::{BeginPasskeySignIn, EndPasskeySignIn};
use api::users::{BeginPasskeyResponse, EndPasskeyResponse, PasskeyOutcome, PasskeySignIn};
use identity::{AttemptKeys, DeviceToken, Peppers};
use passkeys::{Passkey, Proof, Refusal, RelyingParty};
use problem::Problem;
use serde_json::json;
use service_kit::{HandlerResult, config, log, now, random};
use users_domain::{
    Acquired, Actor, Attempt, AuditEntry, EndPasskey, PASSKEY_CHALLENGE_SECONDS, PasskeyChallenge, ReleasePermit,
    client_digest, decode_bytes, passkey_methods,
};

/// POST `/begin`: a challenge for whoever it may be.
pub(super) fn begin_passkey_sign_in(call: &Call<'_, BeginPasskeySignIn>) -> HandlerResult {
    let body = call.body()?;
    let party = settings::relying_party()?.ok_or_else(no_domain)?;
    let peppers = config::peppers()?;
    let challenge = PasskeyChallenge::new(random::bytes(), &peppers);
    let client = client_digest(body.user_agent.as_deref(), &peppers);
    let limit = Attempt::to_begin_passkey(&peppers.digest("passkeys by client", &body.client_address));
    let limit = hashing::with_enabled_limits(limit);
    let retry_after = passkey_sign_ins::begin(&Store::open()?, &client, &challenge.digest, &limit)?;
    let sign_in = || PasskeySignIn { public_key: challenge.request(&party), expires_in: PASSKEY_CHALLENGE_SECONDS };
    let sign_in = retry_after.is_none().then(sign_in);
    Ok(call.ok(&BeginPasskeyResponse { sign_in, retry_after }))
}

/// POST `/end`: verifies the answer, and begins the session.
pub(super) async fn end_passkey_sign_in(call: &Call<'_, EndPasskeySignIn>) -> HandlerResult {
    let party = settings::relying_party()?.ok_or_else(no_domain)?;
    let peppers = config::peppers()?;
    let Some(end) = EndPasskey::parse(call.body()?, &peppers)? else {
        return Ok(call.ok(&refused(PasskeyOutcome::InvalidPasskey)));
    };
    let Found { is_open, known } = passkey_sign_ins::find(&Store::open()?, &end)?;
    let answer = match known {
        _ if !is_open => refused(PasskeyOutcome::InvalidChallenge),
        None => refused(PasskeyOutcome::InvalidPasskey),
        Some(known) => answer(call, &party, &peppers, end, &known).await?,
    };
    if let Some(session) = &answer.session {
        let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
        log::audit("session-begun", "success", &call.request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    Ok(call.ok(&answer))
}

/// Admits the attempt as one at a password is, and only then verifies the answer; counts it.
async fn answer(
    call: &Call<'_, EndPasskeySignIn>,
    party: &RelyingParty,
    peppers: &Peppers,
    end: EndPasskey,
    known: &Known,
) -> Result<EndPasskeyResponse, Problem> {
    let keys = AttemptKeys::new(peppers, &known.email_key, &end.client_address);
    let device = end.device_token.as_deref().and_then(|text| DeviceToken::verify(text, peppers, &keys, now()));
    let keys = match &device {
        Some(device) => keys.by_device(peppers, device),
        None => keys,
    };
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&keys));
    let ask = |store: &Store, request: &str| Ok((hash_permits::acquire(store, request)?, ()));
    let (permit, store) = match hashing::acquire(&attempt, ask).await? {
        (Acquired { permit: Some(permit), .. }, (), Some(store)) => (permit, store),
        (Acquired { locked: true, report, .. }, ..) => {
            return Ok(EndPasskeyResponse { report, ..refused(PasskeyOutcome::Locked) });
        }
        (Acquired { retry_after: Some(seconds), report, .. }, ..) => {
            let refused = refused(PasskeyOutcome::TooManyAttempts);
            return Ok(EndPasskeyResponse { retry_after: Some(seconds), report, ..refused });
        }
        (Acquired { report, .. }, ..) => {
            return Ok(EndPasskeyResponse { report, ..refused(PasskeyOutcome::TooBusy) });
        }
    };
    let trace = trace::of_service(call.request, Actor::Owner);
    let entry = |result: &str| AuditEntry {
        action: "login",
        result: result.to_owned(),
        user_id: Some(known.user_id),
        proves: true,
        trace: trace.clone(),
    };
    let fail = |outcome: PasskeyOutcome, succeeded, result: &str| {
        release_failed(&store, &permit, &attempt, succeeded, entry(result));
        Ok(refused(outcome))
    };
    let EndPasskey { challenge, client, assertion, session, .. } = end;
    let proof = match verify(party, assertion, known) {
        Ok(proof) => proof,
        Err(refusal) => {
            let (user_id, reason) = (known.user_id.to_string(), refusal.to_string());
            log::audit("login-passkey", &reason, &call.request.id, &[("user_id", &user_id)]);
            // There may be a copy of the passkey: its owner finds this in their activity.
            let result = if refusal == Refusal::Counter { "passkey-counter-went-back" } else { "invalid-passkey" };
            return fail(PasskeyOutcome::InvalidPasskey, Some(false), result);
        }
    };
    let verification = settings::email_verification()?;
    if known.suspended {
        return fail(PasskeyOutcome::Suspended, None, "account-suspended");
    }
    if known.password_reset_required {
        return fail(PasskeyOutcome::PasswordResetRequired, None, "password-reset-required");
    }
    if !known.email_verified && verification == EmailVerification::Required {
        return fail(PasskeyOutcome::EmailNotVerified, None, "email-not-verified");
    }
    let release = ReleasePermit::new(&permit, &attempt, Some(true), Some(known.user_id))
        .audited(Some(entry("invalid-challenge")));
    let proved = Proved {
        spend: "spend_passkey",
        request: json!({"challenge": challenge, "client": client, "id": known.id, "sign_count": proof.sign_count,
            "backup": proof.backup}),
        amr: passkey_methods(proof.backup),
        change: None,
    };
    let mut ended = challenges::end(
        &store,
        &session,
        known.user_id,
        known.credentials_epoch,
        &proved,
        settings::notice_terms(Some(keys.device.is_some()))?,
        &release,
    )?;
    publish_after(call.request, std::mem::take(&mut ended.events));
    let Some(mut session) = ended.session else { return Ok(refused(PasskeyOutcome::InvalidChallenge)) };
    shown_if_asked_for(verification, &mut session.email_verified);
    session.metadata = token_metadata::of(call.request, session.user_id)?;
    Ok(EndPasskeyResponse {
        keys: Some(keys),
        session: Some(session),
        event: ended.event,
        ..refused(PasskeyOutcome::SignedIn)
    })
}

fn verify(party: &RelyingParty, assertion: passkeys::Assertion, known: &Known) -> Result<Proof, Refusal> {
    let passkey = Passkey {
        credential_id: assertion.credential_id.clone(),
        public_key: decode_bytes(&known.public_key).ok_or(Refusal::Key)?,
        sign_count: known.sign_count,
        backup: known.backup,
    };
    party.authenticate(assertion, &passkey, known.handle.into_bytes())
}

fn refused(outcome: PasskeyOutcome) -> EndPasskeyResponse {
    EndPasskeyResponse { outcome, retry_after: None, report: false, keys: None, session: None, event: None }
}
