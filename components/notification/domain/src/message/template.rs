//! Which messages there are, and what the template of each may use.

use super::MessageKind;

/// The template of a message: a section of each language's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Template {
    SignIn,
    SignInSms,
    Welcome,
    AccountLocked,
    Verification,
    SignUpRepeated,
    PhoneVerificationSms,
    Recovery,
    SignInLink,
    Invitation,
    PasswordChanged,
    EmailChange,
    EmailChanged,
    EmailChangedByAdministrator,
    SecondFactorAdded,
    SecondFactorRemoved,
    RecoveryCodeUsed,
    RecoveryCodesReplaced,
    RemovalNotice,
    PasskeyAdded,
    PasskeyRemoved,
}

/// What every template may use.
pub(super) const COMMON: [&str; 2] = ["brand_name", "public_url"];

impl Template {
    pub(super) const ALL: [Template; 21] = [
        Template::SignIn,
        Template::SignInSms,
        Template::Welcome,
        Template::AccountLocked,
        Template::Verification,
        Template::SignUpRepeated,
        Template::PhoneVerificationSms,
        Template::Recovery,
        Template::SignInLink,
        Template::Invitation,
        Template::PasswordChanged,
        Template::EmailChange,
        Template::EmailChanged,
        Template::EmailChangedByAdministrator,
        Template::SecondFactorAdded,
        Template::SecondFactorRemoved,
        Template::RecoveryCodeUsed,
        Template::RecoveryCodesReplaced,
        Template::RemovalNotice,
        Template::PasskeyAdded,
        Template::PasskeyRemoved,
    ];

    /// The name of its section.
    pub(super) fn name(self) -> &'static str {
        match self {
            Template::SignIn => "sign_in",
            Template::SignInSms => "sign_in_sms",
            Template::Welcome => "welcome",
            Template::AccountLocked => "account_locked",
            Template::Verification => "verification",
            Template::SignUpRepeated => "sign_up_repeated",
            Template::PhoneVerificationSms => "phone_verification_sms",
            Template::Recovery => "recovery",
            Template::SignInLink => "sign_in_link",
            Template::Invitation => "invitation",
            Template::PasswordChanged => "password_changed",
            Template::EmailChange => "email_change",
            Template::EmailChanged => "email_changed",
            Template::EmailChangedByAdministrator => "email_changed_by_administrator",
            Template::SecondFactorAdded => "second_factor_added",
            Template::SecondFactorRemoved => "second_factor_removed",
            Template::RecoveryCodeUsed => "recovery_code_used",
            Template::RecoveryCodesReplaced => "recovery_codes_replaced",
            Template::RemovalNotice => "removal_notice",
            Template::PasskeyAdded => "passkey_added",
            Template::PasskeyRemoved => "passkey_removed",
        }
    }

    pub(super) fn kind(self) -> MessageKind {
        match self {
            Template::SignInSms | Template::PhoneVerificationSms => MessageKind::Sms,
            _ => MessageKind::Email,
        }
    }

    /// The variables that it has besides [`COMMON`]. A message to an address that nobody has confirmed has none that a
    /// stranger could have entered.
    pub(super) fn variables(self) -> &'static [&'static str] {
        match self {
            Template::Welcome => &[],
            Template::PhoneVerificationSms => &["code"],
            Template::SignIn => &["time", "device", "network", "link"],
            Template::SignInSms
            | Template::AccountLocked
            | Template::SignUpRepeated
            | Template::EmailChangedByAdministrator
            | Template::RecoveryCodeUsed
            | Template::RemovalNotice => &["time"],
            Template::EmailChanged
            | Template::PasswordChanged
            | Template::SecondFactorAdded
            | Template::SecondFactorRemoved
            | Template::RecoveryCodesReplaced
            | Template::PasskeyAdded
            | Template::PasskeyRemoved => &["time", "link"],
            Template::Verification
            | Template::Recovery
            | Template::SignInLink
            | Template::Invitation
            | Template::EmailChange => &["time", "link", "code"],
        }
    }

    pub(super) fn has(self, variable: &str) -> bool {
        self.variables().contains(&variable)
    }
}
