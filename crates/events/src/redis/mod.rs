//! Exchanges, queues and acknowledgements on Redis Streams: the commands, and how to read their replies.
//!
//! A queue is a consumer group. A delivered message that is not acknowledged stays in the group's *pending entries
//! list* with the time since its last delivery (its idle time) and its number of deliveries: a consumer that finds an
//! entry idle for `claim_after` may take it over. A message that failed moves to the queue's *retry store* until it is
//! due again, and in the end to its *dead letters*.
//!
//! Spin flattens nested replies into one list, so the replies are read as such ([`Reply`]). What must be atomic is one
//! Lua script.

mod claim;
mod dead_letters;
mod deduplication;
mod delivery_log;
mod endpoints;
mod keys;
mod outcome;
mod personal_data;
mod publish;
mod queue_state;
mod reply;
mod server;
mod statistics;
mod totals;

pub use claim::{Claimed, Delivery, Location, Preference, claim, create_group, is_missing_group};
pub use dead_letters::{
    Changed, DEAD_LETTERS_PER_CALL, DeadLetter, changed, dead_letters, drop_dead_letters, read_dead_letters, redrive,
};
pub use deduplication::{Acquisition, acquire, get_deduplication_key, give_back, was_sent};
pub use delivery_log::{DELIVERY_LOG, LoggedDelivery, log_entries, read_log, recipient_digest, recipient_log};
pub use endpoints::{EndpointOutcome, EndpointTurn, begin_webhook, finish_webhook, paused_endpoints, turns};
pub use outcome::{Nack, Outcome, ProviderHealth, ack, dead_letter, nack, paused_for, record_delivery, release};
pub use personal_data::{
    PersonalData, Step, erase_deliveries, erase_personal_data, find_personal_data, has_removal_notices,
    read_recipients, recipients, remove_recipient, shared_streams,
};
pub use publish::{publish, wake_up};
pub use queue_state::{ForeignGroup, QueueState, queue_state, trim};
pub use reply::{Reply, ReplyError};
pub use server::{replicas, replicated, run_id, server_info};
pub use statistics::{
    ConsumerStatistics, INTERVAL_SECONDS, INTERVALS, KeptQueues, QueueStatistics, Statistics, keep_queues, kept_queues,
    read_kept_queues, statistics,
};
pub use totals::{SEND_BOUNDS, Send, SendResult, SendTotals, Totals, count_send, read_totals};

use std::time::Duration;

/// A Redis command: its name and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `XADD`, ...
    pub name: &'static str,
    /// In order, as bytes.
    pub arguments: Vec<Vec<u8>>,
}

impl Command {
    fn new(name: &'static str) -> Self {
        Self { name, arguments: Vec::new() }
    }

    fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.arguments.push(argument.as_ref().to_vec());
        self
    }

    fn number(self, number: u64) -> Self {
        self.arg(number.to_string())
    }

    /// A Lua script with its keys; its arguments follow by [`Command::arg`].
    fn script(source: &str, keys: &[&str]) -> Self {
        let count = keys.len() as u64;
        keys.iter().fold(Self::new("EVAL").arg(source).number(count), Self::arg)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
