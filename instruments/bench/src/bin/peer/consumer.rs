//! What the notification component does: the same claims, one message at a time, with the same commands.

use std::time::Duration;

use events::redis::{
    self as queues, Acquisition, Claimed, Delivery, LoggedDelivery, Outcome, Preference, ProviderHealth,
};
use events::{Event, Exchange, LoginNotice, Queue};
use futures_util::StreamExt as _;
use identity::Locale;
use notification_domain::{LogItem, MessageSettings, Renderer};

use crate::broker::Broker;

/// Who it is.
const NAME: &str = "peer";
/// The same as the component's by default.
const CLAIM_AFTER: Duration = Duration::from_secs(30);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Consumes at each wake-up, for as long as the process lives.
pub(crate) async fn run(url: String, broker: Broker) {
    if let Err(error) = listen(&url, &broker).await {
        eprintln!("the consumer has ended: {error}");
    }
}

async fn listen(url: &str, broker: &Broker) -> Result<()> {
    let mut subscription = redis::Client::open(url)?.get_async_pubsub().await?;
    for exchange in Exchange::ALL {
        subscription.subscribe(exchange.name()).await?;
    }
    let renderer = renderer()?;
    let mut wake_ups = subscription.into_on_message();
    while wake_ups.next().await.is_some() {
        consume(broker, &renderer).await?;
    }
    Ok(())
}

/// The same texts as the component's.
fn renderer() -> Result<Renderer> {
    let settings = MessageSettings {
        brand_name: "Concierge".to_owned(),
        public_url: "http://127.0.0.1:4000".to_owned(),
        default_locale: Locale::parse("en")?,
        login_notice: LoginNotice::Always,
    };
    let folder = bench::workspace().join("components/notification/messages");
    Ok(Renderer::new(settings, Box::new(move |file| std::fs::read_to_string(folder.join(file)).ok())))
}

/// Runs until the queues are empty.
async fn consume(broker: &Broker, renderer: &Renderer) -> Result<()> {
    let queues: Vec<_> = Queue::ALL.into_iter().filter(|queue| !queue.is_webhook()).collect();
    let mut handled = false;
    while let Some((queue, delivery)) = next(broker, &queues).await? {
        handle(broker, renderer, queue, &delivery).await?;
        handled = true;
    }
    if handled {
        for exchange in Exchange::ALL {
            broker.run(&queues::trim(exchange, false, CLAIM_AFTER)).await?;
        }
    }
    Ok(())
}

async fn next(broker: &Broker, queues: &[Queue]) -> Result<Option<(Queue, Delivery)>> {
    let claim = queues::claim(queues, NAME, CLAIM_AFTER, Preference::New);
    let replies = match broker.run(&claim).await {
        Err(error) if queues::is_missing_group(&error.to_string()) => {
            for queue in queues {
                // It may be there already.
                let _ = broker.run(&queues::create_group(*queue)).await;
            }
            broker.run(&claim).await?
        }
        replies => replies?,
    };
    match Claimed::from_replies(&replies)? {
        Claimed::Message(place, delivery) => Ok(queues.get(place).map(|queue| (*queue, delivery))),
        Claimed::Nothing(_) => Ok(None),
    }
}

async fn handle(broker: &Broker, renderer: &Renderer, queue: Queue, delivery: &Delivery) -> Result<()> {
    let event = Event::from_json(&delivery.event)?;
    let id = event.id.to_string();
    let message = renderer.render(queue, &event).map_err(|error| error.to_string())?;
    let replies = broker.run(&queues::acquire(queue, &id, &delivery.origin, CLAIM_AFTER)).await?;
    let Acquisition::Acquired(begun) = Acquisition::from_replies(&replies)? else { return Ok(()) };
    let outcome = Outcome { delivery, health: ProviderHealth::Up, pause_after: 5, send: None };
    let Some(message) = message else {
        broker.run(&queues::ack(queue, &id, NAME, &outcome, None)).await?;
        return Ok(());
    };
    // Here it would be sent; the measurement's sends take no time on either side.
    let item = LogItem::new(queue, &event, &message, NAME, begun).to_json();
    let logged =
        LoggedDelivery { user_id: event.payload.user_id(), recipient: queues::recipient_digest(&message.to), item };
    broker.run(&queues::ack(queue, &id, NAME, &outcome, Some(&logged))).await?;
    Ok(())
}
