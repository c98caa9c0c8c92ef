//! What operations share that issue and spend tickets: the mail, the limits, the pages, and that answers say nothing about who
//! has an account, not even by the time that they take.

use crate::hashing::with_enabled_limits;
use crate::outbox;
use crate::settings;
use crate::store::Store;
use crate::store::outbox::OutboxEvent;
use crate::store::tickets::{self, Issue};
use identity::{Email, Peppers, UserId};
use problem::{Kind, Problem};
use service_kit::attempts::too_many_attempts;
use service_kit::{HandlerResult, Request, StatusCode, client_address, config, empty, log, random, set_header, sleep};
use std::time::{Duration, Instant};
use users_domain::{Attempt, IdempotencyKey, NewTicket, Purpose, invalid_ticket};

/// When a request is answered, counted from its begin: later than it takes to do whatever there is to do, so that the time says
/// nothing about who has an account.
const ANSWER_AFTER: Duration = Duration::from_millis(100);

/// What came of a link or a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Used {
    /// It was good, and is not any more.
    Now,
    /// The same request has used it before, by a double click or since the answer was lost.
    Before,
    /// It is not good.
    Not,
}

impl Used {
    /// What came of one that is not good, or not any more; with a line in the log for `action`.
    pub(super) fn up(request: &Request, action: &str, request_digest: Option<&str>) -> Result<Self, Problem> {
        let before = used_before(request, action, request_digest)?;
        Ok(if before.is_some() { Self::Before } else { Self::Not })
    }

    /// Whether what it is for is done.
    pub(super) fn is_done(self) -> bool {
        self != Self::Not
    }

    /// The answer of an operation that has nothing more to say.
    pub(super) fn answer(self) -> HandlerResult {
        let mut response = empty(StatusCode::NO_CONTENT);
        match self {
            Self::Now => {}
            Self::Before => set_header(&mut response, "idempotent-replayed", "true"),
            Self::Not => return Err(invalid_ticket()),
        }
        Ok(response)
    }
}

/// Whose ticket it was that the same request has used before; with a line in the log for `action`.
pub(super) fn used_before(
    request: &Request,
    action: &str,
    request_digest: Option<&str>,
) -> Result<Option<UserId>, Problem> {
    let user = request_digest.map(|digest| tickets::used_by(&Store::open()?, digest)).transpose()?.flatten();
    match user {
        Some(id) => log::audit(action, "repeated", &request.id, &[("user_id", &id.to_string())]),
        None => log::audit(action, "invalid-ticket", &request.id, &[]),
    }
    Ok(user)
}

/// The digest of a request that may be repeated under its `idempotency-key`.
pub(super) fn repeatable(request: &Request, purpose: &str, peppers: &Peppers) -> Result<Option<String>, Problem> {
    let key = IdempotencyKey::parse(request.header("idempotency-key"))?;
    Ok(key.map(|key| key.digest_of_use(peppers, purpose, request.body())))
}

/// A ticket for the owner of an address, its link, and the limit of mails to the address.
pub(super) struct NewMail {
    ticket: NewTicket,
    link: String,
    mails: Attempt,
}

impl NewMail {
    /// A new one, by the component variable `public_url`.
    pub(super) fn of(purpose: Purpose, email: &Email, peppers: &Peppers) -> Result<Self, Problem> {
        let ticket = NewTicket::new(purpose, email, peppers, random::bytes(), random::bytes());
        let link = settings::mail_link(purpose, &ticket.token)?;
        let mails = with_enabled_limits(Attempt::to_mail(&peppers.digest("mail to address", email.key())));
        Ok(Self { ticket, link, mails })
    }

    /// One that changes the address of this user, who has the address `current` until then.
    pub(super) fn to_change(user: UserId, current: &Email, new: &Email, peppers: &Peppers) -> Result<Self, Problem> {
        let mail = Self::of(Purpose::EmailChange, current, peppers)?;
        let address = peppers.digest("mail to address", new.key());
        let account = peppers.digest("changes of address", user.to_string());
        Ok(Self { mails: with_enabled_limits(Attempt::to_change_address(&address, &account)), ..mail })
    }

    /// One that invites somebody, sent by this administrator.
    pub(super) fn to_invite(administrator: UserId, email: &Email, peppers: &Peppers) -> Result<Self, Problem> {
        let mail = Self::of(Purpose::Invitation, email, peppers)?;
        let administrator = peppers.digest("invitations by administrator", administrator.to_string());
        let address = peppers.digest("invitations to address", email.key());
        Ok(Self { mails: with_enabled_limits(Attempt::to_invite(&administrator, &address)), ..mail })
    }

    pub(super) fn issue(&self) -> Issue<'_> {
        Issue { ticket: &self.ticket, link: &self.link, mails: &self.mails }
    }
}

/// Sends a mail with a ticket to the address `asked`, if it has an account that such a ticket is for. It takes the same time if
/// not.
pub(super) async fn request_mail(
    request: &Request,
    purpose: Purpose,
    asked: &str,
    is_asked_for: bool,
) -> Result<(), Problem> {
    let start = Instant::now();
    let email = Email::parse(asked).map_err(|error| Problem::field(Kind::InvalidEmail, "email", error.to_string()))?;
    let peppers = config::peppers()?;
    let new = NewMail::of(purpose, &email, &peppers)?;
    let client = peppers.digest("mails requested by client", client_address(request)?);
    let client = with_enabled_limits(Attempt::to_request_mail(&client));
    let requested = tickets::request(&Store::open()?, purpose, &email, &client, &new.issue(), is_asked_for)?;
    if let Some(seconds) = requested.retry_after {
        return Err(too_many_attempts(seconds));
    }
    publish_after(request, requested.events);
    even_out(start).await;
    Ok(())
}

/// Waits until the time at which a request that began at `start` is answered, whatever there was to do.
pub(super) async fn even_out(start: Instant) {
    sleep(ANSWER_AFTER.saturating_sub(start.elapsed())).await;
}

/// The limit of links and codes that the client of a request shows.
pub(super) fn shown_by_client(request: &Request, peppers: &Peppers) -> Result<Attempt, Problem> {
    let client = peppers.digest("tickets by client", client_address(request)?);
    Ok(with_enabled_limits(Attempt::to_show_ticket(&client)))
}

/// Publishes events once the answer is on its way. What cannot be published then is published by a later sweep.
pub(super) fn publish_after(request: &Request, events: Vec<OutboxEvent>) {
    if !events.is_empty() {
        request.after(async move { events.iter().for_each(outbox::publish_now) });
    }
}
