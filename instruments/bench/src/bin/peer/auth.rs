//! What the auth component does, without a second service to ask.

use std::sync::Arc;

use api::auth::{ACCESS_TOKEN_SECONDS, LoginRequest, LoginResponse, RefreshResponse, RefreshTokenRequest};
use api::users::{Credentials, EndSignInResponse, HashPermit, RotateTokenResponse, RotatedSession, StartedSession};
use auth_domain::{
    ABSOLUTE_SECONDS, IDLE_SECONDS, LoginAttempt, REFRESH_LEEWAY_SECONDS, RefreshSecret, attempt_outcome,
    invalid_credentials,
};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use events::{Event, Exchange};
use identity::{AttemptKeys, Authentication, DeviceToken, Email, Role, Unpaced, UserId};
use problem::{Kind, Problem};
use serde::Deserialize;
use tokens::AccessClaims;
use users_domain::{AcquirePermit, Acquired, Actor, Attempt, AuditEntry, Origin, PermitLimits, ReleasePermit, Trace};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, finish, invalid_token, json as answer, request_id};
use crate::clock::now;
use crate::database::Parameter;
use crate::{Peer, second_step, statements};

/// How long the event of a sign-in is not for a sweep, in seconds.
pub(crate) const OWN_LEASE_SECONDS: i32 = 10;
/// The address of all clients.
pub(crate) const CLIENT: &str = "127.0.0.1";

/// POST /auth-ms/auth/login.
pub(crate) async fn login(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), let_in(&peer, &headers, &body).await)
}

async fn let_in(peer: &Arc<Peer>, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let attempt = LoginAttempt::from(problem::decode::<LoginRequest>(body)?);
    let keys = AttemptKeys::new(&peer.settings.peppers, attempt.username(), CLIENT);
    let counted = peer.settings.limited(Attempt::to_sign_in(&keys));
    let (permit, known) = begin(peer, &counted, attempt.email.as_ref()).await?;
    // A hash would keep a thread of the runtime for as long as it takes.
    let judge = tokio::task::spawn_blocking({
        let peer = Arc::clone(peer);
        move || attempt.authenticate(known, None, &peer.settings.peppers, peer.settings.cost, &mut Unpaced)
    });
    let judged = judge.await.map_err(|_| internal())?;
    if let Some(known) = judged.as_ref().ok().map(|it| &it.credentials).filter(|known| known.has_second_factor) {
        return Err(second_step::challenge(peer, &permit, &counted, &keys, known, headers).await);
    }
    let refresh = RefreshSecret::new(random());
    let outcome = judged.as_ref().map(|authenticated| &authenticated.credentials).map_err(attempt_outcome);
    let ended = end(peer, &permit, &counted, outcome, &refresh.digest()).await?;
    judged?;
    let session = ended.session.ok_or_else(invalid_credentials)?;
    let tokens = login_response(peer, session, ended.event.unwrap_or_default(), refresh, &keys).await?;
    Ok(answer(StatusCode::OK, &tokens))
}

/// Publishes the event of a sign-in, and makes its tokens.
pub(crate) async fn login_response(
    peer: &Peer,
    session: StartedSession,
    event: serde_json::Value,
    refresh: RefreshSecret,
    keys: &AttemptKeys,
) -> Result<LoginResponse, Problem> {
    let StartedSession { session_id, user_id, role, authentication, .. } = session;
    let access = sign(peer, user_id, role, session_id, authentication)?;
    for command in events::redis::publish(Exchange::UserLogin, &event.to_string()) {
        peer.broker.run(&command).await.map_err(|_| internal())?;
    }
    let id = event["id"].as_str().unwrap_or_default();
    peer.database.one::<bool>(statements::MARK_EVENT, &[&id]).await?;
    let refresh = peer.settings.refresh_keys.token(session_id, 0, refresh);
    let device = DeviceToken::new(*Uuid::new_v4().as_bytes(), now()).sign(&peer.settings.peppers, keys);
    Ok(LoginResponse::new(access, refresh, device))
}

async fn begin(
    peer: &Peer,
    counted: &Attempt,
    email: Option<&Email>,
) -> Result<(HashPermit, Option<Credentials>), Problem> {
    #[derive(Deserialize)]
    struct Begun {
        acquired: Acquired,
        credentials: Option<Credentials>,
    }
    let request = AcquirePermit::new(counted, &limits(peer), None).to_json();
    let begun: Begun =
        peer.database.one(statements::BEGIN_SIGN_IN, &[&request, &email.map(Email::keys_as_json)]).await?;
    Ok((permit_of(begun.acquired)?, begun.credentials))
}

/// A permit, or the problem that there is none.
pub(crate) async fn acquire(peer: &Peer, counted: &Attempt) -> Result<HashPermit, Problem> {
    let request = AcquirePermit::new(counted, &limits(peer), None).to_json();
    permit_of(peer.database.one(statements::ACQUIRE_HASH_PERMIT, &[&request]).await?)
}

fn limits(peer: &Peer) -> PermitLimits {
    let permits = peer.settings.hash_permits;
    // All of the load comes from one client.
    PermitLimits { permits, per_client: permits, for_sign_ins: 0, cost: peer.settings.cost }
}

fn permit_of(Acquired { permit, retry_after, .. }: Acquired) -> Result<HashPermit, Problem> {
    permit.ok_or_else(|| match retry_after {
        Some(seconds) => Problem::of(Kind::TooManyAttempts).with_header("retry-after", seconds.to_string()),
        None => Problem::of(Kind::TooBusy),
    })
}

/// Ends a sign-in: with the credentials that were right, or with what it counts as.
pub(crate) async fn end(
    peer: &Peer,
    permit: &HashPermit,
    counted: &Attempt,
    outcome: Result<&Credentials, Option<bool>>,
    digest: &str,
) -> Result<EndSignInResponse, Problem> {
    let (known, succeeded) = outcome.map_or_else(|failed| (None, failed), |known| (Some(known), Some(true)));
    let result = "invalid-credentials".to_owned();
    let entry =
        AuditEntry { action: "login", result, user_id: known.map(|known| known.id), proves: true, trace: trace() };
    let request = ReleasePermit::new(permit, counted, succeeded, known.map(|known| known.id));
    let request = request.audited(Some(entry)).to_json();
    let session = Uuid::new_v4().to_string();
    let id = known.map(|known| known.id.get());
    let email = known.and_then(|known| Email::parse(&known.email).ok());
    let email = email.as_ref().map(Email::keys_as_json);
    let epoch = known.map(|known| known.credentials_epoch);
    let template = Event::template("/auth-ms", Exchange::UserLogin);
    let none: Option<&str> = None;
    let parameters: [Parameter<'_>; 16] = [
        &request,
        &session,
        &id,
        &email,
        &epoch,
        &digest,
        &IDLE_SECONDS,
        &ABSOLUTE_SECONDS,
        &none,
        &none,
        &Exchange::UserLogin.name(),
        &template,
        &OWN_LEASE_SECONDS,
        &"bench",
        &"127.0.0.0/24",
        &r#"{"known_device": false, "network": "127.0.0.0/24"}"#,
    ];
    peer.database.one(statements::END_SIGN_IN, &parameters).await
}

/// POST /auth-ms/auth/refresh.
pub(crate) async fn refresh(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), go_on(&peer, &body).await)
}

async fn go_on(peer: &Peer, body: &[u8]) -> Outcome {
    let form: RefreshTokenRequest = problem::decode(body)?;
    let keys = &peer.settings.refresh_keys;
    let shown = keys.read(&form.refresh_token).ok_or_else(invalid_token)?;
    let parameters = (shown.session.map(|id| id.to_string()), shown.digest(), shown.successor().digest());
    let rotated: RotateTokenResponse = peer
        .database
        .one(
            statements::ROTATE,
            &[
                &parameters.0,
                &shown.generation,
                &parameters.1,
                &parameters.2,
                &IDLE_SECONDS,
                &REFRESH_LEEWAY_SECONDS,
                &trace().to_json(),
            ],
        )
        .await?;
    let RotatedSession { session_id, user_id, role: Some(role), authentication, .. } =
        rotated.session.ok_or_else(invalid_token)?
    else {
        return Err(invalid_token());
    };
    let access = sign(peer, user_id, role, session_id, authentication)?;
    let next = keys.token(session_id, shown.generation + 1, shown.successor());
    Ok(answer(StatusCode::OK, &RefreshResponse::new(access, next)))
}

/// What the audit log says about a request.
pub(crate) fn trace() -> Trace {
    Trace::new(Actor::Owner, Origin::from_texts(Some("bench"), Some("127.0.0.0/24")), "bench")
}

fn sign(
    peer: &Peer,
    user_id: UserId,
    role: Role,
    session: Uuid,
    authentication: Option<Authentication>,
) -> Result<String, Problem> {
    let issued_at = now();
    let claims = AccessClaims {
        user_id,
        role,
        roles: Vec::new(),
        metadata: None,
        session,
        email_verified: None,
        authentication,
        id: Uuid::new_v4(),
        issued_at,
        expires_at: issued_at + ACCESS_TOKEN_SECONDS,
    };
    tokens::sign(&claims, peer.settings.whose(), &peer.settings.signing_key).map_err(|_| internal())
}

/// 32 random bytes: two random UUIDs, whose few fixed bits do not matter to a yardstick.
pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}

pub(crate) fn internal() -> Problem {
    Problem::of(Kind::Internal)
}
