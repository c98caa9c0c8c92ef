//! Which sign-ins somebody is told of.

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
