//! Keys: the private one that signs, and the public ones that verify.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most public keys that are accepted at the same time: one that signs, one that signed before, one to come, and
/// room for a mistake.
const MAX_KEYS: usize = 8;

/// The private key that signs.
pub struct SigningKey {
    pub(crate) secret: ed25519_dalek::SigningKey,
    pub(crate) kid: String,
}

impl SigningKey {
    /// Derives a key from its seed: 32 random bytes as 64 hexadecimal digits (`openssl rand -hex 32`).
    ///
    /// # Errors
    /// If it is not 32 bytes.
    pub fn from_seed(text: &str) -> Result<Self, KeyError> {
        let seed = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Seed)?;
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        Ok(Self { kid: thumbprint(&secret.verifying_key()), secret })
    }

    /// Its name: the thumbprint of the public key (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key that goes with it.
    #[must_use]
    pub fn public(&self) -> PublicKeys {
        PublicKeys { keys: vec![(self.kid.clone(), self.secret.verifying_key())] }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The public keys that are accepted, by `kid`: a JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Default)]
pub struct PublicKeys {
    keys: Vec<(String, VerifyingKey)>,
}

#[derive(Serialize, Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
struct Key {
    kty: String,
    crv: String,
    x: String,
    #[serde(default)]
    kid: String,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
}

impl PublicKeys {
    /// Reads a key set. The `kid` of each key is computed, not trusted.
    ///
    /// # Errors
    /// If it is not a key set of Ed25519 keys, or has too many.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let set: KeySet = serde_json::from_str(json).map_err(|_| KeyError::Set)?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let keys = set.keys.iter().map(|key| {
            if key.kty != "OKP" || key.crv != "Ed25519" {
                return Err(KeyError::Set);
            }
            let bytes = URL_SAFE_NO_PAD.decode(&key.x).map_err(|_| KeyError::Set)?;
            let bytes = bytes.as_slice().try_into().map_err(|_| KeyError::Set)?;
            let public = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Set)?;
            if public.is_weak() {
                return Err(KeyError::Set);
            }
            Ok((thumbprint(&public), public))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// The key set as it is published.
    #[must_use]
    pub fn to_jwks(&self) -> serde_json::Value {
        let keys = self.keys.iter().map(|(kid, public)| Key {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(public.as_bytes()),
            kid: kid.clone(),
            usage: Some("sig".to_owned()),
            alg: Some("EdDSA".to_owned()),
        });
        serde_json::to_value(KeySet { keys: keys.collect() }).expect("strings always serialise")
    }

    /// These keys and `others`, each once.
    #[must_use]
    pub fn merged(mut self, others: PublicKeys) -> Self {
        for (kid, key) in others.keys {
            if self.find(&kid).is_none() {
                self.keys.push((kid, key));
            }
        }
        self
    }

    /// Whether there is no key, so that no token can be valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The names of the keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kid, _)| kid.as_str())
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key)
    }
}

/// RFC 7638: the members that make the key, in the order of their names, hashed.
fn thumbprint(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

/// Why keys cannot be used. No message repeats any part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The seed is not 32 bytes in hexadecimal digits.
    #[error("the signing key must be 64 hexadecimal digits")]
    Seed,
    /// It is not a key set, or has another kind of key.
    #[error("the public keys must be a JSON Web Key Set of Ed25519 keys")]
    Set,
    /// There are too many keys.
    #[error("there may be at most {MAX_KEYS} public keys")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(&format!("{byte:02x}").repeat(32)).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // The key and its thumbprint are the example of RFC 8037, appendix A.3.
        let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keys = PublicKeys::from_jwks(jwks).unwrap();
        assert_eq!(keys.kids().collect::<Vec<_>>(), ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]);
    }

    #[test]
    fn a_key_set_reads_back() {
        let keys = key(1).public().merged(key(2).public()).merged(key(1).public());
        let again = PublicKeys::from_jwks(&keys.to_jwks().to_string()).unwrap();
        assert_eq!(again.kids().collect::<Vec<_>>(), [key(1).kid(), key(2).kid()]);
    }

    #[test]
    fn the_private_key_is_in_no_output() {
        let shown = format!("{:?}{}", key(1), key(1).public().to_jwks());
        assert!(!shown.contains(&URL_SAFE_NO_PAD.encode([1; 32])) && !shown.contains(&"01".repeat(32)));
        assert!(!shown.contains("\"d\""));
    }

    #[test]
    fn other_keys_are_refused() {
        for seed in ["", "AAAA", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert_eq!(SigningKey::from_seed(seed).unwrap_err(), KeyError::Seed);
        }
        assert_eq!(PublicKeys::from_jwks("[]").unwrap_err(), KeyError::Set);
        let rsa = r#"{"keys":[{"kty":"RSA","crv":"","x":""}]}"#;
        assert_eq!(PublicKeys::from_jwks(rsa).unwrap_err(), KeyError::Set);
        let many = format!(r#"{{"keys":[{}]}}"#, [r#"{"kty":"OKP","crv":"Ed25519","x":""}"#; 9].join(","));
        assert_eq!(PublicKeys::from_jwks(&many).unwrap_err(), KeyError::TooMany);
    }
}
