//! PUT and PATCH /users-ms/users/{id}: replace a user, or change some fields.

use super::Call;
use super::create_user::{email_taken, enumeration_key, hash_with_permit, taken};
use super::current_password;
use super::guard::{Guard, LiveSession};
use super::tickets::{NewMail, even_out, publish_after};
use crate::hashing;
use crate::settings::{self, EmailVerification};
use crate::store::email_change::Pending;
use crate::store::preconditions::precondition_failed;
use crate::store::users::{NewEmail, Update};
use crate::store::{Changed, Store, rate_limits, user_response, users};
use api::users::operation::{PatchUser, ReplaceUser};
use identity::{AttemptKeys, Email, RoleName, UserId};
use problem::Problem;
use service_kit::{HandlerResult, Request, StatusCode, config, invalid_token, log};
use std::time::Instant;
use users_domain::{Attempt, Caller, Precondition, Proof, ValidatedChange, last_administrator, user_not_found};

/// Replaces a user.
pub(super) async fn replace_user(call: &Call<'_, ReplaceUser>) -> HandlerResult {
    call.caller.authorize_access(call.request, call.path)?;
    let change = ValidatedChange::replacement(call.body()?.0, settings::min_length()?)?;
    change_user(call.request, call.path, &call.caller, &change).await
}

/// Changes what a merge patch names (RFC 7396).
pub(super) async fn patch_user(call: &Call<'_, PatchUser>) -> HandlerResult {
    call.caller.authorize_access(call.request, call.path)?;
    let change = ValidatedChange::patch(call.body()?.0, settings::min_length()?)?;
    change_user(call.request, call.path, &call.caller, &change).await
}

async fn change_user(request: &Request, id: UserId, guard: &Guard, change: &ValidatedChange) -> HandlerResult {
    let start = Instant::now();
    guard.authorize_change(request, change)?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let session = guard.require_live_session(&Store::open()?)?;
    let own = !matches!(guard.caller(), Caller::Admin(by) if by != id);
    let is_verified = settings::email_verification()? != EmailVerification::Off;
    let new = if own && is_verified { to_confirm(id, change)? } else { None };
    let enumeration_key = prove(request, id, guard, &session, change, new.is_none()).await?;
    let hash = match &change.password {
        Some(password) => Some(hash_with_permit(request, password).await?),
        None => None,
    };
    let own_session = guard.session.filter(|_| guard.caller().is(id));
    let trace = guard.trace(request, id)?;
    let new_email = match (&new, &change.email) {
        (Some(new), Some(email)) => NewEmail::Pending(Pending { email, issue: new.issue(), session: own_session }),
        _ if own => NewEmail::AtOnce,
        _ => NewEmail::ByAdministrator,
    };
    let store = Store::open()?;
    let update = Update { change, hash: hash.as_ref(), new_email: &new_email };
    match users::update(&store, id, &update, own_session, &condition, &trace)? {
        Changed::Done(user, events) => {
            publish_after(request, events);
            report(request, id, guard, change, new.is_some());
            if change.password.is_some() {
                unlock(&store, &user.email);
            }
            if new.is_some() {
                even_out(start).await;
                return Ok(user_response(StatusCode::ACCEPTED, &user));
            }
            Ok(user_response(StatusCode::OK, &user))
        }
        Changed::NotFound => Err(user_not_found()),
        Changed::SessionEnded => Err(invalid_token()),
        Changed::OtherVersion => Err(precondition_failed()),
        Changed::EmailTaken => {
            // The right password tells nobody who else has an account: too many of those have to wait, as at a sign-up.
            if let Some(key) = enumeration_key {
                hashing::count_failure(&store, Attempt::of_enumeration(&key), taken("email-changed", Some(id), trace));
            }
            log::audit(
                "email-changed",
                "email-taken",
                &request.id,
                &[("user_id", &id.to_string()), ("by", &guard.by())],
            );
            Err(email_taken())
        }
        Changed::LastAdministrator => Err(last_administrator()),
        Changed::OwnRole => Err(Problem::forbidden("Nobody may raise their own role.")),
    }
}

/// Lets only a caller go on who has shown what the change needs beside an access token. Gives what is counted if the
/// change finds its email taken.
async fn prove(
    request: &Request,
    id: UserId,
    guard: &Guard,
    session: &LiveSession,
    change: &ValidatedChange,
    may_find_taken: bool,
) -> Result<Option<String>, Problem> {
    if guard.session.is_none() || !change.is_about_access() {
        return Ok(None);
    }
    let account = users::find_account(&Store::open()?, id)?.ok_or_else(user_not_found)?;
    let password = change.current_password.as_deref();
    match guard.caller().proof_for(id, change, &account.current) {
        Proof::None => Ok(None),
        Proof::Password => {
            let enumeration = match change.email {
                Some(_) if may_find_taken => Some(enumeration_key(request, &config::peppers()?)?),
                Some(_) | None => None,
            };
            current_password::require(request, guard, id, &account, password, enumeration.as_deref()).await?;
            Ok(enumeration)
        }
        // In the place of a recent sign-in the password will do, where it is the caller's own.
        Proof::RecentSignIn if !session.is_recent && guard.caller().is(id) && password.is_some() => {
            current_password::require(request, guard, id, &account, password, None).await?;
            Ok(None)
        }
        Proof::RecentSignIn => session.require_recent(request).map(|()| None),
    }
}

/// The mail that asks to confirm the address, if the change is to another one.
fn to_confirm(id: UserId, change: &ValidatedChange) -> Result<Option<NewMail>, Problem> {
    let Some(new) = &change.email else { return Ok(None) };
    let account = users::find_account(&Store::open()?, id)?.ok_or_else(user_not_found)?;
    if !account.current.is_left_by(change) {
        return Ok(None);
    }
    let current = Email::parse(&account.current.email).map_err(|error| Problem::internal(error.to_string()))?;
    NewMail::to_change(id, &current, new, &config::peppers()?).map(Some)
}

/// Opens an account that is locked: whoever has the new password is its owner. If that fails, it stays locked, and another
/// change opens it.
fn unlock(store: &Store, email: &str) {
    let unlocked = config::peppers().and_then(|peppers| {
        let account = AttemptKeys::new(&peppers, email, "").account;
        rate_limits::unlock(store, &account)
    });
    if let Err(problem) = unlocked {
        log::warn("an account stays locked", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Says in the audit log what changed of that on which access depends.
fn report(request: &Request, id: UserId, guard: &Guard, change: &ValidatedChange, is_email_pending: bool) {
    let (id, by) = (id.to_string(), guard.by());
    let fields = [("user_id", id.as_str()), ("by", &by)];
    if change.password.is_some() {
        log::audit("password-changed", "success", &request.id, &fields);
    }
    if change.email.is_some() {
        let result = if is_email_pending { "requested" } else { "success" };
        log::audit("email-changed", result, &request.id, &fields);
    }
    if let Some(role) = change.role {
        let others = change.other_roles.iter().flatten().map(RoleName::as_str);
        let roles = [role.name()].into_iter().chain(others).collect::<Vec<_>>().join(" ");
        log::audit("role-changed", "success", &request.id, &[fields[0], fields[1], ("role", &roles)]);
    }
}
