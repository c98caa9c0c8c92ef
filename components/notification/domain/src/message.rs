//! Messages: what a user is notified of, and by which channel.

use events::{Event, Payload, Queue, SecondFactorChange};
use serde::{Deserialize, Serialize};
use time::macros::format_description;

/// The channel of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// By mail.
    Email,
    /// By SMS.
    Sms,
}

/// A message, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The channel.
    pub kind: MessageKind,
    /// The recipient: the email address of the account, whatever the channel.
    pub to: String,
    /// The number that an SMS goes to; a mail has none.
    pub phone: Option<String>,
    /// The subject of a mail; of an SMS, a line for the log.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Why a message cannot be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// The event's type does not belong in this queue.
    WrongEvent,
}

impl std::fmt::Display for RenderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the event is of a type that this queue does not carry")
    }
}

/// Renders the message of `queue` for an event; `None` if the user cannot be reached by its channel.
///
/// # Errors
/// If the event does not belong in the queue.
pub fn render(queue: Queue, event: &Event) -> Result<Option<Message>, RenderError> {
    let at = time_of(event);
    let message = match (queue, &event.payload) {
        (Queue::LoginEmail, Payload::Login(login)) => Message {
            kind: MessageKind::Email,
            to: login.email.clone(),
            phone: None,
            subject: "New sign-in to your account".to_owned(),
            text: format!(
                "Somebody signed in to your account at {at}.\n\n\
                 If it was you, there is nothing to do. If not, change your password now.\n"
            ),
        },
        (Queue::LoginSms, Payload::Login(login)) => {
            let Some(phone) = &login.phone else { return Ok(None) };
            Message {
                kind: MessageKind::Sms,
                to: login.email.clone(),
                phone: Some(phone.clone()),
                subject: "New sign-in".to_owned(),
                text: format!("New sign-in to your account at {at}. Not you? Change your password."),
            }
        }
        // The mail that asks to confirm the address takes its place.
        (Queue::WelcomeEmail, Payload::SignUp(sign_up)) if sign_up.awaits_verification => return Ok(None),
        (Queue::WelcomeEmail, Payload::SignUp(sign_up)) => Message {
            kind: MessageKind::Email,
            to: sign_up.email.clone(),
            phone: None,
            subject: "Welcome".to_owned(),
            // The address is not confirmed yet, so nothing that a stranger entered is sent there, least of all a name.
            text: "Hello,\n\nyour account is ready: you can sign in with this address.\n".to_owned(),
        },
        (Queue::AccountLockedEmail, Payload::AccountLocked(locked)) => Message {
            kind: MessageKind::Email,
            to: locked.email.clone(),
            phone: None,
            subject: "Sign-in to your account is locked".to_owned(),
            text: format!(
                "Somebody has failed to sign in to your account 100 times in a row, the last time at {at}. Nobody got \
                 in.\n\n\
                 From now on only a device on which you have signed in before can sign in. Sign in there, and the lock \
                 is gone. If you have no such device, ask the service to set a new password.\n"
            ),
        },
        (Queue::VerificationEmail, Payload::VerificationRequested(requested)) => Message {
            kind: MessageKind::Email,
            to: requested.email.clone(),
            phone: None,
            subject: "Confirm your email address".to_owned(),
            text: format!(
                "Somebody has signed up with this email address, or asked at {at} to confirm it.\n\n\
                 If it was you, open this link and confirm:\n\n{}\n\n\
                 Or enter this code where you signed up: {}\n\n\
                 Link and code are valid for 24 hours, and once. If it was not you, do nothing; never give the code to \
                 anybody.\n",
                requested.link.expose(),
                requested.code.expose()
            ),
        },
        (Queue::SignUpRepeatedEmail, Payload::SignUpRepeated(repeated)) => Message {
            kind: MessageKind::Email,
            to: repeated.email.clone(),
            phone: None,
            subject: "You already have an account".to_owned(),
            text: format!(
                "Somebody tried at {at} to sign up with this email address, which already has an account. Nothing has \
                 changed.\n\n\
                 If it was you, sign in with the password that you have chosen before. If not, there is nothing to do.\n"
            ),
        },
        (Queue::RecoveryEmail, Payload::RecoveryRequested(requested)) => Message {
            kind: MessageKind::Email,
            to: requested.email.clone(),
            phone: None,
            subject: "Choose a new password".to_owned(),
            text: format!(
                "Somebody asked at {at} for a new password for your account.\n\n\
                 If it was you, open this link and choose one:\n\n{}\n\n\
                 Or enter this code where you asked for it: {}\n\n\
                 Link and code are valid for one hour, and once. If it was not you, do nothing: your password stays as it \
                 is. Never give link or code to anybody.\n",
                requested.link.expose(),
                requested.code.expose()
            ),
        },
        (Queue::PasswordChangedEmail, Payload::PasswordChanged(changed)) => Message {
            kind: MessageKind::Email,
            to: changed.email.clone(),
            phone: None,
            subject: "Your password was changed".to_owned(),
            text: format!(
                "Your account has a new password since {at}, and has been signed out everywhere else.\n\n\
                 If it was you, there is nothing to do. If not, somebody else has your account: ask for a new password at \
                 once, where you sign in.\n"
            ),
        },
        (Queue::SecondFactorChangedEmail, Payload::SecondFactorChanged(changed)) => {
            let (subject, what) = second_factor_change(changed.change);
            Message {
                kind: MessageKind::Email,
                to: changed.email.clone(),
                phone: None,
                subject: subject.to_owned(),
                text: format!(
                    "{what} This was at {at}.\n\n\
                     If it was you, there is nothing to do. If not, change your password now, and look at the second factor \
                     of your account.\n"
                ),
            }
        }
        _ => return Err(RenderError::WrongEvent),
    };
    Ok(Some(message))
}

/// The subject, and what has changed.
fn second_factor_change(change: SecondFactorChange) -> (&'static str, &'static str) {
    match change {
        SecondFactorChange::Added => (
            "A second factor was added to your account",
            "From now on, signing in to your account takes a code of an authenticator app beside the password. Other \
             devices have been signed out.",
        ),
        SecondFactorChange::Removed => (
            "The second factor of your account was removed",
            "From now on, signing in to your account takes the password alone. Other devices have been signed out.",
        ),
        SecondFactorChange::RecoveryCodeUsed => (
            "A recovery code of your account was used",
            "Somebody has signed in to your account with the password and a recovery code, which is used up now.",
        ),
        SecondFactorChange::RecoveryCodesReplaced => (
            "Your account has new recovery codes",
            "The recovery codes of your account were replaced; the earlier ones are not valid any more.",
        ),
    }
}

/// The time of the event, for people.
fn time_of(event: &Event) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    event.time.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_else(|_| "an unknown time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{
        AccountLocked, Login, PasswordChanged, RecoveryRequested, SecondFactorChanged, SignUp, SignUpRepeated,
        VerificationRequested,
    };
    use identity::UserId;
    use time::macros::datetime;

    fn event(payload: Payload) -> Event {
        Event { time: datetime!(2024-05-06 07:08:09 UTC), ..Event::new("/test", payload) }
    }

    fn login(phone: Option<&str>) -> Event {
        event(Payload::Login(Login {
            user_id: UserId::try_from(7).unwrap(),
            email: "ada@example.org".into(),
            phone: phone.map(str::to_owned),
        }))
    }

    fn sign_up() -> Event {
        event(Payload::SignUp(SignUp {
            user_id: UserId::try_from(7).unwrap(),
            email: "ada@example.org".into(),
            name: "Ada".into(),
            awaits_verification: false,
        }))
    }

    #[test]
    fn a_login_leads_to_a_mail_and_an_sms() {
        let mail = render(Queue::LoginEmail, &login(None)).unwrap().unwrap();
        assert_eq!((mail.kind, mail.to.as_str()), (MessageKind::Email, "ada@example.org"));
        assert!(mail.text.contains("2024-05-06 07:08 UTC"));
        let sms = render(Queue::LoginSms, &login(Some("+3902"))).unwrap().unwrap();
        assert_eq!((sms.kind, sms.phone.as_deref()), (MessageKind::Sms, Some("+3902")));
        assert!(sms.text.len() <= 160);
    }

    #[test]
    fn somebody_without_a_phone_number_gets_no_sms() {
        assert_eq!(render(Queue::LoginSms, &login(None)), Ok(None));
    }

    #[test]
    fn a_sign_up_leads_to_a_welcome() {
        let message = render(Queue::WelcomeEmail, &sign_up()).unwrap().unwrap();
        assert!(message.text.starts_with("Hello,"));
    }

    #[test]
    fn nothing_that_was_typed_at_the_sign_up_goes_to_an_address_that_nobody_has_confirmed() {
        let message = render(Queue::WelcomeEmail, &sign_up()).unwrap().unwrap();
        assert!(!message.text.contains("Ada") && !message.subject.contains("Ada"), "{}", message.text);
    }

    #[test]
    fn a_locked_account_leads_to_a_mail_that_says_what_to_do() {
        let locked = AccountLocked { user_id: UserId::try_from(7).unwrap(), email: "ada@example.org".into() };
        let mail = render(Queue::AccountLockedEmail, &event(Payload::AccountLocked(locked))).unwrap().unwrap();
        assert_eq!((mail.kind, mail.to.as_str()), (MessageKind::Email, "ada@example.org"));
        assert!(mail.text.contains("2024-05-06 07:08 UTC") && mail.text.contains("device"), "{}", mail.text);
    }

    #[test]
    fn who_confirms_an_address_gets_link_and_code_and_no_welcome_beside() {
        let user_id = UserId::try_from(7).unwrap();
        let requested = VerificationRequested {
            user_id,
            email: "ada@example.org".into(),
            link: "https://example.org/confirm?token=abc".to_owned().into(),
            code: "012345".to_owned().into(),
        };
        let mail =
            render(Queue::VerificationEmail, &event(Payload::VerificationRequested(requested))).unwrap().unwrap();
        assert!(mail.text.contains("\n\nhttps://example.org/confirm?token=abc\n\n") && mail.text.contains("012345"));
        assert!(!mail.subject.contains("012345"), "subjects are in the delivery log");
        let signed_up =
            SignUp { user_id, email: "ada@example.org".into(), name: "Ada".into(), awaits_verification: true };
        assert_eq!(render(Queue::WelcomeEmail, &event(Payload::SignUp(signed_up))), Ok(None));
    }

    #[test]
    fn the_owner_of_an_address_is_told_of_another_sign_up() {
        let repeated = SignUpRepeated { user_id: UserId::try_from(7).unwrap(), email: "ada@example.org".into() };
        let mail = render(Queue::SignUpRepeatedEmail, &event(Payload::SignUpRepeated(repeated))).unwrap().unwrap();
        assert!(mail.text.contains("already has an account"), "{}", mail.text);
    }

    #[test]
    fn who_has_forgotten_a_password_gets_link_and_code_and_is_told_of_the_new_one() {
        let user_id = UserId::try_from(7).unwrap();
        let requested = RecoveryRequested {
            user_id,
            email: "ada@example.org".into(),
            link: "https://example.org/recover?token=abc".to_owned().into(),
            code: "012345".to_owned().into(),
        };
        let mail = render(Queue::RecoveryEmail, &event(Payload::RecoveryRequested(requested))).unwrap().unwrap();
        assert!(mail.text.contains("\n\nhttps://example.org/recover?token=abc\n\n") && mail.text.contains("012345"));
        assert!(!mail.subject.contains("012345"), "subjects are in the delivery log");
        let changed = PasswordChanged { user_id, email: "ada@example.org".into() };
        let mail = render(Queue::PasswordChangedEmail, &event(Payload::PasswordChanged(changed))).unwrap().unwrap();
        assert!(mail.text.contains("2024-05-06 07:08 UTC") && mail.text.contains("If not"), "{}", mail.text);
    }

    #[test]
    fn an_owner_is_told_of_a_changed_second_factor() {
        for (change, words) in [
            (SecondFactorChange::Added, "beside the password"),
            (SecondFactorChange::Removed, "the password alone"),
            (SecondFactorChange::RecoveryCodeUsed, "a recovery code"),
            (SecondFactorChange::RecoveryCodesReplaced, "were replaced"),
        ] {
            let user_id = UserId::try_from(7).unwrap();
            let changed = SecondFactorChanged { user_id, email: "ada@example.org".into(), change };
            let event = event(Payload::SecondFactorChanged(changed));
            let mail = render(Queue::SecondFactorChangedEmail, &event).unwrap().unwrap();
            assert!(mail.text.contains(words) && mail.text.contains("2024-05-06 07:08 UTC"), "{}", mail.text);
        }
    }

    #[test]
    fn an_event_in_the_wrong_queue_leads_to_nothing() {
        assert_eq!(render(Queue::WelcomeEmail, &login(None)), Err(RenderError::WrongEvent));
        assert_eq!(render(Queue::LoginSms, &sign_up()), Err(RenderError::WrongEvent));
    }
}
