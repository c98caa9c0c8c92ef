//! Keys that seal the secrets of authenticator apps, so that whoever reads the database alone can compute no code.
//!
//! The associated data are the user and the factor, so that a sealed secret cannot be moved to another row.

use crate::totp::{SECRET_BYTES, TotpSecret};
use identity::UserId;
use sealing::{SealingKeys, SealingKeysError};
use uuid::Uuid;

pub use sealing::NONCE_BYTES;

/// The known keys.
#[derive(Debug)]
pub struct TotpKeys(SealingKeys);

/// Whose secret it is.
#[derive(Clone, Copy, Debug)]
pub struct FactorId {
    /// The user.
    pub user_id: UserId,
    /// The factor; each enrolment has another.
    pub factor_id: Uuid,
}

impl TotpKeys {
    /// Parses the variable `totp_keys`. `None` if it is empty: then nobody can add an authenticator app.
    ///
    /// # Errors
    /// If an entry is invalid. Nothing of the input is in the error.
    pub fn parse(text: &str) -> Result<Option<Self>, SealingKeysError> {
        Ok(SealingKeys::parse(text)?.map(Self))
    }

    /// Seals a secret, by a nonce that was never used before.
    #[must_use]
    pub fn seal(&self, secret: &TotpSecret, of: FactorId, nonce: [u8; NONCE_BYTES]) -> String {
        self.0.seal(secret.bytes(), &of.associated_data(), nonce)
    }

    /// Opens a secret; `None` if it was altered or is another factor's, or its key is not known any more.
    #[must_use]
    pub fn open(&self, sealed: &str, of: FactorId) -> Option<TotpSecret> {
        let secret: [u8; SECRET_BYTES] = self.0.open(sealed, &of.associated_data())?.try_into().ok()?;
        Some(TotpSecret::new(secret))
    }

    /// Whether the key that seals has sealed this.
    #[must_use]
    pub fn is_current(&self, sealed: &str) -> bool {
        self.0.is_current(sealed)
    }
}

impl FactorId {
    fn associated_data(&self) -> Vec<u8> {
        format!("concierge totp\0{}\0{}", self.user_id, self.factor_id).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> TotpKeys {
        TotpKeys::parse(text).unwrap().unwrap()
    }

    fn key(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn factor(user_id: i64, factor_id: u128) -> FactorId {
        FactorId { user_id: UserId::try_from(user_id).unwrap(), factor_id: Uuid::from_u128(factor_id) }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_factor_alone() {
        let keys = keys(&format!("2026:{}", key('a')));
        let sealed = keys.seal(&TotpSecret::new([7; 20]), factor(7, 1), [1; 24]);
        assert!(sealed.starts_with("2026:") && sealed.len() < 100, "{sealed}");
        assert_eq!(keys.open(&sealed, factor(7, 1)).unwrap().bytes(), [7; 20]);
        assert!(keys.open(&sealed, factor(8, 1)).is_none() && keys.open(&sealed, factor(7, 2)).is_none());
    }
}
