//! What the auth component does, without a second service to ask.

use std::sync::Arc;

use auth_domain::{
    ABSOLUTE_SECONDS, ACCESS_TOKEN_SECONDS, Attempt, Credentials, IDLE_SECONDS, LoginForm, RefreshForm, RefreshToken,
    TokenResponse, verdict,
};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use events::{Event, Exchange, Login, Payload};
use identity::{AttemptKeys, Role, UserId};
use problem::{Kind, Problem};
use serde::Deserialize;
use tokens::AccessClaims;
use users_domain::{AcquirePermit, Counter, Place, ReleasePermit};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, finish, json as answer, request_id};
use crate::users::{invalid_token, now};
use crate::{Peer, statements};

/// POST /auth-ms/auth/login.
pub(crate) async fn login(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), let_in(&peer, &body).await)
}

async fn let_in(peer: &Arc<Peer>, body: &[u8]) -> Outcome {
    let attempt = Attempt::from(problem::decode::<LoginForm>(body)?);
    let keys = AttemptKeys::new(&peer.settings.pepper, attempt.username(), "127.0.0.1");
    let counters = Counter::of_attempt(&keys);
    let place = begin(peer, &counters).await?;
    let known: Option<Credentials> = match &attempt.email {
        Some(email) => peer.database.one(statements::FIND_CREDENTIALS, &[&email.key()]).await?,
        None => None,
    };
    // A hash would keep a thread of the runtime for as long as it takes.
    let judge = tokio::task::spawn_blocking({
        let peer = Arc::clone(peer);
        move || attempt.judge(known, &peer.settings.pepper, peer.settings.cost)
    });
    let judged = judge.await.map_err(|_| internal())?;
    end(peer, &place, &counters, &keys, verdict(&judged)).await?;
    let who = judged?.credentials;
    let (session, refresh) = (Uuid::new_v4(), RefreshToken::new(random()));
    let access = sign(peer, who.id, who.role, session)?;
    let parameters = (session.to_string(), who.id.get(), refresh.digest());
    let begun: bool = peer
        .database
        .one(
            statements::BEGIN_SESSION,
            &[&parameters.0, &parameters.1, &parameters.2, &IDLE_SECONDS, &ABSOLUTE_SECONDS],
        )
        .await?;
    if !begun {
        return Err(invalid_token());
    }
    let login = Login { user_id: who.id, email: who.email, phone: who.phone };
    let event = Event::new("/auth-ms", Payload::Login(login)).to_json();
    for command in events::redis::publish(Exchange::UserLogin, &event) {
        peer.broker.run(&command).await.map_err(|_| internal())?;
    }
    Ok(answer(StatusCode::OK, &TokenResponse::new(access, refresh)))
}

async fn begin(peer: &Peer, counters: &[Counter]) -> Result<Place, Problem> {
    #[derive(Deserialize)]
    struct Begun {
        place: Option<Place>,
        retry_after: Option<u32>,
    }
    let request = AcquirePermit::new(counters, peer.settings.hashing_places).to_json();
    let begun: Begun = peer.database.one(statements::ACQUIRE_HASH_PERMIT, &[&request]).await?;
    begun.place.ok_or_else(|| match begun.retry_after {
        Some(seconds) => Problem::new(Kind::TooManyAttempts, "Too many attempts have failed.")
            .with_header("retry-after", seconds.to_string()),
        None => Problem::new(Kind::TooBusy, "More people are signing in than can be dealt with."),
    })
}

async fn end(
    peer: &Peer,
    place: &Place,
    counters: &[Counter],
    keys: &AttemptKeys,
    succeeded: Option<bool>,
) -> Result<(), Problem> {
    let request = ReleasePermit::new(place, counters, Some(&keys.pair), succeeded).to_json();
    peer.database.one::<bool>(statements::RELEASE_HASH_PERMIT, &[&request]).await.map(drop)
}

/// POST /auth-ms/auth/refresh.
pub(crate) async fn refresh(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), go_on(&peer, &body).await)
}

async fn go_on(peer: &Peer, body: &[u8]) -> Outcome {
    #[derive(Deserialize)]
    struct Continued {
        session_id: Uuid,
        user_id: UserId,
        role: Role,
    }
    #[derive(Deserialize)]
    struct Rotated {
        session: Option<Continued>,
    }
    let form: RefreshForm = problem::decode(body)?;
    let spent = RefreshToken::parse(&form.refresh_token).ok_or_else(invalid_token)?;
    let next = RefreshToken::new(random());
    let rotated: Rotated =
        peer.database.one(statements::ROTATE, &[&spent.digest(), &next.digest(), &IDLE_SECONDS]).await?;
    let Continued { session_id, user_id, role } = rotated.session.ok_or_else(invalid_token)?;
    let access = sign(peer, user_id, role, session_id)?;
    Ok(answer(StatusCode::OK, &TokenResponse::new(access, next)))
}

fn sign(peer: &Peer, user_id: UserId, role: Role, session: Uuid) -> Result<String, Problem> {
    let issued_at = now();
    let expires_at = issued_at + ACCESS_TOKEN_SECONDS;
    let claims = AccessClaims { user_id, role, session, id: Uuid::new_v4(), issued_at, expires_at };
    tokens::sign(&claims, peer.settings.whose(), &peer.settings.signing_key).map_err(|_| internal())
}

/// 32 random bytes: two random UUIDs, whose few fixed bits do not matter to a yardstick.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}

fn internal() -> Problem {
    Problem::new(Kind::Internal, "This did not work; the service's log says more.")
}
