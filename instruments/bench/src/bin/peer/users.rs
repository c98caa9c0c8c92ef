//! What the users component does.

use std::sync::Arc;

use api::PathParameters;
use api::users::EndSignInRequest;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use identity::UserId;
use problem::{Kind, Problem};
use serde_json::json;
use users_domain::{Attempt, Caller, EndSignIn, Precondition, etag, user_not_found};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, bearer_token, finish, invalid_token, json as answer, request_id};
use crate::clock::now;
use crate::database::Parameter;
use crate::statements::{self, Found};
use crate::{Peer, auth};

/// GET /users-ms/users/{id}.
pub(crate) async fn get_user(
    State(peer): State<Arc<Peer>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    finish(&request_id(&headers), find(&peer, &id, query.as_deref(), &headers).await)
}

async fn find(peer: &Peer, id: &str, query: Option<&str>, headers: &HeaderMap) -> Outcome {
    let (caller, session) = who(peer, headers)?;
    let id = <UserId as PathParameters>::parse(&[id])?;
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        let name = query.split('=').next().unwrap_or_default();
        return Err(Problem::field(Kind::InvalidQuery, name, "Unknown parameter. Known here: none."));
    }
    caller.authorize_access(id)?;
    let known = headers.get(IF_NONE_MATCH).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let known = Precondition::parse(known.as_deref(), id, true)?;
    let Found { is_alive, user } = match session {
        None => peer.database.one(statements::FIND_USER, &[&id.get()]).await?,
        Some(session) => {
            let parameters: [Parameter<'_>; 2] = [&id.get(), &session.to_string()];
            peer.database.one(statements::FIND_USER_IN_SESSION, &parameters).await?
        }
    };
    if !is_alive {
        return Err(invalid_token());
    }
    let user = user.ok_or_else(user_not_found)?;
    let mut answer = if known != Precondition::None && known.admits(user.version) {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        answer(StatusCode::OK, &user)
    };
    if let Ok(tag) = HeaderValue::from_str(&etag(user.id, user.version)) {
        answer.headers_mut().insert(ETAG, tag);
    }
    Ok(answer)
}

/// Who is asking, and in which session.
fn who(peer: &Peer, headers: &HeaderMap) -> Result<(Caller, Option<Uuid>), Problem> {
    if !peer.settings.asks_for_tokens {
        return Ok((Caller::Anyone, None));
    }
    let token = bearer_token(headers).ok_or_else(|| {
        Problem::new(Kind::InvalidToken, "An access token is required as a bearer token. Sign in to get one.")
            .with_header("www-authenticate", "Bearer realm=\"concierge\"")
    })?;
    let claims =
        tokens::verify(token, peer.settings.whose(), &peer.settings.keys, now()).map_err(|_| invalid_token())?;
    Ok((Caller::new(claims.user_id, claims.role), Some(claims.session)))
}

/// POST /users-ms/internal/sign-in/end, of a sign-in that failed.
pub(crate) async fn end_sign_in(State(peer): State<Arc<Peer>>, headers: HeaderMap, body: Bytes) -> Answer {
    finish(&request_id(&headers), end(&peer, &headers, &body).await)
}

async fn end(peer: &Peer, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if !bearer_token(headers).is_some_and(|token| peer.settings.credential.matches(token)) {
        return Err(
            Problem::of(Kind::InvalidServiceToken).with_header("www-authenticate", "Bearer realm=\"concierge\"")
        );
    }
    let end = EndSignIn::try_from(problem::decode::<EndSignInRequest>(body)?)?;
    let ended = auth::end(peer, &end.permit, &Attempt::to_sign_in(&end.keys), Err(Some(false)), "").await?;
    Ok(answer(StatusCode::OK, &json!({"session": null, "event": ended.event})))
}
