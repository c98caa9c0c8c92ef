//! Keys that seal the secrets of authenticator apps, so that whoever reads the database alone can compute no code.
//!
//! A sealed secret is `<key id>:<nonce and ciphertext in Base64>`, by XChaCha20-Poly1305 with a random nonce. Its associated data
//! are the user and the factor, so that it cannot be moved to another row. The first key seals, and all open: a new key is put
//! before the others, and an old one is removed once nothing is sealed by it.

use crate::totp::{SECRET_BYTES, TotpSecret};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use identity::UserId;
use uuid::Uuid;

/// The length of a nonce: long enough for random ones.
pub const NONCE_BYTES: usize = 24;
/// The length of a key.
const KEY_BYTES: usize = 32;
/// The longest id, in characters.
const MAX_ID: usize = 32;

/// The known keys.
pub struct TotpKeys(Vec<(String, [u8; KEY_BYTES])>);

/// Whose secret it is.
#[derive(Clone, Copy, Debug)]
pub struct FactorId {
    /// The user.
    pub user_id: UserId,
    /// The factor; each enrolment has another.
    pub factor_id: Uuid,
}

impl TotpKeys {
    /// Parses the variable `totp_keys`, `id:key[,id:key...]` with keys of 64 hexadecimal digits. `None` if it is empty: then
    /// nobody can add an authenticator app.
    ///
    /// # Errors
    /// If an entry is invalid. Nothing of the input is in the error.
    pub fn parse(text: &str) -> Result<Option<Self>, TotpKeysError> {
        let mut keys: Vec<(String, [u8; KEY_BYTES])> = Vec::new();
        if text.trim().is_empty() {
            return Ok(None);
        }
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            let fault = |what| TotpKeysError(index + 1, what);
            let (id, key) = entry.split_once(':').ok_or(fault("has no id"))?;
            if !is_id(id) {
                return Err(fault("has an id that is not 1 to 32 of a-z, 0-9, - and _"));
            }
            if keys.iter().any(|(other, _)| other == id) {
                return Err(fault("has an id that is there already"));
            }
            let mut bytes = [0; KEY_BYTES];
            hex::decode_to_slice(key, &mut bytes).map_err(|_| fault("has a key that is not 64 hexadecimal digits"))?;
            keys.push((id.to_owned(), bytes));
        }
        Ok(Some(Self(keys)))
    }

    /// Seals a secret, by a nonce that was never used before.
    #[must_use]
    pub fn seal(&self, secret: &TotpSecret, of: FactorId, nonce: [u8; NONCE_BYTES]) -> String {
        let (id, key) = &self.0[0];
        let data = of.associated_data();
        let payload = Payload { msg: secret.bytes(), aad: &data };
        let ciphertext = cipher(key).encrypt(&XNonce::from(nonce), payload).expect("20 bytes can be encrypted");
        format!("{id}:{}", STANDARD_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// Opens a secret; `None` if it was altered or is another factor's, or its key is not known any more.
    #[must_use]
    pub fn open(&self, sealed: &str, of: FactorId) -> Option<TotpSecret> {
        let (id, sealed) = sealed.split_once(':')?;
        let (_, key) = self.0.iter().find(|(other, _)| other == id)?;
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let data = of.associated_data();
        let secret = cipher(key).decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: &data }).ok()?;
        let secret: [u8; SECRET_BYTES] = secret.try_into().ok()?;
        Some(TotpSecret::new(secret))
    }

    /// Whether the key that seals has sealed this.
    #[must_use]
    pub fn is_current(&self, sealed: &str) -> bool {
        sealed.split_once(':').is_some_and(|(id, _)| id == self.0[0].0)
    }
}

impl FactorId {
    fn associated_data(&self) -> Vec<u8> {
        format!("concierge totp\0{}\0{}", self.user_id, self.factor_id).into_bytes()
    }
}

impl std::fmt::Debug for TotpKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpKeys(..)")
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_part)
}

/// Why `totp_keys` cannot be used: its entry with this number, counted from 1, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotpKeysError(usize, &'static str);

impl std::fmt::Display for TotpKeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "has an entry, number {}, that {}", self.0, self.1)
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

    #[test]
    fn an_altered_secret_does_not_open() {
        let keys = keys(&format!("2026:{}", key('a')));
        let sealed = keys.seal(&TotpSecret::new([7; 20]), factor(7, 1), [1; 24]);
        for altered in [
            String::new(),
            "2026".to_owned(),
            "2026:".to_owned(),
            sealed.replace("2026", "2025"),
            sealed[..sealed.len() - 1].to_owned(),
            format!("{}{}", &sealed[..sealed.len() - 4], "AAAA"),
            sealed.replacen("AQEB", "AQEC", 1),
        ] {
            assert!(keys.open(&altered, factor(7, 1)).is_none(), "{altered}");
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (old, new) = (format!("old:{}", key('a')), format!("new:{}", key('b')));
        let sealed = keys(&old).seal(&TotpSecret::new([7; 20]), factor(7, 1), [1; 24]);
        let both = keys(&format!("{new}, {old}"));
        assert!(both.open(&sealed, factor(7, 1)).is_some() && !both.is_current(&sealed));
        let anew = both.seal(&TotpSecret::new([7; 20]), factor(7, 1), [2; 24]);
        assert!(both.is_current(&anew) && keys(&new).open(&anew, factor(7, 1)).is_some());
        assert!(keys(&new).open(&sealed, factor(7, 1)).is_none());
    }

    #[test]
    fn invalid_keys_are_refused_without_being_repeated() {
        assert!(TotpKeys::parse("").unwrap().is_none() && TotpKeys::parse(" ").unwrap().is_none());
        let good = key('a');
        for text in [
            good.clone(),
            format!("a:{}", &good[1..]),
            format!("a:{good}0"),
            format!("a:{}", "x".repeat(64)),
            format!("A:{good}"),
            format!(":{good}"),
            format!("a:{good},"),
            format!("a:{good},a:{good}"),
        ] {
            let error = TotpKeys::parse(&text).unwrap_err().to_string();
            assert!(error.contains("number") && !error.contains("aaaa") && !error.contains("xxxx"), "{error}");
        }
        assert_eq!(format!("{:?}", keys(&format!("a:{good}"))), "TotpKeys(..)");
    }
}
