//! Passkeys: what WebAuthn (level 3) asks of whoever accepts them, the relying party. A registration and an assertion are verified
//! by `webauthn_rp`; here is what this service asks of both, and in which form it keeps a passkey.
//!
//! A passkey is a discoverable credential whose authenticator has verified its user. The service keeps a digest of a challenge,
//! not the challenge, so a verification begins with the challenge that a response names. Whether it was ever issued, is used or has
//! expired is for the caller to check.

mod ceremony;
mod passkey;
mod refusal;
mod relying_party;
#[cfg(test)]
mod tests;

pub use passkey::{Backup, Handle, Passkey, Proof};
pub use refusal::Refusal;
pub use relying_party::{ALGORITHMS, Assertion, Attestation, CHALLENGE_BYTES, RelyingParty, challenge_of};
