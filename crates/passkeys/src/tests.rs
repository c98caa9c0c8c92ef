//! With the data of the specification's test vectors (WebAuthn level 3, 16.2, "none attestation with ES256"). Its challenges have
//! twice the length of those that the verifier accepts, and its user is not verified: so its authenticator's key signs anew here,
//! over challenges of this service, and its flags say so where a test wants them to.

use crate::{Assertion, Attestation, Backup, Passkey, Refusal, RelyingParty, challenge_of};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use serde_json::json;
use sha2::{Digest, Sha256};

const PRIVATE_KEY: &str = "6e68e7a58484a3264f66b77f5d6dc5bc36a47085b615c9727ab334e8c369c2ee";
const CREDENTIAL_ID: &str = "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4";
const ATTESTATION_OBJECT: &str = "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735a\
    e7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3e\
    c330084be4a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf\
    879717c12cc68ed73290af2e2664796b9220";
/// Where the flags are in it: after the names and lengths of its map, and the hash of the id of the relying party.
const FLAGS_AT: usize = 30 + 32;
const CHALLENGE: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const HANDLE: [u8; 16] = [7; 16];
const ORIGIN: &str = "https://example.org";
const PRESENT: u8 = 1;
const VERIFIED: u8 = 4;
const ELIGIBLE: u8 = 8;
const BACKED_UP: u8 = 16;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn relying_party() -> RelyingParty {
    RelyingParty::new("example.org", vec![ORIGIN.to_owned(), "https://accounts.example.org".to_owned()]).unwrap()
}

fn client_data(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
    let challenge = URL_SAFE_NO_PAD.encode(challenge);
    json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false}).to_string().into_bytes()
}

fn attestation(flags: u8) -> Attestation {
    let mut attestation_object = bytes(ATTESTATION_OBJECT);
    assert_eq!(attestation_object[FLAGS_AT], 0x40 | PRESENT | ELIGIBLE | BACKED_UP);
    attestation_object[FLAGS_AT] |= flags;
    Attestation { client_data: client_data("webauthn.create", &CHALLENGE, ORIGIN), attestation_object }
}

/// An assertion by the key of the specification.
struct Made {
    origin: &'static str,
    relying_party: &'static str,
    flags: u8,
    counter: u32,
}

const GOOD: Made =
    Made { origin: ORIGIN, relying_party: "example.org", flags: PRESENT | VERIFIED | ELIGIBLE | BACKED_UP, counter: 0 };

impl Made {
    fn assertion(&self) -> Assertion {
        let client_data = client_data("webauthn.get", &CHALLENGE, self.origin);
        let mut authenticator_data = Sha256::digest(self.relying_party).to_vec();
        authenticator_data.push(self.flags);
        authenticator_data.extend(self.counter.to_be_bytes());
        let signed = [authenticator_data.as_slice(), &Sha256::digest(&client_data)].concat();
        let key = SigningKey::from_slice(&bytes(PRIVATE_KEY)).unwrap();
        let signature: DerSignature = key.sign(&signed);
        Assertion {
            credential_id: bytes(CREDENTIAL_ID),
            client_data,
            authenticator_data,
            signature: signature.as_bytes().to_vec(),
            handle: HANDLE,
        }
    }
}

fn passkey() -> Passkey {
    relying_party().register(attestation(VERIFIED), HANDLE).unwrap()
}

#[test]
fn the_credential_of_the_specification_is_registered_if_its_user_is_verified() {
    let registered = passkey();
    assert_eq!(registered.credential_id, bytes(CREDENTIAL_ID));
    assert_eq!((registered.sign_count, registered.backup), (0, Backup::Exists));
    assert_eq!(relying_party().register(attestation(0), HANDLE), Err(Refusal::UserVerification));
}

#[test]
fn a_registration_for_another_page_or_party_is_refused() {
    let at = |origin| Attestation {
        client_data: client_data("webauthn.create", &CHALLENGE, origin),
        ..attestation(VERIFIED)
    };
    assert!(relying_party().register(at("https://accounts.example.org"), HANDLE).is_ok());
    for origin in
        ["https://evil.example", "http://example.org", "https://example.org:8443", "https://example.org.evil.example"]
    {
        assert_eq!(relying_party().register(at(origin), HANDLE), Err(Refusal::Origin), "{origin}");
    }
    let other = RelyingParty::new("example.com", vec![ORIGIN.to_owned()]).unwrap();
    assert_eq!(other.register(attestation(VERIFIED), HANDLE), Err(Refusal::RelyingParty));
    let of_sign_in =
        Attestation { client_data: client_data("webauthn.get", &CHALLENGE, ORIGIN), ..attestation(VERIFIED) };
    assert_eq!(relying_party().register(of_sign_in, HANDLE), Err(Refusal::Malformed));
    let in_frame = json!({"type": "webauthn.create", "challenge": URL_SAFE_NO_PAD.encode(CHALLENGE), "origin": ORIGIN,
        "crossOrigin": true, "topOrigin": "https://evil.example"});
    let in_frame = Attestation { client_data: in_frame.to_string().into_bytes(), ..attestation(VERIFIED) };
    assert_eq!(relying_party().register(in_frame, HANDLE), Err(Refusal::Origin));
}

#[test]
fn what_is_cut_off_is_refused_and_never_panics() {
    let whole = attestation(VERIFIED);
    for length in 0..whole.attestation_object.len() {
        let cut = Attestation { attestation_object: whole.attestation_object[..length].to_vec(), ..whole.clone() };
        assert_eq!(relying_party().register(cut, HANDLE), Err(Refusal::Malformed), "{length}");
    }
    let (registered, whole) = (passkey(), GOOD.assertion());
    for length in 0..whole.authenticator_data.len() {
        let cut = Assertion { authenticator_data: whole.authenticator_data[..length].to_vec(), ..whole.clone() };
        assert!(relying_party().authenticate(cut, &registered, HANDLE).is_err(), "{length}");
    }
    for length in 0..whole.signature.len() {
        let cut = Assertion { signature: whole.signature[..length].to_vec(), ..whole.clone() };
        assert!(relying_party().authenticate(cut, &registered, HANDLE).is_err(), "{length}");
    }
}

#[test]
fn an_assertion_by_the_key_of_the_specification_is_accepted() {
    let proof = relying_party().authenticate(GOOD.assertion(), &passkey(), HANDLE).unwrap();
    assert_eq!((proof.sign_count, proof.backup), (0, Backup::Exists));
    let counted = Made { counter: 3, ..GOOD }.assertion();
    assert_eq!(relying_party().authenticate(counted, &passkey(), HANDLE).unwrap().sign_count, 3);
}

#[test]
fn an_assertion_is_refused_for_what_is_wrong_with_it() {
    let refused = |made: &Made| relying_party().authenticate(made.assertion(), &passkey(), HANDLE).unwrap_err();
    assert_eq!(refused(&Made { origin: "https://evil.example", ..GOOD }), Refusal::Origin);
    assert_eq!(refused(&Made { relying_party: "evil.example", ..GOOD }), Refusal::RelyingParty);
    assert_eq!(refused(&Made { flags: GOOD.flags & !VERIFIED, ..GOOD }), Refusal::UserVerification);
    assert_eq!(refused(&Made { flags: PRESENT | VERIFIED, ..GOOD }), Refusal::Backup);
    let used = Passkey { sign_count: 5, ..passkey() };
    for counter in [0, 4, 5] {
        let assertion = Made { counter, ..GOOD }.assertion();
        assert_eq!(relying_party().authenticate(assertion, &used, HANDLE), Err(Refusal::Counter), "{counter}");
    }
    let other_account = relying_party().authenticate(GOOD.assertion(), &passkey(), [8; 16]);
    assert_eq!(other_account, Err(Refusal::Subject));
    let mut altered = GOOD.assertion();
    altered.client_data = client_data("webauthn.get", &[9; 16], ORIGIN);
    assert_eq!(relying_party().authenticate(altered, &passkey(), HANDLE), Err(Refusal::Signature));
}

#[test]
fn the_challenge_is_read_from_client_data_of_its_kind() {
    let of_sign_in = client_data("webauthn.get", &CHALLENGE, ORIGIN);
    assert_eq!(challenge_of(&of_sign_in, false), Some(CHALLENGE));
    assert_eq!(challenge_of(&of_sign_in, true), None);
    for none in [&b""[..], b"{}", b"[]", &client_data("webauthn.get", &[1; 32], ORIGIN)] {
        assert_eq!(challenge_of(none, false), None);
    }
}

#[test]
fn an_address_is_no_relying_party() {
    let of = |id| RelyingParty::new(id, vec![ORIGIN.to_owned()]).map(|party| party.id().to_owned());
    assert_eq!(of("localhost").as_deref(), Some("localhost"));
    for id in ["", "127.0.0.1", "[::1]", "a..b", "example.org\u{e9}"] {
        assert_eq!(of(id), None, "{id}");
    }
    assert!(RelyingParty::new("example.org", Vec::new()).is_none());
}
