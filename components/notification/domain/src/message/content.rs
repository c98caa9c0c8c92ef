//! What the message of a queue about an event says: its recipient, its template and its values.

use super::template::Template;
use super::{MessageSettings, RenderError};
use events::{Event, OneTimeSecret, Payload, Queue, SecondFactorChange};

/// A message before it is put in words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) template: Template,
    /// The email address of the account.
    pub(super) to: String,
    /// The number that an SMS goes to.
    pub(super) phone: Option<String>,
    /// The template's variables, but for the time.
    pub(super) values: Vec<(&'static str, String)>,
}

/// The content of the message of `queue` about an event; `None` if there is none to send.
pub(super) fn content(queue: Queue, event: &Event, settings: &MessageSettings) -> Result<Option<Content>, RenderError> {
    let content = match (queue, &event.payload) {
        (Queue::LoginEmail | Queue::LoginSms, Payload::Login(login))
            if !settings.login_notice.is_due(login.known_device) =>
        {
            return Ok(None);
        }
        (Queue::LoginEmail, Payload::Login(login)) => {
            let device = ("device", login.device.clone().unwrap_or_default());
            let network = ("network", login.network.clone().unwrap_or_default());
            mail(Template::SignIn, &login.email, vec![device, network, not_me(login.link.as_ref())])
        }
        (Queue::LoginSms, Payload::Login(login)) => {
            let Some(phone) = &login.phone else { return Ok(None) };
            Content { phone: Some(phone.clone()), ..mail(Template::SignInSms, &login.email, vec![]) }
        }
        // The mail that asks to confirm the address takes its place.
        (Queue::WelcomeEmail, Payload::SignUp(sign_up)) if sign_up.awaits_verification => return Ok(None),
        (Queue::WelcomeEmail, Payload::SignUp(sign_up)) => mail(Template::Welcome, &sign_up.email, vec![]),
        (Queue::AccountLockedEmail, Payload::AccountLocked(locked)) => {
            mail(Template::AccountLocked, &locked.email, vec![])
        }
        (Queue::VerificationEmail, Payload::VerificationRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::Verification, &requested.email, vec![link, code])
        }
        (Queue::SignUpRepeatedEmail, Payload::SignUpRepeated(repeated)) => {
            mail(Template::SignUpRepeated, &repeated.email, vec![])
        }
        (Queue::PhoneVerificationSms, Payload::PhoneVerificationRequested(requested)) => {
            let code = ("code", requested.code.expose().to_owned());
            let phone = Some(requested.phone.clone());
            Content { phone, ..mail(Template::PhoneVerificationSms, &requested.email, vec![code]) }
        }
        (Queue::RecoveryEmail, Payload::RecoveryRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::Recovery, &requested.email, vec![link, code])
        }
        (Queue::SignInLinkEmail, Payload::SignInRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::SignInLink, &requested.email, vec![link, code])
        }
        (Queue::InvitationEmail, Payload::UserInvited(invited)) => {
            let [link, code] = secrets(&invited.link, &invited.code);
            mail(Template::Invitation, &invited.email, vec![link, code])
        }
        (Queue::PasswordChangedEmail, Payload::PasswordChanged(changed)) => {
            mail(Template::PasswordChanged, &changed.email, vec![not_me(changed.link.as_ref())])
        }
        (Queue::EmailChangeEmail, Payload::EmailChangeRequested(requested)) => {
            let [link, code] = secrets(&requested.link, &requested.code);
            mail(Template::EmailChange, &requested.email, vec![link, code])
        }
        (Queue::EmailChangedEmail, Payload::EmailChanged(changed)) => match &changed.link {
            Some(link) => mail(Template::EmailChanged, &changed.email, vec![("link", link.expose().to_owned())]),
            None => mail(Template::EmailChangedByAdministrator, &changed.email, vec![]),
        },
        (Queue::SecondFactorChangedEmail, Payload::SecondFactorChanged(changed)) => {
            let template = second_factor_template(changed.change);
            let link = template.has("link").then(|| not_me(changed.link.as_ref()));
            mail(template, &changed.email, link.into_iter().collect())
        }
        (Queue::RemovalNoticeEmail, Payload::RemovalNoticeRequested(requested)) => {
            mail(Template::RemovalNotice, &requested.email, vec![])
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

/// The link by which somebody says that it was not they; empty in events of earlier versions.
fn not_me(link: Option<&OneTimeSecret>) -> (&'static str, String) {
    ("link", link.map(OneTimeSecret::expose).unwrap_or_default().to_owned())
}

fn secrets(link: &OneTimeSecret, code: &OneTimeSecret) -> [(&'static str, String); 2] {
    [("link", link.expose().to_owned()), ("code", code.expose().to_owned())]
}
