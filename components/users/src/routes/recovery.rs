//! /users-ms/password-recovery: a new password for whoever has forgotten theirs.

use super::create_user::hash_with_permit;
use super::tickets::{Used, even_out, publish_after, repeatable, request_mail, shown_by_client};
use super::{Call, trace};
use crate::store::{Store, recovery};
use crate::{not_me, settings};
use api::users::operation::{ConfirmRecovery, RequestRecovery, ShowRecoveryPage, SubmitRecoveryPage};
use identity::{AttemptKeys, Email, Peppers};
use problem::{Kind, Problem};
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, Request, StatusCode, client_address, config, log, page};
use std::time::Instant;
use users_domain::{
    Actor, Owner, Purpose, ShownTicket, code_limit_key, invalid_link_page, new_password, recovered_page, recovery_form,
};

/// POST: sends a mail, if the address has an account.
pub(super) async fn request_recovery(call: &Call<'_, RequestRecovery>) -> HandlerResult {
    request_mail(call.request, Purpose::Recovery, &call.body()?.email, true).await?;
    Ok(call.empty(StatusCode::ACCEPTED))
}

/// POST `/confirm`: sets the password.
pub(super) async fn confirm_recovery(call: &Call<'_, ConfirmRecovery>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let body = call.body()?;
    let (token, email, code) = (body.token.as_deref(), body.email.as_deref(), body.code.as_deref());
    let shown = ShownTicket::of_request(Purpose::Recovery, token, email, code, &peppers)?;
    let shown = shown.in_request(repeatable(call.request, Purpose::Recovery.name(), &peppers)?);
    let used = recover(call.request, &peppers, &shown, &body.password).await?;
    even_out(start).await;
    used.answer()
}

/// GET `/page`: the page with the field for a new password. It changes nothing.
pub(super) fn show_recovery_page(call: &Call<'_, ShowRecoveryPage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, recovery_form(token, None)))
}

/// POST `/page`: sets the password by the form of the page.
pub(super) async fn submit_recovery_page(call: &Call<'_, SubmitRecoveryPage>) -> HandlerResult {
    let form = call.form(&["token", "password"])?;
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_token(Purpose::Recovery, field("token"), &peppers);
    match recover(call.request, &peppers, &shown, field("password")).await {
        Ok(used) if used.is_done() => Ok(page(StatusCode::OK, recovered_page())),
        Ok(_) => Ok(page(StatusCode::FORBIDDEN, invalid_link_page())),
        Err(problem) if problem.kind() == Kind::InvalidPassword => {
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, recovery_form(field("token"), Some(problem.detail()))))
        }
        Err(problem) => Err(problem),
    }
}

/// Uses the ticket and sets the password. Only for a good one is anything hashed.
async fn recover(request: &Request, peppers: &Peppers, shown: &ShownTicket, password: &str) -> Result<Used, Problem> {
    let refused = || Used::up(request, "password-recovery", shown.request_digest());
    let password = new_password(password, settings::min_length()?)?;
    let checked = recovery::check(&Store::open()?, shown, &shown_by_client(request, peppers)?)?;
    if let Some(seconds) = checked.retry_after {
        return Err(too_many_attempts(seconds));
    }
    let Some(owner) = checked.owner else { return refused() };
    owner.refuse_own_words(&password)?;
    let hash = hash_with_permit(request, &password).await?;
    // The ticket may have been used, or the credentials may have changed, while the password was hashed.
    let (failures, trace) = (failures_of(request, peppers, &owner)?, trace::of_client(request, Actor::Owner)?);
    let told = not_me::members_of_change(owner.user_id);
    let recovered = recovery::recover(&Store::open()?, shown, &hash, &failures, &told, &trace)?;
    let Some(id) = recovered.user_id else { return refused() };
    log::audit("password-recovery", "success", &request.id, &[("user_id", &id.to_string())]);
    publish_after(request, recovered.events);
    Ok(Used::Now)
}

/// The counters that a recovery resets: of sign-ins to the account, of those from this client, of codes.
fn failures_of(request: &Request, peppers: &Peppers, owner: &Owner) -> Result<Vec<String>, Problem> {
    let keys = AttemptKeys::new(peppers, &owner.email, &client_address(request)?);
    let codes = Email::parse(&owner.email).ok().map(|email| code_limit_key(peppers, &email));
    Ok([keys.account, keys.pair].into_iter().chain(codes).collect())
}
