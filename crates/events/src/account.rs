//! The data of events: about accounts, and how somebody gets into theirs.

use crate::OneTimeSecret;
use identity::UserId;
use serde::{Deserialize, Serialize};

/// The data of a `user_login_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// Who signed in.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
    /// Where an SMS goes, if anywhere.
    #[serde(default)]
    pub phone: Option<String>,
    /// Whether it was a device on which the user had signed in before; unknown in events of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_device: Option<bool>,
    /// The device, in words that are the same in all languages: `Firefox, Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The network that the sign-in came from: `203.0.113.0/24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The link by which the user says that it was somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<OneTimeSecret>,
}

impl Login {
    /// A sign-in of which no more is known than whose it was.
    #[must_use]
    pub fn of(user_id: UserId, email: String, phone: Option<String>) -> Self {
        Self { user_id, email, phone, known_device: None, device: None, network: None, link: None }
    }
}

/// The data of a `new_user_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignUp {
    /// Who signed up.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
    /// How to address the person.
    pub name: String,
    /// Whether the address is yet to be confirmed, for which another mail is sent.
    #[serde(default)]
    pub awaits_verification: bool,
}

/// The data of an `account_locked_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountLocked {
    /// Whose account it is.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
}

/// The data of a `verification_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerificationRequested {
    /// Whose address it is.
    pub user_id: UserId,
    /// The address, where the mail goes.
    pub email: String,
    /// The link that confirms it.
    pub link: OneTimeSecret,
    /// The code that does the same.
    pub code: OneTimeSecret,
}

/// The data of a `sign_up_repeated_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignUpRepeated {
    /// Who has the address.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
}

/// The data of a `recovery_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryRequested {
    /// Whose account it is.
    pub user_id: UserId,
    /// The address of the account, where the mail goes.
    pub email: String,
    /// The link that leads to a new password.
    pub link: OneTimeSecret,
    /// The code that does the same.
    pub code: OneTimeSecret,
}

/// The data of a `sign_in_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignInRequested {
    /// Whose account it is.
    pub user_id: UserId,
    /// The address of the account, where the mail goes.
    pub email: String,
    /// The link that signs in.
    pub link: OneTimeSecret,
    /// The code that does the same where the mail was asked for.
    pub code: OneTimeSecret,
}

/// The data of a `user_invited_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserInvited {
    /// The id that the user will have who accepts.
    pub user_id: UserId,
    /// Who is invited, and where the mail goes.
    pub email: String,
    /// The link that accepts the invitation.
    pub link: OneTimeSecret,
    /// The code that does the same.
    pub code: OneTimeSecret,
}

/// The data of a `password_changed_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PasswordChanged {
    /// Whose password it is.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
    /// The link by which the user says that it was somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<OneTimeSecret>,
}

/// The data of an `email_change_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmailChangeRequested {
    /// Whose account it is.
    pub user_id: UserId,
    /// The address that it is to have, where the mail goes.
    pub email: String,
    /// The link that changes it.
    pub link: OneTimeSecret,
    /// The code that does the same.
    pub code: OneTimeSecret,
}

/// The data of an `email_changed_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmailChanged {
    /// Whose account it is.
    pub user_id: UserId,
    /// The address that it had, where the mail goes.
    pub email: String,
    /// The link that takes the address back, if its user has made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<OneTimeSecret>,
}

/// The data of a `user_removed_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRemoved {
    /// Who was removed.
    pub user_id: UserId,
}

/// The data of a `removal_notice_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemovalNoticeRequested {
    /// Who was removed.
    pub user_id: UserId,
    /// The address that the account had, where the mail goes.
    pub email: String,
}

/// The data of a `second_factor_changed_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondFactorChanged {
    /// Whose second factor it is.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
    /// What has happened to it.
    pub change: SecondFactorChange,
    /// The link by which the user says that it was somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<OneTimeSecret>,
}

/// What has happened to a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondFactorChange {
    /// The account has one now.
    Added,
    /// It has none any more.
    Removed,
    /// A recovery code took its place at a sign-in.
    RecoveryCodeUsed,
    /// It has new recovery codes.
    RecoveryCodesReplaced,
    /// It has one more passkey.
    PasskeyAdded,
    /// It has one passkey less, or none any more.
    PasskeyRemoved,
}

impl SecondFactorChange {
    /// As it stands in the event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SecondFactorChange::Added => "added",
            SecondFactorChange::Removed => "removed",
            SecondFactorChange::RecoveryCodeUsed => "recovery-code-used",
            SecondFactorChange::RecoveryCodesReplaced => "recovery-codes-replaced",
            SecondFactorChange::PasskeyAdded => "passkey-added",
            SecondFactorChange::PasskeyRemoved => "passkey-removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_one_name() {
        for change in [
            SecondFactorChange::Added,
            SecondFactorChange::Removed,
            SecondFactorChange::RecoveryCodeUsed,
            SecondFactorChange::RecoveryCodesReplaced,
            SecondFactorChange::PasskeyAdded,
            SecondFactorChange::PasskeyRemoved,
        ] {
            assert_eq!(serde_json::to_value(change).unwrap(), change.name());
        }
    }
}
