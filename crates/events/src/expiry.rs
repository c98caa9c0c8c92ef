//! For how long the link or the code in a message is good. A message whose secret is not good any more is of no use to anybody: it is
//! given up, however long messages are retried.

use crate::{Event, Exchange};
use std::time::Duration;
use time::OffsetDateTime;

/// For how many seconds link and code that confirm an address are valid: a day.
pub const VERIFICATION_SECONDS: i32 = 24 * 60 * 60;
/// For how many seconds link and code that recover an account are valid: an hour.
pub const RECOVERY_SECONDS: i32 = 60 * 60;
/// For how many seconds link and code that change an address are valid: a day.
pub const EMAIL_CHANGE_SECONDS: i32 = 24 * 60 * 60;
/// For how many seconds link and code of an invitation are valid: a week.
pub const INVITATION_SECONDS: i32 = 7 * 24 * 60 * 60;
/// For how many seconds link and code of a mail that signs in are valid: ten minutes, the most that OWASP ASVS 5.0, 6.5.5, allows.
pub const MAIL_SIGN_IN_SECONDS: i32 = 10 * 60;
/// For how many seconds a code that confirms a phone number is valid: ten minutes.
pub const PHONE_CODE_SECONDS: i32 = 10 * 60;

impl Event {
    /// When the secret expires that its message is for, if it is for one. Other messages are of use later too, also those with a link by
    /// which their reader says that it was somebody else.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        let seconds = match self.payload.exchange() {
            Exchange::VerificationRequested => VERIFICATION_SECONDS,
            Exchange::RecoveryRequested => RECOVERY_SECONDS,
            Exchange::EmailChangeRequested => EMAIL_CHANGE_SECONDS,
            Exchange::UserInvited => INVITATION_SECONDS,
            Exchange::SignInRequested => MAIL_SIGN_IN_SECONDS,
            Exchange::PhoneVerificationRequested => PHONE_CODE_SECONDS,
            Exchange::UserLogin
            | Exchange::NewUser
            | Exchange::AccountLocked
            | Exchange::SignUpRepeated
            | Exchange::PasswordChanged
            | Exchange::SecondFactorChanged
            | Exchange::EmailChanged
            | Exchange::UserRemoved
            | Exchange::RemovalNoticeRequested => return None,
        };
        Some(self.time + Duration::from_secs(seconds.unsigned_abs().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Login, OneTimeSecret, Payload, PhoneVerificationRequested};
    use identity::UserId;

    #[test]
    fn a_message_with_a_code_is_of_use_as_long_as_the_code() {
        let (user_id, email) = (UserId::try_from(7).unwrap(), "ada@example.org".to_owned());
        let code = PhoneVerificationRequested { user_id, email: email.clone(), phone: "+39".into(), code: secret() };
        let event = Event::new("/users-ms", Payload::PhoneVerificationRequested(code));
        assert_eq!(event.expires_at(), Some(event.time + Duration::from_secs(600)));
        let login = Event::new("/auth-ms", Payload::Login(Login::of(user_id, email, None)));
        assert_eq!(login.expires_at(), None);
    }

    fn secret() -> OneTimeSecret {
        serde_json::from_value("123456".into()).unwrap()
    }
}
