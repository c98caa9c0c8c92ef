//! /users-ms/invitations: whom administrators invite.

use super::create_user::email_taken;
use super::list_users::with_next;
use super::tickets::{NewMail, publish_after};
use super::{Call, Guard, Users};
use crate::settings::{self, SignUpMode};
use crate::store::Store;
use crate::store::invitations::{self, Sent};
use api::users::operation::{GetInvitation, InviteUser, ListInvitations, ResendInvitation, RevokeInvitation};
use api::users::{Invitation, InvitationId};
use api::{AccessToken, Operation, Page};
use identity::{Email, Locale, UserId};
use problem::{Kind, Problem};
use service_kit::{Admit, HandlerResult, StatusCode, config, invalid_token, json, log};
use users_domain::{Actor, Caller, Cursor, Invite, Order, PageRequest, invitation_not_found, too_many_invitations};

/// POST: invites somebody.
pub(super) fn invite_user(call: &Call<'_, InviteUser>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let invite = Invite::validate(&call.body()?)?;
    let store = authorize(call)?;
    let invitation = send(call, &store, &invite, None)?;
    let mut response = json(StatusCode::CREATED, &invitation);
    service_kit::set_header(&mut response, "location", &format!("/users-ms/invitations/{}", invitation.id));
    Ok(response)
}

/// GET: lists invitations.
pub(super) fn list_invitations(call: &Call<'_, ListInvitations>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let PageRequest { limit, after, .. } = PageRequest::from_query(call.query.clone())?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let mut items = invitations::list(&store, after.map(|after| after.id), limit + 1)?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let cursor = |last: &Invitation| Cursor { order: Order::default(), id: last.id, key: String::new() }.to_text();
    let next_cursor = items.last().filter(|_| has_more).map(cursor);
    let page = Page { items, next_cursor };
    let response = call.ok(&page);
    Ok(with_next(response, call.request, "/users-ms/invitations", page.next_cursor.as_deref()))
}

/// GET `/{id}`: an invitation.
pub(super) fn get_invitation(call: &Call<'_, GetInvitation>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let (store, InvitationId(id)) = (Store::open()?, call.path);
    call.caller.require_live_session(&store)?;
    Ok(call.ok(&invitations::find(&store, id)?.ok_or_else(invitation_not_found)?))
}

/// DELETE `/{id}`: revokes an invitation.
pub(super) fn revoke_invitation(call: &Call<'_, RevokeInvitation>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let (store, InvitationId(id)) = (authorize(call)?, call.path);
    if !invitations::revoke(&store, id, &call.caller.trace(call.request, id)?)? {
        return Err(invitation_not_found());
    }
    let (id, by) = (id.to_string(), call.caller.by());
    log::audit("invitation-revoked", "success", &call.request.id, &[("invitation", &id), ("by", &by)]);
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// POST `/{id}/mail`: sends another mail.
pub(super) fn resend_invitation(call: &Call<'_, ResendInvitation>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let (store, InvitationId(id)) = (authorize(call)?, call.path);
    let Invitation { email, role, locale, .. } = invitations::find(&store, id)?.ok_or_else(invitation_not_found)?;
    let email = Email::parse(&email).map_err(|error| Problem::internal(error.to_string()))?;
    // The roles stay as they are.
    let invite =
        Invite { email, role, other_roles: Vec::new(), locale: locale.and_then(|locale| Locale::parse(&locale).ok()) };
    Ok(call.ok(&send(call, &store, &invite, Some(id))?))
}

/// Admits administrators after a recent sign-in, whose session is alive.
fn authorize<O: Operation<Access = AccessToken>>(call: &Call<'_, O>) -> Result<Store, Problem>
where
    AccessToken: Admit<Users, Proof = Guard>,
{
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(call.request)?;
    Ok(store)
}

/// Makes an invitation, or the one with the id `again` anew, and publishes its event after the answer.
fn send<O: Operation<Access = AccessToken>>(
    call: &Call<'_, O>,
    store: &Store,
    invite: &Invite,
    again: Option<UserId>,
) -> Result<Invitation, Problem>
where
    AccessToken: Admit<Users, Proof = Guard>,
{
    if settings::sign_up()? == SignUpMode::Closed {
        return Err(Problem::of(Kind::SignUpClosed));
    }
    let Caller::Admin(inviter) = call.caller.caller() else { return Err(invalid_token()) };
    let new = NewMail::to_invite(inviter, &invite.email, &config::peppers()?)?;
    let trace = super::trace::of_client(call.request, Actor::Administrator(inviter))?;
    let sent = invitations::send(store, &Sent { invite, inviter, issue: new.issue() }, again, &trace)?;
    if let Some(seconds) = sent.retry_after {
        return Err(too_many_invitations(seconds));
    }
    if sent.is_taken {
        return Err(email_taken());
    }
    let absent = || if again.is_some() { invitation_not_found() } else { invalid_token() };
    let invitation = sent.invitation.ok_or_else(absent)?;
    let (id, by) = (invitation.id.to_string(), call.caller.by());
    log::audit("user-invited", "success", &call.request.id, &[("invitation", &id), ("by", &by)]);
    publish_after(call.request, sent.events);
    Ok(invitation)
}
