//! The Redis trigger: messages of channels, handed to components.
//!
//! There is one subscribed connection for each address. Its messages are handled one at a time, in order; components on the
//! same channel run side by side for one message. A lost connection is made again, for ever: the rest of the app goes on.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use redis::RedisResult;
use redis::aio::PubSub;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::backoff::Backoff;
use crate::component::Component;
use crate::handlers::RedisHandlerPre;
use crate::invoke::{Fault, Invocation};
use crate::redis_address::Address;
use crate::state::State;
use crate::telemetry::Redis;
use crate::trigger::{self, TriggerError};

/// The trigger's type in a manifest.
pub(crate) const TRIGGER_TYPE: &str = "redis";

/// The pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a start waits for the first attempt to subscribe.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);

/// How often a quiet connection is asked whether it still lives, and how long it has to answer.
const PING_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerConfig {
    channel: String,
    component: String,
    address: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppConfig {
    address: Option<String>,
}

/// All subscriptions at one address.
pub(crate) struct Subscriber {
    app: Arc<App>,
    address: Address,
    /// The address without what is secret in it.
    name: String,
    channels: BTreeMap<String, Vec<Called>>,
    queue: Queue,
    attempted: CancellationToken,
}

/// A component that handles a channel's messages.
struct Called {
    component: Arc<Component>,
    handler: RedisHandlerPre<State>,
}

/// Messages that wait; when there are too many, the oldest is dropped.
struct Queue {
    limit: usize,
    messages: Mutex<VecDeque<(String, Bytes)>>,
    added: Notify,
}

/// Reads the app's `redis` triggers.
///
/// # Errors
/// When one is malformed or has no address.
pub(crate) fn subscribers(app: &Arc<App>) -> Result<Vec<Arc<Subscriber>>, TriggerError> {
    let mut all: BTreeMap<String, Subscriber> = BTreeMap::new();
    let common: AppConfig = trigger::common(&app.locked, TRIGGER_TYPE)?;
    for trigger in trigger::tables::<TriggerConfig>(&app.locked, TRIGGER_TYPE)? {
        let address = trigger.table.address.as_ref().or(common.address.as_ref()).ok_or_else(|| {
            trigger.error("it has no address: set `address` in [application.trigger.redis] or in the trigger")
        })?;
        let address = app.resolver.render(address)?;
        let channel = app.resolver.render(&trigger.table.channel)?;
        let id = &trigger.table.component;
        let component = app.component(id).ok_or_else(|| trigger.error(format!("there is no component `{id}`")))?;
        let handler = component
            .redis_handler
            .clone()
            .ok_or_else(|| trigger.error(format!("component `{id}` does not export fermyon:spin/inbound-redis")))?;
        let subscriber = match all.entry(address) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let subscriber = Subscriber::new(app, entry.key()).map_err(|reason| trigger.error(reason))?;
                entry.insert(subscriber)
            }
        };
        subscriber.channels.entry(channel).or_default().push(Called { component, handler });
    }
    Ok(all.into_values().map(Arc::new).collect())
}

impl Subscriber {
    fn new(app: &Arc<App>, address: &str) -> Result<Self, String> {
        let address = Address::parse(address).map_err(|e| format!("its address: {e}"))?;
        let name = format!("{}:{}", address.host, address.port);
        let queue = Queue::new(app.limits.redis_waiting_messages.0);
        Ok(Self {
            app: Arc::clone(app),
            address,
            name,
            channels: BTreeMap::new(),
            queue,
            attempted: CancellationToken::new(),
        })
    }

    /// Listens and handles until `stop`; the message in hand is finished, those that wait are dropped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let listener = tokio::spawn({
            let (subscriber, stop) = (Arc::clone(&self), stop.clone());
            async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = subscriber.listen() => {}
                }
            }
        });
        loop {
            let (channel, payload) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                message = self.queue.next() => message,
            };
            self.handle(&channel, &payload).await;
        }
        // It only listens; there is nothing to learn from how it ended.
        drop(listener.await);
    }

    /// Waits until the channels are subscribed to, or could not be, but not for long. What is published before that is missed.
    pub(crate) async fn first_attempt(&self) {
        // Afterwards it is as if it had failed.
        let _ = tokio::time::timeout(FIRST_ATTEMPT, self.attempted.cancelled()).await;
    }

    async fn listen(&self) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut reported = false;
        loop {
            let subscribed = self.subscribe().await;
            self.attempted.cancel();
            match subscribed {
                Ok(mut connection) => {
                    tracing::info!(address = self.name, "the redis trigger is connected");
                    backoff.reset(0);
                    reported = false;
                    self.receive(&mut connection).await;
                    tracing::warn!(address = self.name, "the redis trigger has lost its connection and tries again");
                }
                Err(error) => {
                    if !std::mem::replace(&mut reported, true) {
                        tracing::warn!(address = self.name, %error, "the redis trigger cannot connect and keeps trying");
                    }
                    backoff.wait().await;
                }
            }
        }
    }

    async fn subscribe(&self) -> RedisResult<PubSub> {
        let connect = async {
            let stream = self.address.connect().await?;
            let mut connection = PubSub::new(self.address.settings(), stream).await?;
            for channel in self.channels.keys() {
                connection.subscribe(channel).await?;
            }
            Ok(connection)
        };
        tokio::time::timeout(self.app.limits.redis_connect.0 * 2, connect)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    /// Takes in messages until the connection is lost.
    async fn receive(&self, connection: &mut PubSub) {
        loop {
            let message = {
                let mut messages = connection.on_message();
                tokio::time::timeout(PING_INTERVAL, messages.next()).await
            };
            match message {
                Ok(Some(message)) => {
                    let channel = message.get_channel_name().to_owned();
                    let dropped = self.queue.add(channel, Bytes::copy_from_slice(message.get_payload_bytes()));
                    if dropped {
                        tracing::warn!(
                            address = self.name,
                            limit = self.queue.limit,
                            "too many messages wait: the oldest was dropped"
                        );
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    let ping = connection.ping::<redis::Value>();
                    if !matches!(tokio::time::timeout(PING_INTERVAL, ping).await, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    /// Hands one message to all components on its channel, and waits for them.
    async fn handle(&self, channel: &str, payload: &Bytes) {
        let called = self.channels.get(channel).map(Vec::as_slice).unwrap_or_default();
        join_all(called.iter().map(|called| called.call(&self.app, channel, payload))).await;
    }
}

impl Queue {
    fn new(limit: usize) -> Self {
        Self { limit, messages: Mutex::default(), added: Notify::new() }
    }

    /// Adds a message; true if another had to go.
    fn add(&self, channel: String, payload: Bytes) -> bool {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let full = messages.len() >= self.limit;
        if full {
            messages.pop_front();
        }
        messages.push_back((channel, payload));
        drop(messages);
        self.added.notify_one();
        full
    }

    async fn next(&self) -> (String, Bytes) {
        loop {
            let next = self.messages.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(message) => return message,
                None => self.added.notified().await,
            }
        }
    }
}

impl Called {
    async fn call(&self, app: &Arc<App>, channel: &str, payload: &Bytes) {
        let component = self.component.id();
        let mut span = Redis::received(channel);
        let mut invocation = match Invocation::prepare(app, &self.component, 0) {
            Ok(invocation) => invocation,
            Err(error) => return tracing::error!(component, channel, error, "cannot start an instance"),
        };
        invocation.set_trace(span.trace());
        let (handler, payload) = (self.handler.clone(), payload.to_vec());
        let work = invocation.run(app.limits.message_deadline.0, |mut store| async move {
            let result = deliver(&mut store, &handler, payload).await;
            (result, store)
        });
        // On a thread with little else to do: components on one channel then compute on different cores.
        let called = app.message_threads.run(work).await;
        if !matches!(called, Ok(Ok(true))) {
            span.fail("not handled");
        }
        match called {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::error!(component, channel, "a message handler answered with an error"),
            Ok(Err(Fault::Trap(reason))) => {
                tracing::error!(component, channel, reason, "a message handler failed");
            }
            Ok(Err(Fault::Deadline(deadline))) => {
                let seconds = deadline.as_secs_f64();
                tracing::error!(component, channel, seconds, "a message handler took too long");
            }
            Err(error) => tracing::error!(component, channel, %error, "the runtime failed"),
        }
    }
}

async fn deliver(
    store: &mut wasmtime::Store<State>,
    handler: &RedisHandlerPre<State>,
    payload: Vec<u8>,
) -> wasmtime::Result<bool> {
    let instance = handler.instantiate_async(&mut *store).await?;
    let result = instance.fermyon_spin_inbound_redis().call_handle_message(store, &payload).await?;
    Ok(result.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_drops_its_oldest_message() {
        let queue = Queue::new(3);
        for n in 0..=3 {
            assert_eq!(queue.add("c".to_owned(), n.to_string().into()), n == 3);
        }
        assert_eq!(queue.next().await.1, "1");
        assert_eq!(queue.next().await.1, "2");
    }
}
