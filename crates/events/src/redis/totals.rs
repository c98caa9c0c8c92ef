//! Totals: what the consumers count for as long as Redis keeps it, for metrics. One hash has all: a field for the messages that
//! were acknowledged in each queue, and for sends by provider and result how many took how long.

use super::reply::is_nothing;
use super::{Command, Reply, ReplyError};
use crate::Queue;
use std::collections::BTreeMap;
use std::time::Duration;

/// The key of the hash.
pub(super) const TOTALS: &str = "concierge:totals";

/// The upper bounds of the times that sends are counted by, in seconds. Whatever takes longer is counted after the last one.
pub const SEND_BOUNDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What came of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// The provider has taken the message.
    Sent,
    /// It may work later.
    Temporary,
    /// It never will.
    Permanent,
}

impl SendResult {
    const fn name(self) -> &'static str {
        match self {
            SendResult::Sent => "sent",
            SendResult::Temporary => "temporary",
            SendResult::Permanent => "permanent",
        }
    }
}

/// A send, to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// Who was asked: the name of an API, without spaces.
    pub provider: String,
    /// What came of it.
    pub result: SendResult,
    /// How long it took.
    pub took: Duration,
}

impl Send {
    /// The fields that grow, each with by how much, as [`count_sends!`] reads them.
    pub(super) fn fields(&self) -> String {
        let Self { provider, result, took } = self;
        let seconds = took.as_secs_f64();
        let bucket = SEND_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(SEND_BOUNDS.len());
        let result = result.name();
        format!("sends|{provider}|{result}|{bucket} 1 microseconds|{provider}|{result} {}", took.as_micros())
    }
}

/// The part of a script that counts a send, if there was one. The last argument has the fields.
macro_rules! count_sends {
    () => {
        "
        for field, by in string.gmatch(ARGV[#ARGV], '(%S+) (%d+)') do
            redis.call('HINCRBY', 'concierge:totals', field, by)
        end
        "
    };
}

pub(super) use count_sends;

/// Counts a send that no other command records: with another broker, one that failed.
#[must_use]
pub fn count_send(send: &Send) -> Command {
    const SCRIPT: &str = concat!("#!lua flags=allow-oom\n", count_sends!());
    Command::script(SCRIPT, &[TOTALS]).arg(send.fields())
}

/// Reads the totals.
#[must_use]
pub fn read_totals() -> Command {
    Command::new("HGETALL").arg(TOTALS)
}

/// The totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Messages that were acknowledged, by queue.
    pub acknowledged: Vec<(Queue, u64)>,
    /// Sends by provider and result.
    pub sends: BTreeMap<(String, String), SendTotals>,
}

/// How long sends took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SendTotals {
    /// How many there were above each of [`SEND_BOUNDS`] and not above the next, by its place.
    pub counts: BTreeMap<usize, u64>,
    /// How long they took together, in microseconds.
    pub microseconds: u64,
}

impl Totals {
    /// Reads the reply to [`read_totals`]. What is not known here, an older or newer version has counted.
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let mut totals = Self::default();
        if is_nothing(replies) {
            return Ok(totals);
        }
        for pair in replies.chunks(2) {
            let [field, value] = pair else { return Err(ReplyError) };
            let value = value.number()?;
            let words: Vec<_> = field.text()?.split('|').collect();
            match words.as_slice() {
                ["acknowledged", queue] => {
                    if let Some(queue) = Queue::from_name(queue) {
                        totals.acknowledged.push((queue, value));
                    }
                }
                ["sends", provider, result, bucket] => {
                    let bucket = bucket.parse().map_err(|_| ReplyError)?;
                    totals.of(provider, result).counts.insert(bucket, value);
                }
                ["microseconds", provider, result] => totals.of(provider, result).microseconds = value,
                _ => {}
            }
        }
        Ok(totals)
    }

    fn of(&mut self, provider: &str, result: &str) -> &mut SendTotals {
        self.sends.entry((provider.to_owned(), result.to_owned())).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_grows_the_bucket_of_its_time_and_the_sum() {
        let fields = |milliseconds| {
            let took = Duration::from_millis(milliseconds);
            Send { provider: "mailpit".to_owned(), result: SendResult::Sent, took }.fields()
        };
        assert_eq!(fields(50), "sends|mailpit|sent|0 1 microseconds|mailpit|sent 50000");
        assert_eq!(fields(51), "sends|mailpit|sent|1 1 microseconds|mailpit|sent 51000");
        assert_eq!(fields(10_001), "sends|mailpit|sent|8 1 microseconds|mailpit|sent 10001000");
    }

    #[test]
    fn the_totals_are_read_as_they_were_counted() {
        let bytes = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
        let queue = Queue::ALL[0];
        let replies = [
            bytes(&format!("acknowledged|{}", queue.name())),
            bytes("7"),
            bytes("acknowledged|no_queue"),
            bytes("1"),
            bytes("sends|mailpit|sent|0"),
            bytes("5"),
            bytes("microseconds|mailpit|sent"),
            bytes("1234"),
            bytes("something|new|here|too|long"),
            bytes("9"),
        ];
        let totals = Totals::from_replies(&replies).unwrap();
        assert_eq!(totals.acknowledged, [(queue, 7)]);
        let sends = &totals.sends[&("mailpit".to_owned(), "sent".to_owned())];
        assert_eq!((sends.counts.get(&0), sends.microseconds), (Some(&5), 1234));
        assert_eq!(Totals::from_replies(&[]), Ok(Totals::default()));
        assert_eq!(Totals::from_replies(&[bytes("acknowledged|x")]), Err(ReplyError));
    }
}
