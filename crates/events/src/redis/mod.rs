//! Exchanges, queues and acknowledgements on Redis Streams: which commands, and how to read their replies.
//!
//! A queue is a consumer group. What was delivered and not acknowledged stays in the group's *pending entries list*
//! with the time since its last delivery (its idle time) and its number of deliveries: whoever finds an entry idle for
//! `claim_after` may take it over. What has failed moves to the queue's *retry store* until it is due again, and in the
//! end to its *dead letters*.
//!
//! Spin hands nested replies over as one flat list, so the replies are read as such ([`Reply`]). Whatever must happen
//! together is one Lua script, which Redis runs as a whole.

mod dead;
mod log;
mod publish;
mod queue;
mod reply;
mod run;
mod state;
mod traces;

pub use dead::{
    Changed, DEAD_LETTERS_PER_CALL, DeadLetter, changed, dead_letters, drop_dead_letters, read_dead_letters, redrive,
};
pub use log::{DELIVERY_LOG, Logged, log_entries, read_log, recipient_digest, recipient_log};
pub use publish::{publish, ring};
pub use queue::{
    Claimed, Delivery, First, Health, Outcome, Place, Retry, Taken, bury, claim, create_group, give_back,
    is_missing_group, look_for, paused_for, record, retry_later, settle, take, was_sent,
};
pub use reply::{Reply, ReplyError};
pub use run::{run_id, server_info};
pub use state::{ForeignGroup, QueueState, queue_state, trim};
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
