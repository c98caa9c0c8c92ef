//! A passkey, as it is kept.

use serde::{Deserialize, Serialize};
use webauthn_rp::response::Backup as BackupFlags;

/// Whom an authenticator knows an account as: random bytes, which say nothing about it.
pub type Handle = [u8; 16];

/// Whether a passkey is on more than one device, by the backup flags of its authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backup {
    /// It never leaves its authenticator.
    None,
    /// It may be copied to others, and is not yet.
    Eligible,
    /// It is.
    Exists,
}

impl Backup {
    pub(crate) fn of(flags: BackupFlags) -> Self {
        match flags {
            BackupFlags::NotEligible => Self::None,
            BackupFlags::Eligible => Self::Eligible,
            BackupFlags::Exists => Self::Exists,
        }
    }

    pub(crate) fn flags(self) -> BackupFlags {
        match self {
            Self::None => BackupFlags::NotEligible,
            Self::Eligible => BackupFlags::Eligible,
            Self::Exists => BackupFlags::Exists,
        }
    }
}

/// A passkey that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The id that its authenticator has given it.
    pub credential_id: Vec<u8>,
    /// Its public key with what belongs to it, as only this crate reads it.
    pub public_key: Vec<u8>,
    /// How often it was used, by its authenticator; always 0 for one that does not count.
    pub sign_count: u32,
    /// Whether it is on more than one device.
    pub backup: Backup,
}

/// What an assertion has proved, besides that the passkey's owner is there: what changes of the passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How often it was used now.
    pub sign_count: u32,
    /// Whether it is on more than one device now.
    pub backup: Backup,
}
