//! Exchanges, queues and acknowledgements on Redis Streams: which commands, and how to read their replies.
//!
//! A queue is a consumer group. What was delivered and not acknowledged stays in the group's *pending entries list*
//! with the time since its last delivery (its idle time) and its number of deliveries. One rule covers both a dead
//! consumer and a failed delivery: **whoever finds an entry idle for `claim_after` may take it over.** A consumer that
//! fails sets the entry's idle time forward, so that `claim_after` is reached when the retry is due.
//!
//! Spin hands nested replies over as one flat list, so the replies are read as such ([`Reply`]). Whatever must happen
//! together is one Lua script, which Redis runs as a whole.

mod log;
mod publish;
mod queue;
mod reply;
mod traces;

pub use log::{DELIVERY_LOG, Logged, log_entries, read_log, recipient_digest, recipient_log};
pub use publish::{publish, ring};
pub use queue::{
    Delivery, Pending, QueueState, Taken, bury, claim_new, claim_pending, create_group, dead_letter_count, find_idle,
    is_missing_group, look_for, postpone, queue_state, record, settle, take, trim, was_sent,
};
pub use reply::{Reply, ReplyError};
pub use traces::{
    Step, Trace, erase_deliveries, erase_traces, find_traces, forget_recipient, recipients, shared_streams,
    some_recipients,
};

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
