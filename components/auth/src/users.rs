//! The users service, as auth sees it. Calls are synchronous: without the answer nothing can go on.

use auth_domain::{ABSOLUTE_SECONDS, Credentials, IDLE_SECONDS, RefreshToken};
use events::Event;
use identity::{AttemptKeys, Email, PasswordHash, Role, UserId};
use problem::{Kind, Problem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shell::attempts::{too_busy, too_many_attempts};
use shell::client::{Answer, call};
use shell::{Method, ServiceToken, config, log};
use std::time::Duration;
use uuid::Uuid;

/// How long a login waits for users.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a probe does.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// Where the users service is, and what it lets auth in with.
pub(crate) struct Users {
    url: String,
    token: ServiceToken,
}

impl Users {
    /// Reads the component variables `users_url` and `service_token`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let url = config::text("users_url")?.trim_end_matches('/').to_owned();
        Ok(Self { url, token: ServiceToken::from_config()? })
    }

    /// Whether it is alive.
    pub(crate) async fn is_alive(&self) -> bool {
        let url = format!("{}/users-ms/healthcheck", self.url);
        call(&Method::GET, &url, &[], Vec::new(), PROBE_LIMIT).await.is_ok_and(|answer| answer.status == 200)
    }

    /// Asks who has this address. Without an address it asks all the same, for nobody, so that a name that is no
    /// address takes as long as any other.
    pub(crate) async fn find_credentials(&self, email: Option<&Email>) -> Result<Option<Credentials>, Problem> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email", email.map_or("nobody@invalid.example", Email::key))
            .finish();
        let path = format!("/users-ms/internal/credentials?{query}");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        match answer.status {
            200 if email.is_some() => serde_json::from_slice(&answer.body)
                .map(Some)
                .map_err(|_| unavailable("the answer has another shape than expected")),
            200 | 404 => Ok(None),
            status => Err(unavailable(&format!("status {status}"))),
        }
    }

    /// Asks whether this account and this client may try now, and for a place to hash in. The problem says when they
    /// may.
    pub(crate) async fn begin_attempt(&self, counted: &AttemptKeys) -> Result<Place, Problem> {
        #[derive(Deserialize)]
        struct Answer {
            place: Option<Place>,
            retry_after: Option<u32>,
        }
        let answer: Answer = read(&self.post("/users-ms/internal/attempts", &json!(counted)).await?)?;
        match answer {
            Answer { place: Some(place), .. } => Ok(place),
            Answer { retry_after: Some(seconds), .. } => Err(too_many_attempts(seconds)),
            Answer { .. } => Err(too_busy()),
        }
    }

    /// Gives the place back and has the attempt counted. If that fails, the place comes free by itself.
    pub(crate) async fn end_attempt(&self, place: &Place, counted: &AttemptKeys, succeeded: Option<bool>) {
        let body = json!({"place": place, "counted": counted, "succeeded": succeeded});
        let ended = self.call(&Method::POST, "/users-ms/internal/attempts/end", body.to_string().into_bytes()).await;
        if let Err(cause) = ended.and_then(|answer| expect(answer, &[204])) {
            log::warn("an attempt was not counted", &[("cause", &cause)]);
        }
    }

    /// Puts a costlier hash in the place of the one that was just verified.
    pub(crate) async fn renew_hash(
        &self,
        id: UserId,
        previous: &PasswordHash,
        renewed: &PasswordHash,
    ) -> Result<(), String> {
        let body = serde_json::json!({"previous_hash": previous.expose(), "password_hash": renewed.expose()});
        let path = format!("/users-ms/internal/credentials/{id}");
        // 409: somebody was quicker, which is as good.
        expect(self.call(&Method::PUT, &path, body.to_string().into_bytes()).await?, &[204, 409])
    }

    /// Has a session kept; false if the user has gone since.
    pub(crate) async fn begin_session(
        &self,
        session: Uuid,
        user_id: UserId,
        refresh: &RefreshToken,
    ) -> Result<bool, Problem> {
        let body = json!({
            "session_id": session,
            "user_id": user_id,
            "refresh_digest": refresh.digest(),
            "idle_seconds": IDLE_SECONDS,
            "absolute_seconds": ABSOLUTE_SECONDS,
        });
        match self.post("/users-ms/internal/sessions", &body).await?.status {
            204 => Ok(true),
            404 => Ok(false),
            status => Err(unavailable(&format!("status {status}"))),
        }
    }

    /// Spends a refresh token for the next.
    pub(crate) async fn rotate(&self, spent: &RefreshToken, next: &RefreshToken) -> Result<Rotated, Problem> {
        let body = json!({
            "refresh_digest": spent.digest(),
            "next_digest": next.digest(),
            "idle_seconds": IDLE_SECONDS,
        });
        read(&self.post("/users-ms/internal/sessions/rotate", &body).await?)
    }

    /// Ends the session that a refresh token belongs to; says whose it was.
    pub(crate) async fn end_by_token(&self, token: &RefreshToken) -> Result<Option<EndedSession>, Problem> {
        #[derive(Deserialize)]
        struct Answer {
            ended: Option<EndedSession>,
        }
        let body = json!({"refresh_digest": token.digest()});
        Ok(read::<Answer>(&self.post("/users-ms/internal/sessions/end", &body).await?)?.ended)
    }

    /// Whether a session is alive.
    pub(crate) async fn is_session_alive(&self, session: Uuid) -> Result<bool, Problem> {
        #[derive(Deserialize)]
        struct Answer {
            alive: bool,
        }
        let path = format!("/users-ms/internal/sessions/{session}");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        Ok(read::<Answer>(&answer)?.alive)
    }

    /// The sessions of a user, as users shows them.
    pub(crate) async fn sessions(&self, user_id: UserId) -> Result<Value, Problem> {
        let path = format!("/users-ms/internal/users/{user_id}/sessions");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        read(&answer)
    }

    /// Ends one session of a user, or all; says how many.
    pub(crate) async fn end_sessions(&self, user_id: UserId, session: Option<Uuid>) -> Result<u64, Problem> {
        #[derive(Deserialize)]
        struct Answer {
            ended: u64,
        }
        let all = format!("/users-ms/internal/users/{user_id}/sessions");
        let path = session.map_or(all.clone(), |session| format!("{all}/{session}"));
        let answer = self.call(&Method::DELETE, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        Ok(read::<Answer>(&answer)?.ended)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, Problem> {
        self.call(&Method::POST, path, body.to_string().into_bytes()).await.map_err(|cause| unavailable(&cause))
    }

    /// Gives an event to be published later.
    pub(crate) async fn keep_event(&self, event: &Event) -> Result<(), String> {
        let body = format!("{{\"event\":{}}}", event.to_json());
        expect(self.call(&Method::POST, "/users-ms/internal/outbox", body.into_bytes()).await?, &[202])
    }

    async fn call(&self, method: &Method, path: &str, body: Vec<u8>) -> Result<Answer, String> {
        let authorization = self.token.authorization();
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let url = format!("{}{path}", self.url);
        call(method, &url, &headers, body, LIMIT).await.map_err(|error| error.to_string())
    }
}

/// A place to hash in, to be given back.
#[derive(Serialize, Deserialize)]
pub(crate) struct Place {
    number: u32,
    holder: Uuid,
}

/// What came of a rotation.
#[derive(Deserialize)]
pub(crate) struct Rotated {
    /// The session that goes on, if the token was good.
    pub(crate) session: Option<Continued>,
    /// The token had been spent before, and its session has ended now.
    pub(crate) was_reused: bool,
}

/// A session that was ended.
#[derive(Deserialize)]
pub(crate) struct EndedSession {
    /// Its id.
    pub(crate) session_id: Uuid,
    /// Whose it was.
    pub(crate) user_id: UserId,
}

/// A session that goes on.
#[derive(Deserialize)]
pub(crate) struct Continued {
    /// Its id.
    pub(crate) session_id: Uuid,
    /// Whose it is.
    pub(crate) user_id: UserId,
    /// What they may do now.
    pub(crate) role: Role,
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Problem> {
    if answer.status != 200 {
        return Err(unavailable(&format!("status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|_| unavailable("the answer has another shape than expected"))
}

fn expect(answer: Answer, statuses: &[u16]) -> Result<(), String> {
    if statuses.contains(&answer.status) { Ok(()) } else { Err(format!("status {}", answer.status)) }
}

fn unavailable(cause: &str) -> Problem {
    Problem::new(Kind::UsersUnavailable, "Nobody can sign in at the moment; try again soon.")
        .with_header("retry-after", "1")
        .with_cause(format!("users: {cause}"))
}
