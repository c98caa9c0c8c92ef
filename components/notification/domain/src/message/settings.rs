//! What is the same in all messages, and which sign-ins somebody is told of.

use identity::Locale;

/// What is the same in all messages.
#[derive(Clone, Debug)]
pub struct MessageSettings {
    /// The name of what people have an account with.
    pub brand_name: String,
    /// Where people reach it.
    pub public_url: String,
    /// The language of whoever has chosen none, or one that there is no file for.
    pub default_locale: Locale,
    /// Which sign-ins people are told of.
    pub login_notice: LoginNotice,
}

/// Which sign-ins somebody is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginNotice {
    /// Those on a device on which they had not signed in before.
    NewDevice,
    /// All.
    Always,
    /// None.
    Off,
}

impl LoginNotice {
    /// Parses `new-device`, `always` or `off`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "new-device" => Some(Self::NewDevice),
            "always" => Some(Self::Always),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    /// Whether a sign-in leads to messages. Of one of an earlier version it is not known whether the device was; those do.
    pub(super) fn is_due(self, known_device: Option<bool>) -> bool {
        match self {
            Self::NewDevice => known_device != Some(true),
            Self::Always => true,
            Self::Off => false,
        }
    }
}
