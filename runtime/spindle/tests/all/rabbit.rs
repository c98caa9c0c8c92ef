//! A RabbitMQ for tests, and a client that publishes and looks into queues.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dev_servers::rabbitmq::{self, RabbitMq};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{App, SOON, Setup};

/// A virtual host of a broker, for one test.
pub(crate) struct Rabbit {
    pub(crate) server: Arc<RabbitMq>,
    pub(crate) vhost: String,
    runtime: Runtime,
}

/// The broker that all tests share which do not break it. It ends with this process.
fn shared() -> Arc<RabbitMq> {
    static SHARED: OnceLock<Arc<RabbitMq>> = OnceLock::new();
    Arc::clone(SHARED.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rabbitmq");
        rabbitmq::remove(&dir).unwrap();
        Arc::new(RabbitMq::start(&dir, rabbitmq::Options::default()).unwrap())
    }))
}

impl Rabbit {
    /// On the shared broker.
    pub(crate) fn new() -> Self {
        Self::on(shared())
    }

    /// On a broker that the test may break.
    pub(crate) fn private(dir: &Path) -> Self {
        Self::on(Arc::new(RabbitMq::start(dir, rabbitmq::Options::for_tests()).unwrap()))
    }

    pub(crate) fn on(server: Arc<RabbitMq>) -> Self {
        let vhost = Uuid::new_v4().to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let rabbit = Self { server, vhost, runtime };
        rabbit.api("PUT", &format!("/api/vhosts/{}", rabbit.vhost), "");
        let everything = r#"{"configure": ".*", "write": ".*", "read": ".*"}"#;
        let permissions = format!("/api/permissions/{}/{}", rabbit.vhost, rabbit.server.user());
        rabbit.api("PUT", &permissions, everything);
        rabbit
    }

    /// Asks the management API for something that must go well.
    pub(crate) fn api(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self.server.api(method, path, body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://{}:{}@{}/{}", self.server.user(), self.server.password(), self.server.host(), self.vhost)
    }

    /// The path of a queue in the management API.
    pub(crate) fn queue(&self, name: &str) -> String {
        format!("/api/queues/{}/{name}", self.vhost)
    }

    /// An app whose guest consumes the queue `q` of this virtual host, with further lines for its trigger.
    pub(crate) fn setup(&self, further: &str) -> Setup {
        self.setup_at(&self.url(), further)
    }

    /// The same for an app that has another address of the broker.
    pub(crate) fn setup_at(&self, address: &str, further: &str) -> Setup {
        let quick = if further.contains("retry_delay_ms") { "" } else { "retry_delay_ms = 100\n" };
        Setup::default().triggers(&format!(
            "[application.trigger.amqp]\naddress = \"{{{{ address }}}}\"\n\
             [variables]\naddress = {{ default = {address:?} }}\n\
             [[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n\
             [[trigger.amqp]]\nqueue = \"q\"\ncomponent = \"guest\"\n{quick}{further}\n"
        ))
    }

    /// Starts it, and waits until it consumes.
    pub(crate) fn start(&self, further: &str) -> App {
        let mut app = self.setup(further).start();
        app.wait_for_output("the amqp trigger is connected");
        app
    }

    fn with_channel<T>(&self, work: impl AsyncFnOnce(&Channel) -> T) -> T {
        self.runtime.block_on(async {
            let connection = Connection::connect(&self.url(), ConnectionProperties::default()).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
            let result = work(&channel).await;
            connection.close(200, "done".into()).await.unwrap();
            result
        })
    }

    /// Publishes messages to the queue `q`, and waits until the broker has them.
    pub(crate) fn send(&self, bodies: &[impl AsRef<[u8]>]) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.with_channel(async |channel| {
            let mut confirms = Vec::new();
            for body in bodies {
                let (body, properties) = (body.as_ref(), BasicProperties::default());
                confirms.push(channel.basic_publish("".into(), "q".into(), options, body, properties).await.unwrap());
            }
            for confirm in confirms {
                let confirmation = confirm.await.unwrap();
                assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "a message was not routed");
            }
        });
    }

    pub(crate) fn publish(&self, exchange: &str, key: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.with_channel(async |channel| {
            let confirm = channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap();
            let confirmation = confirm.await.unwrap();
            assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "the message was not routed");
        });
    }

    /// Declares a queue, of any type.
    pub(crate) fn declare(&self, name: &str, kind: &str) {
        self.with_channel(async |channel| {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
            channel.queue_declare(name.into(), options, arguments).await.unwrap();
        });
    }

    /// Takes the next message off a queue, if there is one.
    pub(crate) fn try_take(&self, queue: &str) -> Option<Delivery> {
        self.with_channel(async |channel| {
            let message = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap()?;
            message.delivery.ack(BasicAckOptions::default()).await.unwrap();
            Some(message.delivery)
        })
    }

    /// Waits for the next message of a queue and takes it.
    pub(crate) fn take(&self, queue: &str) -> Delivery {
        let end = Instant::now() + SOON;
        loop {
            if let Some(delivery) = self.try_take(queue) {
                return delivery;
            }
            assert!(Instant::now() < end, "no message came to {queue}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A header, as a text.
pub(crate) fn header(delivery: &Delivery, name: &str) -> String {
    let headers = delivery.properties.headers().as_ref().expect("it has headers");
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::LongLongInt(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
