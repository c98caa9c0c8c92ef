//! Sign-ins with a passkey, and what comes after the password where there is an authenticator app.

use std::sync::Arc;

use api::auth::{LoginResponse, PasskeyLoginRequest, SecondFactorRequest, SecondFactorResponse};
use api::users::{
    Credentials, EndPasskeyRequest, HashPermit, PasskeySignIn, SecondFactorSession, SecondFactorTask, StartedSession,
};
use auth_domain::{ABSOLUTE_SECONDS, Challenge, IDLE_SECONDS, RefreshSecret, invalid_challenge, invalid_code};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use events::{Event, Exchange};
use identity::{AttemptKeys, UserId};
use passkeys::{Backup, Passkey, Proof, Refusal};
use problem::{Kind, Problem};
use serde::Deserialize;
use serde_json::{Value, json};
use users_domain::{
    Attempt, AuditEntry, CHALLENGE_SECONDS, EndPasskey, FactorId, PASSKEY_CHALLENGE_SECONDS, PasskeyChallenge,
    RESET_SECONDS, ReleasePermit, SessionStart, client_digest, decode_bytes, passkey_methods,
};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, finish, json as answer, request_id};
use crate::clock::now;
use crate::database::Parameter;
use crate::sign_in::{CLIENT, OWN_LEASE_SECONDS, acquire, internal, login_response, random, trace};
use crate::{Peer, sign_in_statements as statements};

/// POST /auth-ms/auth/passkey/options.
pub(crate) async fn passkey_options(State(peer): State<Arc<Peer>>, headers: HeaderMap) -> Answer {
    finish(&request_id(&headers), begin_passkey(&peer, &headers).await)
}

async fn begin_passkey(peer: &Peer, headers: &HeaderMap) -> Outcome {
    let peppers = &peer.settings.peppers;
    let challenge = PasskeyChallenge::new(*Uuid::new_v4().as_bytes(), peppers);
    let client = client_digest(user_agent(headers), peppers);
    let limit = peer.settings.limited(Attempt::to_begin_passkey(&peppers.digest("passkeys by client", CLIENT)));
    let limits = limit.rate_limits_as_json();
    let parameters: [Parameter<'_>; 5] =
        [&limits, &RESET_SECONDS, &challenge.digest, &client, &PASSKEY_CHALLENGE_SECONDS];
    let wait: Option<u32> = peer.database.one(statements::BEGIN_PASSKEY, &parameters).await?;
    if wait.is_some() {
        return Err(Problem::of(Kind::TooManyAttempts));
    }
    let public_key = challenge.request(&peer.settings.relying_party);
    Ok(answer(StatusCode::OK, &PasskeySignIn { public_key, expires_in: PASSKEY_CHALLENGE_SECONDS }))
}

/// POST /auth-ms/auth/passkey.
pub(crate) async fn passkey(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), end_passkey(&peer, &headers, &body).await)
}

#[derive(Deserialize)]
struct Found {
    is_open: bool,
    known: Option<Known>,
}

#[derive(Deserialize)]
struct Known {
    id: Uuid,
    user_id: UserId,
    email_key: String,
    handle: Uuid,
    public_key: String,
    sign_count: u32,
    backup: Backup,
    credentials_epoch: i32,
    suspended: bool,
    password_reset_required: bool,
}

async fn end_passkey(peer: &Peer, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let form: PasskeyLoginRequest = problem::decode(body)?;
    let refresh = RefreshSecret::new(random());
    let request = EndPasskeyRequest {
        credential: form.credential,
        client_address: CLIENT.to_owned(),
        device_token: form.device_token,
        session: session(&refresh, headers),
    };
    let end = EndPasskey::parse(request, &peer.settings.peppers)?.ok_or_else(invalid_passkey)?;
    let parameters: [Parameter<'_>; 3] = [&end.challenge, &end.client, &end.credential_id];
    let found: Found = peer.database.one(statements::FIND_PASSKEY, &parameters).await?;
    let Found { is_open: true, known: Some(known) } = found else { return Err(invalid_passkey()) };
    let keys = AttemptKeys::new(&peer.settings.peppers, &known.email_key, CLIENT);
    let attempt = peer.settings.limited(Attempt::to_sign_in(&keys));
    let permit = acquire(peer, &attempt).await?;
    let proof = verify(peer, end.assertion, &known).map_err(|_| invalid_passkey())?;
    if known.suspended || known.password_reset_required {
        return Err(invalid_passkey());
    }
    let proved = Proved {
        user_id: known.user_id,
        credentials_epoch: known.credentials_epoch,
        spend: "spend_passkey",
        request: json!({"challenge": end.challenge, "client": end.client, "id": known.id,
            "sign_count": proof.sign_count, "backup": proof.backup}),
        amr: passkey_methods(proof.backup),
    };
    let signed_in = proved.begin_session(peer, &permit, &attempt, &end.session).await?;
    Ok(answer(StatusCode::OK, &signed_in.ok_or_else(invalid_passkey)?.publish(peer, refresh, &keys).await?))
}

fn verify(peer: &Peer, assertion: passkeys::Assertion, known: &Known) -> Result<Proof, Refusal> {
    let passkey = Passkey {
        credential_id: assertion.credential_id.clone(),
        public_key: decode_bytes(&known.public_key).ok_or(Refusal::Key)?,
        sign_count: known.sign_count,
        backup: known.backup,
    };
    peer.settings.relying_party.authenticate(assertion, &passkey, known.handle.into_bytes())
}

/// What the right password of somebody with an app is answered with.
pub(crate) async fn challenge(
    peer: &Peer,
    permit: &HashPermit,
    attempt: &Attempt,
    keys: &AttemptKeys,
    credentials: &Credentials,
    headers: &HeaderMap,
) -> Problem {
    let challenge = Challenge::new(random(), user_agent(headers), &peer.settings.peppers);
    let kept = json!({"digest": challenge.digest, "client": challenge.client, "keys": keys,
        "task": SecondFactorTask::Code, "seconds": CHALLENGE_SECONDS});
    let release = ReleasePermit::new(permit, attempt, None, None);
    let release = release.audited(Some(entry("mfa-required", credentials.id))).to_json();
    let none: Option<&str> = None;
    let (user, kept) = (credentials.id.get(), kept.to_string());
    let parameters: [Parameter<'_>; 6] = [&release, &user, &credentials.credentials_epoch, &kept, &none, &none];
    match peer.database.one(statements::BEGIN_CHALLENGE, &parameters).await {
        Ok(true) => challenge.required(SecondFactorTask::Code, CHALLENGE_SECONDS),
        Ok(false) => auth_domain::invalid_credentials(),
        Err(problem) => problem,
    }
}

/// POST /auth-ms/auth/login/second-factor.
pub(crate) async fn code(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), end_code(&peer, &headers, &body).await)
}

#[derive(Deserialize)]
struct Open {
    user_id: UserId,
    keys: AttemptKeys,
}

#[derive(Deserialize)]
struct Tried {
    credentials_epoch: i32,
    factor: Option<Factor>,
}

#[derive(Deserialize)]
struct Factor {
    factor_id: Uuid,
    sealed_secret: String,
}

async fn end_code(peer: &Peer, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let form: SecondFactorRequest = problem::decode(body)?;
    let shown = Challenge::read(form.challenge, user_agent(headers), &peer.settings.peppers)?;
    let refresh = RefreshSecret::new(random());
    let start = session(&refresh, headers);
    let parameters: [Parameter<'_>; 2] = [&shown.digest, &shown.client];
    let open: Option<Open> = peer.database.one(&statements::find_challenge(), &parameters).await?;
    let Open { user_id, keys } = open.ok_or_else(invalid_challenge)?;
    let attempt = peer.settings.limited(Attempt::to_sign_in(&keys));
    let permit = acquire(peer, &attempt).await?;
    let tried: Option<Tried> = peer.database.one(&statements::count_try(), &parameters).await?;
    let Tried { credentials_epoch, factor } = tried.ok_or_else(invalid_challenge)?;
    let Factor { factor_id, sealed_secret } = factor.ok_or_else(invalid_code)?;
    let secret = peer.settings.totp_keys.open(&sealed_secret, FactorId { user_id, factor_id }).ok_or_else(internal)?;
    let step = secret.matching_step(&form.code, now()).ok_or_else(invalid_code)?;
    let proved = Proved {
        user_id,
        credentials_epoch,
        spend: "spend_second_factor",
        request: json!({"factor_id": factor_id, "step": step, "sealed_secret": null, "challenge": shown.digest}),
        amr: "pwd otp mfa",
    };
    let signed_in = proved.begin_session(peer, &permit, &attempt, &SessionStart::parse(start)?).await?;
    let tokens = signed_in.ok_or_else(invalid_code)?.publish(peer, refresh, &keys).await?;
    Ok(answer(StatusCode::OK, &SecondFactorResponse { tokens, recovery_codes: None }))
}

/// What a sign-in has proved.
struct Proved {
    user_id: UserId,
    credentials_epoch: i32,
    spend: &'static str,
    request: Value,
    amr: &'static str,
}

/// A session that was begun, and its event.
#[derive(Deserialize)]
struct SignedIn {
    session: Option<StartedSession>,
    event: Option<Value>,
}

impl Proved {
    /// Spends it; `None` if it was used before.
    async fn begin_session(
        self,
        peer: &Peer,
        permit: &HashPermit,
        attempt: &Attempt,
        start: &SessionStart,
    ) -> Result<Option<SignedIn>, Problem> {
        let release = ReleasePermit::new(permit, attempt, Some(true), Some(self.user_id));
        let release = release.audited(Some(entry("invalid-challenge", self.user_id))).to_json();
        let (user, request, session) = (self.user_id.get(), self.request.to_string(), start.id.to_string());
        let none: Option<&str> = None;
        let login = Event::template("/auth-ms", Exchange::UserLogin);
        let change = Event::template("/users-ms", Exchange::SecondFactorChanged);
        let parameters: [Parameter<'_>; 17] = [
            &release,
            &user,
            &self.credentials_epoch,
            &request,
            &session,
            &start.refresh_digest,
            &start.idle_seconds,
            &start.absolute_seconds,
            &start.origin.user_agent,
            &start.origin.network,
            &self.amr,
            &login,
            &change,
            &none,
            &OWN_LEASE_SECONDS,
            &Exchange::UserLogin.name(),
            &r#"{"known_device": false, "network": "127.0.0.0/24"}"#,
        ];
        let signed_in: SignedIn = peer.database.one(&statements::end_challenge(self.spend), &parameters).await?;
        Ok(Some(signed_in).filter(|signed_in| signed_in.session.is_some()))
    }
}

impl SignedIn {
    /// Publishes the event, and makes the tokens.
    async fn publish(self, peer: &Peer, refresh: RefreshSecret, keys: &AttemptKeys) -> Result<LoginResponse, Problem> {
        let session = self.session.ok_or_else(internal)?;
        login_response(peer, session, self.event.unwrap_or_default(), refresh, keys).await
    }
}

fn session(refresh: &RefreshSecret, headers: &HeaderMap) -> SecondFactorSession {
    SecondFactorSession {
        session_id: Uuid::new_v4(),
        refresh_digest: refresh.digest(),
        idle_seconds: IDLE_SECONDS,
        absolute_seconds: ABSOLUTE_SECONDS,
        user_agent: user_agent(headers).map(str::to_owned),
        network: Some("127.0.0.0/24".to_owned()),
    }
}

fn entry(result: &str, user_id: UserId) -> AuditEntry {
    AuditEntry { action: "login", result: result.to_owned(), user_id: Some(user_id), proves: true, trace: trace() }
}

fn user_agent(headers: &HeaderMap) -> Option<&str> {
    headers.get(USER_AGENT)?.to_str().ok()
}

fn invalid_passkey() -> Problem {
    Problem::field(Kind::InvalidPasskey, "credential", Kind::InvalidPasskey.detail())
}
