//! RabbitMQ's management API: how a component reaches dead letters, since it has no AMQP.
//!
//! The API cannot hold a message while it is processed, and it takes whatever is at the head of the queue. So all
//! letters are read, published where they are to go, and then as many are taken as were read. If that is interrupted,
//! some letters exist twice, and the duplicate is recognised by its event; none is ever lost.

use api::notification::DeadLetter;
use events::redis;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use notification_domain::{AmqpLogin, LogQuery, RabbitLetter, RabbitQueue, amqp_login, is_about};
use problem::{Kind, Problem};
use serde_json::{Value, json};
use service_kit::broker::Redis;
use service_kit::client::call;
use service_kit::{Method, config};
use std::time::Duration;

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The host that stands for no management API.
const NONE: &str = "none.invalid";
/// How many letters one call reads, redrives or drops at most.
const AT_ONCE: u64 = 1_000;
/// How many are published concurrently.
const PUBLISHED_AT_ONCE: usize = 8;
/// A message that was read is back in its queue a moment later: it is read again so often, after this time.
const LOOKS: u32 = 5;
const LATER: Duration = Duration::from_millis(100);
/// How often is looked, after the same time, for what another caller is just being told of the queues.
const FIRST_LOOKS: u32 = 20;

/// The management API, as the user that consumes.
pub(crate) struct Management {
    url: String,
    authorization: String,
    vhost: String,
}

/// What to do with a dead letter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Redrive it to its queue.
    Redrive,
    /// Drop it.
    Drop,
}

impl Management {
    /// Reads the component variables `management_url` and `amqp_url`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let Some(url) = url()? else {
            return Err(Problem::of(Kind::NotConfigured).with_cause("rabbitmq_management_url is not set"));
        };
        let login = login()?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            authorization: login.authorization(),
            vhost: login.vhost_in_a_path(),
        })
    }

    /// Reads the same, as far as they are set.
    pub(crate) fn check_config() -> Result<(), Problem> {
        url()?;
        login().map(drop)
    }

    /// A page of the dead letters of a queue, of all or of one account, from the one after so many; and after how many of all the
    /// next page begins, if there are more.
    pub(crate) async fn list(
        &self,
        dead: &str,
        skip: u64,
        query: &LogQuery,
    ) -> Result<(Vec<DeadLetter>, Option<u64>), Problem> {
        let letters = self.look(dead).await?;
        let is_asked = |letter: &RabbitLetter| query.to.as_deref().is_none_or(|to| is_about(&letter.event(), to));
        let mut rest = (1..).zip(&letters).skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let (mut shown, mut last) = (Vec::new(), skip);
        for (place, letter) in rest.by_ref().filter(|(_, letter)| is_asked(letter)) {
            shown.push(letter.shown());
            last = place;
            if shown.len() as u64 == query.limit {
                break;
            }
        }
        Ok((shown, rest.next().map(|_| last)))
    }

    /// Redrives or drops the oldest letters; returns how many there were, and how many are left.
    pub(crate) async fn act_on_all(&self, queue: &str, dead: &str, action: Action) -> Result<(u64, u64), Problem> {
        let letters = self.look(dead).await?;
        if action == Action::Redrive {
            self.publish_all(queue, letters.iter().map(RabbitLetter::revived)).await?;
        }
        let others = self.take(dead, &letters).await?;
        // What arrived meanwhile, and was taken in place of another, is redriven as well.
        if action == Action::Redrive {
            self.publish_all(queue, others.iter().map(RabbitLetter::revived)).await?;
        }
        let left = letters.last().map_or(0, |letter| letter.left);
        Ok((letters.len() as u64, left))
    }

    /// Redrives or drops one letter; returns `None` if there is no such letter, else how many are left.
    pub(crate) async fn act_on(
        &self,
        queue: &str,
        dead: &str,
        id: &str,
        action: Action,
    ) -> Result<Option<u64>, Problem> {
        for _ in 0..LOOKS {
            let letters = self.look(dead).await?;
            let Some(place) = letters.iter().position(|letter| letter.id() == id) else {
                service_kit::sleep(LATER).await;
                continue;
            };
            if action == Action::Redrive {
                self.publish_all(queue, [letters[place].revived()].into_iter()).await?;
            }
            // The others are published again before they are taken along with it.
            let rest = letters.iter().enumerate().filter(|(index, _)| *index != place);
            self.publish_all(dead, rest.map(|(_, letter)| letter.again())).await?;
            let others = self.take(dead, &letters).await?;
            self.publish_all(dead, others.iter().map(RabbitLetter::again)).await?;
            let left = letters.last().map_or(0, |letter| letter.left) + letters.len() as u64 - 1;
            return Ok(Some(left));
        }
        Ok(None)
    }

    /// The oldest letters, which stay where they are.
    async fn look(&self, queue: &str) -> Result<Vec<RabbitLetter>, Problem> {
        self.get(queue, AT_ONCE, true).await
    }

    /// Takes as many letters from the head of the queue as these; returns those that are not among them.
    async fn take(&self, queue: &str, expected: &[RabbitLetter]) -> Result<Vec<RabbitLetter>, Problem> {
        let mut ids: Vec<_> = expected.iter().map(RabbitLetter::id).collect();
        let (mut taken, mut others) = (0, Vec::new());
        for _ in 0..LOOKS {
            let missing = expected.len() - taken;
            if missing == 0 {
                break;
            }
            let letters = self.get(queue, missing as u64, false).await?;
            taken += letters.len();
            for letter in letters {
                match ids.iter().position(|id| *id == letter.id()) {
                    Some(place) => drop(ids.swap_remove(place)),
                    None => others.push(letter),
                }
            }
            if taken < expected.len() {
                service_kit::sleep(LATER).await;
            }
        }
        Ok(others)
    }

    async fn publish_all(&self, queue: &str, letters: impl Iterator<Item = Value>) -> Result<(), Problem> {
        let publishing = stream::iter(letters.map(|letter| self.publish(queue, letter)));
        publishing.buffer_unordered(PUBLISHED_AT_ONCE).try_collect().await
    }

    async fn get(&self, queue: &str, count: u64, stays: bool) -> Result<Vec<RabbitLetter>, Problem> {
        let mode = if stays { "ack_requeue_true" } else { "ack_requeue_false" };
        let body = json!({"count": count, "ackmode": mode, "encoding": "auto"});
        let answer = self.post(&format!("queues/{}/{queue}/get", self.vhost), &body).await?;
        serde_json::from_value(answer).map_err(|_| unavailable("the management API gave no messages"))
    }

    /// Publishes to a queue, and waits for the confirmation.
    async fn publish(&self, queue: &str, letter: Value) -> Result<(), Problem> {
        let mut body = letter;
        body["routing_key"] = queue.into();
        let answer = self.post(&format!("exchanges/{}/amq.default/publish", self.vhost), &body).await?;
        match answer["routed"] == true {
            true => Ok(()),
            false => Err(unavailable("the message did not get to its queue")),
        }
    }

    /// All queues, in numbers. With a store one of all callers asks for them once in two seconds; the others have what it got.
    pub(crate) async fn queues(&self, store: Option<&Redis>) -> Result<Vec<RabbitQueue>, Problem> {
        let unreadable = |_| unavailable("the management API gave no queues");
        if let Some(text) = kept(store).await {
            return serde_json::from_str(&text).map_err(unreadable);
        }
        let path = format!("queues/{}?columns={}", self.vhost, RabbitQueue::COLUMNS);
        let answer = self.ask(&Method::GET, &path, &Value::Null).await?;
        // A store that fails costs a call more the next time.
        if let Some(store) = store {
            let _ = store.run(&redis::keep_queues(&answer.to_string()));
        }
        serde_json::from_value(answer).map_err(unreadable)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        self.ask(&Method::POST, path, body).await
    }

    async fn ask(&self, method: &Method, path: &str, body: &Value) -> Result<Value, Problem> {
        let headers = [("content-type", "application/json"), ("authorization", self.authorization.as_str())];
        let url = format!("{}/api/{path}", self.url);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = call(method, &url, &headers, body, LIMIT).await;
        let answer = answer.map_err(|error| unavailable(&error.to_string()))?;
        match answer.status {
            200..300 => {
                serde_json::from_slice(&answer.body).map_err(|_| unavailable("the management API gave no JSON"))
            }
            // The first consumer creates the queue; until then it is empty.
            404 => Ok(Value::Array(Vec::new())),
            status => Err(unavailable(&format!("the management API answered with status {status}"))),
        }
    }
}

/// What is kept of the queues; `None` if the caller has to ask. The very first answer is waited for.
async fn kept(store: Option<&Redis>) -> Option<String> {
    let store = store?;
    for _ in 0..FIRST_LOOKS {
        let found = redis::kept_queues(&store.run(&redis::read_kept_queues()).ok()?).ok()?;
        if found.is_turn {
            return None;
        }
        if found.text.is_some() {
            return found.text;
        }
        service_kit::sleep(LATER).await;
    }
    None
}

/// The component variable `management_url`, if there is a management API.
fn url() -> Result<Option<String>, Problem> {
    let url = config::text("management_url")?;
    if url.is_empty() || url.contains(NONE) {
        return Ok(None);
    }
    config::address("management_url", &["http", "https"]).map(Some)
}

/// The component variable `amqp_url`.
fn login() -> Result<AmqpLogin, Problem> {
    amqp_login(&config::address("amqp_url", &["amqp", "amqps"])?)
        .ok_or_else(|| config::fault("amqp_url", "names no user"))
}

fn unavailable(cause: &str) -> Problem {
    Problem::of(Kind::BrokerUnavailable).with_header("retry-after", "1").with_cause(cause.to_owned())
}
