//! What the notification component does: the same claims, one message at a time, with the same commands.

use std::time::Duration;

use events::redis::{self as queues, Delivery, Logged, Reply, Taken};
use events::{Event, Exchange, Queue};
use futures_util::StreamExt as _;
use notification_domain::{LogItem, render};

use crate::broker::Broker;

/// Who it is.
const NAME: &str = "peer";
/// The same as the component's by default.
const CLAIM_AFTER: Duration = Duration::from_secs(30);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Consumes whenever the bell rings, for as long as the process lives.
pub(crate) async fn run(url: String, broker: Broker) {
    if let Err(error) = listen(&url, &broker).await {
        eprintln!("the consumer has ended: {error}");
    }
}

async fn listen(url: &str, broker: &Broker) -> Result<()> {
    let mut bell = redis::Client::open(url)?.get_async_pubsub().await?;
    for exchange in Exchange::ALL {
        bell.subscribe(exchange.name()).await?;
    }
    let mut rings = bell.into_on_message();
    while rings.next().await.is_some() {
        consume(broker).await?;
    }
    Ok(())
}

/// Works until the queues are empty.
async fn consume(broker: &Broker) -> Result<()> {
    let mut handled = false;
    loop {
        let mut found = false;
        for queue in Queue::ALL {
            if let Some(delivery) = next(broker, queue).await? {
                handle(broker, queue, &delivery).await?;
                found = true;
            }
        }
        handled |= found;
        if !found {
            break;
        }
    }
    if handled {
        for exchange in Exchange::ALL {
            broker.run(&queues::trim(exchange)).await?;
        }
    }
    Ok(())
}

async fn next(broker: &Broker, queue: Queue) -> Result<Option<Delivery>> {
    let replies = match broker.run(&queues::claim_new(queue, NAME)).await {
        Err(error) if queues::is_missing_group(&error.to_string()) => {
            broker.run(&queues::create_group(queue)).await?;
            broker.run(&queues::claim_new(queue, NAME)).await?
        }
        replies => replies?,
    };
    match Delivery::from_new(&replies)? {
        Some(delivery) => Ok(Some(delivery)),
        // The component looks here for what others have left lying; there are no others, but the look has its cost.
        None => broker.run(&queues::find_idle(queue, CLAIM_AFTER)).await.map(|_: Vec<Reply>| None).map_err(Into::into),
    }
}

async fn handle(broker: &Broker, queue: Queue, delivery: &Delivery) -> Result<()> {
    let event = Event::from_json(&delivery.event)?;
    let id = event.id.to_string();
    let message = render(queue, &event).map_err(|error| error.to_string())?;
    let taken = broker.run(&queues::take(queue, &id, &delivery.entry, CLAIM_AFTER)).await?;
    if Taken::from_replies(&taken)? != Taken::Taken {
        return Ok(());
    }
    // Here it would be sent; the measurement's sends take no time on either side.
    let item = LogItem::new(queue, &event, &message, NAME, delivery.deliveries).to_json();
    let logged = Logged { user_id: event.payload.user_id(), recipient: queues::recipient_digest(&message.to), item };
    broker.run(&queues::settle(queue, &id, &delivery.entry, Some(&logged))).await?;
    Ok(())
}
