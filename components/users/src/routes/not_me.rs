//! /users-ms/not-me: the owner of an account says that it was not they who signed in, or changed how one does.

use super::tickets::{NewMail, Used, even_out, publish_after, repeatable, shown_by_client};
use super::{Call, trace};
use crate::store::{Store, not_me};
use api::users::operation::{ConfirmNotMe, ShowNotMePage, SubmitNotMePage};
use identity::{Email, Peppers};
use problem::Problem;
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, Request, StatusCode, config, log, now, page};
use std::time::Instant;
use users_domain::{Actor, NotMe, Purpose, invalid_link_page, not_me_form, reported_page};

/// POST `/confirm`: ends what the link is about, and begins a recovery.
pub(super) async fn confirm_not_me(call: &Call<'_, ConfirmNotMe>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let digest = repeatable(call.request, "not_me", &peppers)?;
    let used = report(call.request, &peppers, &call.body()?.token, digest.as_deref())?;
    even_out(start).await;
    used.answer()
}

/// GET `/page`: the page with the button. It changes nothing.
pub(super) fn show_not_me_page(call: &Call<'_, ShowNotMePage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, not_me_form(token)))
}

/// POST `/page`: does it by the form of the page.
pub(super) fn submit_not_me_page(call: &Call<'_, SubmitNotMePage>) -> HandlerResult {
    let form = call.form(&["token"])?;
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    Ok(match report(call.request, &config::peppers()?, token, None)?.is_done() {
        true => page(StatusCode::OK, reported_page()),
        false => page(StatusCode::FORBIDDEN, invalid_link_page()),
    })
}

/// Uses the link and ends what it is about.
fn report(request: &Request, peppers: &Peppers, token: &str, request_digest: Option<&str>) -> Result<Used, Problem> {
    let store = Store::open()?;
    let not_me = NotMe::verify(token, peppers, now());
    let email = match &not_me {
        Some(not_me) => not_me::address(&store, not_me.user_id)?.and_then(|email| Email::parse(&email).ok()),
        None => None,
    };
    let recovery = email.map(|email| NewMail::of(Purpose::Recovery, &email, peppers)).transpose()?;
    let shown = not_me.zip(recovery.as_ref().map(NewMail::issue));
    let digest = shown.as_ref().map(|(not_me, _)| not_me.digest(peppers)).unwrap_or_default();
    let shown = shown.as_ref().map(|(not_me, issue)| (not_me, digest.as_str(), issue));
    let client = shown_by_client(request, peppers)?;
    let reported = not_me::report(&store, shown, request_digest, &client, &trace::of_client(request, Actor::Owner)?)?;
    if let Some(seconds) = reported.retry_after {
        return Err(too_many_attempts(seconds));
    }
    let Some(id) = reported.user_id else { return Used::up(request, "takeover-reported", request_digest) };
    log::audit("takeover-reported", "success", &request.id, &[("user_id", &id.to_string())]);
    publish_after(request, reported.events);
    Ok(Used::Now)
}
