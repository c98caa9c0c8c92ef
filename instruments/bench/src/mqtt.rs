//! Publishing to RabbitMQ as the services do: MQTT 3.1.1 with QoS 1, but many at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dev_servers::mqtt::{packet, text};
use dev_servers::rabbitmq::RabbitMq;

/// How many messages are sent before their confirmations are read.
const AT_ONCE: usize = 500;
/// How long RabbitMQ may take to confirm some.
const CONFIRMED: Duration = Duration::from_secs(60);

/// A connection that publishes.
pub(crate) struct Publisher(TcpStream);

impl Publisher {
    pub(crate) fn connect(rabbit: &RabbitMq) -> Result<Self> {
        let mut stream = TcpStream::connect(rabbit.mqtt_host()).context("RabbitMQ does not let us connect")?;
        stream.set_read_timeout(Some(CONFIRMED))?;
        stream.set_nodelay(true)?;
        // A clean session, with a name and a password, that is never too quiet.
        let connect =
            [text("MQTT")?, vec![4, 0b1100_0010, 0, 0], text("bench")?, text(rabbit.user())?, text(rabbit.password())?];
        stream.write_all(&packet(0x10, &connect.concat()))?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        ensure!(answer == [0x20, 2, 0, 0], "RabbitMQ refuses the connection: {answer:?}");
        Ok(Self(stream))
    }

    /// Publishes all of them, and waits until they are confirmed.
    pub(crate) fn publish(&mut self, exchange: &str, messages: &[String]) -> Result<()> {
        for some in messages.chunks(AT_ONCE) {
            let mut bytes = Vec::new();
            for (id, message) in (1_u16..).zip(some) {
                let publish = [text(exchange)?, id.to_be_bytes().to_vec(), message.as_bytes().to_vec()].concat();
                bytes.extend(packet(0x32, &publish));
            }
            self.0.write_all(&bytes)?;
            let mut answers = vec![0; 4 * some.len()];
            self.0.read_exact(&mut answers).context("RabbitMQ does not confirm")?;
            ensure!(answers.chunks(4).all(|answer| answer.starts_with(&[0x40, 2])), "RabbitMQ answers otherwise");
        }
        Ok(())
    }
}
