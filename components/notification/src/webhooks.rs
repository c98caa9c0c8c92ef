//! Webhooks: an event is posted to the endpoints that want it, all at once. What each of them has already, and which of them
//! pause, is in Redis; beside RabbitMQ without a Redis, an endpoint may get an event again because another has failed.

use events::redis::{self, EndpointOutcome, EndpointTurn};
use events::{Exchange, Queue};
use futures::future::join_all;
use notification_domain::{ApiAnswer, Endpoint, EndpointError, SendError, endpoints, webhook_result};
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::client::post_without_reading;
use service_kit::{config, log};
use std::time::Duration;
use time::OffsetDateTime;

/// How long an endpoint has for its answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// For how long nobody else probes an endpoint that is being probed.
const PROBE: Duration = Duration::from_secs(10);

/// The endpoints.
pub(crate) struct Webhooks {
    endpoints: Vec<Endpoint>,
}

/// One attempt to deliver an event.
pub(crate) struct Attempt<'a> {
    pub(crate) queue: Queue,
    pub(crate) event_id: &'a str,
    pub(crate) body: &'a str,
    /// From 1.
    pub(crate) number: u64,
}

impl Webhooks {
    /// Reads the component variables `webhook_endpoints`, `webhook_secrets` and `webhook_hosts`.
    ///
    /// # Errors
    /// If one of them cannot be used.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let [list, secrets, hosts] = ["webhook_endpoints", "webhook_secrets", "webhook_hosts"].map(config::text);
        let endpoints = endpoints(&list?, &secrets?, &hosts?).map_err(|error| match &error {
            EndpointError::Endpoints(what) => config::fault("webhook_endpoints", what),
            EndpointError::Secrets(what) => config::fault("webhook_secrets", what),
            EndpointError::Hosts => config::fault("webhook_hosts", &error.to_string()),
        })?;
        Ok(Self { endpoints })
    }

    /// Whether there are endpoints at all.
    pub(crate) fn is_on(&self) -> bool {
        !self.endpoints.is_empty()
    }

    /// Whether somebody wants the events of this exchange.
    pub(crate) fn wants(&self, exchange: Exchange) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.wants(exchange))
    }

    /// Posts an event to the endpoints that want it and do not have it yet.
    ///
    /// # Errors
    /// If one of them has not taken it: permanent if the others have it, temporary if it is to be tried again.
    pub(crate) async fn deliver(&self, attempt: &Attempt<'_>, state: Option<&Redis>) -> Result<(), SendError> {
        let exchange = attempt.queue.exchange();
        let wanting: Vec<_> = self.endpoints.iter().filter(|endpoint| endpoint.wants(exchange)).collect();
        let turns = turns(&wanting, attempt, state).map_err(|error| SendError::no_answer(&error))?;
        let posts = wanting.iter().zip(turns).map(|(endpoint, turn)| take_turn(endpoint, turn, attempt));
        let results = join_all(posts).await;
        if let Some(state) = state {
            record(&results, attempt, state).map_err(|error| SendError::no_answer(&error))?;
        }
        summary(results)
    }
}

/// What came of the turn of one endpoint.
struct TurnResult<'a> {
    endpoint: &'a str,
    /// Whether the event was posted.
    was_posted: bool,
    is_probe: bool,
    result: Result<(), SendError>,
}

fn turns(
    endpoints: &[&Endpoint],
    attempt: &Attempt<'_>,
    state: Option<&Redis>,
) -> Result<Vec<EndpointTurn>, BrokerError> {
    let Some(state) = state else { return Ok(vec![EndpointTurn::Post { is_probe: false }; endpoints.len()]) };
    let names: Vec<_> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let begin = redis::begin_webhook(attempt.queue, attempt.event_id, &names, attempt.number <= 1, PROBE);
    Ok(redis::turns(&state.run(&begin)?)?)
}

async fn take_turn<'a>(endpoint: &'a Endpoint, turn: EndpointTurn, attempt: &Attempt<'_>) -> TurnResult<'a> {
    let (was_posted, is_probe, result) = match turn {
        EndpointTurn::Post { is_probe } => (true, is_probe, post(endpoint, attempt).await),
        EndpointTurn::Sent => (false, false, Ok(())),
        EndpointTurn::Refused => {
            (false, false, Err(SendError::Permanent { cause: "has refused the event before".to_owned() }))
        }
        EndpointTurn::Paused(left) => {
            let cause = "pauses after failures in a row".to_owned();
            (false, false, Err(SendError::Temporary { cause, retry_after: Some(left) }))
        }
    };
    TurnResult { endpoint: &endpoint.name, was_posted, is_probe, result }
}

async fn post(endpoint: &Endpoint, attempt: &Attempt<'_>) -> Result<(), SendError> {
    let headers = endpoint.headers(attempt.event_id, OffsetDateTime::now_utc().unix_timestamp(), attempt.body);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = post_without_reading(&endpoint.url, &headers, attempt.body.as_bytes().to_vec(), LIMIT).await;
    let answer = answer.map_err(|error| SendError::no_answer(&error))?;
    let at = OffsetDateTime::now_utc();
    webhook_result(&ApiAnswer { status: answer.status, headers: &answer.headers, body: &answer.body, at })
}

/// Records which endpoints have the event, and logs which of them pause from now on.
fn record(results: &[TurnResult<'_>], attempt: &Attempt<'_>, state: &Redis) -> Result<(), BrokerError> {
    let posted = results.iter().filter(|turn| turn.was_posted);
    let outcomes: Vec<_> = posted
        .map(|turn| {
            let outcome = match &turn.result {
                Ok(()) => EndpointOutcome::Sent,
                Err(SendError::Permanent { .. }) => EndpointOutcome::Refused,
                Err(SendError::Temporary { retry_after, .. }) => {
                    EndpointOutcome::Failed { asked: retry_after.unwrap_or_default(), is_probe: turn.is_probe }
                }
            };
            (turn.endpoint, outcome)
        })
        .collect();
    if outcomes.is_empty() {
        return Ok(());
    }
    let replies = state.run(&redis::finish_webhook(attempt.queue, attempt.event_id, &outcomes))?;
    for ((endpoint, _), pause) in outcomes.iter().zip(redis::paused_endpoints(&replies)?) {
        if let Some(pause) = pause {
            log::warn("endpoint paused", &[("endpoint", endpoint), ("for_ms", &pause.as_millis().to_string())]);
        }
    }
    Ok(())
}

/// What the message is acknowledged with: it is tried again as long as one endpoint may still take it, and no earlier than the
/// first of them asks for.
fn summary(results: Vec<TurnResult<'_>>) -> Result<(), SendError> {
    let (mut causes, mut waits, mut is_temporary) = (Vec::new(), Vec::new(), false);
    for TurnResult { endpoint, result, .. } in results {
        let Err(error) = result else { continue };
        causes.push(format!("endpoint {endpoint}: {}", error.cause()));
        if let SendError::Temporary { retry_after, .. } = error {
            is_temporary = true;
            waits.push(retry_after.unwrap_or_default());
        }
    }
    let cause = causes.join("; ");
    match (causes.is_empty(), is_temporary) {
        (true, _) => Ok(()),
        (false, true) => Err(SendError::Temporary { cause, retry_after: waits.into_iter().min() }),
        (false, false) => Err(SendError::Permanent { cause }),
    }
}
