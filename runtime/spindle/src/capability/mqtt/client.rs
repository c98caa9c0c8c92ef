//! One connection to a broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Outgoing, QoS};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::limits::Limits;
use crate::pool::Pool;

/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where a connection goes, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Login {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) keep_alive: Duration,
}

/// A connection to a server, and the task that keeps it alive.
#[derive(Debug)]
pub(crate) struct Server {
    client: AsyncClient,
    /// What ends a publish: nothing if it is well.
    answers: mpsc::Receiver<Result<(), String>>,
    open: Arc<AtomicBool>,
    _stop: DropGuard,
}

impl Server {
    pub(super) async fn connect(login: &Login, limits: &Limits) -> Result<Self, String> {
        let (max_packet, connect_time) = (limits.mqtt_packet.0, limits.mqtt_connect.0);
        let mut options = MqttOptions::new(format!("spindle-{}", Uuid::new_v4()), &login.host, login.port);
        options.set_keep_alive(login.keep_alive).set_inflight(1).set_max_packet_size(max_packet, max_packet);
        if !login.user.is_empty() {
            options.set_credentials(&login.user, &login.password);
        }
        let (client, mut events) = AsyncClient::new(options, 1);
        events.network_options.set_connection_timeout(connect_time.as_secs().max(1));
        events.network_options.set_tcp_nodelay(true);
        // The first event is the answer to our greeting.
        match tokio::time::timeout(connect_time, events.poll()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(format!("cannot connect: {}", describe(&error))),
            Err(_) => return Err("cannot connect: no answer in time".to_owned()),
        }
        let (send, answers) = mpsc::channel(1);
        let (open, stop) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
        let goodbye = client.clone();
        tokio::spawn({
            let (open, stop) = (Arc::clone(&open), stop.clone());
            async move {
                tokio::select! {
                    () = stop.cancelled() => {
                        let close = async {
                            if goodbye.disconnect().await.is_ok() {
                                while !matches!(events.poll().await, Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_)) {}
                            }
                        };
                        // A server that does not hear it learns it from the socket.
                        let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
                    }
                    () = drive(&mut events, &send) => {}
                }
                open.store(false, Ordering::Release);
            }
        });
        Ok(Self { client, answers, open, _stop: stop.drop_guard() })
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Publishes a message and waits for the answer that belongs to its quality of service.
    pub(super) async fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        qos: QoS,
        limits: &Limits,
    ) -> Result<(), String> {
        let publish = async {
            self.client.publish(topic, qos, false, payload).await.map_err(|_| "the connection is closed".to_owned())?;
            self.answers.recv().await.unwrap_or_else(|| Err("the connection is closed".to_owned()))
        };
        tokio::time::timeout(limits.mqtt_confirm.0, publish)
            .await
            .unwrap_or_else(|_| Err("the broker has not confirmed it in time".to_owned()))
    }
}

/// Keeps a connection going until it breaks.
async fn drive(events: &mut EventLoop, answers: &mpsc::Sender<Result<(), String>>) {
    loop {
        let answer = match events.poll().await {
            // The last stands for at-most-once, whose packets have no number: it is sent, and nothing comes back.
            Ok(Event::Incoming(Incoming::PubAck(_) | Incoming::PubComp(_)) | Event::Outgoing(Outgoing::Publish(0))) => {
                Ok(())
            }
            Ok(_) => continue,
            Err(error) => Err(describe(&error)),
        };
        let broken = answer.is_err();
        // Nobody hears it if the publish has been given up, with its connection.
        let _ = answers.send(answer).await;
        if broken {
            return;
        }
    }
}

fn describe(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses: {code:?}"),
        ConnectionError::NetworkTimeout => "no answer in time".to_owned(),
        other => other.to_string(),
    }
}

/// A connection that a guest has opened: a right to publish; the network is not touched before that.
#[expect(unreachable_pub, reason = "the generated code has it under another name")]
#[derive(Debug)]
pub struct Connection {
    pub(super) login: Login,
    pub(super) pool: Arc<Pool<Server>>,
}
