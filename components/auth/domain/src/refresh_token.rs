//! Refresh tokens: their format, and their rotation.
//!
//! A token carries the id of its session, a generation (0 at the sign-in, one more at each refresh) and a secret of 256
//! bits, under an authentication tag. The tag proves that auth has issued it, so that anything else is refused without
//! a call to users. The database stores a digest of the secret.
//!
//! The secret of the next generation is derived from the one before. So a client that refreshes again because the
//! response was lost, or from a second tab, gets the same successor, and nothing secret is stored for that. Without the
//! key nobody can derive it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The randomness of a first refresh token, in bytes: 256 bits cannot be guessed.
pub const TOKEN_BYTES: usize = 32;
/// The fewest bytes of a key.
pub const MIN_KEY_BYTES: usize = 32;
/// The length of a tag, in bytes: HMAC-SHA-256, cut to 128 bits (RFC 2104, 5).
const TAG_BYTES: usize = 16;
/// Where the parts of a token end.
const SESSION_END: usize = 16;
const GENERATION_END: usize = SESSION_END + 8;
const SECRET_END: usize = GENERATION_END + TOKEN_BYTES;

/// The domain separators of the two uses of a key, so that the results of one reveal nothing about the other.
const TAG_LABEL: &[u8] = b"concierge refresh token tag 1";
const SUCCESSOR_LABEL: &[u8] = b"concierge refresh token successor 1";

/// The same for tokens of clients of the OpenID Connect provider: neither kind passes for the other.
const CLIENT_TAG_LABEL: &[u8] = b"concierge oauth refresh token tag 1";
const CLIENT_SUCCESSOR_LABEL: &[u8] = b"concierge oauth refresh token successor 1";

/// The keys of refresh tokens: one that issues them, and optionally another whose tokens are accepted as well.
#[derive(Clone)]
pub struct RefreshKeys {
    /// The first one issues tokens.
    keys: Vec<Key>,
    tag_label: &'static [u8],
    successor_label: &'static [u8],
}

#[derive(Clone)]
struct Key(Vec<u8>);

/// The secret of one generation of a session's refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RefreshSecret([u8; TOKEN_BYTES]);

/// A refresh token that auth has issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session that it belongs to; `None` for a token in the format of earlier versions, which is looked up by its
    /// digest.
    pub session: Option<Uuid>,
    /// How many refreshes of the session came before it.
    pub generation: i64,
    secret: RefreshSecret,
    /// The secret of the generation that follows.
    successor: RefreshSecret,
}

impl RefreshKeys {
    /// The key that issues tokens, and one that is accepted beside it unless it is empty; `None` if one is shorter than
    /// [`MIN_KEY_BYTES`].
    #[must_use]
    pub fn new(current: &str, accepted: &str) -> Option<Self> {
        let keys: Vec<_> = [current, accepted].into_iter().take(if accepted.is_empty() { 1 } else { 2 }).collect();
        let are_long = keys.iter().all(|key| key.len() >= MIN_KEY_BYTES);
        let keys = || keys.iter().map(|key| Key(key.as_bytes().to_vec())).collect();
        are_long.then(|| Self { keys: keys(), tag_label: TAG_LABEL, successor_label: SUCCESSOR_LABEL })
    }

    /// The same keys for tokens of clients of the OpenID Connect provider.
    #[must_use]
    pub fn of_clients(self) -> Self {
        Self { tag_label: CLIENT_TAG_LABEL, successor_label: CLIENT_SUCCESSOR_LABEL, ..self }
    }

    /// The token, as its owner gets it.
    #[must_use]
    pub fn token(&self, session: Uuid, generation: i64, secret: RefreshSecret) -> String {
        let mut bytes = Vec::with_capacity(SECRET_END + TAG_BYTES);
        bytes.extend(session.as_bytes());
        bytes.extend(generation.to_be_bytes());
        bytes.extend(secret.0);
        let tag = self.keys[0].mac(self.tag_label, &bytes).finalize().into_bytes();
        bytes.extend(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Verifies a presented token; `None` if auth has not issued it. A token of an earlier version has no tag, so only
    /// the database can tell.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        if let Ok(secret) = bytes.as_slice().try_into()
            && self.tag_label == TAG_LABEL
        {
            return Some(self.keys[0].read(None, 0, RefreshSecret(secret), self.successor_label));
        }
        if bytes.len() != SECRET_END + TAG_BYTES {
            return None;
        }
        let (said, tag) = bytes.split_at(SECRET_END);
        // The key that issued a token derives its successor too, whichever issues tokens by now.
        let key = self.keys.iter().find(|key| key.mac(self.tag_label, said).verify_truncated_left(tag).is_ok())?;
        let session = Uuid::from_slice(&said[..SESSION_END]).ok()?;
        let generation = i64::from_be_bytes(said[SESSION_END..GENERATION_END].try_into().ok()?);
        let secret = RefreshSecret(said[GENERATION_END..].try_into().ok()?);
        Some(key.read(Some(session), generation, secret, self.successor_label))
    }
}

impl Key {
    fn mac(&self, label: &[u8], text: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(label);
        mac.update(b"\0");
        mac.update(text);
        mac
    }

    fn read(&self, session: Option<Uuid>, generation: i64, secret: RefreshSecret, successor: &[u8]) -> RefreshToken {
        let mut text = Vec::with_capacity(SECRET_END);
        text.extend(session.unwrap_or_default().as_bytes());
        text.extend(generation.to_be_bytes());
        text.extend(secret.0);
        let successor = RefreshSecret(self.mac(successor, &text).finalize().into_bytes().into());
        RefreshToken { session, generation, secret, successor }
    }
}

impl RefreshToken {
    /// The stored digest.
    #[must_use]
    pub fn digest(&self) -> String {
        self.secret.digest()
    }

    /// The secret of the successor: the same one however often it is derived.
    #[must_use]
    pub fn successor(&self) -> RefreshSecret {
        self.successor
    }
}

impl RefreshSecret {
    /// The secret of a session's first token, from fresh random bytes.
    #[must_use]
    pub fn new(random: [u8; TOKEN_BYTES]) -> Self {
        Self(random)
    }

    /// The stored digest: SHA-256 of its text in hexadecimal digits. A random secret needs no salt and no slow hash.
    #[must_use]
    pub fn digest(self) -> String {
        let text = URL_SAFE_NO_PAD.encode(self.0);
        hex::encode(Sha256::digest(text.as_bytes()))
    }
}

impl std::fmt::Debug for RefreshSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshSecret(..)")
    }
}

impl std::fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Uuid = Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
    const OLD: &str = "an old key, which is 32 bytes long";
    const NEW: &str = "a new key, which is as long as that";

    fn keys() -> RefreshKeys {
        RefreshKeys::new(OLD, "").unwrap()
    }

    fn first(keys: &RefreshKeys) -> String {
        keys.token(SESSION, 0, RefreshSecret::new([7; 32]))
    }

    #[test]
    fn a_token_parses_back() {
        let token = keys().token(SESSION, 3, RefreshSecret::new([7; 32]));
        assert_eq!(token.len(), 96);
        let read = keys().read(&token).unwrap();
        assert_eq!((read.session, read.generation), (Some(SESSION), 3));
        assert_eq!(read.digest(), RefreshSecret::new([7; 32]).digest());
        assert_eq!(read.digest().len(), 64);
    }

    #[test]
    fn no_part_of_a_token_can_be_altered() {
        let bytes = URL_SAFE_NO_PAD.decode(first(&keys())).unwrap();
        for place in 0..bytes.len() {
            for bit in [1, 0x80] {
                let mut altered = bytes.clone();
                altered[place] ^= bit;
                assert!(keys().read(&URL_SAFE_NO_PAD.encode(altered)).is_none(), "{place}");
            }
        }
        for length in (0..bytes.len()).filter(|length| *length != TOKEN_BYTES) {
            assert!(keys().read(&URL_SAFE_NO_PAD.encode(&bytes[..length])).is_none(), "{length}");
        }
    }

    #[test]
    fn other_text_and_tokens_of_another_key_are_refused() {
        let foreign = RefreshKeys::new(NEW, "").unwrap();
        assert!(keys().read(&first(&foreign)).is_none());
        for text in
            ["", "abc", "\0", &"A".repeat(96), &"A".repeat(44), &"x".repeat(5000), &format!("{} ", first(&keys()))]
        {
            assert!(keys().read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_same_token_has_the_same_successor_and_no_other_has_it() {
        let keys = keys();
        let read = |text: &str| keys.read(text).unwrap();
        let token = first(&keys);
        let successor = read(&token).successor();
        assert_eq!(successor, read(&token).successor());
        let others = [
            keys.token(SESSION, 1, RefreshSecret::new([7; 32])),
            keys.token(SESSION, 0, RefreshSecret::new([8; 32])),
            keys.token(Uuid::from_u128(1), 0, RefreshSecret::new([7; 32])),
        ];
        for other in others {
            assert!(read(&other).successor() != successor);
        }
        let by_another_key = RefreshKeys::new(NEW, "").unwrap();
        let other = by_another_key.read(&first(&by_another_key)).unwrap();
        assert!(other.successor() != successor);
    }

    #[test]
    fn while_a_key_is_rotated_both_are_accepted_and_derive_the_same_successor() {
        let (before, prepared, after) =
            (keys(), RefreshKeys::new(OLD, NEW).unwrap(), RefreshKeys::new(NEW, OLD).unwrap());
        let token = first(&before);
        let successor = before.read(&token).unwrap().successor();
        for keys in [&prepared, &after] {
            assert_eq!(keys.read(&token).unwrap().successor(), successor);
        }
        let renewed = after.token(SESSION, 1, successor);
        assert!(prepared.read(&renewed).is_some() && before.read(&renewed).is_none());
        assert!(RefreshKeys::new(NEW, "").unwrap().read(&token).is_none());
    }

    #[test]
    fn a_token_of_an_earlier_version_is_looked_up() {
        let secret = RefreshSecret::new([7; 32]);
        let former = URL_SAFE_NO_PAD.encode([7; 32]);
        let read = keys().read(&former).unwrap();
        assert_eq!((read.session, read.generation), (None, 0));
        assert_eq!(read.digest(), secret.digest());
        // The digest of such a token's text is stored.
        let kept = hex::encode(Sha256::digest(former.as_bytes()));
        assert_eq!(read.digest(), kept);
    }

    #[test]
    fn no_token_of_a_client_passes_for_a_users_own() {
        let clients = keys().of_clients();
        let token = first(&clients);
        assert!(clients.read(&token).is_some() && keys().read(&token).is_none());
        assert!(clients.read(&first(&keys())).is_none());
        assert!(clients.read(&URL_SAFE_NO_PAD.encode([7; 32])).is_none(), "there are none of earlier versions");
        let own = keys().read(&first(&keys())).unwrap();
        assert!(clients.read(&token).unwrap().successor() != own.successor());
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(RefreshKeys::new(&"k".repeat(31), "").is_none());
        assert!(RefreshKeys::new("", "").is_none());
        assert!(RefreshKeys::new(OLD, "short").is_none());
        assert!(RefreshKeys::new(&"k".repeat(32), "").is_some());
    }

    #[test]
    fn neither_keys_nor_secrets_are_shown() {
        let keys = keys();
        let shown = format!("{keys:?} {:?}", keys.read(&first(&keys)));
        assert!(!shown.contains("old key") && !shown.contains("7, 7"), "{shown}");
    }
}
