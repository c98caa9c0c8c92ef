//! RabbitMQ as an operator sees it: its management, by which a test publishes, looks into queues and reads dead letters.

use crate::broker::DeadLetter;
use crate::folder;
use crate::poll;
use crate::rabbit_cluster::{QueueNodes, RabbitNodes};
use dev_servers::mqtt;
use dev_servers::rabbitmq::{self, RabbitMq};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What RabbitMQ may take to say how a queue stands: its figures are some seconds old.
const FIGURES: Duration = Duration::from_secs(20);

/// How long RabbitMQ may take to confirm a message.
const CONFIRMED: Duration = Duration::from_secs(20);

/// A virtual host of a RabbitMQ, for one backend.
#[derive(Debug)]
pub struct Rabbit {
    /// The server; the first of several.
    pub server: Arc<RabbitMq>,
    /// All of them, if there are several.
    pub nodes: Option<RabbitNodes>,
    vhost: String,
}

impl Rabbit {
    /// On the server of the run.
    pub(crate) fn new() -> Self {
        static SERVER: OnceLock<Arc<RabbitMq>> = OnceLock::new();
        Self::on(Arc::clone(SERVER.get_or_init(start)), None)
    }

    /// On a server that no other test uses.
    pub(crate) fn private() -> Self {
        Self::on(start(), None)
    }

    /// On three nodes behind one address.
    pub(crate) fn clustered() -> Self {
        let nodes = RabbitNodes::start();
        Self::on(nodes.first(), Some(nodes))
    }

    fn on(server: Arc<RabbitMq>, nodes: Option<RabbitNodes>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let vhost = format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let rabbit = Self { server, nodes, vhost };
        rabbit.ask("PUT", &format!("/api/vhosts/{}", rabbit.vhost), "");
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"}).to_string();
        rabbit.ask("PUT", &format!("/api/permissions/{}/{}", rabbit.vhost, rabbit.server.user()), &everything);
        rabbit
    }

    /// Asks the management, of a node that is there.
    fn api(&self, method: &str, path: &str, body: &str) -> dev_servers::Result<(u16, String)> {
        match &self.nodes {
            Some(nodes) => nodes.cluster.api(method, path, body),
            None => self.server.api(method, path, body),
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self.api(method, path, body).expect("the management answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The values of the manifest's variables that say where it is.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        let (server, vhost) = (&self.server, &self.vhost);
        let (user, password) = (server.user(), server.password());
        let (amqp, mqtt) = match &self.nodes {
            Some(nodes) => (nodes.amqp.host(), nodes.mqtt.host()),
            None => (server.host(), server.mqtt_host()),
        };
        [
            ("amqp_url", format!("amqp://{user}:{password}@{amqp}/{vhost}")),
            ("mqtt_host", mqtt),
            ("mqtt_user", format!("{vhost}:{user}")),
            ("mqtt_password", password.to_owned()),
            ("rabbitmq_management_url", server.management_url()),
        ]
    }

    /// Publishes a message to an exchange; it must be routed.
    ///
    /// # Panics
    /// If it is not.
    pub fn publish(&self, exchange: &str, message: &str) {
        let body = json!({
            "properties": {"delivery_mode": 2}, "routing_key": "", "payload": message, "payload_encoding": "string"
        });
        let path = format!("/api/exchanges/{}/{exchange}/publish", self.vhost);
        let answer = self.ask("POST", &path, &body.to_string());
        assert!(answer.contains("true"), "nobody is bound to {exchange}");
    }

    /// Publishes a message to an exchange by MQTT with QoS 1, as the services do: of any size, where the management has a
    /// limit.
    ///
    /// # Panics
    /// If the broker does not confirm it.
    pub fn publish_by_mqtt(&self, exchange: &str, message: &[u8]) {
        let user = format!("{}:{}", self.vhost, self.server.user());
        let mut stream = TcpStream::connect(self.server.mqtt_host()).expect("the broker lets us connect");
        stream.set_read_timeout(Some(CONFIRMED)).expect("a timeout can be set");
        // MQTT 3.1.1: a clean session, with a name and a password.
        let text = |part: &str| mqtt::text(part).expect("it is short");
        let connect =
            [text("MQTT"), vec![4, 0b1100_0010, 0, 30], text("publisher"), text(&user), text(self.server.password())];
        stream.write_all(&mqtt::packet(0x10, &connect.concat())).expect("the broker reads");
        assert_eq!(read::<4>(&mut stream), [0x20, 2, 0, 0], "we are let in");
        let publish = [text(exchange), vec![0, 1], message.to_vec()].concat();
        stream.write_all(&mqtt::packet(0x32, &publish)).expect("the broker reads");
        assert_eq!(read::<4>(&mut stream), [0x40, 2, 0, 1], "it is confirmed");
    }

    /// Declares a queue otherwise than the app does.
    ///
    /// # Panics
    /// If it cannot be.
    pub fn declare_classic(&self, queue: &str) {
        let body = json!({"durable": true, "arguments": {"x-queue-type": "classic"}}).to_string();
        self.ask("PUT", &self.queue(queue), &body);
    }

    /// Deletes a queue.
    ///
    /// # Panics
    /// If it cannot be.
    pub fn delete(&self, queue: &str) {
        self.ask("DELETE", &self.queue(queue), "");
    }

    /// Whether a queue is there.
    #[must_use]
    pub fn has_queue(&self, queue: &str) -> bool {
        let (status, _) = self.api("GET", &self.queue(queue), "").expect("the management answers");
        status == 200
    }

    /// Waits until a queue has so many messages, those that somebody has included.
    ///
    /// # Panics
    /// If it does not within some seconds.
    #[track_caller]
    pub fn wait_for_length(&self, queue: &str, length: u64) {
        poll::until(FIGURES, &format!("{queue} has {length} messages"), || self.length(queue) == Some(length));
    }

    /// How many messages a queue has, those that somebody has included, as far as the management answers and knows.
    #[must_use]
    pub fn length(&self, queue: &str) -> Option<u64> {
        let (_, answer) = self.api("GET", &self.queue(queue), "").ok()?;
        serde_json::from_str::<Value>(&answer).ok()?["messages"].as_u64()
    }

    /// Which nodes have a queue, as far as the management answers and knows.
    #[must_use]
    pub fn nodes_of(&self, queue: &str) -> Option<QueueNodes> {
        let (_, answer) = self.api("GET", &self.queue(queue), "").ok()?;
        Some(QueueNodes::of(&serde_json::from_str(&answer).ok()?))
    }

    /// Takes the dead letters of a queue.
    #[must_use]
    pub fn take_dead_letters(&self, queue: &str) -> Vec<DeadLetter> {
        let body = json!({"count": 100, "ackmode": "ack_requeue_false", "encoding": "auto"}).to_string();
        let letters = self.ask("POST", &format!("{}/get", self.queue(&format!("{queue}.dead"))), &body);
        let letters: Vec<Value> = serde_json::from_str(&letters).expect("it is a list");
        letters.iter().map(dead_letter).collect()
    }

    fn queue(&self, name: &str) -> String {
        format!("/api/queues/{}/{name}", self.vhost)
    }
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).expect("the broker answers");
    bytes
}

fn dead_letter(letter: &Value) -> DeadLetter {
    let headers = &letter["properties"]["headers"];
    DeadLetter {
        event: letter["payload"].as_str().unwrap_or_default().to_owned(),
        deliveries: headers["x-dead-deliveries"].as_u64().unwrap_or_default(),
        reason: headers["x-dead-reason"].as_str().unwrap_or_default().to_owned(),
    }
}

fn start() -> Arc<RabbitMq> {
    let options = rabbitmq::Options::default();
    Arc::new(RabbitMq::start(&folder::fresh("rabbitmq"), options).expect("RabbitMQ starts"))
}
