//! The topology: exchanges, queues and their bindings.

/// Where events of one type are published: a durable fanout exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// `user_login_event`, published by auth at every login.
    UserLogin,
    /// `new_user_event`, published by users at every sign-up.
    NewUser,
    /// `account_locked_event`, published by users when an account is open to known devices alone.
    AccountLocked,
    /// `verification_requested_event`, published by users when an address is to be confirmed.
    VerificationRequested,
    /// `sign_up_repeated_event`, published by users when somebody signs up with an address that a user has.
    SignUpRepeated,
    /// `phone_verification_requested_event`, published by users when a phone number is to be confirmed.
    PhoneVerificationRequested,
    /// `recovery_requested_event`, published by users when somebody has forgotten their password.
    RecoveryRequested,
    /// `sign_in_requested_event`, published by users when somebody wants to sign in by mail.
    SignInRequested,
    /// `password_changed_event`, published by users when an account has a new password.
    PasswordChanged,
    /// `second_factor_changed_event`, published by users when an account has a second factor, or has none any more.
    SecondFactorChanged,
    /// `email_change_requested_event`, published by users when an account is to have another address.
    EmailChangeRequested,
    /// `email_changed_event`, published by users when an account has another address.
    EmailChanged,
    /// `user_invited_event`, published by users when an administrator invites somebody.
    UserInvited,
    /// `user_removed_event`, published by users when an account was removed. It has the user's id and nothing else, and is not
    /// erased: it tells others what to erase.
    UserRemoved,
    /// `removal_notice_requested_event`, published by users when an account was removed, for the last mail to its address. The
    /// erasure leaves it time to be sent.
    RemovalNoticeRequested,
}

impl Exchange {
    /// All exchanges.
    pub const ALL: [Exchange; 15] = [
        Exchange::UserLogin,
        Exchange::NewUser,
        Exchange::AccountLocked,
        Exchange::VerificationRequested,
        Exchange::SignUpRepeated,
        Exchange::PhoneVerificationRequested,
        Exchange::RecoveryRequested,
        Exchange::SignInRequested,
        Exchange::PasswordChanged,
        Exchange::SecondFactorChanged,
        Exchange::EmailChangeRequested,
        Exchange::EmailChanged,
        Exchange::UserInvited,
        Exchange::UserRemoved,
        Exchange::RemovalNoticeRequested,
    ];

    /// Its name, which is also the type of its events, the stream's key and the wake-up's channel on Redis.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Exchange::UserLogin => "user_login_event",
            Exchange::NewUser => "new_user_event",
            Exchange::AccountLocked => "account_locked_event",
            Exchange::VerificationRequested => "verification_requested_event",
            Exchange::SignUpRepeated => "sign_up_repeated_event",
            Exchange::PhoneVerificationRequested => "phone_verification_requested_event",
            Exchange::RecoveryRequested => "recovery_requested_event",
            Exchange::SignInRequested => "sign_in_requested_event",
            Exchange::PasswordChanged => "password_changed_event",
            Exchange::SecondFactorChanged => "second_factor_changed_event",
            Exchange::EmailChangeRequested => "email_change_requested_event",
            Exchange::EmailChanged => "email_changed_event",
            Exchange::UserInvited => "user_invited_event",
            Exchange::UserRemoved => "user_removed_event",
            Exchange::RemovalNoticeRequested => "removal_notice_requested_event",
        }
    }

    /// The exchange of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.name() == name)
    }

    /// The queues bound to it, each of which gets every event.
    #[must_use]
    pub fn queues(self) -> &'static [Queue] {
        match self {
            Exchange::UserLogin => &[Queue::LoginEmail, Queue::LoginSms, Queue::LoginWebhook],
            Exchange::NewUser => &[Queue::WelcomeEmail, Queue::NewUserWebhook],
            Exchange::AccountLocked => &[Queue::AccountLockedEmail, Queue::AccountLockedWebhook],
            Exchange::VerificationRequested => &[Queue::VerificationEmail],
            Exchange::SignUpRepeated => &[Queue::SignUpRepeatedEmail],
            Exchange::PhoneVerificationRequested => &[Queue::PhoneVerificationSms],
            Exchange::RecoveryRequested => &[Queue::RecoveryEmail],
            Exchange::SignInRequested => &[Queue::SignInLinkEmail],
            Exchange::PasswordChanged => &[Queue::PasswordChangedEmail, Queue::PasswordChangedWebhook],
            Exchange::SecondFactorChanged => &[Queue::SecondFactorChangedEmail, Queue::SecondFactorChangedWebhook],
            Exchange::EmailChangeRequested => &[Queue::EmailChangeEmail],
            Exchange::EmailChanged => &[Queue::EmailChangedEmail, Queue::EmailChangedWebhook],
            Exchange::UserInvited => &[Queue::InvitationEmail],
            Exchange::UserRemoved => &[Queue::UserRemovedWebhook],
            Exchange::RemovalNoticeRequested => &[Queue::RemovalNoticeEmail],
        }
    }
}

/// A queue: messages of one kind, shared among its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// `login_email_notification`: somebody signed in, by mail.
    LoginEmail,
    /// `login_sms_notification`: somebody signed in, by SMS.
    LoginSms,
    /// `welcome_email_notification`: somebody signed up, by mail.
    WelcomeEmail,
    /// `account_locked_email_notification`: an account was locked after failed sign-ins, by mail.
    AccountLockedEmail,
    /// `verification_email_notification`: an address is to be confirmed, by mail.
    VerificationEmail,
    /// `sign_up_repeated_email_notification`: somebody signed up with a user's address, by mail.
    SignUpRepeatedEmail,
    /// `phone_verification_sms_notification`: a phone number is to be confirmed, by SMS.
    PhoneVerificationSms,
    /// `recovery_email_notification`: somebody has forgotten their password, by mail.
    RecoveryEmail,
    /// `sign_in_link_email_notification`: somebody wants to sign in by mail.
    SignInLinkEmail,
    /// `password_changed_email_notification`: an account has a new password, by mail.
    PasswordChangedEmail,
    /// `second_factor_changed_email_notification`: the second factor of an account has changed, by mail.
    SecondFactorChangedEmail,
    /// `email_change_email_notification`: an account is to have another address, by mail to that one.
    EmailChangeEmail,
    /// `email_changed_email_notification`: an account has another address, by mail to the one before.
    EmailChangedEmail,
    /// `invitation_email_notification`: an administrator invites somebody, by mail.
    InvitationEmail,
    /// `login_webhook_notification`: somebody signed in, by webhook.
    LoginWebhook,
    /// `new_user_webhook_notification`: somebody signed up, by webhook.
    NewUserWebhook,
    /// `account_locked_webhook_notification`: an account was locked after failed sign-ins, by webhook.
    AccountLockedWebhook,
    /// `password_changed_webhook_notification`: an account has a new password, by webhook.
    PasswordChangedWebhook,
    /// `second_factor_changed_webhook_notification`: the second factor of an account has changed, by webhook.
    SecondFactorChangedWebhook,
    /// `email_changed_webhook_notification`: an account has another address, by webhook.
    EmailChangedWebhook,
    /// `user_removed_webhook_notification`: an account was removed, by webhook.
    UserRemovedWebhook,
    /// `removal_notice_email_notification`: an account was removed, by mail to the address that it had.
    RemovalNoticeEmail,
}

impl Queue {
    /// All queues.
    pub const ALL: [Queue; 22] = [
        Queue::LoginEmail,
        Queue::LoginSms,
        Queue::WelcomeEmail,
        Queue::AccountLockedEmail,
        Queue::VerificationEmail,
        Queue::SignUpRepeatedEmail,
        Queue::PhoneVerificationSms,
        Queue::RecoveryEmail,
        Queue::SignInLinkEmail,
        Queue::PasswordChangedEmail,
        Queue::SecondFactorChangedEmail,
        Queue::EmailChangeEmail,
        Queue::EmailChangedEmail,
        Queue::InvitationEmail,
        Queue::LoginWebhook,
        Queue::NewUserWebhook,
        Queue::AccountLockedWebhook,
        Queue::PasswordChangedWebhook,
        Queue::SecondFactorChangedWebhook,
        Queue::EmailChangedWebhook,
        Queue::UserRemovedWebhook,
        Queue::RemovalNoticeEmail,
    ];

    /// Its name, which is the consumer group's on Redis.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Queue::LoginEmail => "login_email_notification",
            Queue::LoginSms => "login_sms_notification",
            Queue::WelcomeEmail => "welcome_email_notification",
            Queue::AccountLockedEmail => "account_locked_email_notification",
            Queue::VerificationEmail => "verification_email_notification",
            Queue::SignUpRepeatedEmail => "sign_up_repeated_email_notification",
            Queue::PhoneVerificationSms => "phone_verification_sms_notification",
            Queue::RecoveryEmail => "recovery_email_notification",
            Queue::SignInLinkEmail => "sign_in_link_email_notification",
            Queue::PasswordChangedEmail => "password_changed_email_notification",
            Queue::SecondFactorChangedEmail => "second_factor_changed_email_notification",
            Queue::EmailChangeEmail => "email_change_email_notification",
            Queue::EmailChangedEmail => "email_changed_email_notification",
            Queue::InvitationEmail => "invitation_email_notification",
            Queue::LoginWebhook => "login_webhook_notification",
            Queue::NewUserWebhook => "new_user_webhook_notification",
            Queue::AccountLockedWebhook => "account_locked_webhook_notification",
            Queue::PasswordChangedWebhook => "password_changed_webhook_notification",
            Queue::SecondFactorChangedWebhook => "second_factor_changed_webhook_notification",
            Queue::EmailChangedWebhook => "email_changed_webhook_notification",
            Queue::UserRemovedWebhook => "user_removed_webhook_notification",
            Queue::RemovalNoticeEmail => "removal_notice_email_notification",
        }
    }

    /// The queue of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }

    /// The exchange that it is bound to.
    #[must_use]
    pub fn exchange(self) -> Exchange {
        match self {
            Queue::LoginEmail | Queue::LoginSms | Queue::LoginWebhook => Exchange::UserLogin,
            Queue::WelcomeEmail | Queue::NewUserWebhook => Exchange::NewUser,
            Queue::AccountLockedEmail | Queue::AccountLockedWebhook => Exchange::AccountLocked,
            Queue::VerificationEmail => Exchange::VerificationRequested,
            Queue::SignUpRepeatedEmail => Exchange::SignUpRepeated,
            Queue::PhoneVerificationSms => Exchange::PhoneVerificationRequested,
            Queue::RecoveryEmail => Exchange::RecoveryRequested,
            Queue::SignInLinkEmail => Exchange::SignInRequested,
            Queue::PasswordChangedEmail | Queue::PasswordChangedWebhook => Exchange::PasswordChanged,
            Queue::SecondFactorChangedEmail | Queue::SecondFactorChangedWebhook => Exchange::SecondFactorChanged,
            Queue::EmailChangeEmail => Exchange::EmailChangeRequested,
            Queue::EmailChangedEmail | Queue::EmailChangedWebhook => Exchange::EmailChanged,
            Queue::InvitationEmail => Exchange::UserInvited,
            Queue::UserRemovedWebhook => Exchange::UserRemoved,
            Queue::RemovalNoticeEmail => Exchange::RemovalNoticeRequested,
        }
    }

    /// Whether its messages are webhooks, so that it is in use only if there are endpoints.
    #[must_use]
    pub fn is_webhook(self) -> bool {
        self.name().ends_with("_webhook_notification")
    }

    /// Where its dead letters go: `<queue>.dead`.
    #[must_use]
    pub fn dead_letters(self) -> String {
        format!("{}.dead", self.name())
    }

    /// Where its messages wait for their next attempt, on Redis: `<queue>.retry`.
    #[must_use]
    pub fn retries(self) -> String {
        format!("{}.retry", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_bound_to_the_exchange_that_lists_it() {
        for queue in Queue::ALL {
            assert!(queue.exchange().queues().contains(&queue));
        }
        let bound: usize = Exchange::ALL.into_iter().map(|exchange| exchange.queues().len()).sum();
        assert_eq!(bound, Queue::ALL.len());
    }

    #[test]
    fn names_lead_back() {
        for exchange in Exchange::ALL {
            assert_eq!(Exchange::from_name(exchange.name()), Some(exchange));
        }
        for queue in Queue::ALL {
            assert_eq!(Queue::from_name(queue.name()), Some(queue));
        }
        assert_eq!((Exchange::from_name("other"), Queue::from_name("other")), (None, None));
    }
}
