//! /users-ms/internal/second-factor: a sign-in between the right password and the code, for auth.

use super::second_factor::{enrol, keys, new_codes, unreadable};
use super::sign_in::shown_if_asked_for;
use super::tickets::publish_after;
use super::{Call, token_metadata, trace};
use crate::hashing::{self, release_failed};
use crate::settings;
use crate::store::challenges::{self, Code, OpenChallenge, Proved, Tried};
use crate::store::second_factors::{self, Factor, GoesOn};
use crate::store::{Store, hash_permits};
use api::users::operation::{BeginSecondFactor, EndSecondFactor as EndOperation, EnrolAtSignIn};
use api::users::{
    BeginSecondFactorResponse, EndSecondFactorResponse, EnrolAtSignInResponse, SecondFactorOutcome, SecondFactorTask,
};
use identity::{Peppers, UserId};
use problem::{Kind, Problem};
use service_kit::{HandlerResult, config, log, now, random};
use users_domain::{
    Acquired, Actor, Attempt, AuditEntry, CHALLENGE_SECONDS, EndSecondFactor, FactorId, NewChallenge, ReleasePermit,
    ShownChallenge, Trace, recovery_digest,
};

/// POST `/begin`: keeps a challenge after the right password.
pub(super) fn begin_second_factor(call: &Call<'_, BeginSecondFactor>) -> HandlerResult {
    let new = NewChallenge::try_from(call.body()?)?;
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&new.keys));
    let trace = trace::of_service(call.request, Actor::Owner);
    let is_begun = challenges::begin(&Store::open()?, &new, &attempt, entry("mfa-required", new.user_id, trace))?;
    Ok(call.ok(&BeginSecondFactorResponse { expires_in: is_begun.then_some(CHALLENGE_SECONDS) }))
}

/// POST `/enrol`: adds an app to an account that must have one.
pub(super) fn enrol_at_sign_in(call: &Call<'_, EnrolAtSignIn>) -> HandlerResult {
    let shown = ShownChallenge::try_from(call.body()?)?;
    let keys = keys()?;
    let store = Store::open()?;
    let open = challenges::find(&store, &shown)?.filter(|open| open.task == SecondFactorTask::Enrolment);
    let enrolment = match open.map(|open| enrol(&store, open.user_id, &keys)).transpose() {
        // It has been added meanwhile.
        Err(problem) if matches!(problem.kind(), Kind::SecondFactorExists | Kind::UserNotFound) => None,
        enrolment => enrolment?,
    };
    Ok(call.ok(&EnrolAtSignInResponse { enrolment }))
}

/// POST `/end`: verifies a code, and begins the session.
pub(super) async fn end_second_factor(call: &Call<'_, EndOperation>) -> HandlerResult {
    let end = EndSecondFactor::try_from(call.body()?)?;
    let Some(open) = challenges::find(&Store::open()?, &end.challenge)? else {
        return Ok(call.ok(&refused(SecondFactorOutcome::InvalidChallenge)));
    };
    let mut answer = answer(call, &end, &open).await?;
    answer.keys = Some(open.keys);
    if let Some(session) = &mut answer.session {
        shown_if_asked_for(settings::email_verification()?, &mut session.email_verified);
        session.metadata = token_metadata::of(call.request, session.user_id)?;
        let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
        log::audit("session-begun", "success", &call.request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    Ok(call.ok(&answer))
}

/// Admits the attempt as one at a password is, counts it, and only then looks at the code.
async fn answer(
    call: &Call<'_, EndOperation>,
    end: &EndSecondFactor,
    open: &OpenChallenge,
) -> Result<EndSecondFactorResponse, Problem> {
    let attempt = hashing::with_enabled_limits(Attempt::to_sign_in(&open.keys));
    let ask = |store: &Store, request: &str| Ok((hash_permits::acquire(store, request)?, ()));
    let (permit, store) = match hashing::acquire(&attempt, ask).await? {
        (Acquired { permit: Some(permit), .. }, (), Some(store)) => (permit, store),
        (Acquired { locked: true, report, .. }, ..) => {
            return Ok(EndSecondFactorResponse { report, ..refused(SecondFactorOutcome::Locked) });
        }
        (Acquired { retry_after: Some(seconds), report, .. }, ..) => {
            let refused = refused(SecondFactorOutcome::TooManyAttempts);
            return Ok(EndSecondFactorResponse { retry_after: Some(seconds), report, ..refused });
        }
        (Acquired { report, .. }, ..) => {
            return Ok(EndSecondFactorResponse { report, ..refused(SecondFactorOutcome::TooBusy) });
        }
    };
    let trace = trace::of_service(call.request, Actor::Owner);
    let audited = |result| entry(result, open.user_id, trace.clone());
    let release = |succeeded, result| release_failed(&store, &permit, &attempt, succeeded, audited(result));
    let Some(tried) = challenges::count_try(&store, &end.challenge)? else {
        release(None, "invalid-challenge");
        return Ok(refused(SecondFactorOutcome::InvalidChallenge));
    };
    let peppers = config::peppers()?;
    let code = match find_code(end, open, &tried, &peppers) {
        Ok(Some(code)) => code,
        Ok(None) => {
            release(Some(false), "invalid-code");
            return Ok(refused(SecondFactorOutcome::WrongCode));
        }
        Err(problem) => {
            release(None, "internal-error");
            return Err(problem);
        }
    };
    let Some(Confirmed { credentials_epoch, recovery_codes }) =
        confirmed(call, &store, end, open, &tried, &code, &trace)?
    else {
        release(None, "invalid-challenge");
        return Ok(refused(SecondFactorOutcome::InvalidChallenge));
    };
    let request =
        ReleasePermit::new(&permit, &attempt, Some(true), Some(open.user_id)).audited(Some(audited("invalid-code")));
    let proved = Proved::by_code(&code, &end.challenge.digest, &open.first_method);
    let ended = challenges::end(
        &store,
        &end.session,
        open.user_id,
        credentials_epoch,
        &proved,
        settings::notice_terms(Some(open.keys.device.is_some()))?,
        &request,
    )?;
    publish_after(call.request, ended.events);
    let Some(session) = ended.session else { return Ok(refused(SecondFactorOutcome::WrongCode)) };
    Ok(EndSecondFactorResponse {
        session: Some(session),
        event: ended.event,
        recovery_codes,
        ..refused(SecondFactorOutcome::SignedIn)
    })
}

/// The code, if it is right as far as can be said before it is spent. A secret sealed by an earlier key is sealed anew.
fn find_code(
    end: &EndSecondFactor,
    open: &OpenChallenge,
    tried: &Tried,
    peppers: &Peppers,
) -> Result<Option<Code>, Problem> {
    let is_enrolment = open.task == SecondFactorTask::Enrolment;
    if let Some(recovery_code) = recovery_digest(&end.code, open.user_id, peppers).filter(|_| !is_enrolment) {
        return Ok(Some(Code::Recovery { recovery_code }));
    }
    let Some(Factor { factor_id, sealed_secret }) = &tried.factor else { return Ok(None) };
    let (keys, of) = (keys()?, FactorId { user_id: open.user_id, factor_id: *factor_id });
    let secret = keys.open(sealed_secret, of).ok_or_else(unreadable)?;
    let Some(step) = secret.matching_step(&end.code, now()) else { return Ok(None) };
    let sealed_secret = (!keys.is_current(sealed_secret)).then(|| keys.seal(&secret, of, random::bytes()));
    Ok(Some(Code::Totp { factor_id: *factor_id, step, sealed_secret }))
}

/// A second factor that a session may begin with.
struct Confirmed {
    /// The epoch that it begins under.
    credentials_epoch: i32,
    /// Those of an app that was added at this sign-in.
    recovery_codes: Option<Vec<String>>,
}

/// Confirms an app that is added at this sign-in. `None` if it is not being added any more.
fn confirmed(
    call: &Call<'_, EndOperation>,
    store: &Store,
    end: &EndSecondFactor,
    open: &OpenChallenge,
    tried: &Tried,
    code: &Code,
    trace: &Trace,
) -> Result<Option<Confirmed>, Problem> {
    let (SecondFactorTask::Enrolment, Code::Totp { factor_id, step, .. }) = (open.task, code) else {
        return Ok(Some(Confirmed { credentials_epoch: tried.credentials_epoch, recovery_codes: None }));
    };
    let (codes, digests) = new_codes(open.user_id, &config::peppers()?);
    // The sign-in spends the step itself.
    let goes_on = GoesOn::Challenge(&end.challenge.digest);
    let changed = second_factors::confirm(store, open.user_id, *factor_id, step - 1, &digests, goes_on, trace)?;
    let Some(credentials_epoch) = changed.outcome else { return Ok(None) };
    log::audit("second-factor-added", "success", &call.request.id, &[("user_id", &open.user_id.to_string())]);
    publish_after(call.request, changed.events);
    Ok(Some(Confirmed { credentials_epoch, recovery_codes: Some(codes) }))
}

/// The row of the audit log about a login: this is its result unless it succeeds.
fn entry(result: &str, user_id: UserId, trace: Trace) -> AuditEntry {
    AuditEntry { action: "login", result: result.to_owned(), user_id: Some(user_id), proves: true, trace }
}

fn refused(outcome: SecondFactorOutcome) -> EndSecondFactorResponse {
    EndSecondFactorResponse {
        outcome,
        retry_after: None,
        report: false,
        keys: None,
        session: None,
        event: None,
        recovery_codes: None,
    }
}
