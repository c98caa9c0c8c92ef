//! A device with passkeys: what a browser and an authenticator do together (WebAuthn level 3), in software.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The page that the device is used on, unless something else is wanted: where the app says that people reach it.
pub const ORIGIN: &str = "http://localhost:4000";
/// The domain that passkeys are for there.
pub const RP_ID: &str = "localhost";

/// Flags of authenticator data: somebody is there, and is verified; the passkey may be copied, and is; there is a new credential.
pub const PRESENT: u8 = 0x01;
/// See [`PRESENT`].
pub const VERIFIED: u8 = 0x04;
/// See [`PRESENT`].
pub const ELIGIBLE: u8 = 0x08;
/// See [`PRESENT`].
pub const BACKED_UP: u8 = 0x10;
const NEW_CREDENTIAL: u8 = 0x40;

/// A passkey, and the device that it is on, which does what a test wants it to.
#[derive(Clone, Debug)]
pub struct Device {
    /// The id of the credential.
    pub credential_id: Vec<u8>,
    /// Whose it is; empty before it is made.
    pub user_handle: String,
    /// How often it was used, as it says.
    pub counter: u32,
    /// What it says of itself.
    pub flags: u8,
    /// The page that it is used on.
    pub origin: String,
    /// The domain that it signs for.
    pub rp_id: String,
    key: SigningKey,
}

impl Device {
    /// One with a key of its own, that verifies its user and never copies a passkey.
    ///
    /// # Panics
    /// If the key is none, which has a probability of 2^-128.
    #[must_use]
    pub fn new() -> Self {
        let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        Self {
            credential_id: Sha256::digest(&random)[..20].to_vec(),
            user_handle: String::new(),
            counter: 0,
            flags: PRESENT | VERIFIED,
            origin: ORIGIN.to_owned(),
            rp_id: RP_ID.to_owned(),
            key: SigningKey::from_slice(&random).expect("it is a key"),
        }
    }

    /// Makes a passkey as a page asks for it; what the page gets.
    ///
    /// # Panics
    /// If it is asked for nothing.
    #[must_use]
    pub fn create(&mut self, options: &Value) -> Value {
        self.user_handle = text(&options["user"]["id"]);
        let client_data = self.client_data("webauthn.create", &options["challenge"]);
        let point = self.key.verifying_key().to_encoded_point(false);
        let mut data = self.authenticator_data(NEW_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential_id.len()).expect("an id is short").to_be_bytes());
        data.extend(&self.credential_id);
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}: a key for ES256 (RFC 9053).
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().expect("a point has x"));
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().expect("a point has y"));
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("it is short"));
        object.extend(data);
        json!({"id": encode(&self.credential_id), "rawId": encode(&self.credential_id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {"clientDataJSON": encode(&client_data), "attestationObject": encode(&object),
                "transports": ["internal"], "publicKeyAlgorithm": -7}})
    }

    /// Signs in as a page asks for it; what the page gets.
    ///
    /// # Panics
    /// If it is asked for nothing.
    #[must_use]
    pub fn get(&mut self, options: &Value) -> Value {
        assert_eq!(options["userVerification"], "required");
        assert!(options.get("allowCredentials").is_none(), "no account is told of");
        let client_data = self.client_data("webauthn.get", &options["challenge"]);
        let data = self.authenticator_data(0);
        let signed = [data.as_slice(), &Sha256::digest(&client_data)].concat();
        let signature: DerSignature = self.key.sign(&signed);
        json!({"id": encode(&self.credential_id), "rawId": encode(&self.credential_id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {"clientDataJSON": encode(&client_data), "authenticatorData": encode(&data),
                "signature": encode(signature.as_bytes()), "userHandle": self.user_handle}})
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        json!({"type": kind, "challenge": text(challenge), "origin": self.origin, "crossOrigin": false})
            .to_string()
            .into()
    }

    fn authenticator_data(&self, more: u8) -> Vec<u8> {
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(self.flags | more);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes in base64url.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
