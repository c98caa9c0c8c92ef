//! /users-ms/users/{id}/phone-verification: confirming a phone number by a code that goes there.

use super::Call;
use super::second_factor::require_own;
use super::tickets::{publish_after, shown_by_client};
use crate::hashing::with_enabled_limits;
use crate::settings;
use crate::store::Store;
use crate::store::phones::{self, Outcome};
use api::users::operation::{ConfirmPhone, RequestPhoneCode};
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, StatusCode, client_address, config, log, now, random};
use users_domain::{
    Attempt, NewPhoneCode, invalid_ticket, no_phone, phone_code_digest, too_many_phone_codes, user_not_found,
};

/// Of what only the owner may do.
const OWN: &str = "Use your own id: only its owner confirms a number.";

/// POST: sends a code, if there is a number that is yet to be confirmed.
pub(super) fn request_phone_code(call: &Call<'_, RequestPhoneCode>) -> HandlerResult {
    let (request, id) = (call.request, call.path);
    require_own(call, OWN)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(request)?;
    let peppers = config::peppers()?;
    let client = peppers.digest("SMS requested by client", client_address(request)?);
    let client = with_enabled_limits(Attempt::to_request_sms(&client));
    let code = NewPhoneCode::new(id, &peppers, random::bytes());
    let trace = call.caller.trace(request, id)?;
    let issued = phones::issue(&store, id, &code, &client, settings::sms_limits()?, &trace)?;
    if let Some(seconds) = issued.retry_after {
        return Err(too_many_attempts(seconds));
    }
    match issued.outcome {
        Outcome::Sent | Outcome::Silent | Outcome::Verified => {}
        Outcome::TooMany => return Err(too_many_phone_codes(now())),
        Outcome::NoPhone => return Err(no_phone()),
        Outcome::Gone => return Err(user_not_found()),
    }
    publish_after(request, issued.events);
    Ok(call.empty(StatusCode::ACCEPTED))
}

/// POST `/confirm`: confirms the number.
pub(super) fn confirm_phone(call: &Call<'_, ConfirmPhone>) -> HandlerResult {
    let (request, id) = (call.request, call.path);
    require_own(call, OWN)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let peppers = config::peppers()?;
    let digest = phone_code_digest(id, &call.body()?.code, &peppers);
    let client = shown_by_client(request, &peppers)?;
    let confirmed = phones::confirm(&store, id, &digest, &client, &call.caller.trace(request, id)?)?;
    if let Some(seconds) = confirmed.retry_after {
        return Err(too_many_attempts(seconds));
    }
    let result = if confirmed.is_good { "success" } else { "invalid-code" };
    log::audit("phone-verification", result, &request.id, &[("user_id", &id.to_string())]);
    if confirmed.is_good { Ok(call.empty(StatusCode::NO_CONTENT)) } else { Err(invalid_ticket()) }
}
