//! GET /notification-ms/internal/statistics: the queues and their consumers in numbers.

use super::{Call, authorize};
use crate::management::Management;
use api::notification::Statistics;
use api::notification::operation::ShowStatistics;
use events::redis::{self, INTERVAL_SECONDS};
use notification_domain::{consumer_statistics, queue_statistics, rabbit_statistics, shown_time};
use problem::Problem;
use service_kit::broker::{BrokerError, BrokerKind, Redis};
use service_kit::{HandlerResult, log, now};

/// Shows the statistics to operators and administrators.
pub(super) async fn show_statistics(call: &Call<'_, ShowStatistics>) -> HandlerResult {
    authorize(call)?;
    Ok(call.ok(&read().await?))
}

/// Reads the statistics of the broker's queues.
pub(super) async fn read() -> Result<Statistics, Problem> {
    match BrokerKind::from_config()? {
        BrokerKind::Redis => of_redis(),
        BrokerKind::RabbitMq => of_rabbitmq().await,
    }
}

fn of_redis() -> Result<Statistics, Problem> {
    let read = counted(&Redis::connect()?)?;
    Ok(Statistics {
        taken_at: shown_time(read.at).unwrap_or_default(),
        broker: "redis".to_owned(),
        interval_seconds: INTERVAL_SECONDS,
        queues: read.queues.iter().map(queue_statistics).collect(),
        consumers: Some(read.consumers.into_iter().map(consumer_statistics).collect()),
    })
}

/// The queues from the management API, and what consumers count from Redis, if there is one and it answers.
async fn of_rabbitmq() -> Result<Statistics, Problem> {
    let store = Redis::find().unwrap_or_else(|error| {
        log::warn("the consumers' counts are unavailable", &[("cause", &error.to_string())]);
        None
    });
    let counted = store.as_ref().and_then(|store| match counted(store) {
        Ok(counted) => Some(counted),
        Err(error) => {
            log::warn("the consumers' counts are unavailable", &[("cause", &error.to_string())]);
            None
        }
    });
    let found = Management::from_config()?.queues(store.as_ref().filter(|_| counted.is_some())).await?;
    let unknown = |consumer| api::notification::ConsumerStatistics { in_flight: None, idle_seconds: None, ..consumer };
    let milliseconds = u64::try_from(now()).unwrap_or_default() * 1000;
    Ok(Statistics {
        taken_at: shown_time(milliseconds).unwrap_or_default(),
        broker: "rabbitmq".to_owned(),
        interval_seconds: INTERVAL_SECONDS,
        queues: rabbit_statistics(&found),
        consumers: counted.map(|counted| counted.consumers.into_iter().map(consumer_statistics).map(unknown).collect()),
    })
}

fn counted(redis: &Redis) -> Result<redis::Statistics, BrokerError> {
    Ok(redis::Statistics::from_replies(&redis.run(&redis::statistics())?)?)
}
