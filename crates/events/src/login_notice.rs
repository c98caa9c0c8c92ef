//! Which sign-ins somebody is told of. The sender of mail and the service that counts SMS have the same answer.

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
    #[must_use]
    pub fn is_due(self, known_device: Option<bool>) -> bool {
        match self {
            Self::NewDevice => known_device != Some(true),
            Self::Always => true,
            Self::Off => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_known_device_somebody_is_told_only_always() {
        let due = |text| {
            let notice = LoginNotice::parse(text).unwrap();
            [Some(true), Some(false), None].map(|known| notice.is_due(known))
        };
        assert_eq!(due("new-device"), [false, true, true]);
        assert_eq!(due("always"), [true; 3]);
        assert_eq!(due("off"), [false; 3]);
        assert_eq!(LoginNotice::parse("never"), None);
    }
}
