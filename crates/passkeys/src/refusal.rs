//! Why a passkey is not accepted.

use thiserror::Error;
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::error::RegCeremonyErr;

/// Why a response of an authenticator is not accepted. It is for the log: whoever sent the response learns that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It was made for a page of another origin, or in a frame of one.
    #[error("wrong-origin")]
    Origin,
    /// It was made for another relying party.
    #[error("wrong-relying-party")]
    RelyingParty,
    /// The authenticator has not verified its user, or nobody was there.
    #[error("user-not-verified")]
    UserVerification,
    /// The passkey's counter has not gone forward: there may be a copy of it.
    #[error("counter-went-back")]
    Counter,
    /// The signature is not that of the passkey.
    #[error("wrong-signature")]
    Signature,
    /// It belongs to another challenge, passkey or account.
    #[error("wrong-subject")]
    Subject,
    /// Its backup flags contradict those at its registration.
    #[error("wrong-backup-flags")]
    Backup,
    /// Its key has an algorithm that was not asked for, or is none.
    #[error("wrong-key")]
    Key,
    /// It cannot be read.
    #[error("malformed")]
    Malformed,
}

impl From<RegCeremonyErr> for Refusal {
    fn from(error: RegCeremonyErr) -> Self {
        match error {
            RegCeremonyErr::OriginMismatch | RegCeremonyErr::CrossOrigin | RegCeremonyErr::TopOriginMismatch => {
                Self::Origin
            }
            RegCeremonyErr::RpIdHashMismatch => Self::RelyingParty,
            RegCeremonyErr::UserNotPresent | RegCeremonyErr::UserNotVerified => Self::UserVerification,
            RegCeremonyErr::AttestationSignature => Self::Signature,
            RegCeremonyErr::ChallengeMismatch | RegCeremonyErr::Timeout => Self::Subject,
            RegCeremonyErr::PubKey(_) | RegCeremonyErr::PublicKeyAlgorithmMismatch => Self::Key,
            _ => Self::Malformed,
        }
    }
}

impl From<AuthCeremonyErr> for Refusal {
    fn from(error: AuthCeremonyErr) -> Self {
        match error {
            AuthCeremonyErr::OriginMismatch | AuthCeremonyErr::CrossOrigin | AuthCeremonyErr::TopOriginMismatch => {
                Self::Origin
            }
            AuthCeremonyErr::RpIdHashMismatch => Self::RelyingParty,
            AuthCeremonyErr::UserNotVerified => Self::UserVerification,
            AuthCeremonyErr::SignatureCounter => Self::Counter,
            AuthCeremonyErr::AssertionSignature => Self::Signature,
            AuthCeremonyErr::ChallengeMismatch
            | AuthCeremonyErr::Timeout
            | AuthCeremonyErr::UserHandleMismatch
            | AuthCeremonyErr::MissingUserHandle
            | AuthCeremonyErr::CredentialIdMismatch
            | AuthCeremonyErr::NoMatchingAllowedCredential => Self::Subject,
            AuthCeremonyErr::BackupEligible
            | AuthCeremonyErr::BackupNotEligible
            | AuthCeremonyErr::BackupDoesNotExist => Self::Backup,
            AuthCeremonyErr::PubKey(_) => Self::Key,
            _ => Self::Malformed,
        }
    }
}
