//! Keys that seal what others store for us: whoever holds it can neither read nor alter it.
//!
//! Something sealed is `<key id>:<nonce and ciphertext in Base64>`, by XChaCha20-Poly1305 with a random nonce. Its associated data
//! say what it is for, so that it cannot be used elsewhere. The first key seals, and all open: a new key is put before the others,
//! and an old one is removed once nothing is sealed by it.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

/// The length of a nonce: long enough for random ones.
pub const NONCE_BYTES: usize = 24;
/// The length of a key.
const KEY_BYTES: usize = 32;
/// The longest id, in characters.
const MAX_ID: usize = 32;

/// The known keys: one at least.
pub struct SealingKeys(Vec<(String, [u8; KEY_BYTES])>);

impl SealingKeys {
    /// Parses `id:key[,id:key...]` with keys of 64 hexadecimal digits. `None` if the text is empty.
    ///
    /// # Errors
    /// If an entry is invalid. Nothing of the input is in the error.
    pub fn parse(text: &str) -> Result<Option<Self>, SealingKeysError> {
        let mut keys: Vec<(String, [u8; KEY_BYTES])> = Vec::new();
        if text.trim().is_empty() {
            return Ok(None);
        }
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            let fault = |what| SealingKeysError(index + 1, what);
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

    /// Seals a message, by a nonce that was never used before.
    #[must_use]
    pub fn seal(&self, message: &[u8], associated_data: &[u8], nonce: [u8; NONCE_BYTES]) -> String {
        let (id, key) = &self.0[0];
        let payload = Payload { msg: message, aad: associated_data };
        let ciphertext =
            cipher(key).encrypt(&XNonce::from(nonce), payload).expect("what fits the memory can be encrypted");
        format!("{id}:{}", STANDARD_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// Opens a message; `None` if it was altered or is for something else, or its key is not known any more.
    #[must_use]
    pub fn open(&self, sealed: &str, associated_data: &[u8]) -> Option<Vec<u8>> {
        let (id, sealed) = sealed.split_once(':')?;
        let (_, key) = self.0.iter().find(|(other, _)| other == id)?;
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        cipher(key).decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: associated_data }).ok()
    }

    /// Whether the key that seals has sealed this.
    #[must_use]
    pub fn is_current(&self, sealed: &str) -> bool {
        sealed.split_once(':').is_some_and(|(id, _)| id == self.0[0].0)
    }
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKeys(..)")
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_part)
}

/// Why keys cannot be used: the entry with this number, counted from 1, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingKeysError(usize, &'static str);

impl std::fmt::Display for SealingKeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "has an entry, number {}, that {}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> SealingKeys {
        SealingKeys::parse(text).unwrap().unwrap()
    }

    fn key(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    #[test]
    fn a_sealed_message_opens_for_what_it_is_for_alone() {
        let keys = keys(&format!("2026:{}", key('a')));
        let sealed = keys.seal(b"message", b"cookie", [1; NONCE_BYTES]);
        assert_eq!(keys.open(&sealed, b"cookie").unwrap(), b"message");
        assert!(keys.open(&sealed, b"form").is_none());
        assert!(!sealed.contains("message"));
    }

    #[test]
    fn an_altered_message_does_not_open() {
        let keys = keys(&format!("2026:{}", key('a')));
        let sealed = keys.seal(&[7; 20], b"", [1; NONCE_BYTES]);
        for altered in [
            String::new(),
            "2026".to_owned(),
            "2026:".to_owned(),
            sealed.replace("2026", "2025"),
            sealed[..sealed.len() - 1].to_owned(),
            format!("{}{}", &sealed[..sealed.len() - 4], "AAAA"),
            sealed.replacen("AQEB", "AQEC", 1),
        ] {
            assert!(keys.open(&altered, b"").is_none(), "{altered}");
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (old, new) = (format!("old:{}", key('a')), format!("new:{}", key('b')));
        let sealed = keys(&old).seal(b"m", b"", [1; NONCE_BYTES]);
        let both = keys(&format!("{new}, {old}"));
        assert!(both.open(&sealed, b"").is_some() && !both.is_current(&sealed));
        let anew = both.seal(b"m", b"", [2; NONCE_BYTES]);
        assert!(both.is_current(&anew) && keys(&new).open(&anew, b"").is_some());
        assert!(keys(&new).open(&sealed, b"").is_none());
    }

    #[test]
    fn invalid_keys_are_refused_without_being_repeated() {
        assert!(SealingKeys::parse("").unwrap().is_none() && SealingKeys::parse(" ").unwrap().is_none());
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
            let error = SealingKeys::parse(&text).unwrap_err().to_string();
            assert!(error.contains("number") && !error.contains("aaaa") && !error.contains("xxxx"), "{error}");
        }
        assert_eq!(format!("{:?}", keys(&format!("a:{good}"))), "SealingKeys(..)");
    }
}
