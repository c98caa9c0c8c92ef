//! /users-ms/email-verification: confirming an address.

use super::{Call, trace};
use crate::hashing::with_enabled_limits;
use crate::outbox;
use crate::settings::{self, EmailVerification};
use crate::store::Store;
use crate::store::outbox::OutboxEvent;
use crate::store::verification::{self, Issue};
use api::users::operation::{ConfirmVerification, RequestVerification, ShowVerificationPage, SubmitVerificationPage};
use identity::{Email, Peppers};
use problem::{Kind, Problem};
use service_kit::attempts::too_many_attempts;
use service_kit::{
    HandlerResult, Request, Response, StatusCode, client_address, config, log, random, set_header, sleep,
};
use std::time::{Duration, Instant};
use users_domain::{
    Actor, Attempt, CONTENT_SECURITY_POLICY, NewTicket, Purpose, ShownTicket, invalid_link_page, invalid_ticket,
    verification_form, verified_page,
};

/// Where the link leads.
const PAGE: &str = "/users-ms/email-verification/page";
/// When a request is answered, counted from its begin: later than it takes to do whatever there is to do, so that the time says
/// nothing about who has an account.
const ANSWER_AFTER: Duration = Duration::from_millis(100);

/// A ticket for the owner of an address, its link, and the limit of mails to the address.
pub(super) struct NewVerification {
    ticket: NewTicket,
    link: String,
    mails: Attempt,
}

impl NewVerification {
    /// A new one, by the component variable `public_url`.
    pub(super) fn of(email: &Email, peppers: &Peppers) -> Result<Self, Problem> {
        let ticket = NewTicket::new(Purpose::Verification, email, peppers, random::bytes(), random::bytes());
        let link = format!("{}{PAGE}?token={}", settings::public_url()?, ticket.token);
        let mails = with_enabled_limits(Attempt::to_mail(&peppers.digest("mail to address", email.key())));
        Ok(Self { ticket, link, mails })
    }

    pub(super) fn issue(&self) -> Issue<'_> {
        Issue { ticket: &self.ticket, link: &self.link, mails: &self.mails }
    }
}

/// POST: sends a mail, if the address is one that is yet to be confirmed.
pub(super) async fn request_verification(call: &Call<'_, RequestVerification>) -> HandlerResult {
    let start = Instant::now();
    let request = call.request;
    let asked = call.body()?.email;
    let email = Email::parse(&asked).map_err(|error| Problem::field(Kind::InvalidEmail, "email", error.to_string()))?;
    let peppers = config::peppers()?;
    let new = NewVerification::of(&email, &peppers)?;
    let is_asked_for = settings::email_verification()? != EmailVerification::Off;
    let client = peppers.digest("mails requested by client", client_address(request)?);
    let client = with_enabled_limits(Attempt::to_request_mail(&client));
    let requested = verification::request(&Store::open()?, &email, &client, &new.issue(), is_asked_for)?;
    if let Some(seconds) = requested.retry_after {
        return Err(too_many_attempts(seconds));
    }
    publish_after(request, requested.events);
    sleep(ANSWER_AFTER.saturating_sub(start.elapsed())).await;
    Ok(call.empty(StatusCode::ACCEPTED))
}

/// POST `/confirm`: confirms an address.
pub(super) async fn confirm_verification(call: &Call<'_, ConfirmVerification>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_request(&call.body()?, &peppers)?;
    let is_confirmed = confirm(call.request, &peppers, &shown)?;
    sleep(ANSWER_AFTER.saturating_sub(start.elapsed())).await;
    if is_confirmed { Ok(call.empty(StatusCode::NO_CONTENT)) } else { Err(invalid_ticket()) }
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
    Ok(match confirm(call.request, &peppers, &shown)? {
        true => page(StatusCode::OK, verified_page()),
        false => page(StatusCode::FORBIDDEN, invalid_link_page()),
    })
}

/// Whether the ticket was good. It is not, any more.
fn confirm(request: &Request, peppers: &Peppers, shown: &ShownTicket) -> Result<bool, Problem> {
    let client = peppers.digest("tickets by client", client_address(request)?);
    let client = with_enabled_limits(Attempt::to_show_ticket(&client));
    let trace = trace::of_client(request, Actor::Owner)?;
    let confirmed = verification::confirm(&Store::open()?, shown, &client, &trace)?;
    if let Some(seconds) = confirmed.retry_after {
        return Err(too_many_attempts(seconds));
    }
    match confirmed.user_id {
        Some(id) => log::audit("email-verification", "success", &request.id, &[("user_id", &id.to_string())]),
        None => log::audit("email-verification", "invalid-ticket", &request.id, &[]),
    }
    Ok(confirmed.user_id.is_some())
}

/// Publishes events once the answer is on its way. What cannot be published then is published by a later sweep.
pub(super) fn publish_after(request: &Request, events: Vec<OutboxEvent>) {
    if !events.is_empty() {
        request.after(async move { events.iter().for_each(outbox::publish_now) });
    }
}

fn page(status: StatusCode, html: String) -> Response {
    let mut response = Response::new(html.into_bytes());
    *response.status_mut() = status;
    set_header(&mut response, "content-type", "text/html; charset=utf-8");
    set_header(&mut response, "content-security-policy", CONTENT_SECURITY_POLICY);
    set_header(&mut response, "referrer-policy", "no-referrer");
    response
}
