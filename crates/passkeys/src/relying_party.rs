//! The relying party, and what it verifies.

use crate::{Backup, Handle, Passkey, Proof, Refusal, ceremony};
use webauthn_rp::AuthenticatedCredential;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{RegistrationVerificationOptions, UserHandle};
use webauthn_rp::request::{AsciiDomain, RpId};
use webauthn_rp::response::auth::{Authentication, AuthenticatorAssertion};
use webauthn_rp::response::register::{
    AuthenticatorAttestation, ClientExtensionsOutputs, DynamicState, Registration, StaticState,
};
use webauthn_rp::response::{
    AuthTransports, AuthenticatorAttachment, CollectedClientData, CredentialId, SentChallenge,
};

/// The length of a challenge: 128 bits.
pub const CHALLENGE_BYTES: usize = 16;

/// The algorithms that a passkey may have (RFC 9053, RFC 8812), the preferred one first: ES256, EdDSA, and RS256, which some
/// computers' built-in authenticators have alone.
pub const ALGORITHMS: [i32; 3] = [-7, -8, -257];

/// Whom passkeys are for: a domain, and the origins of the pages that may ask for them.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    id: RpId,
    origins: Vec<String>,
}

/// What an authenticator answers to a registration, decoded.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `attestationObject`.
    pub attestation_object: Vec<u8>,
}

/// What an authenticator answers to a sign-in, decoded.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// `rawId`.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// `signature`.
    pub signature: Vec<u8>,
    /// `userHandle`.
    pub handle: Handle,
}

/// The challenge that client data name, of a registration or of a sign-in; `None` if they are none.
#[must_use]
pub fn challenge_of(client_data: &[u8], is_registration: bool) -> Option<[u8; CHALLENGE_BYTES]> {
    Some(sent_challenge(client_data, is_registration)?.0.to_le_bytes())
}

fn sent_challenge(client_data: &[u8], is_registration: bool) -> Option<SentChallenge> {
    let read = match is_registration {
        true => CollectedClientData::from_client_data_json_relaxed::<true>(client_data),
        false => CollectedClientData::from_client_data_json_relaxed::<false>(client_data),
    };
    Some(read.ok()?.challenge)
}

impl RelyingParty {
    /// The one with this id, which asks for passkeys on pages of these origins. `None` if the id is no domain.
    #[must_use]
    pub fn new(id: &str, origins: Vec<String>) -> Option<Self> {
        let is_address = id.parse::<std::net::IpAddr>().is_ok() || id.starts_with('[');
        let id = AsciiDomain::try_from(id.to_owned()).ok().filter(|_| !is_address && !origins.is_empty())?;
        Some(Self { id: RpId::Domain(id), origins })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_ref()
    }

    /// Verifies a registration for the account with this handle (WebAuthn, 7.1).
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn register(&self, attestation: Attestation, handle: Handle) -> Result<Passkey, Refusal> {
        let challenge = sent_challenge(&attestation.client_data, true).ok_or(Refusal::Malformed)?;
        let state = ceremony::registration(&self.id, handle, challenge)?;
        let Attestation { client_data, attestation_object } = attestation;
        let response = AuthenticatorAttestation::new(client_data, attestation_object, AuthTransports::NONE);
        let extensions = ClientExtensionsOutputs { cred_props: None, prf: None };
        let response = Registration::new(response, AuthenticatorAttachment::None, extensions);
        let origins = self.origins();
        let options = RegistrationVerificationOptions::<'_, '_, &str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        let registered = state.verify(&self.id, &response, &options)?;
        let dynamic = registered.dynamic_state();
        Ok(Passkey {
            credential_id: registered.id().as_ref().to_vec(),
            public_key: registered.static_state().encode().map_err(|_| Refusal::Malformed)?,
            sign_count: dynamic.sign_count,
            backup: Backup::of(dynamic.backup),
        })
    }

    /// Verifies an assertion of this passkey of the account with this handle (WebAuthn, 7.2).
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn authenticate(&self, assertion: Assertion, passkey: &Passkey, handle: Handle) -> Result<Proof, Refusal> {
        let challenge = sent_challenge(&assertion.client_data, false).ok_or(Refusal::Malformed)?;
        let state = ceremony::sign_in(&self.id, challenge)?;
        let Assertion { credential_id, client_data, authenticator_data, signature, handle: shown } = assertion;
        let response =
            AuthenticatorAssertion::<16, true>::new(client_data, authenticator_data, signature, shown.into());
        let credential_id = CredentialId::try_from(credential_id).map_err(|_| Refusal::Malformed)?;
        let response = Authentication::new(credential_id, response, AuthenticatorAttachment::None);
        let (owner, kept_id) = (UserHandle::from(handle), passkey.credential_id.as_slice());
        let kept_id = CredentialId::try_from(kept_id).map_err(|_| Refusal::Malformed)?;
        let key = StaticState::decode(&passkey.public_key).map_err(|_| Refusal::Key)?;
        let dynamic = DynamicState {
            user_verified: true,
            backup: passkey.backup.flags(),
            sign_count: passkey.sign_count,
            authenticator_attachment: AuthenticatorAttachment::None,
        };
        let mut credential =
            AuthenticatedCredential::new(kept_id, &owner, key, dynamic).map_err(|_| Refusal::Malformed)?;
        let origins = self.origins();
        let options = AuthenticationVerificationOptions::<'_, '_, &str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        state.verify(&self.id, &response, &mut credential, &options)?;
        let now = credential.dynamic_state();
        Ok(Proof { sign_count: now.sign_count, backup: Backup::of(now.backup) })
    }

    fn origins(&self) -> Vec<&str> {
        self.origins.iter().map(String::as_str).collect()
    }
}
