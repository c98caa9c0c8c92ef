//! The payloads of events, one for each exchange.

use crate::{
    AccountLocked, EmailChangeRequested, EmailChanged, Exchange, Login, PasswordChanged, PhoneVerificationRequested,
    RecoveryRequested, RemovalNoticeRequested, SecondFactorChanged, SignInRequested, SignUp, SignUpRepeated,
    UserInvited, UserRemoved, VerificationRequested,
};
use identity::UserId;
use serde_json::Value;

/// The payload by type: the data that a message to the user needs, and no more.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// `user_login_event`.
    Login(Login),
    /// `new_user_event`.
    SignUp(SignUp),
    /// `account_locked_event`.
    AccountLocked(AccountLocked),
    /// `verification_requested_event`.
    VerificationRequested(VerificationRequested),
    /// `sign_up_repeated_event`.
    SignUpRepeated(SignUpRepeated),
    /// `phone_verification_requested_event`.
    PhoneVerificationRequested(PhoneVerificationRequested),
    /// `recovery_requested_event`.
    RecoveryRequested(RecoveryRequested),
    /// `sign_in_requested_event`.
    SignInRequested(SignInRequested),
    /// `password_changed_event`.
    PasswordChanged(PasswordChanged),
    /// `second_factor_changed_event`.
    SecondFactorChanged(SecondFactorChanged),
    /// `email_change_requested_event`.
    EmailChangeRequested(EmailChangeRequested),
    /// `email_changed_event`.
    EmailChanged(EmailChanged),
    /// `user_invited_event`.
    UserInvited(UserInvited),
    /// `user_removed_event`.
    UserRemoved(UserRemoved),
    /// `removal_notice_requested_event`.
    RemovalNoticeRequested(RemovalNoticeRequested),
}

impl Payload {
    /// The exchange that it is published to.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        match self {
            Payload::Login(_) => Exchange::UserLogin,
            Payload::SignUp(_) => Exchange::NewUser,
            Payload::AccountLocked(_) => Exchange::AccountLocked,
            Payload::VerificationRequested(_) => Exchange::VerificationRequested,
            Payload::SignUpRepeated(_) => Exchange::SignUpRepeated,
            Payload::PhoneVerificationRequested(_) => Exchange::PhoneVerificationRequested,
            Payload::RecoveryRequested(_) => Exchange::RecoveryRequested,
            Payload::SignInRequested(_) => Exchange::SignInRequested,
            Payload::PasswordChanged(_) => Exchange::PasswordChanged,
            Payload::SecondFactorChanged(_) => Exchange::SecondFactorChanged,
            Payload::EmailChangeRequested(_) => Exchange::EmailChangeRequested,
            Payload::EmailChanged(_) => Exchange::EmailChanged,
            Payload::UserInvited(_) => Exchange::UserInvited,
            Payload::UserRemoved(_) => Exchange::UserRemoved,
            Payload::RemovalNoticeRequested(_) => Exchange::RemovalNoticeRequested,
        }
    }

    /// Whom it happened to.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        match self {
            Payload::Login(login) => login.user_id,
            Payload::SignUp(sign_up) => sign_up.user_id,
            Payload::AccountLocked(locked) => locked.user_id,
            Payload::VerificationRequested(requested) => requested.user_id,
            Payload::SignUpRepeated(repeated) => repeated.user_id,
            Payload::PhoneVerificationRequested(requested) => requested.user_id,
            Payload::RecoveryRequested(requested) => requested.user_id,
            Payload::SignInRequested(requested) => requested.user_id,
            Payload::PasswordChanged(changed) => changed.user_id,
            Payload::SecondFactorChanged(changed) => changed.user_id,
            Payload::EmailChangeRequested(requested) => requested.user_id,
            Payload::EmailChanged(changed) => changed.user_id,
            Payload::UserInvited(of) => of.user_id,
            Payload::UserRemoved(removed) => removed.user_id,
            Payload::RemovalNoticeRequested(requested) => requested.user_id,
        }
    }

    /// Its data as JSON.
    pub(crate) fn to_json(&self) -> Value {
        let data = match self {
            Payload::Login(login) => serde_json::to_value(login),
            Payload::SignUp(sign_up) => serde_json::to_value(sign_up),
            Payload::AccountLocked(locked) => serde_json::to_value(locked),
            Payload::VerificationRequested(requested) => serde_json::to_value(requested),
            Payload::SignUpRepeated(repeated) => serde_json::to_value(repeated),
            Payload::PhoneVerificationRequested(requested) => serde_json::to_value(requested),
            Payload::RecoveryRequested(requested) => serde_json::to_value(requested),
            Payload::SignInRequested(requested) => serde_json::to_value(requested),
            Payload::PasswordChanged(changed) => serde_json::to_value(changed),
            Payload::SecondFactorChanged(changed) => serde_json::to_value(changed),
            Payload::EmailChangeRequested(requested) => serde_json::to_value(requested),
            Payload::EmailChanged(changed) => serde_json::to_value(changed),
            Payload::UserInvited(of) => serde_json::to_value(of),
            Payload::UserRemoved(removed) => serde_json::to_value(removed),
            Payload::RemovalNoticeRequested(requested) => serde_json::to_value(requested),
        };
        data.expect("strings and integers always serialise")
    }

    /// The payload of an event of this exchange.
    pub(crate) fn from_json(exchange: Exchange, data: Value) -> Result<Self, serde_json::Error> {
        match exchange {
            Exchange::UserLogin => serde_json::from_value(data).map(Payload::Login),
            Exchange::NewUser => serde_json::from_value(data).map(Payload::SignUp),
            Exchange::AccountLocked => serde_json::from_value(data).map(Payload::AccountLocked),
            Exchange::VerificationRequested => serde_json::from_value(data).map(Payload::VerificationRequested),
            Exchange::SignUpRepeated => serde_json::from_value(data).map(Payload::SignUpRepeated),
            Exchange::PhoneVerificationRequested => {
                serde_json::from_value(data).map(Payload::PhoneVerificationRequested)
            }
            Exchange::RecoveryRequested => serde_json::from_value(data).map(Payload::RecoveryRequested),
            Exchange::SignInRequested => serde_json::from_value(data).map(Payload::SignInRequested),
            Exchange::PasswordChanged => serde_json::from_value(data).map(Payload::PasswordChanged),
            Exchange::SecondFactorChanged => serde_json::from_value(data).map(Payload::SecondFactorChanged),
            Exchange::EmailChangeRequested => serde_json::from_value(data).map(Payload::EmailChangeRequested),
            Exchange::EmailChanged => serde_json::from_value(data).map(Payload::EmailChanged),
            Exchange::UserInvited => serde_json::from_value(data).map(Payload::UserInvited),
            Exchange::UserRemoved => serde_json::from_value(data).map(Payload::UserRemoved),
            Exchange::RemovalNoticeRequested => serde_json::from_value(data).map(Payload::RemovalNoticeRequested),
        }
    }
}
