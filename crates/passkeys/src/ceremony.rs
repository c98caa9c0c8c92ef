//! Ceremonies with a challenge that was issued earlier. `webauthn_rp` makes challenges itself and keeps the state of a ceremony
//! whole; of that state everything but the challenge is the same each time, so it is made anew with the challenge put into it.

use crate::{Handle, Refusal};
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::RpId;
use webauthn_rp::request::auth::DiscoverableCredentialRequestOptions;
use webauthn_rp::request::register::{
    CoseAlgorithmIdentifier, PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity, UserHandle,
};
use webauthn_rp::response::SentChallenge;
use webauthn_rp::{DiscoverableAuthenticationServerState, RegistrationServerState};

/// The state of a registration for the account with this handle.
pub(crate) fn registration(
    rp_id: &RpId,
    handle: Handle,
    challenge: SentChallenge,
) -> Result<RegistrationServerState<16>, Refusal> {
    let handle = UserHandle::from(handle);
    let user = PublicKeyCredentialUserEntity::from(&handle);
    let mut options = PublicKeyCredentialCreationOptions::first_passkey(rp_id, user);
    options.pub_key_cred_params = options.pub_key_cred_params.remove(CoseAlgorithmIdentifier::Es384);
    let made = options.challenge.as_data();
    let (state, _) = options.start_ceremony().map_err(|_| Refusal::Malformed)?;
    let mut bytes = state.encode().map_err(|_| Refusal::Malformed)?;
    put(&mut bytes, made, challenge)?;
    RegistrationServerState::decode(&bytes).map_err(|_| Refusal::Malformed)
}

/// The state of a sign-in by whoever it may be.
pub(crate) fn sign_in(
    rp_id: &RpId,
    challenge: SentChallenge,
) -> Result<DiscoverableAuthenticationServerState, Refusal> {
    let options = DiscoverableCredentialRequestOptions::passkey(rp_id);
    let made = options.0.challenge.as_data();
    let (state, _) = options.start_ceremony().map_err(|_| Refusal::Malformed)?;
    let mut bytes = state.encode().map_err(|_| Refusal::Malformed)?;
    put(&mut bytes, made, challenge)?;
    DiscoverableAuthenticationServerState::decode(&bytes).map_err(|_| Refusal::Malformed)
}

/// Puts a challenge in the place of the one that was made: 16 bytes of the state, wherever they are.
fn put(state: &mut [u8], made: u128, challenge: SentChallenge) -> Result<(), Refusal> {
    let made = made.to_le_bytes();
    let at = state.windows(made.len()).position(|window| window == made).ok_or(Refusal::Malformed)?;
    state[at..at + made.len()].copy_from_slice(&challenge.0.to_le_bytes());
    Ok(())
}
