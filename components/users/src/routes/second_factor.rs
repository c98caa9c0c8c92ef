//! /users-ms/users/{id}/second-factor: what the owner of an account does with its second factor; and administrators, who remove that
//! of somebody who has lost it.

use super::Call;
use super::tickets::publish_after;
use crate::hashing::PermitGuard;
use crate::settings;
use crate::store::second_factors::{self, GoesOn};
use crate::store::{Store, users};
use api::users::operation::{ConfirmTotp, EnrolTotp, GetSecondFactor, RemoveSecondFactor, ReplaceRecoveryCodes};
use api::users::{RecoveryCodes, TotpEnrolment};
use api::{AccessToken, Operation};
use identity::{AttemptKeys, Peppers, UserId};
use problem::{Kind, Problem};
use service_kit::{Admit, HandlerResult, StatusCode, client_address, config, invalid_token, log, now, random};
use users_domain::{
    Attempt, AuditEntry, ENROLMENT_SECONDS, FactorId, Precondition, RECOVERY_CODES, TotpKeys, TotpSecret, invalid_code,
    qr_code, recovery_code, recovery_digest, second_factor_exists, second_factor_not_found, user_not_found,
};
use uuid::Uuid;

/// Of what only the owner may do.
const OWN: &str = "Use your own id: only its owner adds a second factor to an account.";

/// GET: the second factor.
pub(super) fn get_second_factor(call: &Call<'_, GetSecondFactor>) -> HandlerResult {
    call.caller.authorize_access(call.request, call.path)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let factor = second_factors::find(&store, call.path)?.ok_or_else(user_not_found)?;
    Ok(call.ok(&factor))
}

/// POST `/totp`: begins to add an authenticator app.
pub(super) fn enrol_totp(call: &Call<'_, EnrolTotp>) -> HandlerResult {
    require_own(call, OWN)?;
    let keys = keys()?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(call.request)?;
    let enrolment = enrol(&store, call.path, &keys)?;
    log::audit("second-factor-enrolment", "begun", &call.request.id, &[("user_id", &call.path.to_string())]);
    Ok(call.ok(&enrolment))
}

/// POST `/totp/confirm`: confirms it by a code.
pub(super) async fn confirm_totp(call: &Call<'_, ConfirmTotp>) -> HandlerResult {
    let (request, id) = (call.request, call.path);
    let session = require_own(call, OWN)?;
    let code = call.body()?.code;
    let (keys, peppers) = (keys()?, config::peppers()?);
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let factor = second_factors::find_unconfirmed(&store, id)?.ok_or_else(not_begun)?;
    let account = users::find_account(&store, id)?.ok_or_else(user_not_found)?;
    drop(store);
    let trace = call.caller.trace(request, id)?;
    // Guesses count as those at a sign-in do.
    let attempt = AttemptKeys::new(&peppers, &account.current.email_key, &client_address(request)?);
    let permit = PermitGuard::acquire(Attempt::to_confirm(&attempt)).await?;
    let secret = keys.open(&factor.sealed_secret, FactorId { user_id: id, factor_id: factor.factor_id });
    let Some(secret) = secret else {
        let _ = permit.release(None, Some(id));
        return Err(unreadable());
    };
    let Some(step) = secret.matching_step(&code, now()) else {
        let (action, result) = ("second-factor-added", "invalid-code".to_owned());
        let entry = AuditEntry { action, result, user_id: Some(id), proves: false, trace };
        let _ = permit.release_audited(Some(false), Some(id), Some(entry));
        log::audit("second-factor-added", "wrong-code", &request.id, &[("user_id", &id.to_string())]);
        return Err(invalid_code());
    };
    let store = permit.release(None, Some(id));
    let (codes, digests) = new_codes(id, &peppers);
    let changed =
        second_factors::confirm(&store, id, factor.factor_id, step, &digests, GoesOn::Session(Some(session)), &trace)?;
    changed.outcome.ok_or_else(not_begun)?;
    log::audit("second-factor-added", "success", &request.id, &[("user_id", &id.to_string())]);
    publish_after(request, changed.events);
    Ok(call.ok(&RecoveryCodes { recovery_codes: codes }))
}

/// DELETE: removes app and recovery codes.
pub(super) fn remove_second_factor(call: &Call<'_, RemoveSecondFactor>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    let own_session = guard.session.filter(|_| guard.caller().is(id));
    // Whoever has lost everything starts anew: administrators remove the passkeys of others too.
    let removed = second_factors::remove(&store, id, own_session, &condition, &guard.trace(request, id)?)?;
    let (user_id, by) = (id.to_string(), guard.by());
    for (what, was_there) in [("second-factor-removed", removed.app), ("passkey-removed", removed.passkeys)] {
        if was_there {
            log::audit(what, "success", &request.id, &[("user_id", &user_id), ("by", &by)]);
        }
    }
    publish_after(request, removed.events);
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// POST `/recovery-codes`: new ones in the place of the earlier ones.
pub(super) fn replace_recovery_codes(call: &Call<'_, ReplaceRecoveryCodes>) -> HandlerResult {
    let id = call.path;
    require_own(call, OWN)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(call.request)?;
    let (codes, digests) = new_codes(id, &config::peppers()?);
    let changed = second_factors::replace_codes(&store, id, &digests, &call.caller.trace(call.request, id)?)?;
    if !changed.outcome {
        return Err(second_factor_not_found(Kind::SecondFactorNotFound.detail()));
    }
    log::audit("recovery-codes-replaced", "success", &call.request.id, &[("user_id", &id.to_string())]);
    publish_after(call.request, changed.events);
    Ok(call.ok(&RecoveryCodes { recovery_codes: codes }))
}

/// Begins to add an app to an account that has none.
pub(super) fn enrol(store: &Store, id: UserId, keys: &TotpKeys) -> Result<TotpEnrolment, Problem> {
    let secret = TotpSecret::new(random::bytes());
    let factor_id = Uuid::new_v4();
    let sealed = keys.seal(&secret, FactorId { user_id: id, factor_id }, random::bytes());
    let enrolled = second_factors::enrol(store, id, factor_id, &sealed)?.ok_or_else(user_not_found)?;
    if !enrolled.is_begun {
        return Err(second_factor_exists());
    }
    let uri = secret.uri(&settings::public_host()?, &enrolled.email);
    let qr_code = qr_code(&uri).ok_or_else(|| Problem::internal("an address does not fit a QR code"))?;
    Ok(TotpEnrolment { secret: secret.base32(), uri, qr_code, expires_in: ENROLMENT_SECONDS })
}

/// New recovery codes, and their digests.
pub(super) fn new_codes(id: UserId, peppers: &Peppers) -> (Vec<String>, Vec<String>) {
    let codes: Vec<_> = (0..RECOVERY_CODES).map(|_| recovery_code(random::bytes())).collect();
    let digests = codes.iter().filter_map(|code| recovery_digest(code, id, peppers)).collect();
    (codes, digests)
}

/// The keys that seal secrets.
pub(super) fn keys() -> Result<TotpKeys, Problem> {
    settings::totp_keys()?.ok_or_else(|| {
        Problem::new(Kind::NotConfigured, "Second factors are not set up here. Set totp_keys.")
            .with_cause("totp_keys is empty")
    })
}

/// The problem for a secret whose key is not known any more.
pub(super) fn unreadable() -> Problem {
    Problem::internal("no key of totp_keys opens the secret of a second factor")
}

/// Admits only the owner of the account: a factor is not added for somebody else. Answers their session.
pub(super) fn require_own<O: Operation<Access = AccessToken, Path = UserId>>(
    call: &Call<'_, O>,
    refusal: &str,
) -> Result<Uuid, Problem>
where
    AccessToken: Admit<super::Users, Proof = super::Guard>,
{
    let (guard, id) = (&call.caller, call.path);
    guard.authorize_access(call.request, id)?;
    let session = guard.session.ok_or_else(invalid_token)?;
    if !guard.caller().is(id) {
        return Err(Problem::forbidden(refusal));
    }
    Ok(session)
}

fn not_begun() -> Problem {
    second_factor_not_found("No authenticator app is being added, or not any more. Begin again.")
}
