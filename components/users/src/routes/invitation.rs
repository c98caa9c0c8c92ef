//! /users-ms/invitation: how somebody who is invited accepts.

use super::create_user::{created, hash_with_permit};
use super::tickets::{Used, even_out, publish_after, repeatable, shown_by_client, used_before};
use super::{Call, trace};
use crate::settings::{self, SignUpMode};
use crate::store::{Store, User, invitations, users};
use api::users::operation::{AcceptInvitation, ShowInvitationPage, SubmitInvitationPage};
use identity::{Locale, Peppers};
use problem::{Kind, Problem};
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, Request, StatusCode, config, log, page, set_header};
use std::time::Instant;
use users_domain::{
    Acceptance, Actor, Filled, Purpose, ShownTicket, invitation_accepted_page, invitation_form, invitation_invalid_page,
};

/// POST `/accept`: makes the user.
pub(super) async fn accept_invitation(call: &Call<'_, AcceptInvitation>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let body = call.body()?;
    let (token, email, code) = (body.token.as_deref(), body.email.as_deref(), body.code.as_deref());
    let shown = ShownTicket::of_request(Purpose::Invitation, token, email, code, &peppers)?;
    let acceptance = Acceptance::validate(&body.name, &body.surname, &body.password, settings::min_length()?)?;
    let shown = shown.in_request(repeatable(call.request, Purpose::Invitation.name(), &peppers)?);
    let accepted = accept(call.request, &peppers, &shown, &acceptance).await?;
    even_out(start).await;
    let (user, used) = accepted.ok_or_else(invalid_invitation)?;
    let mut response = created(&user);
    if used == Used::Before {
        set_header(&mut response, "idempotent-replayed", "true");
    }
    Ok(response)
}

/// GET `/page`: the page with the fields. It changes nothing.
pub(super) fn show_invitation_page(call: &Call<'_, ShowInvitationPage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, invitation_form(token, Filled::default(), None)))
}

/// POST `/page`: makes the user by the form of the page.
pub(super) async fn submit_invitation_page(call: &Call<'_, SubmitInvitationPage>) -> HandlerResult {
    let form = call.form(&["token", "name", "surname", "password"])?;
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let peppers = config::peppers()?;
    let shown = ShownTicket::of_token(Purpose::Invitation, field("token"), &peppers);
    let acceptance = Acceptance::validate(field("name"), field("surname"), field("password"), settings::min_length()?);
    let accepted = match acceptance {
        Ok(acceptance) => accept(call.request, &peppers, &shown, &acceptance).await,
        Err(problem) => Err(problem),
    };
    match accepted {
        Ok(Some(_)) => Ok(page(StatusCode::OK, invitation_accepted_page())),
        Ok(None) => Ok(page(StatusCode::FORBIDDEN, invitation_invalid_page())),
        Err(problem) if !problem.errors().is_empty() => {
            let filled = Filled { name: field("name"), surname: field("surname") };
            let form = invitation_form(field("token"), filled, Some(&problem));
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, form))
        }
        Err(problem) => Err(problem),
    }
}

/// The user, if the invitation was good, or if the same request has accepted it before. Only for a good one is anything hashed.
async fn accept(
    request: &Request,
    peppers: &Peppers,
    shown: &ShownTicket,
    acceptance: &Acceptance,
) -> Result<Option<(User, Used)>, Problem> {
    let refused = || {
        let user = used_before(request, "invitation-accepted", shown.request_digest())?;
        let user = user.map(|id| users::find(&Store::open()?, id, None)).transpose()?.and_then(|found| found.user);
        Ok(user.map(|user| (user, Used::Before)))
    };
    let checked = invitations::check(&Store::open()?, shown, &shown_by_client(request, peppers)?)?;
    if let Some(seconds) = checked.retry_after {
        return Err(too_many_attempts(seconds));
    }
    let is_open = settings::sign_up()? != SignUpMode::Closed;
    let Some(email) = checked.email.filter(|_| is_open) else { return refused() };
    acceptance.refuse_address(&email)?;
    let hash = hash_with_permit(request, &acceptance.password).await?;
    // The invitation may have been used or revoked, or the address taken, while the password was hashed.
    let locale = request.header("accept-language").and_then(Locale::preferred);
    let trace = trace::of_client(request, Actor::Owner)?;
    let accepted = invitations::accept(&Store::open()?, shown, acceptance, &hash, locale.as_ref(), &trace)?;
    let Some(user) = accepted.user else { return refused() };
    log::audit("invitation-accepted", "success", &request.id, &[("user_id", &user.id.to_string())]);
    publish_after(request, accepted.events);
    Ok(Some((user, Used::Now)))
}

/// The problem for an invitation that is not good, whatever is wrong with it.
fn invalid_invitation() -> Problem {
    let detail = "The link or the code is not valid, or not any more. Ask whoever has invited you for a new one.";
    Problem::new(Kind::InvalidTicket, detail)
}
