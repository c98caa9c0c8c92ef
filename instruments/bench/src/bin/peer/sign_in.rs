//! What every way to sign in needs: permits, tokens, and what the audit log says.

use api::auth::{ACCESS_TOKEN_SECONDS, LoginResponse};
use api::users::{HashPermit, StartedSession};
use auth_domain::RefreshSecret;
use events::Exchange;
use identity::{AttemptKeys, Authentication, DeviceToken, Role, UserId};
use problem::{Kind, Problem};
use tokens::AccessClaims;
use users_domain::{AcquirePermit, Acquired, Actor, Attempt, Origin, PermitLimits, Trace};
use uuid::Uuid;

use crate::clock::now;
use crate::{Peer, statements};

/// How long the event of a sign-in is not for a sweep, in seconds.
pub(crate) const OWN_LEASE_SECONDS: i32 = 10;
/// The address of all clients.
pub(crate) const CLIENT: &str = "127.0.0.1";

/// A permit, or the problem that there is none.
pub(crate) async fn acquire(peer: &Peer, counted: &Attempt) -> Result<HashPermit, Problem> {
    let request = AcquirePermit::new(counted, &limits(peer), None).to_json();
    permit_of(peer.database.one(statements::ACQUIRE_HASH_PERMIT, &[&request]).await?)
}

pub(crate) fn limits(peer: &Peer) -> PermitLimits {
    let permits = peer.settings.hash_permits;
    // All of the load comes from one client.
    PermitLimits { permits, per_client: permits, for_sign_ins: 0, cost: peer.settings.cost }
}

pub(crate) fn permit_of(Acquired { permit, retry_after, .. }: Acquired) -> Result<HashPermit, Problem> {
    permit.ok_or_else(|| match retry_after {
        Some(seconds) => Problem::of(Kind::TooManyAttempts).with_header("retry-after", seconds.to_string()),
        None => Problem::of(Kind::TooBusy),
    })
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

pub(crate) fn sign(
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

/// What the audit log says about a request.
pub(crate) fn trace() -> Trace {
    Trace::new(Actor::Owner, Origin::from_texts(Some("bench"), Some("127.0.0.0/24")), "bench")
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
