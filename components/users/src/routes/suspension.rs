//! /users-ms/users/{id}/access, .../suspension, .../lock and .../password-reset: what an administrator does to an account that is misused or
//! locked.

use super::Call;
use crate::hashing;
use crate::store::{Store, password_resets, suspensions};
use api::users::operation::{
    GetAccess, GetSuspension, LiftSuspension, RequirePasswordReset, SuspendUser, UnlockUser, WithdrawPasswordReset,
};
use api::users::{Access, Suspension};
use api::{AccessToken, Operation};
use identity::{AttemptKeys, UserId};
use problem::Problem;
use service_kit::{Admit, HandlerResult, StatusCode, config, log};
use users_domain::{Attempt, Precondition, Trace, user_not_found};

/// GET: since when the user is suspended.
pub(super) fn get_suspension(call: &Call<'_, GetSuspension>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let suspension: Suspension = suspensions::find(&store, call.path)?.ok_or_else(user_not_found)?;
    Ok(call.ok(&suspension))
}

/// GET `.../access`: what keeps the user out.
pub(super) fn get_access(call: &Call<'_, GetAccess>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let address = suspensions::address(&store, call.path)?.ok_or_else(user_not_found)?;
    // Of a sign-in by nobody who is known: a known device is never locked out.
    let attempt = Attempt::to_sign_in(&AttemptKeys::new(&config::peppers()?, &address, ""));
    let attempt = hashing::with_enabled_limits(attempt);
    let access: Access = suspensions::find_access(&store, call.path, &attempt)?.ok_or_else(user_not_found)?;
    Ok(call.ok(&access))
}

/// PUT: suspends the user and ends their sessions.
pub(super) fn suspend_user(call: &Call<'_, SuspendUser>) -> HandlerResult {
    let Authorized { store, condition, trace } = authorize(call)?;
    done(call, "user-suspended", suspensions::suspend(&store, call.path, &condition, &trace)?)
}

/// DELETE: lets the user sign in again.
pub(super) fn lift_suspension(call: &Call<'_, LiftSuspension>) -> HandlerResult {
    let Authorized { store, condition, trace } = authorize(call)?;
    done(call, "suspension-lifted", suspensions::lift(&store, call.path, &condition, &trace)?)
}

/// DELETE `.../lock`: forgets the failed sign-ins to the account.
pub(super) fn unlock_user(call: &Call<'_, UnlockUser>) -> HandlerResult {
    let Authorized { store, condition, trace } = authorize(call)?;
    let address = suspensions::address(&store, call.path)?.ok_or_else(user_not_found)?;
    // Of the keys only the account's is used, which is the same for every client.
    let account = AttemptKeys::new(&config::peppers()?, &address, "").account;
    done(call, "account-unlocked", suspensions::unlock(&store, call.path, &account, &condition, &trace)?)
}

/// PUT `.../password-reset`: demands a new password and ends the user's sessions.
pub(super) fn require_password_reset(call: &Call<'_, RequirePasswordReset>) -> HandlerResult {
    let Authorized { store, condition, trace } = authorize(call)?;
    done(call, "password-reset-required", password_resets::require(&store, call.path, &condition, &trace)?)
}

/// DELETE `.../password-reset`: demands none any more.
pub(super) fn withdraw_password_reset(call: &Call<'_, WithdrawPasswordReset>) -> HandlerResult {
    let Authorized { store, condition, trace } = authorize(call)?;
    done(call, "password-reset-withdrawn", password_resets::withdraw(&store, call.path, &condition, &trace)?)
}

/// What an action that may go on needs.
struct Authorized {
    store: Store,
    /// Which version of the user it is about.
    condition: Precondition,
    trace: Trace,
}

/// Admits administrators after a recent sign-in, whose session is alive.
fn authorize<O: Operation<Access = AccessToken, Path = UserId>>(call: &Call<'_, O>) -> Result<Authorized, Problem>
where
    AccessToken: Admit<super::Users, Proof = super::Guard>,
{
    let (request, id) = (call.request, call.path);
    call.caller.authorize_administration(request)?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(request)?;
    Ok(Authorized { store, condition, trace: call.caller.trace(request, id)? })
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
