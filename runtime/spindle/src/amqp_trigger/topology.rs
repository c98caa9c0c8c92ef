//! Exchanges, queues and bindings: declared as the trigger needs them, or looked for.
//!
//! All is durable. The queue is a quorum queue, for only those count deliveries. Its own delivery limit is where the
//! trigger's is, so that a message that kills its consumers every time becomes a dead letter, too: the broker then moves it,
//! at least once, to the same place. A queue that is there with other arguments is used as it is: an upgrade, or another
//! number in the manifest, is not to stop it.

use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};

use super::config::TriggerConfig;
use super::link::Link;

/// No limit that anyone reaches: someone who looks at dead letters and puts them back does not lose them. (-1 would be
/// none at all, but not before RabbitMQ 4.)
const UNLIMITED: i64 = 0x7fff_ffff;

/// A queue that is there with other arguments than it would have been declared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    queue: String,
    /// What is different, what follows, and what to do.
    pub(super) text: String,
}

/// Why not all is as the trigger needs it.
#[derive(Debug)]
pub(super) enum EstablishError {
    /// A queue is different.
    Different(Difference),
    /// Something is not there, or cannot be used.
    Failed(lapin::Error),
}

impl From<lapin::Error> for EstablishError {
    fn from(error: lapin::Error) -> Self {
        Self::Failed(error)
    }
}

/// Declares all that a trigger needs, or looks whether it is there. Queues that are known to be different are used as they are.
///
/// # Errors
/// When something is different, is not there, or cannot be used. The connection is of no more use then.
pub(super) async fn establish(link: &Link, config: &TriggerConfig, known: &[Difference]) -> Result<(), EstablishError> {
    let declaring = Declaring { channel: link.channel().await?, passive: !config.declare, known };
    let dead_letter = config.dead_letter.as_str();
    declaring.exchange(dead_letter, ExchangeKind::Fanout).await?;
    declaring.queue(dead_letter, &[("x-delivery-limit", UNLIMITED.into())]).await?;
    declaring.bind_queue(dead_letter, dead_letter, "").await?;
    let arguments = [
        ("x-delivery-limit", i64::from(config.retries.most_deliveries() - 1).into()),
        ("x-dead-letter-exchange", AMQPValue::LongString(dead_letter.into())),
        ("x-dead-letter-strategy", AMQPValue::LongString("at-least-once".into())),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    declaring.queue(&config.queue, &arguments).await?;
    if let Some(exchange) = &config.exchange {
        declaring.exchange(&exchange.name, exchange.kind.clone()).await?;
        declaring.bind_queue(&config.queue, &exchange.name, &exchange.routing_key).await?;
        if let Some(source) = &exchange.source {
            declaring.bind_exchange(&exchange.name, source).await?;
        }
    }
    // It has done what it was for.
    let _ = declaring.channel.close(200, "done".into()).await;
    Ok(())
}

struct Declaring<'a> {
    channel: Channel,
    /// Whether nothing is made.
    passive: bool,
    known: &'a [Difference],
}

impl Declaring<'_> {
    async fn exchange(&self, name: &str, kind: ExchangeKind) -> lapin::Result<()> {
        let options =
            ExchangeDeclareOptions { passive: self.passive, durable: true, ..ExchangeDeclareOptions::default() };
        self.channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await
    }

    async fn queue(&self, name: &str, further: &[(&str, AMQPValue)]) -> Result<(), EstablishError> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        for (name, value) in further {
            arguments.insert((*name).into(), value.clone());
        }
        let passive = self.passive || self.known.iter().any(|different| different.queue == name);
        let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        match self.channel.queue_declare(name.into(), options, arguments).await {
            Err(error) if is_different(&error) => {
                let text = describe(&error.to_string());
                Err(EstablishError::Different(Difference { queue: name.to_owned(), text }))
            }
            declared => Ok(declared.map(drop)?),
        }
    }

    async fn bind_queue(&self, queue: &str, exchange: &str, routing_key: &str) -> lapin::Result<()> {
        if self.passive {
            return Ok(());
        }
        let options = QueueBindOptions::default();
        self.channel.queue_bind(queue.into(), exchange.into(), routing_key.into(), options, FieldTable::default()).await
    }

    async fn bind_exchange(&self, exchange: &str, source: &str) -> lapin::Result<()> {
        if self.passive {
            return Ok(());
        }
        let (options, key) = (ExchangeBindOptions::default(), exchange.into());
        self.channel.exchange_bind(exchange.into(), source.into(), key, options, FieldTable::default()).await
    }
}

/// Whether a queue is there, and other than it would have been made.
fn is_different(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ProtocolError(error)
            if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED))
    )
}

/// What is different, what follows, and what to do. The broker names the first argument that differs.
fn describe(error: &str) -> String {
    let found = error.split_once("inequivalent arg ").map_or(error, |(_, found)| found);
    let argument = found.trim_start_matches('\'').split('\'').next().unwrap_or_default();
    let consequence = match argument {
        "x-queue-type" | "x-delivery-limit" | "x-dead-letter-exchange" | "x-dead-letter-strategy" => {
            "the broker's own limit of deliveries holds beside the trigger's: a message that passes it is dropped, unless the \
             queue has a dead letter exchange. A queue that is no quorum queue counts no deliveries: a message that fails is \
             delivered once more, and is then a dead letter"
        }
        _ => "what it says holds beside what the trigger does",
    };
    format!(
        "a queue is there with other arguments and is used as it is: {found}. {consequence}. To have it as the manifest says, \
         delete it when it is empty: it is declared anew. To keep it as it is, set `declare = false`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_with_what_follows() {
        let told = |argument: &str, values: &str| {
            describe(&format!(
                "PRECONDITION_FAILED - inequivalent arg '{argument}' for queue 'q' in vhost '/': {values}"
            ))
        };
        let kind = told("x-queue-type", "received 'quorum' but current is 'classic'");
        assert!(
            kind.contains("as it is: 'x-queue-type' for queue 'q'") && kind.contains("is 'classic'. the"),
            "{kind}"
        );
        assert!(told("x-delivery-limit", "received '4' but current is '9'").contains("dead letter exchange"));
        assert!(told("durable", "received 'true' but current is 'false'").contains("holds beside"));
    }
}
