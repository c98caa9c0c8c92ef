//! Exchanges, queues and bindings: declared as the trigger needs them, or looked for.
//!
//! All is durable. The queue is a quorum queue, for only those count deliveries. Its own delivery limit is where the
//! trigger's is, so that a message that kills its consumers every time becomes a dead letter, too: the broker then moves it,
//! at least once, to the same place. A queue that is there with another limit is used as it is: an upgrade is not to stop it.

use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind, Result};

use super::config::TriggerConfig;

/// No limit that anyone reaches: someone who looks at dead letters and puts them back does not lose them. (-1 would be
/// none at all, but not before RabbitMQ 4.)
const UNLIMITED: i64 = 0x7fff_ffff;

/// What is made of what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declare {
    /// All of it.
    Everything,
    /// All but the queues, which have to be there.
    AllButQueues,
    /// Nothing.
    Nothing,
}

/// Whether an error says that a queue was declared with another number of deliveries: as an earlier version did, or another
/// setting. All else about it is as it should be, or would have been named first.
pub(super) fn has_another_limit(error: &str) -> bool {
    error.contains("inequivalent arg 'x-delivery-limit'") && !error.contains("current is none")
}

/// Declares all that a trigger needs, or looks whether it is there.
///
/// # Errors
/// When something is not there, or is there and is different. The channel is of no more use then.
pub(super) async fn establish(channel: &Channel, config: &TriggerConfig, declare: Declare) -> Result<()> {
    let passive = declare == Declare::Nothing;
    let passive_queues = declare != Declare::Everything;
    declare_exchange(channel, &config.dead_letter, ExchangeKind::Fanout, passive).await?;
    declare_queue(channel, &config.dead_letter, &[("x-delivery-limit", UNLIMITED.into())], passive_queues).await?;
    if !passive {
        bind_queue(channel, &config.dead_letter, &config.dead_letter, "").await?;
    }
    let arguments = [
        ("x-delivery-limit", i64::from(config.retries.most_deliveries() - 1).into()),
        ("x-dead-letter-exchange", AMQPValue::LongString(config.dead_letter.as_str().into())),
        ("x-dead-letter-strategy", AMQPValue::LongString("at-least-once".into())),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    declare_queue(channel, &config.queue, &arguments, passive_queues).await?;
    let Some(exchange) = &config.exchange else { return Ok(()) };
    declare_exchange(channel, &exchange.name, exchange.kind.clone(), passive).await?;
    if passive {
        return Ok(());
    }
    bind_queue(channel, &config.queue, &exchange.name, &exchange.routing_key).await?;
    if let Some(source) = &exchange.source {
        let (name, source) = (exchange.name.as_str(), source.as_str());
        let options = ExchangeBindOptions::default();
        channel.exchange_bind(name.into(), source.into(), name.into(), options, FieldTable::default()).await?;
    }
    Ok(())
}

async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind, passive: bool) -> Result<()> {
    let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await
}

async fn declare_queue(channel: &Channel, name: &str, further: &[(&str, AMQPValue)], passive: bool) -> Result<()> {
    let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    for (name, value) in further {
        arguments.insert((*name).into(), value.clone());
    }
    channel.queue_declare(name.into(), options, arguments).await.map(drop)
}

async fn bind_queue(channel: &Channel, queue: &str, exchange: &str, routing_key: &str) -> Result<()> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), routing_key.into(), options, FieldTable::default()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_another_kind_is_none_with_another_limit() {
        let says = |what: &str| {
            has_another_limit(&format!("PRECONDITION_FAILED - inequivalent arg {what} for queue 'q' in vhost '/'"))
        };
        assert!(!says("'x-queue-type'") && !says("'x-dead-letter-exchange'"));
        assert!(!has_another_limit(
            "inequivalent arg 'x-delivery-limit' for queue 'q': received 297 but current is none"
        ));
        let limit = "inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received '297' but current is '4'";
        assert!(has_another_limit(limit));
    }
}
