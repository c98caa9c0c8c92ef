//! The client of the services: what every client does, with the address of the browser for which it is done.

use crate::settings;
use browser::Refusal;
use problem::Problem;
use serde_json::Value;
use service_kit::client::{Answer, call};
use service_kit::trace::{self, TRACEPARENT};
use service_kit::{FORWARDED_FOR, Method, Request, client_user_agent, forwarded_for, log};
use std::time::Duration;

/// How long a page waits for a service: longer than that waits for its own.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a probe does.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// The services.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// Who somebody is.
    Auth,
    /// The users.
    Users,
    /// The messages.
    Notification,
}

impl To {
    /// The variable with its address.
    fn variable(self) -> &'static str {
        match self {
            To::Auth => "auth_url",
            To::Users => "users_url",
            To::Notification => "notification_url",
        }
    }

    /// What the paths of its operations begin with.
    fn root(self) -> &'static str {
        match self {
            To::Auth => "/auth-ms",
            To::Users => "/users-ms",
            To::Notification => "/notification-ms",
        }
    }
}

/// A call that is made for the browser of a request.
pub struct Client {
    request_id: String,
    forwarded_for: Option<String>,
    user_agent: Option<String>,
    accept_language: Option<String>,
    /// How long it waits for a service.
    pub limit: Duration,
}

impl Client {
    /// What services are told about the browser. Rate limits are its own, and a sign-in that it has begun is for it alone.
    ///
    /// # Errors
    /// If the proxies that are trusted are not configured.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        Ok(Self {
            request_id: request.id.clone(),
            forwarded_for: forwarded_for(request)?,
            user_agent: client_user_agent(request),
            accept_language: request.header("accept-language").map(str::to_owned),
            limit: LIMIT,
        })
    }

    /// Calls an operation, and gives whatever it answers.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(
        &self,
        to: To,
        method: &Method,
        path: &str,
        token: Option<&str>,
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let base = settings::service(to.variable()).map_err(|_| Refusal::default())?;
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("x-request-id", self.request_id.as_str())];
        let traceparent = trace::traceparent();
        let optional = [
            (TRACEPARENT, &traceparent),
            (FORWARDED_FOR, &self.forwarded_for),
            ("user-agent", &self.user_agent),
            ("accept-language", &self.accept_language),
            ("authorization", &authorization),
        ];
        headers.extend(optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        headers.extend_from_slice(more);
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let url = format!("{base}{}{path}", to.root());
        call(method, &url, &headers, body, self.limit).await.map_err(|error| {
            log::error("a service does not answer", &[("request_id", &self.request_id), ("cause", &error.to_string())]);
            Refusal::default()
        })
    }

    /// Calls an operation that answers with JSON, or with nothing.
    ///
    /// # Errors
    /// What the service refuses, or that there is no answer.
    pub async fn json(
        &self,
        to: To,
        method: &Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        accepted(&self.send(to, method, path, token, &[], body).await?)
    }
}

/// What an answer says.
///
/// # Errors
/// What it refuses.
pub fn accepted(answer: &Answer) -> Result<Value, Refusal> {
    let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if (200..300).contains(&answer.status) { Ok(body) } else { Err(refusal(answer, &body)) }
}

fn refusal(answer: &Answer, body: &Value) -> Refusal {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let slug = text(&body["type"]).and_then(|kind| Some(kind.rsplit_once(':')?.1.to_owned())).unwrap_or_default();
    let fields = body["errors"].as_array().into_iter().flatten();
    let field =
        |error: &Value| Some((text(&error["pointer"])?.trim_start_matches('/').to_owned(), text(&error["detail"])?));
    let retry_after = answer.headers.iter().find(|(name, _)| name == "retry-after");
    Refusal {
        status: answer.status,
        slug,
        fields: fields.filter_map(field).collect(),
        retry_after: retry_after.and_then(|(_, seconds)| seconds.parse().ok()),
        challenge: text(&body["challenge"]),
    }
}

/// Whether a service is alive.
pub async fn is_alive(to: To) -> bool {
    let Ok(base) = settings::service(to.variable()) else { return false };
    // On Spin a call to a component that is not in the app ends the caller's request without a response, so a probe of a
    // component goes through the app's own listener, which has no such route then.
    let base = if base.ends_with(".spin.internal") { "http://self.alt" } else { &base };
    let url = format!("{base}{}/healthcheck", to.root());
    call(&Method::GET, &url, &[], Vec::new(), PROBE_LIMIT).await.is_ok_and(|answer| answer.status == 200)
}
