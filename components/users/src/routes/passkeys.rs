//! /users-ms/users/{id}/passkeys: what the owner of an account does with its passkeys; and administrators, who remove those of somebody
//! who has lost them.

use super::Call;
use super::second_factor::require_own;
use super::tickets::publish_after;
use crate::settings;
use crate::store::Store;
use crate::store::passkeys::{self, Account, New, Outcome};
use api::List;
use api::users::PasskeyRegistration;
use api::users::operation::{AddPasskey, BeginPasskeyRegistration, ListPasskeys, RemovePasskey, RenamePasskey};
use problem::{Kind, Problem};
use service_kit::{HandlerResult, StatusCode, config, log, random};
use users_domain::{
    MAX_PASSKEYS, NewPasskey, PASSKEY_CHALLENGE_SECONDS, PasskeyAccount, PasskeyChallenge, Precondition,
    invalid_passkey, invalid_passkey_challenge, passkey_name, user_not_found,
};
use uuid::Uuid;

/// Of what only the owner may do.
const OWN: &str = "Use your own id: only its owner adds a passkey to an account.";

/// GET: the passkeys.
pub(super) fn list_passkeys(call: &Call<'_, ListPasskeys>) -> HandlerResult {
    call.caller.authorize_access(call.request, call.path)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    Ok(call.ok(&List::new(passkeys::list(&store, call.path)?.ok_or_else(user_not_found)?)))
}

/// POST `/options`: begins to add one.
pub(super) fn begin_passkey_registration(call: &Call<'_, BeginPasskeyRegistration>) -> HandlerResult {
    let session = require_own(call, OWN)?;
    let party = settings::relying_party()?.ok_or_else(no_domain)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(call.request)?;
    let challenge = PasskeyChallenge::new(random::bytes(), &config::peppers()?);
    let account = passkeys::begin(&store, call.path, session, &challenge.digest)?.ok_or_else(user_not_found)?;
    let Account { handle, email, name, surname, credential_ids } = account;
    if i64::try_from(credential_ids.len()).unwrap_or(i64::MAX) >= MAX_PASSKEYS {
        return Err(Problem::of(Kind::TooManyPasskeys));
    }
    let display_name = format!("{name} {surname}");
    let account = PasskeyAccount { handle: handle.into_bytes(), email, display_name, credential_ids };
    let public_key = challenge.creation(&party, account);
    Ok(call.ok(&PasskeyRegistration { public_key, expires_in: PASSKEY_CHALLENGE_SECONDS }))
}

/// POST: adds it.
pub(super) fn add_passkey(call: &Call<'_, AddPasskey>) -> HandlerResult {
    let (request, id) = (call.request, call.path);
    let session = require_own(call, OWN)?;
    let party = settings::relying_party()?.ok_or_else(no_domain)?;
    let new = NewPasskey::parse(call.body()?, &config::peppers()?)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(request)?;
    let user_id = id.to_string();
    let handle = passkeys::find_handle(&store, id, session, &new.challenge)?.ok_or_else(invalid_passkey_challenge)?;
    let passkey = party.register(new.attestation, handle.into_bytes()).map_err(|refusal| {
        let fields = [("user_id", user_id.as_str()), ("reason", &refusal.to_string())];
        log::audit("passkey-added", "invalid-passkey", &request.id, &fields);
        invalid_passkey()
    })?;
    let new = New { id: Uuid::new_v4(), name: &new.name, challenge: &new.challenge, session, passkey: &passkey };
    let added = passkeys::add(&store, id, &new, &call.caller.trace(request, id)?)?;
    match added.outcome {
        Outcome::Added => {}
        Outcome::InvalidChallenge => return Err(invalid_passkey_challenge()),
        Outcome::TooMany => return Err(Problem::of(Kind::TooManyPasskeys)),
        Outcome::Taken => return Err(Problem::of(Kind::PasskeyExists)),
    }
    log::audit("passkey-added", "success", &request.id, &[("user_id", &user_id)]);
    publish_after(request, added.events);
    let all = passkeys::list(&store, id)?.unwrap_or_default();
    let shown = all.into_iter().find(|passkey| passkey.id == new.id).ok_or_else(user_not_found)?;
    Ok(call.ok(&shown))
}

/// PATCH: gives one another name.
pub(super) fn rename_passkey(call: &Call<'_, RenamePasskey>) -> HandlerResult {
    let (id, passkey) = call.path;
    call.caller.authorize_access(call.request, id)?;
    let name = passkey_name(&call.body()?.name)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let renamed = passkeys::rename(&store, id, passkey, &name, &call.caller.trace(call.request, id)?)?;
    Ok(call.ok(&renamed.ok_or_else(passkey_not_found)?))
}

/// DELETE: removes one.
pub(super) fn remove_passkey(call: &Call<'_, RemovePasskey>) -> HandlerResult {
    let (request, guard, (id, passkey)) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    let own_session = guard.session.filter(|_| guard.caller().is(id));
    let removed = passkeys::remove(&store, id, passkey, own_session, &condition, &guard.trace(request, id)?)?;
    if !removed.outcome {
        return Err(passkey_not_found());
    }
    let (user_id, by) = (id.to_string(), guard.by());
    log::audit("passkey-removed", "success", &request.id, &[("user_id", &user_id), ("by", &by)]);
    publish_after(request, removed.events);
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// The problem where there is no domain that passkeys could be for.
pub(super) fn no_domain() -> Problem {
    Problem::new(Kind::NotConfigured, "Passkeys need a domain. Set public_url or passkey_rp_id.")
        .with_cause("neither passkey_rp_id nor the host of public_url is a domain")
}

fn passkey_not_found() -> Problem {
    Problem::of(Kind::PasskeyNotFound)
}
