//! Passkeys: what is asked of an authenticator, and what its answers are.

use crate::second_factor::SessionStart;
use api::passkey::{
    AuthenticatorSelection, CreationOptions, CredentialDescriptor, CredentialParameters, RegistrationCredential,
    RelyingPartyEntity, RequestOptions, SignInCredential, UserEntity,
};
use api::users::{EndPasskeyRequest, NewPasskeyRequest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Peppers, PersonName};
use passkeys::{ALGORITHMS, Assertion, Attestation, CHALLENGE_BYTES, Handle, RelyingParty, challenge_of};
use problem::{Kind, Problem};

/// How long a challenge is good, in seconds.
pub const PASSKEY_CHALLENGE_SECONDS: i32 = 5 * 60;
/// How many passkeys an account has at most.
pub const MAX_PASSKEYS: i64 = 10;

const PUBLIC_KEY: &str = "public-key";
const REQUIRED: &str = "required";

/// A challenge to be signed by an authenticator.
#[derive(Debug)]
pub struct PasskeyChallenge {
    text: String,
    /// Its digest.
    pub digest: String,
}

impl PasskeyChallenge {
    /// A new one.
    #[must_use]
    pub fn new(random: [u8; CHALLENGE_BYTES], peppers: &Peppers) -> Self {
        let text = URL_SAFE_NO_PAD.encode(random);
        Self { digest: peppers.digest("passkey challenge", &text), text }
    }

    /// What a sign-in asks for.
    #[must_use]
    pub fn request(self, party: &RelyingParty) -> RequestOptions {
        RequestOptions {
            challenge: self.text,
            timeout: timeout(),
            rp_id: party.id().to_owned(),
            user_verification: REQUIRED.to_owned(),
        }
    }

    /// What a new passkey of this account is to be like.
    #[must_use]
    pub fn creation(self, party: &RelyingParty, account: PasskeyAccount) -> CreationOptions {
        let exclude = account.credential_ids.into_iter().map(|id| CredentialDescriptor { kind: PUBLIC_KEY.into(), id });
        let parameters = ALGORITHMS.map(|alg| CredentialParameters { kind: PUBLIC_KEY.into(), alg });
        CreationOptions {
            rp: RelyingPartyEntity { id: party.id().to_owned(), name: party.id().to_owned() },
            user: UserEntity {
                id: URL_SAFE_NO_PAD.encode(account.handle),
                name: account.email,
                display_name: account.display_name,
            },
            challenge: self.text,
            pub_key_cred_params: parameters.into(),
            timeout: timeout(),
            exclude_credentials: exclude.collect(),
            authenticator_selection: AuthenticatorSelection {
                resident_key: REQUIRED.to_owned(),
                require_resident_key: true,
                user_verification: REQUIRED.to_owned(),
            },
            attestation: "none".to_owned(),
        }
    }
}

/// An account that gets a passkey.
#[derive(Debug)]
pub struct PasskeyAccount {
    /// Whom authenticators know it as.
    pub handle: Handle,
    /// Its address.
    pub email: String,
    /// Name and surname.
    pub display_name: String,
    /// The passkeys that it has.
    pub credential_ids: Vec<String>,
}

/// A passkey to add.
#[derive(Debug)]
pub struct NewPasskey {
    /// What its owner calls it.
    pub name: PersonName,
    /// The digest of the challenge that it answers.
    pub challenge: String,
    /// The answer.
    pub attestation: Attestation,
}

impl NewPasskey {
    /// Reads a request.
    ///
    /// # Errors
    /// `invalid-name`, or `invalid-passkey` if the answer cannot be read.
    pub fn parse(request: NewPasskeyRequest, peppers: &Peppers) -> Result<Self, Problem> {
        let name = passkey_name(&request.name)?;
        let RegistrationCredential { response } = request.credential;
        let client_data = decode(&response.client_data_json)?;
        let challenge = digest_of(&client_data, true, peppers)?;
        let attestation_object = decode(&response.attestation_object)?;
        Ok(Self { name, challenge, attestation: Attestation { client_data, attestation_object } })
    }
}

/// A sign-in with a passkey.
#[derive(Debug)]
pub struct EndPasskey {
    /// The credential, as it is stored.
    pub credential_id: String,
    /// The digest of the challenge that is answered.
    pub challenge: String,
    /// The digest of what the client calls itself.
    pub client: String,
    /// The answer.
    pub assertion: Assertion,
    /// The client's address, as its rate limits are counted.
    pub client_address: String,
    /// The device token that the client has sent.
    pub device_token: Option<String>,
    /// The session to begin.
    pub session: SessionStart,
}

impl EndPasskey {
    /// Reads a request. `Ok(None)` if the answer cannot be that of an authenticator.
    ///
    /// # Errors
    /// `invalid-value` for what the calling service has made.
    pub fn parse(request: EndPasskeyRequest, peppers: &Peppers) -> Result<Option<Self>, Problem> {
        let session = SessionStart::parse(request.session)?;
        let client = client_digest(session.origin.user_agent.as_deref(), peppers);
        let Ok((credential_id, challenge, assertion)) = answer(request.credential, peppers) else { return Ok(None) };
        let (client_address, device_token) = (request.client_address, request.device_token);
        Ok(Some(Self { credential_id, challenge, client, assertion, client_address, device_token, session }))
    }
}

fn answer(credential: SignInCredential, peppers: &Peppers) -> Result<(String, String, Assertion), Problem> {
    let response = credential.response;
    let client_data = decode(&response.client_data_json)?;
    let challenge = digest_of(&client_data, false, peppers)?;
    let credential_id = decode(&credential.id)?;
    let assertion = Assertion {
        authenticator_data: decode(&response.authenticator_data)?,
        signature: decode(&response.signature)?,
        handle: decode(&response.user_handle)?.try_into().map_err(|_| invalid_passkey())?,
        client_data,
        credential_id,
    };
    Ok((encode_bytes(&assertion.credential_id), challenge, assertion))
}

/// The digest of what a client calls itself: a challenge is for the client that it was issued to.
#[must_use]
pub fn client_digest(user_agent: Option<&str>, peppers: &Peppers) -> String {
    peppers.digest("client of a challenge", user_agent.unwrap_or_default())
}

/// Reads what an owner calls a passkey.
///
/// # Errors
/// `invalid-name`.
pub fn passkey_name(text: &str) -> Result<PersonName, Problem> {
    PersonName::parse(text).map_err(|error| Problem::field(Kind::InvalidName, "name", error.to_string()))
}

/// Bytes in the form in which they are stored, base64url.
#[must_use]
pub fn encode_bytes(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes that are stored in that form.
#[must_use]
pub fn decode_bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The methods of a sign-in with a passkey (RFC 8176): a key of hardware if it never leaves its authenticator, else one of software;
/// with the presence of its user, whom the authenticator has verified.
#[must_use]
pub fn passkey_methods(backup: passkeys::Backup) -> &'static str {
    match backup {
        passkeys::Backup::None => "hwk user mfa",
        passkeys::Backup::Eligible | passkeys::Backup::Exists => "swk user mfa",
    }
}

/// An authenticator's answer that is not accepted.
#[must_use]
pub fn invalid_passkey() -> Problem {
    Problem::field(Kind::InvalidPasskey, "credential", Kind::InvalidPasskey.detail())
}

/// An answer to a challenge that is not valid, or not any more.
#[must_use]
pub fn invalid_passkey_challenge() -> Problem {
    const DETAIL: &str = "The challenge is not valid, or not any more. Begin again.";
    Problem::field(Kind::InvalidChallenge, "credential", DETAIL)
}

fn digest_of(client_data: &[u8], is_registration: bool, peppers: &Peppers) -> Result<String, Problem> {
    let challenge = challenge_of(client_data, is_registration).ok_or_else(invalid_passkey)?;
    Ok(PasskeyChallenge::new(challenge, peppers).digest)
}

fn decode(text: &str) -> Result<Vec<u8>, Problem> {
    decode_bytes(text).ok_or_else(invalid_passkey)
}

fn timeout() -> u32 {
    PASSKEY_CHALLENGE_SECONDS.unsigned_abs() * 1000
}

/// Whom passkeys are for, by the variables `public_url`, `passkey_rp_id` and `allowed_origins`. The id is the host of `public_url` unless
/// there is another; the origins are that of `public_url` and those of `allowed_origins` that the id covers. A loopback address stands
/// for `localhost`, since no address is a relying party. `None` if there is no domain.
#[must_use]
pub fn relying_party(public_url: &str, id: &str, allowed_origins: &str) -> Option<RelyingParty> {
    let (scheme, rest) = public_url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?.to_lowercase();
    let (host, port) = host_and_port(&authority);
    let is_loopback = host.starts_with("127.") || host == "[::1]";
    let host = if is_loopback && id.is_empty() { "localhost" } else { host };
    let default_port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let port = if port == default_port { "" } else { port };
    let id = if id.is_empty() { host } else { id };
    let own = format!("{}://{host}{port}", scheme.to_lowercase());
    let others = allowed_origins.split(',').map(|origin| origin.trim().to_owned());
    RelyingParty::new(id, std::iter::once(own).chain(others).filter(|origin| is_covered(origin, id)).collect())
}

fn host_and_port(authority: &str) -> (&str, &str) {
    let after_host = authority.rfind(']').unwrap_or_default();
    match authority[after_host..].find(':') {
        Some(at) => authority.split_at(after_host + at),
        None => (authority, ""),
    }
}

/// Whether an origin is that of the domain, or of a subdomain.
fn is_covered(origin: &str, id: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let (host, _) = host_and_port(authority);
    host == id || host.strip_suffix(id).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    #[test]
    fn whom_passkeys_are_for_follows_from_the_variables() {
        let id = |url, id, origins| relying_party(url, id, origins).map(|party| party.id().to_owned());
        assert_eq!(id("http://127.0.0.1:4000", "", "").as_deref(), Some("localhost"));
        assert_eq!(id("http://[::1]:4000", "", "").as_deref(), Some("localhost"));
        assert_eq!(id("https://id.example.org/", "", "").as_deref(), Some("id.example.org"));
        assert_eq!(id("https://id.example.org:8443/x", "example.org", "*").as_deref(), Some("example.org"));
        for (url, party) in
            [("https://10.0.0.7", ""), ("https://[2001:db8::1]:8443", ""), ("https://id.example.org", "example.com")]
        {
            assert_eq!(id(url, party, ""), None, "{url} {party}");
        }
        let origins = |url, id, origins| format!("{:?}", relying_party(url, id, origins).unwrap());
        let all = "https://app.example.org, https://evil.example,https://notexample.org, *, https://example.org:8443";
        let shown = origins("https://ID.example.org:443/", "example.org", all);
        let expected = ["https://id.example.org", "https://app.example.org", "https://example.org:8443"];
        assert!(shown.contains(&format!("{expected:?}")), "{shown}");
        assert!(origins("http://127.0.0.1:4000", "", "").contains("[\"http://localhost:4000\"]"));
    }

    #[test]
    fn an_answer_names_the_challenge_that_was_issued() {
        let challenge = PasskeyChallenge::new([7; 16], &peppers());
        let digest = challenge.digest.clone();
        let party = relying_party("https://example.org", "", "").unwrap();
        let client_data = json!({"type": "webauthn.get", "challenge": challenge.request(&party).challenge,
            "origin": "https://example.org", "crossOrigin": false});
        let credential = |client_data: &Value| -> EndPasskeyRequest {
            let bytes = |text: &str| encode_bytes(text.as_bytes());
            serde_json::from_value(json!({"client_address": "10.0.0.1", "credential": {"id": bytes("id"), "response": {
                "clientDataJSON": bytes(&client_data.to_string()), "authenticatorData": bytes("x"), "signature": bytes("y"),
                "userHandle": bytes("0123456789abcdef")}}, "session": {
                "session_id": "6f1e2d3c-4b5a-4697-8877-665544332211", "refresh_digest": "c".repeat(64), "idle_seconds": 60,
                "absolute_seconds": 600}}))
            .unwrap()
        };
        let end = EndPasskey::parse(credential(&client_data), &peppers()).unwrap().unwrap();
        assert_eq!((end.challenge, end.credential_id), (digest, encode_bytes(b"id")));
        assert!(EndPasskey::parse(credential(&json!({})), &peppers()).unwrap().is_none());
        let mut bad = credential(&client_data);
        bad.session.refresh_digest = "x".into();
        assert_eq!(EndPasskey::parse(bad, &peppers()).unwrap_err().kind(), Kind::InvalidValue);
    }

    #[test]
    fn a_key_that_stays_on_its_device_is_one_of_hardware() {
        assert_eq!(passkey_methods(passkeys::Backup::None), "hwk user mfa");
        assert_eq!(passkey_methods(passkeys::Backup::Exists), "swk user mfa");
    }
}
