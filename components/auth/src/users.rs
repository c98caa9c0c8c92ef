//! The users service, as auth sees it. Calls are synchronous: without the answer nothing can go on.

use auth_domain::Credentials;
use events::Event;
use identity::{Email, PasswordHash, UserId};
use problem::{Kind, Problem};
use shell::client::{Answer, call};
use shell::{Method, ServiceToken, config};
use std::time::Duration;

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

fn expect(answer: Answer, statuses: &[u16]) -> Result<(), String> {
    if statuses.contains(&answer.status) { Ok(()) } else { Err(format!("status {}", answer.status)) }
}

fn unavailable(cause: &str) -> Problem {
    Problem::new(Kind::UsersUnavailable, "Nobody can sign in at the moment; try again soon.")
        .with_header("retry-after", "1")
        .with_cause(format!("users: {cause}"))
}
