//! /users-ms/users/{id}/suspension, .../lock and .../password-reset: what an administrator does to an account that is misused or
//! locked.

use super::Call;
use crate::store::{Store, Suspended, password_resets, suspensions};
use api::users::Suspension;
use api::users::operation::{
    GetSuspension, LiftSuspension, RequirePasswordReset, SuspendUser, UnlockUser, WithdrawPasswordReset,
};
use api::{AccessToken, Operation};
use identity::{AttemptKeys, UserId};
use problem::Problem;
use service_kit::{Admit, HandlerResult, StatusCode, config, log};
use users_domain::{last_administrator, user_not_found};

/// GET: since when the user is suspended.
pub(super) fn get_suspension(call: &Call<'_, GetSuspension>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let suspension: Suspension = suspensions::find(&store, call.path)?.ok_or_else(user_not_found)?;
    Ok(call.ok(&suspension))
}

/// PUT: suspends the user and ends their sessions.
pub(super) fn suspend_user(call: &Call<'_, SuspendUser>) -> HandlerResult {
    let store = authorize(call)?;
    match suspensions::suspend(&store, call.path, &call.caller.trace(call.request, call.path)?)? {
        Suspended::Done { changed } => done(call, "user-suspended", changed),
        Suspended::LastAdministrator => Err(last_administrator()),
        Suspended::NotFound => Err(user_not_found()),
    }
}

/// DELETE: lets the user sign in again.
pub(super) fn lift_suspension(call: &Call<'_, LiftSuspension>) -> HandlerResult {
    let store = authorize(call)?;
    let changed = suspensions::lift(&store, call.path, &call.caller.trace(call.request, call.path)?)?
        .ok_or_else(user_not_found)?;
    done(call, "suspension-lifted", changed)
}

/// DELETE `.../lock`: forgets the failed sign-ins to the account.
pub(super) fn unlock_user(call: &Call<'_, UnlockUser>) -> HandlerResult {
    let store = authorize(call)?;
    let address = suspensions::address(&store, call.path)?.ok_or_else(user_not_found)?;
    // Of the keys only the account's is used, which is the same for every client.
    let account = AttemptKeys::new(&config::peppers()?, &address, "").account;
    let changed = suspensions::unlock(&store, call.path, &account, &call.caller.trace(call.request, call.path)?)?;
    done(call, "account-unlocked", changed)
}

/// PUT `.../password-reset`: demands a new password and ends the user's sessions.
pub(super) fn require_password_reset(call: &Call<'_, RequirePasswordReset>) -> HandlerResult {
    let store = authorize(call)?;
    let trace = call.caller.trace(call.request, call.path)?;
    let changed = password_resets::require(&store, call.path, &trace)?.ok_or_else(user_not_found)?;
    done(call, "password-reset-required", changed)
}

/// DELETE `.../password-reset`: demands none any more.
pub(super) fn withdraw_password_reset(call: &Call<'_, WithdrawPasswordReset>) -> HandlerResult {
    let store = authorize(call)?;
    let trace = call.caller.trace(call.request, call.path)?;
    let changed = password_resets::withdraw(&store, call.path, &trace)?.ok_or_else(user_not_found)?;
    done(call, "password-reset-withdrawn", changed)
}

/// Admits administrators after a recent sign-in, whose session is alive.
fn authorize<O: Operation<Access = AccessToken, Path = UserId>>(call: &Call<'_, O>) -> Result<Store, Problem>
where
    AccessToken: Admit<super::Users, Proof = super::Guard>,
{
    call.caller.authorize_administration(call.request)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(call.request)?;
    Ok(store)
}

/// The answer, after a line in the audit log if anything was changed.
fn done<O: Operation<Access = AccessToken, Path = UserId, Reply = ()>>(
    call: &Call<'_, O>,
    what: &str,
    changed: bool,
) -> HandlerResult
where
    AccessToken: Admit<super::Users, Proof = super::Guard>,
{
    if changed {
        let (user_id, by) = (call.path.to_string(), call.caller.by());
        log::audit(what, "success", &call.request.id, &[("user_id", &user_id), ("by", &by)]);
    }
    Ok(call.empty(StatusCode::NO_CONTENT))
}
