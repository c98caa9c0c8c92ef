//! What the auth component does, without a second service to ask.

use std::sync::Arc;

use api::auth::{LoginRequest, RefreshResponse, RefreshTokenRequest};
use api::users::{Credentials, EndSignInResponse, HashPermit, RotateTokenResponse, RotatedSession};
use auth_domain::{
    ABSOLUTE_SECONDS, IDLE_SECONDS, LoginAttempt, REFRESH_LEEWAY_SECONDS, RefreshSecret, attempt_outcome,
    invalid_credentials,
};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use events::{Event, Exchange};
use identity::{AttemptKeys, Email, Unpaced};
use problem::Problem;
use serde::Deserialize;
use users_domain::{AcquirePermit, Acquired, Attempt, AuditEntry, ReleasePermit};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, finish, invalid_token, json as answer, request_id};
use crate::database::Parameter;
use crate::sign_in::{CLIENT, OWN_LEASE_SECONDS, internal, limits, login_response, permit_of, random, sign, trace};
use crate::{Peer, second_step, statements};

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
