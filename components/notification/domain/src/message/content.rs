//! What the message of a queue about an event says: its recipient, its template and its values.

use super::template::Template;
use super::{MessageSettings, RenderError};
use events::{Event, OneTimeSecret, Payload, Queue, SecondFactorChange};
use time::macros::format_description;

/// A message before it is put in words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) template: Template,
    /// The email address of the account.
    pub(super) to: String,
    /// The number that an SMS goes to.
    pub(super) phone: Option<String>,
    /// The template's variables.
    pub(super) values: Vec<(&'static str, String)>,
}

/// The content of the message of `queue` about an event; `None` if there is none to send.
pub(super) fn content(queue: Queue, event: &Event, settings: &MessageSettings) -> Result<Option<Content>, RenderError> {
    let time = ("time", time_of(event));
    let content = match (queue, &event.payload) {
        (Queue::LoginEmail | Queue::LoginSms, Payload::Login(login))
            if !settings.login_notice.is_due(login.known_device) =>
        {
            return Ok(None);
        }
        (Queue::LoginEmail, Payload::Login(login)) => {
            let device = ("device", login.device.clone().unwrap_or_default());
            let network = ("network", login.network.clone().unwrap_or_default());
            mail(Template::SignIn, &login.email, vec![time, device, network])
        }
        (Queue::LoginSms, Payload::Login(login)) => {
            let Some(phone) = &login.phone else { return Ok(None) };
            Content { phone: Some(phone.clone()), ..mail(Template::SignInSms, &login.email, vec![time]) }
        }
        // The mail that asks to confirm the address takes its place.
        (Queue::WelcomeEmail, Payload::SignUp(sign_up)) if sign_up.awaits_verification => return Ok(None),
        (Queue::WelcomeEmail, Payload::SignUp(sign_up)) => mail(Template::Welcome, &sign_up.email, vec![]),
        (Queue::AccountLockedEmail, Payload::AccountLocked(locked)) => {
            mail(Template::AccountLocked, &locked.email, vec![time])
        }
        (Queue::VerificationEmail, Payload::VerificationRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::Verification, &requested.email, vec![time, link, code])
        }
        (Queue::SignUpRepeatedEmail, Payload::SignUpRepeated(repeated)) => {
            mail(Template::SignUpRepeated, &repeated.email, vec![time])
        }
        (Queue::PhoneVerificationSms, Payload::PhoneVerificationRequested(requested)) => {
            let code = ("code", requested.code.expose().to_owned());
            let phone = Some(requested.phone.clone());
            Content { phone, ..mail(Template::PhoneVerificationSms, &requested.email, vec![code]) }
        }
        (Queue::RecoveryEmail, Payload::RecoveryRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::Recovery, &requested.email, vec![time, link, code])
        }
        (Queue::InvitationEmail, Payload::UserInvited(invited)) => {
            let [link, code] = secrets(&invited.link, &invited.code);
            mail(Template::Invitation, &invited.email, vec![time, link, code])
        }
        (Queue::PasswordChangedEmail, Payload::PasswordChanged(changed)) => {
            mail(Template::PasswordChanged, &changed.email, vec![time])
        }
        (Queue::EmailChangeEmail, Payload::EmailChangeRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::EmailChange, &requested.email, vec![time, link, code])
        }
        (Queue::EmailChangedEmail, Payload::EmailChanged(changed)) => match &changed.link {
            Some(link) => mail(Template::EmailChanged, &changed.email, vec![time, ("link", link.expose().to_owned())]),
            None => mail(Template::EmailChangedByAdministrator, &changed.email, vec![time]),
        },
        (Queue::SecondFactorChangedEmail, Payload::SecondFactorChanged(changed)) => {
            mail(second_factor_template(changed.change), &changed.email, vec![time])
        }
        (Queue::RemovalNoticeEmail, Payload::RemovalNoticeRequested(requested)) => {
            mail(Template::RemovalNotice, &requested.email, vec![time])
        }
        _ => return Err(RenderError::WrongEvent),
    };
    Ok(Some(content))
}

fn mail(template: Template, to: &str, values: Vec<(&'static str, String)>) -> Content {
    Content { template, to: to.to_owned(), phone: None, values }
}

fn second_factor_template(change: SecondFactorChange) -> Template {
    match change {
        SecondFactorChange::Added => Template::SecondFactorAdded,
        SecondFactorChange::Removed => Template::SecondFactorRemoved,
        SecondFactorChange::RecoveryCodeUsed => Template::RecoveryCodeUsed,
        SecondFactorChange::RecoveryCodesReplaced => Template::RecoveryCodesReplaced,
        SecondFactorChange::PasskeyAdded => Template::PasskeyAdded,
        SecondFactorChange::PasskeyRemoved => Template::PasskeyRemoved,
    }
}

fn secrets(link: &OneTimeSecret, code: &OneTimeSecret) -> [(&'static str, String); 2] {
    [("link", link.expose().to_owned()), ("code", code.expose().to_owned())]
}

/// The time of the event, for people.
fn time_of(event: &Event) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    event.time.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_else(|_| "an unknown time".to_owned())
}
