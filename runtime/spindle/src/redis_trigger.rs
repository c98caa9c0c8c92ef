//! The Redis trigger: messages of channels, handed to components.
//!
//! There is one subscribed connection for each address. Its messages are handled one at a time, in order; components on the
//! same channel run side by side for one message. A lost connection is made again, for ever: the rest of the app goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use redis::aio::PubSub;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult};
use serde::Deserialize;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Component};
use crate::bindings::RedisHandlerPre;
use crate::capability::redis::CONNECT_TIMEOUT;
use crate::capability::variables::VariableError;
use crate::failure::describe_trap;
use crate::state::State;

/// Messages that may wait; when there are more, the oldest is dropped.
const QUEUE: usize = 1024;

/// The pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often a quiet connection is asked whether it still lives, and how long it has to answer.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// A Redis trigger that cannot be used.
#[derive(Debug, Error)]
pub enum RedisTriggerError {
    /// A trigger's table.
    #[error("redis trigger `{0}`: {1}")]
    Config(String, String),
    /// A variable.
    #[error(transparent)]
    Variable(#[from] VariableError),
}

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
pub struct Subscriber {
    app: Arc<App>,
    address: ConnectionInfo,
    /// The address without what is secret in it.
    name: String,
    channels: BTreeMap<String, Vec<Arc<Component>>>,
    queue: Queue,
}

/// Messages that wait.
#[derive(Default)]
struct Queue {
    messages: Mutex<VecDeque<(String, Bytes)>>,
    added: Notify,
}

/// Reads the app's `redis` triggers.
///
/// # Errors
/// When one is malformed or has no address.
pub fn subscribers(app: &Arc<App>) -> Result<Vec<Arc<Subscriber>>, RedisTriggerError> {
    let mut all: BTreeMap<String, Subscriber> = BTreeMap::new();
    let common: AppConfig = match app.locked.metadata.triggers.get("redis") {
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|e| RedisTriggerError::Config("[application.trigger.redis]".to_owned(), e.to_string()))?,
        None => AppConfig::default(),
    };
    for trigger in app.locked.triggers.iter().filter(|trigger| trigger.trigger_type == "redis") {
        let fail = |reason: String| RedisTriggerError::Config(trigger.id.clone(), reason);
        let config: TriggerConfig =
            serde_json::from_value(trigger.trigger_config.clone()).map_err(|e| fail(e.to_string()))?;
        let address = config.address.as_ref().or(common.address.as_ref()).ok_or_else(|| {
            fail("it has no address: set `address` in [application.trigger.redis] or in the trigger".to_owned())
        })?;
        let address = app.resolver.render(address)?;
        let channel = app.resolver.render(&config.channel)?;
        let component = app
            .component(&config.component)
            .ok_or_else(|| fail(format!("there is no component `{}`", config.component)))?;
        if component.redis_handler.is_none() {
            return Err(fail(format!("component `{}` does not export fermyon:spin/inbound-redis", component.id)));
        }
        let subscriber = match all.entry(address) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let info =
                    entry.key().as_str().into_connection_info().map_err(|e| fail(format!("its address: {e}")))?;
                let ConnectionAddr::Tcp(host, port) = info.addr() else {
                    return Err(fail("only redis://host[:port] is supported as its address".to_owned()));
                };
                let name = format!("{host}:{port}");
                entry.insert(Subscriber {
                    app: Arc::clone(app),
                    address: info,
                    name,
                    channels: BTreeMap::new(),
                    queue: Queue::default(),
                })
            }
        };
        subscriber.channels.entry(channel).or_default().push(component);
    }
    Ok(all.into_values().map(Arc::new).collect())
}

impl Subscriber {
    /// Listens and handles until `stop`; the message in hand is finished, those that wait are dropped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
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

    async fn listen(&self) {
        let mut pause = FIRST_PAUSE;
        let mut reported = false;
        loop {
            match self.subscribe().await {
                Ok(mut connection) => {
                    tracing::info!(address = self.name, "the redis trigger is connected");
                    (pause, reported) = (FIRST_PAUSE, false);
                    self.receive(&mut connection).await;
                    tracing::warn!(address = self.name, "the redis trigger has lost its connection and tries again");
                }
                Err(error) => {
                    if !std::mem::replace(&mut reported, true) {
                        tracing::warn!(address = self.name, %error, "the redis trigger cannot connect and keeps trying");
                    }
                    crate::pause::up_to(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn subscribe(&self) -> RedisResult<PubSub> {
        let connect = async {
            let ConnectionAddr::Tcp(host, port) = self.address.addr() else {
                return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput).into());
            };
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let settings = self.address.redis_settings().clone().set_skip_set_lib_name();
            let mut connection = PubSub::new(&settings, stream).await?;
            for channel in self.channels.keys() {
                connection.subscribe(channel).await?;
            }
            Ok(connection)
        };
        tokio::time::timeout(CONNECT_TIMEOUT * 2, connect)
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
                            limit = QUEUE,
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
        let components = self.channels.get(channel).map(Vec::as_slice).unwrap_or_default();
        join_all(components.iter().map(|component| call(&self.app, component, channel, payload))).await;
    }
}

impl Queue {
    /// Adds a message; true if another had to go.
    fn add(&self, channel: String, payload: Bytes) -> bool {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let full = messages.len() >= QUEUE;
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

/// Calls one component with one message. A failure is logged, and that is all: Redis has no acknowledgements.
async fn call(app: &Arc<App>, component: &Arc<Component>, channel: &str, payload: &Bytes) {
    let Some(handler) = component.redis_handler.clone() else { return };
    let deadline = app.limits.message_deadline;
    let (mut store, share) = match app.store(component) {
        Ok(ready) => ready,
        Err(error) => {
            return tracing::error!(component = component.id, error = format!("{error:#}"), "cannot start an instance");
        }
    };
    let payload = payload.to_vec();
    let work = async move {
        let result = tokio::time::timeout(deadline, deliver(&mut store, &handler, payload)).await;
        (result, store)
    };
    // On a task of its own: components on the same channel can use different cores.
    let Ok((result, store)) = tokio::spawn(share.run(work)).await else { return };
    match result {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => tracing::error!(component = component.id, channel, "a message handler answered with an error"),
        Ok(Err(error)) => {
            let reason = describe_trap(&error, &store.data().limits);
            tracing::error!(component = component.id, channel, reason, "a message handler failed");
        }
        Err(_) => {
            tracing::error!(
                component = component.id,
                channel,
                seconds = deadline.as_secs_f64(),
                "a message handler took too long"
            );
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
        let queue = Queue::default();
        for n in 0..=QUEUE {
            assert_eq!(queue.add("c".to_owned(), n.to_string().into()), n == QUEUE);
        }
        assert_eq!(queue.next().await.1, "1");
        assert_eq!(queue.next().await.1, "2");
    }
}
