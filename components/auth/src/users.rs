//! The client of the users service. Calls are synchronous: auth cannot continue without the response.

use crate::new_session::{NewSession, SecondFactorSession};
use api::List;
use api::users::{
    BeginSecondFactorRequest, BeginSecondFactorResponse, BeginSignInRequest, BeginSignInResponse, Credentials,
    EndSecondFactorRequest, EndSecondFactorResponse, EndSessionRequest, EndSessionResponse, EndSignInRequest,
    EndSignInResponse, EndedSession, EnrolAtSignInRequest, EnrolAtSignInResponse, HashPermit, HashRenewal,
    RotateTokenRequest, RotateTokenResponse, RotatedSession, RotationOutcome, SecondFactorTask, Session, SessionStatus,
    SessionsEnded, StartedSession, TotpEnrolment,
};
use auth_domain::{ABSOLUTE_SECONDS, Challenge, IDLE_SECONDS, REFRESH_LEEWAY_SECONDS, RefreshToken};
use identity::{AttemptKeys, Email, PasswordHash, UserId};
use problem::{Kind, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::attempts::{account_locked, too_busy, too_many_attempts};
use service_kit::client::{Answer, call};
use service_kit::trace::{self, TRACEPARENT};
use service_kit::{
    ACTING_USER, CLIENT_NETWORK, CLIENT_USER_AGENT, Credential, Method, Request, Service, client_network,
    client_user_agent, config, log,
};
use std::time::Duration;
use uuid::Uuid;

/// How long a login waits for users.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a probe does.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// The address of users, auth's credential, and what users is told about the request that is being served.
pub(crate) struct Users {
    url: String,
    credential: Credential,
    request_id: String,
    network: Option<String>,
    user_agent: Option<String>,
    /// Who acts, if that is known.
    actor: Option<String>,
}

impl Users {
    /// Reads the component variables `users_url` and `auth_credential`.
    pub(crate) fn from_config(request: &Request) -> Result<Self, Problem> {
        let (url, credential) = Self::settings()?;
        let (network, user_agent) = (client_network(request)?, client_user_agent(request));
        Ok(Self { url, credential, request_id: request.id.clone(), network, user_agent, actor: None })
    }

    /// The same for what this user does.
    pub(crate) fn by(self, actor: UserId) -> Self {
        Self { actor: Some(actor.to_string()), ..self }
    }

    /// The settings alone.
    pub(crate) fn settings() -> Result<(String, Credential), Problem> {
        let url = config::address("users_url", &["http", "https"])?.trim_end_matches('/').to_owned();
        Ok((url, Credential::of(Service::Auth)?))
    }

    /// Whether it is alive.
    pub(crate) async fn is_alive(&self) -> bool {
        let url = format!("{}/users-ms/healthcheck", probed(&self.url));
        call(&Method::GET, &url, &[], Vec::new(), PROBE_LIMIT).await.is_ok_and(|answer| answer.status == 200)
    }

    /// Requests a hashing permit and the credentials of this address.
    pub(crate) async fn begin_sign_in(&self, keys: &AttemptKeys, email: Option<&Email>) -> Result<Begun, Problem> {
        let body = BeginSignInRequest { keys: keys.clone(), email: email.map(|email| email.address().to_owned()) };
        let answer: BeginSignInResponse = read(&self.post("/users-ms/internal/sign-in/begin", &body).await?)?;
        let report = answer.report;
        let refused = |problem| Ok(Begun::Refused { problem, report });
        match answer {
            BeginSignInResponse {
                permit: Some(permit),
                credentials,
                verification_required,
                second_factor,
                decoy_hash,
                ..
            } => {
                let decoy = decoy_hash.and_then(|hash| PasswordHash::parse(&hash).ok());
                Ok(Begun::Permitted(Permitted { permit, credentials, decoy, verification_required, second_factor }))
            }
            BeginSignInResponse { locked: true, .. } => refused(account_locked()),
            BeginSignInResponse { retry_after: Some(seconds), .. } => refused(too_many_attempts(seconds)),
            BeginSignInResponse { .. } => refused(too_busy()),
        }
    }

    /// Releases the permit after a failed sign-in, and counts the failure. If that fails, the permit expires. `refusal` is what the
    /// caller is told.
    pub(crate) async fn end_failed(
        &self,
        permit: HashPermit,
        keys: &AttemptKeys,
        user_id: Option<UserId>,
        succeeded: Option<bool>,
        refusal: Kind,
    ) {
        let refusal = Some(refusal.slug().to_owned());
        let body = EndSignInRequest { permit, keys: keys.clone(), succeeded, user_id, refusal, session: None };
        let ended = self.post("/users-ms/internal/sign-in/end", &body).await;
        if let Err(problem) = ended.and_then(|answer| read::<EndSignInResponse>(&answer)) {
            log::warn("failed to count an attempt", &[("cause", problem.cause().unwrap_or_default())]);
        }
    }

    /// Releases the permit after a success, and begins a session: `None` if the credentials have changed since they
    /// were read.
    pub(crate) async fn end_succeeded(
        &self,
        permit: HashPermit,
        keys: &AttemptKeys,
        session: &NewSession<'_>,
    ) -> Result<EndSignInResponse, Problem> {
        let Credentials { id, email, credentials_epoch, .. } = session.credentials;
        let renewal = session.renewal.map(hash_renewal);
        let session = api::users::NewSession {
            session_id: session.id,
            user_id: *id,
            email: email.clone(),
            credentials_epoch: *credentials_epoch,
            refresh_digest: session.refresh.digest(),
            idle_seconds: session.idle_seconds,
            absolute_seconds: ABSOLUTE_SECONDS,
            user_agent: session.user_agent.map(str::to_owned),
            network: session.network.map(str::to_owned),
            known_device: Some(session.is_device_known),
            renewal,
        };
        let (keys, session) = (keys.clone(), Some(session));
        let body = EndSignInRequest { permit, keys, succeeded: Some(true), user_id: None, refusal: None, session };
        read(&self.post("/users-ms/internal/sign-in/end", &body).await?)
    }

    /// Releases the permit after the right password, and keeps a challenge. Answers for how many seconds it is valid: `None` if
    /// the credentials have changed since they were read.
    pub(crate) async fn begin_second_factor(
        &self,
        permit: HashPermit,
        keys: &AttemptKeys,
        credentials: &Credentials,
        challenge: &Challenge,
        task: SecondFactorTask,
        renewal: Option<(&PasswordHash, &PasswordHash)>,
    ) -> Result<Option<i32>, Problem> {
        let body = BeginSecondFactorRequest {
            permit,
            keys: keys.clone(),
            user_id: credentials.id,
            credentials_epoch: credentials.credentials_epoch,
            challenge_digest: challenge.digest.clone(),
            client_digest: challenge.client.clone(),
            task,
            renewal: renewal.map(hash_renewal),
        };
        let answer = self.post("/users-ms/internal/second-factor/begin", &body).await?;
        Ok(read::<BeginSecondFactorResponse>(&answer)?.expires_in)
    }

    /// Begins to add an authenticator app at a sign-in; `None` if the challenge is not good for that.
    pub(crate) async fn enrol_at_sign_in(&self, challenge: &Challenge) -> Result<Option<TotpEnrolment>, Problem> {
        let body = EnrolAtSignInRequest {
            challenge_digest: challenge.digest.clone(),
            client_digest: challenge.client.clone(),
        };
        let answer = self.post("/users-ms/internal/second-factor/enrol", &body).await?;
        Ok(read::<EnrolAtSignInResponse>(&answer)?.enrolment)
    }

    /// Has a code verified, and begins a session if it is right.
    pub(crate) async fn end_second_factor(
        &self,
        challenge: &Challenge,
        code: String,
        session: &SecondFactorSession<'_>,
    ) -> Result<EndSecondFactorResponse, Problem> {
        let session = session.to_begin();
        let body = EndSecondFactorRequest {
            challenge_digest: challenge.digest.clone(),
            client_digest: challenge.client.clone(),
            code,
            session,
        };
        read(&self.post("/users-ms/internal/second-factor/end", &body).await?)
    }

    /// Deletes an event that was published from users' outbox.
    pub(crate) async fn forget_event(&self, event_id: Uuid) -> Result<(), String> {
        let path = format!("/users-ms/internal/outbox/{event_id}");
        expect(self.call(&Method::DELETE, &path, Vec::new()).await?, &[204])
    }

    /// Rotates a refresh token.
    pub(crate) async fn rotate(&self, shown: &RefreshToken) -> Result<Rotated, Problem> {
        let body = RotateTokenRequest {
            session_id: shown.session,
            generation: shown.generation,
            refresh_digest: shown.digest(),
            next_digest: shown.successor().digest(),
            idle_seconds: IDLE_SECONDS,
            leeway_seconds: REFRESH_LEEWAY_SECONDS,
        };
        read::<RotateTokenResponse>(&self.post("/users-ms/internal/sessions/rotate", &body).await?)?.try_into()
    }

    /// Ends the session that a refresh token belongs to; returns whose it was.
    pub(crate) async fn end_by_token(&self, token: &RefreshToken) -> Result<Option<EndedSession>, Problem> {
        let body = EndSessionRequest { session_id: token.session, refresh_digest: token.digest() };
        Ok(read::<EndSessionResponse>(&self.post("/users-ms/internal/sessions/end", &body).await?)?.ended)
    }

    /// Whether a session is alive, and its user has authenticated recently.
    pub(crate) async fn session_status(&self, session: Uuid) -> Result<SessionStatus, Problem> {
        let path = format!("/users-ms/internal/sessions/{session}");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        read(&answer)
    }

    /// The sessions of a user.
    pub(crate) async fn sessions(&self, user_id: UserId) -> Result<List<Session>, Problem> {
        let path = format!("/users-ms/internal/users/{user_id}/sessions");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        read(&answer)
    }

    /// Ends sessions of a user; returns how many. With entity tags only of a user at one of these versions.
    pub(crate) async fn end_sessions(
        &self,
        user_id: UserId,
        which: Ended,
        if_match: Option<&str>,
    ) -> Result<u64, Problem> {
        let all = format!("/users-ms/internal/users/{user_id}/sessions");
        let path = match which {
            Ended::All => all,
            Ended::AllBut(session) => format!("{all}?except={session}"),
            Ended::One(session) => format!("{all}/{session}"),
        };
        let headers: Vec<_> = if_match.map(|tags| ("if-match", tags)).into_iter().collect();
        let answer =
            self.send(&Method::DELETE, &path, &headers, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        match answer.status {
            412 => Err(Problem::of(Kind::PreconditionFailed)),
            400 if if_match.is_some() => {
                Err(Problem::field(Kind::InvalidHeader, "if-match", Kind::InvalidHeader.detail()))
            }
            _ => Ok(read::<SessionsEnded>(&answer)?.ended),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| unavailable(&error.to_string()))?;
        self.call(&Method::POST, path, body).await.map_err(|cause| unavailable(&cause))
    }

    pub(crate) async fn call(&self, method: &Method, path: &str, body: Vec<u8>) -> Result<Answer, String> {
        self.send(method, path, &[], body).await
    }

    async fn send(&self, method: &Method, path: &str, more: &[(&str, &str)], body: Vec<u8>) -> Result<Answer, String> {
        let authorization = self.credential.authorization();
        let mut headers = vec![
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("x-request-id", &self.request_id),
        ];
        let traceparent = trace::traceparent();
        let told = [
            (CLIENT_NETWORK, &self.network),
            (CLIENT_USER_AGENT, &self.user_agent),
            (ACTING_USER, &self.actor),
            (TRACEPARENT, &traceparent),
        ];
        headers.extend(more);
        headers.extend(told.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        let url = format!("{}{path}", self.url);
        call(method, &url, &headers, body, LIMIT).await.map_err(|error| error.to_string())
    }
}

fn hash_renewal((previous, renewed): (&PasswordHash, &PasswordHash)) -> HashRenewal {
    HashRenewal { previous_hash: previous.expose().to_owned(), password_hash: renewed.expose().to_owned() }
}

/// The address that a probe uses for users. On Spin a call to a component that is not in the app ends the caller's
/// request without a response, so a probe of a component goes through the app's own listener, which has no such route
/// then.
fn probed(users_url: &str) -> &str {
    let url = url::Url::parse(users_url).ok();
    let is_component = url.is_some_and(|url| url.host_str().is_some_and(|host| host.ends_with(".spin.internal")));
    if is_component { "http://self.alt" } else { users_url }
}

/// The outcome of a request to begin a sign-in.
pub(crate) enum Begun {
    /// It may continue.
    Permitted(Permitted),
    /// It is refused for now.
    Refused {
        /// Why, and when to try again.
        problem: Problem,
        /// Whether the refusal may be logged.
        report: bool,
    },
}

/// Which sessions of a user end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// All.
    All,
    /// All but this one.
    AllBut(Uuid),
    /// This one.
    One(Uuid),
}

/// A sign-in that may continue.
pub(crate) struct Permitted {
    /// The permit to verify the password.
    pub(crate) permit: HashPermit,
    /// The credentials, if the account exists.
    pub(crate) credentials: Option<Credentials>,
    /// What every failure verifies in vain, while there are hashes that other systems made.
    pub(crate) decoy: Option<PasswordHash>,
    /// Nobody signs in before the address is confirmed.
    pub(crate) verification_required: bool,
    /// What the sign-in needs beside the password.
    pub(crate) second_factor: Option<SecondFactorTask>,
}

/// The outcome of a rotation.
pub(crate) enum Rotated {
    /// The session continues with the next token.
    Renewed(StartedSession),
    /// It already continued with that token a moment ago; the response may have been lost.
    Repeated(StartedSession),
    /// The token had been rotated before, and its session is ended now.
    Reused(EndedSession),
    /// The token belongs to no session that is alive.
    Unknown,
}

impl TryFrom<RotateTokenResponse> for Rotated {
    type Error = Problem;

    fn try_from(RotateTokenResponse { outcome, session }: RotateTokenResponse) -> Result<Self, Problem> {
        let Some(RotatedSession { session_id, user_id, role, roles, metadata, email_verified, authentication }) =
            session
        else {
            return Ok(Self::Unknown);
        };
        let started = || {
            let role = role.ok_or_else(|| unavailable("a session without a role"))?;
            Ok(StartedSession { session_id, user_id, role, roles, metadata, email_verified, authentication })
        };
        match outcome {
            RotationOutcome::Renewed => started().map(Self::Renewed),
            RotationOutcome::Repeated => started().map(Self::Repeated),
            RotationOutcome::Reused => Ok(Self::Reused(EndedSession { session_id, user_id })),
            RotationOutcome::Unknown => Ok(Self::Unknown),
        }
    }
}

pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Problem> {
    if answer.status != 200 {
        return Err(unavailable(&format!("status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|_| unavailable("the answer has another shape than expected"))
}

fn expect(answer: Answer, statuses: &[u16]) -> Result<(), String> {
    if statuses.contains(&answer.status) { Ok(()) } else { Err(format!("status {}", answer.status)) }
}

pub(crate) fn unavailable(cause: &str) -> Problem {
    Problem::of(Kind::UsersUnavailable).with_header("retry-after", "1").with_cause(format!("users: {cause}"))
}
