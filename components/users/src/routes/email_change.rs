//! /users-ms/email-change: confirming the new address of an account. /users-ms/email-return: taking the old one back.

use super::create_user::hash_with_permit;
use super::tickets::{NewMail, Used, even_out, publish_after, repeatable, shown_by_client};
use super::{Call, trace};
use crate::settings;
use crate::store::Store;
use crate::store::email_change::{self, Spent};
use api::users::operation::{
    ConfirmEmailChange, ConfirmEmailReturn, ShowEmailChangePage, ShowEmailReturnPage, SubmitEmailChangePage,
    SubmitEmailReturnPage,
};
use identity::{Email, Password, Peppers};
use problem::Problem;
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, Request, StatusCode, config, log, page, random};
use std::time::Instant;
use users_domain::{
    Actor, NewTicket, Purpose, ShownTicket, email_change_form, email_changed_page, email_return_form,
    email_returned_page, invalid_link_page,
};

/// POST `/email-change/confirm`: changes the address.
pub(super) async fn confirm_email_change(call: &Call<'_, ConfirmEmailChange>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let body = call.body()?;
    let (token, email, code) = (body.token.as_deref(), body.email.as_deref(), body.code.as_deref());
    let shown = ShownTicket::of_request(Purpose::EmailChange, token, email, code, &peppers)?;
    let shown = shown.in_request(repeatable(call.request, Purpose::EmailChange.name(), &peppers)?);
    let used = change(call.request, &peppers, &shown)?;
    even_out(start).await;
    used.answer()
}

/// GET `/email-change/page`: the page with the button. It changes nothing.
pub(super) fn show_email_change_page(call: &Call<'_, ShowEmailChangePage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, email_change_form(token)))
}

/// POST `/email-change/page`: changes the address by the form of the page.
pub(super) fn submit_email_change_page(call: &Call<'_, SubmitEmailChangePage>) -> HandlerResult {
    let form = call.form(&["token"])?;
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_token(Purpose::EmailChange, token, &peppers);
    Ok(match change(call.request, &peppers, &shown)?.is_done() {
        true => page(StatusCode::OK, email_changed_page()),
        false => page(StatusCode::FORBIDDEN, invalid_link_page()),
    })
}

/// POST `/email-return/confirm`: takes the address back.
pub(super) async fn confirm_email_return(call: &Call<'_, ConfirmEmailReturn>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_token(Purpose::EmailReturn, &call.body()?.token, &peppers);
    let shown = shown.in_request(repeatable(call.request, Purpose::EmailReturn.name(), &peppers)?);
    let used = take_back(call.request, &peppers, &shown).await?;
    even_out(start).await;
    used.answer()
}

/// GET `/email-return/page`: the page with the button. It changes nothing.
pub(super) fn show_email_return_page(call: &Call<'_, ShowEmailReturnPage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, email_return_form(token)))
}

/// POST `/email-return/page`: takes the address back by the form of the page.
pub(super) async fn submit_email_return_page(call: &Call<'_, SubmitEmailReturnPage>) -> HandlerResult {
    let form = call.form(&["token"])?;
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_token(Purpose::EmailReturn, token, &peppers);
    Ok(match take_back(call.request, &peppers, &shown).await?.is_done() {
        true => page(StatusCode::OK, email_returned_page()),
        false => page(StatusCode::FORBIDDEN, invalid_link_page()),
    })
}

/// Uses the ticket and changes the address.
fn change(request: &Request, peppers: &Peppers, shown: &ShownTicket) -> Result<Used, Problem> {
    let way_back = NewTicket::of_link(Purpose::EmailReturn, peppers, random::bytes());
    let link = settings::mail_link(Purpose::EmailReturn, &way_back.token)?;
    let (client, trace) = (shown_by_client(request, peppers)?, trace::of_client(request, Actor::Owner)?);
    let spent = email_change::change(&Store::open()?, shown, &client, &way_back, &link, &trace)?;
    finish(request, "email-changed", shown, spent)
}

/// Uses the ticket and takes the address back; then nobody knows the password. Only for a good one is anything hashed.
async fn take_back(request: &Request, peppers: &Peppers, shown: &ShownTicket) -> Result<Used, Problem> {
    let checked = email_change::check_return(&Store::open()?, shown, &shown_by_client(request, peppers)?)?;
    let refused =
        |retry_after| finish(request, "email-returned", shown, Spent { retry_after, user_id: None, events: vec![] });
    if checked.retry_after.is_some() {
        return refused(checked.retry_after);
    }
    let Some(email) = checked.email.and_then(|email| Email::parse(&email).ok()) else { return refused(None) };
    let unknown = hex::encode(random::bytes::<32>());
    let hash = hash_with_permit(request, &Password::verified(&unknown)).await?;
    let recovery = NewMail::of(Purpose::Recovery, &email, peppers)?;
    let trace = trace::of_client(request, Actor::Owner)?;
    let spent = email_change::take_back(&Store::open()?, shown, &hash, &recovery.issue(), &trace)?;
    finish(request, "email-returned", shown, spent)
}

fn finish(request: &Request, what: &str, shown: &ShownTicket, spent: Spent) -> Result<Used, Problem> {
    if let Some(seconds) = spent.retry_after {
        return Err(too_many_attempts(seconds));
    }
    let Some(id) = spent.user_id else { return Used::up(request, what, shown.request_digest()) };
    log::audit(what, "success", &request.id, &[("user_id", &id.to_string())]);
    publish_after(request, spent.events);
    Ok(Used::Now)
}
