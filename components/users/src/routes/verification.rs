//! /users-ms/email-verification: confirming an address.

use super::tickets::{Used, even_out, repeatable, request_mail, shown_by_client};
use super::{Call, trace};
use crate::settings::{self, EmailVerification};
use crate::store::{Store, verification};
use api::users::operation::{ConfirmVerification, RequestVerification, ShowVerificationPage, SubmitVerificationPage};
use identity::Peppers;
use problem::Problem;
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, Request, StatusCode, config, log, page};
use std::time::Instant;
use users_domain::{Actor, Purpose, ShownTicket, invalid_link_page, verification_form, verified_page};

/// POST: sends a mail, if the address is one that is yet to be confirmed.
pub(super) async fn request_verification(call: &Call<'_, RequestVerification>) -> HandlerResult {
    let is_asked_for = settings::email_verification()? != EmailVerification::Off;
    request_mail(call.request, Purpose::Verification, &call.body()?.email, is_asked_for).await?;
    Ok(call.empty(StatusCode::ACCEPTED))
}

/// POST `/confirm`: confirms an address.
pub(super) async fn confirm_verification(call: &Call<'_, ConfirmVerification>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let body = call.body()?;
    let (token, email, code) = (body.token.as_deref(), body.email.as_deref(), body.code.as_deref());
    let shown = ShownTicket::of_request(Purpose::Verification, token, email, code, &peppers)?;
    let shown = shown.in_request(repeatable(call.request, Purpose::Verification.name(), &peppers)?);
    let used = confirm(call.request, &peppers, &shown)?;
    even_out(start).await;
    used.answer()
}

/// GET `/page`: the page with the button. It confirms nothing.
pub(super) fn show_verification_page(call: &Call<'_, ShowVerificationPage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, verification_form(token)))
}

/// POST `/page`: confirms an address by the form of the page.
pub(super) fn submit_verification_page(call: &Call<'_, SubmitVerificationPage>) -> HandlerResult {
    let form = call.form(&["token"])?;
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_token(Purpose::Verification, token, &peppers);
    Ok(match confirm(call.request, &peppers, &shown)?.is_done() {
        true => page(StatusCode::OK, verified_page()),
        false => page(StatusCode::FORBIDDEN, invalid_link_page()),
    })
}

/// Uses the ticket and notes that the address is confirmed.
fn confirm(request: &Request, peppers: &Peppers, shown: &ShownTicket) -> Result<Used, Problem> {
    let client = shown_by_client(request, peppers)?;
    let confirmed = verification::confirm(&Store::open()?, shown, &client, &trace::of_client(request, Actor::Owner)?)?;
    if let Some(seconds) = confirmed.retry_after {
        return Err(too_many_attempts(seconds));
    }
    let Some(id) = confirmed.user_id else {
        return Used::up(request, "email-verification", shown.request_digest());
    };
    log::audit("email-verification", "success", &request.id, &[("user_id", &id.to_string())]);
    Ok(Used::Now)
}
