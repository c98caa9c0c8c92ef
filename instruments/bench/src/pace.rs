//! How much is measured, and for how long.

/// Connections where the number of them is not what it is about.
pub(crate) const CONNECTIONS: u32 = 16;

/// Connections of what waits for a hash: enough to keep the cores busy, and few, since what is under way at the end is not
/// counted.
pub(crate) const LOGIN_CONNECTIONS: u32 = 4;

/// How long things take.
pub(crate) struct Pace {
    pub(crate) runs: u32,
    pub(crate) quick: bool,
}

impl Pace {
    pub(crate) fn seconds(&self) -> u32 {
        if self.quick { 2 } else { 5 }
    }

    pub(crate) fn range(&self) -> &'static [u32] {
        if self.quick { &[1, 64] } else { &[1, 2, 4, 8, 32, 64, 128] }
    }

    pub(crate) fn login_seconds(&self) -> u32 {
        if self.quick { 8 } else { 15 }
    }
}
