//! Keys: the private one that signs, and the public ones that verify.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The most public keys that are accepted at the same time: one that signs, one that signed before, one to come, and
/// room for a mistake.
const MAX_KEYS: usize = 8;

/// What a P-256 key has before its digits.
pub const P256_PREFIX: &str = "es256:";

/// The private key that signs.
pub struct SigningKey {
    pub(crate) secret: Secret,
    pub(crate) kid: String,
}

pub(crate) enum Secret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(p256::ecdsa::SigningKey),
}

impl SigningKey {
    /// Reads a key: 64 hexadecimal digits (`openssl rand -hex 32`) are the seed of an Ed25519 key, whose tokens have `EdDSA`
    /// as their algorithm; with `es256:` before them they are a P-256 key, whose tokens have `ES256`.
    ///
    /// # Errors
    /// If it is not 32 bytes, or, for one in 2^32 P-256 keys, too great a number.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let (digits, is_p256) = text.strip_prefix(P256_PREFIX).map_or((text, false), |digits| (digits, true));
        let bytes: [u8; 32] =
            hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::SigningKey)?;
        let secret = if is_p256 {
            Secret::P256(p256::ecdsa::SigningKey::from_slice(&bytes).map_err(|_| KeyError::SigningKey)?)
        } else {
            Secret::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&bytes)))
        };
        Ok(Self { kid: secret.public().thumbprint(), secret })
    }

    /// A key made of these random bytes, for the same algorithm as this one, in the form that [`SigningKey::parse`] reads.
    #[must_use]
    pub fn successor(&self, random_hex: &str) -> String {
        match self.secret {
            Secret::Ed25519(_) => random_hex.to_owned(),
            Secret::P256(_) => format!("{P256_PREFIX}{random_hex}"),
        }
    }

    /// Its name: the thumbprint of the public key (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key that goes with it.
    #[must_use]
    pub fn public(&self) -> PublicKeys {
        PublicKeys { keys: vec![(self.kid.clone(), self.secret.public())] }
    }
}

impl Secret {
    fn public(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key()),
            Self::P256(key) => PublicKey::P256(*key.verifying_key()),
        }
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
    keys: Vec<(String, PublicKey)>,
}

/// A public key, and with it the one algorithm of its tokens.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    /// RFC 8037.
    Ed25519(VerifyingKey),
    /// RFC 7518, 6.2.
    P256(p256::ecdsa::VerifyingKey),
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
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
    /// If it is not a key set of Ed25519 and P-256 keys, or has too many.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let set: KeySet = serde_json::from_str(json).map_err(|_| KeyError::Set)?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let keys = set.keys.iter().map(|key| {
            let public = PublicKey::from_jwk(key)?;
            Ok((public.thumbprint(), public))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// The key set as it is published.
    #[must_use]
    pub fn to_jwks(&self) -> serde_json::Value {
        let keys = self.keys.iter().map(|(kid, public)| public.to_jwk(kid));
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

    /// The algorithm of each key, as JWTs name it (RFC 8037, RFC 7518).
    pub fn each_algorithm(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|(_, key)| match key {
            PublicKey::Ed25519(_) => "EdDSA",
            PublicKey::P256(_) => "ES256",
        })
    }

    /// The names of the keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kid, _)| kid.as_str())
    }

    /// The algorithms of the keys' tokens (RFC 7518, 3.1), each once.
    #[must_use]
    pub fn algorithms(&self) -> BTreeSet<&'static str> {
        self.keys.iter().map(|(_, key)| key.algorithm()).collect()
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|(name, _)| name == kid).map(|(_, key)| key)
    }
}

impl PublicKey {
    fn from_jwk(key: &Key) -> Result<Self, KeyError> {
        let bytes = |text: &str| -> Result<[u8; 32], KeyError> {
            URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Set)
        };
        match (key.kty.as_str(), key.crv.as_str(), key.y.as_deref()) {
            ("OKP", "Ed25519", _) => {
                let public = VerifyingKey::from_bytes(&bytes(&key.x)?).map_err(|_| KeyError::Set)?;
                if public.is_weak() { Err(KeyError::Set) } else { Ok(Self::Ed25519(public)) }
            }
            ("EC", "P-256", Some(y)) => {
                let point =
                    p256::EncodedPoint::from_affine_coordinates(&bytes(&key.x)?.into(), &bytes(y)?.into(), false);
                // Refuses a point that is not on the curve.
                p256::ecdsa::VerifyingKey::from_encoded_point(&point).map(Self::P256).map_err(|_| KeyError::Set)
            }
            _ => Err(KeyError::Set),
        }
    }

    fn to_jwk(&self, kid: &str) -> Key {
        let (kty, crv, x, y) = match self {
            Self::Ed25519(key) => ("OKP", "Ed25519", URL_SAFE_NO_PAD.encode(key.as_bytes()), None),
            Self::P256(key) => {
                let (x, y) = coordinates(key);
                ("EC", "P-256", x, Some(y))
            }
        };
        Key {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x,
            y,
            kid: kid.to_owned(),
            usage: Some("sig".to_owned()),
            alg: Some(self.algorithm().to_owned()),
        }
    }

    /// The algorithm of its tokens.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    /// RFC 7638: the members that make the key, in the order of their names, hashed.
    fn thumbprint(&self) -> String {
        let members = match self {
            Self::Ed25519(key) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key.as_bytes()))
            }
            Self::P256(key) => {
                let (x, y) = coordinates(key);
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }
}

/// The coordinates of a P-256 key as a JSON Web Key has them (RFC 7518, 6.2.1).
fn coordinates(key: &p256::ecdsa::VerifyingKey) -> (String, String) {
    let point = key.to_encoded_point(false);
    let encode =
        |coordinate: Option<&p256::FieldBytes>| URL_SAFE_NO_PAD.encode(coordinate.copied().unwrap_or_default());
    (encode(point.x()), encode(point.y()))
}

/// Why keys cannot be used. No message repeats any part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The signing key is not 32 bytes in hexadecimal digits.
    #[error("the signing key must be 64 hexadecimal digits, for ES256 with `es256:` before them")]
    SigningKey,
    /// It is not a key set, or has another kind of key.
    #[error("the public keys must be a JSON Web Key Set of Ed25519 and P-256 keys")]
    Set,
    /// There are too many keys.
    #[error("there may be at most {MAX_KEYS} public keys")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::parse(&format!("{byte:02x}").repeat(32)).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // The key and its thumbprint are the example of RFC 8037, appendix A.3.
        let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keys = PublicKeys::from_jwks(jwks).unwrap();
        assert_eq!(keys.kids().collect::<Vec<_>>(), ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]);
    }

    #[test]
    fn a_p256_key_is_that_of_the_standard() {
        // The key is the example of RFC 7515, appendix A.3.
        let jwks = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
        let private = hex::encode(URL_SAFE_NO_PAD.decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").unwrap());
        let key = SigningKey::parse(&format!("es256:{private}")).unwrap();
        assert_eq!(PublicKeys::from_jwks(jwks).unwrap().kids().collect::<Vec<_>>(), [key.kid()]);
        assert_eq!(key.kid(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
        assert_eq!(key.public().algorithms(), ["ES256"].into());
        assert_eq!(key.public().merged(self::key(1).public()).algorithms(), ["ES256", "EdDSA"].into());
        assert_eq!(key.successor("00"), "es256:00");
        assert_eq!(self::key(1).successor("00"), "00");
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_no_key() {
        let jwks = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]}"#;
        assert_eq!(PublicKeys::from_jwks(jwks).unwrap_err(), KeyError::Set);
    }

    #[test]
    fn a_key_set_reads_back() {
        let keys = key(1).public().merged(key(2).public()).merged(key(1).public());
        let again = PublicKeys::from_jwks(&keys.to_jwks().to_string()).unwrap();
        assert_eq!(again.kids().collect::<Vec<_>>(), [key(1).kid(), key(2).kid()]);
    }

    #[test]
    fn the_private_key_is_in_no_output() {
        let of = |key: SigningKey| format!("{key:?}{}", key.public().to_jwks());
        let shown = of(key(1)) + &of(SigningKey::parse(&format!("es256:{}", "01".repeat(32))).unwrap());
        assert!(!shown.contains(&URL_SAFE_NO_PAD.encode([1; 32])) && !shown.contains(&"01".repeat(32)));
        assert!(!shown.contains("\"d\""));
    }

    #[test]
    fn other_keys_are_refused() {
        for seed in [
            "",
            "AAAA",
            &"0".repeat(63),
            &"0".repeat(66),
            &"g".repeat(64),
            &format!("es256:{}", "0".repeat(64)),
            &format!("es512:{}", "1".repeat(64)),
        ] {
            assert_eq!(SigningKey::parse(seed).unwrap_err(), KeyError::SigningKey);
        }
        assert_eq!(PublicKeys::from_jwks("[]").unwrap_err(), KeyError::Set);
        let rsa = r#"{"keys":[{"kty":"RSA","crv":"","x":""}]}"#;
        assert_eq!(PublicKeys::from_jwks(rsa).unwrap_err(), KeyError::Set);
        let many = format!(r#"{{"keys":[{}]}}"#, [r#"{"kty":"OKP","crv":"Ed25519","x":""}"#; 9].join(","));
        assert_eq!(PublicKeys::from_jwks(&many).unwrap_err(), KeyError::TooMany);
    }
}
