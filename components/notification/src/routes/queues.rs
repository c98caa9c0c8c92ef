//! /notification-ms/internal: the queues as an operator sees them, and the wake-up.

use super::{Call, authorize};
use api::List;
use api::notification::operation::{ListQueues, WakeConsumers};
use events::redis::{self, QueueState};
use events::{Exchange, Queue};
use service_kit::broker::{BrokerError, BrokerKind, Redis};
use service_kit::{HandlerResult, StatusCode, no_such_route};

/// POST `/consumers/wake`: wakes the consumers. A schedule calls it, for wake-ups that were lost and retries that are due. RabbitMQ's
/// consumers never sleep.
pub(super) fn wake_consumers(call: &Call<'_, WakeConsumers>) -> HandlerResult {
    if BrokerKind::from_config()? == BrokerKind::Redis {
        // One wake-up is enough: a consumer looks at all queues.
        Redis::connect()?.run(&redis::wake_up(Exchange::UserLogin))?;
    }
    Ok(call.empty(StatusCode::ACCEPTED))
}

/// GET `/queues`: how many messages are waiting, in flight, being retried and dead, and which queues are paused. RabbitMQ's own
/// management shows its queues.
pub(super) fn list_queues(call: &Call<'_, ListQueues>) -> HandlerResult {
    authorize(call)?;
    if BrokerKind::from_config()? == BrokerKind::RabbitMq {
        return Err(no_such_route());
    }
    let broker = Redis::connect()?;
    let items = Queue::ALL.into_iter().map(|queue| item(&broker, queue)).collect::<Result<Vec<_>, _>>()?;
    Ok(call.ok(&List::new(items)))
}

fn item(broker: &Redis, queue: Queue) -> Result<api::notification::QueueState, BrokerError> {
    let state = QueueState::from_replies(&broker.run(&redis::queue_state(queue))?)?;
    Ok(api::notification::QueueState {
        queue: queue.name(),
        exchange: queue.exchange().name(),
        waiting: state.waiting,
        in_flight: state.in_flight,
        retrying: state.retrying,
        dead: state.dead,
        consumers: state.consumers,
        failures_in_a_row: state.failures,
        paused_for: state.paused.map(|pause| pause.as_secs().max(1)),
    })
}
