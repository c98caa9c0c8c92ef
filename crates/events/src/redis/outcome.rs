//! Outcomes of a delivery: ack, nack (retry later), release or dead-letter.

use super::deduplication::REMEMBERED;
use super::delivery_log::{
    DELIVERY_LOG, LOG_LENGTH, LoggedDelivery, RECIPIENT_LOG_KEPT, RECIPIENT_LOG_LENGTH, recipient_log, recipients_of,
};
use super::keys::{circuit_breaker, deduplication_key, due_times};
use super::statistics::{INTERVAL_KEPT, INTERVAL_SECONDS};
use super::totals::{Send, count_sends};
use super::{Command, Delivery, Reply, ReplyError, milliseconds};
use crate::Queue;
use crate::delivery_policy::{FIRST_PAUSE, LONGEST_PAUSE};
use std::time::Duration;

/// How many dead letters a queue holds.
const MAX_DEAD_LETTERS: u64 = 100_000;

/// The beginning of each script that records an outcome.
///
/// Keys: 1 the stream, 2 the retry store, 3 its times, 4 the queue's circuit breaker, 5 the event's
/// deduplication key.
/// Arguments: 1 the group, 2 where the entry is, 3 the entry, 4 the entry as it was published, 5 what the send says of
/// the provider, 6 whether it was a probe, 7 to 9 when the queue pauses, and for how long at first and at most. The last one
/// has what the send is counted by, or nothing.
macro_rules! outcome_script {
    ($($part:expr),*) => {
        concat!(
            "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- Removes the entry from the queue; false if it was erased, or another consumer has handled it.
        local function remove()
            if ARGV[2] == 'stream' then return redis.call('XACK', KEYS[1], ARGV[1], ARGV[3]) == 1 end
            redis.call('ZREM', KEYS[3], ARGV[3])
            return redis.call('XDEL', KEYS[2], ARGV[3]) == 1
        end
        -- The deduplication key says that somebody is sending the event; it is deleted if that was this message.
        local function release_key()
            local holder = redis.call('GET', KEYS[5])
            if holder and string.match(holder, '^%S+ ') == ARGV[4] .. ' ' then redis.call('DEL', KEYS[5]) end
        end
        -- Counts failures in a row. After so many the queue pauses, and then one message at a time is a probe.
        local function track_health(asked)
            if ARGV[5] == 'up' then redis.call('DEL', KEYS[4]) return 0 end
            local is_probe = ARGV[6] == '1'
            if ARGV[5] ~= 'down' then
                if is_probe then redis.call('HSET', KEYS[4], 'until', now) end
                return 0
            end
            local failures = redis.call('HINCRBY', KEYS[4], 'failures', 1)
            redis.call('EXPIRE', KEYS[4], 86400)
            local after = tonumber(ARGV[7])
            if after == 0 or failures < after then return 0 end
            if redis.call('HEXISTS', KEYS[4], 'until') == 1 and not is_probe then return 0 end
            local pauses = redis.call('HINCRBY', KEYS[4], 'pauses', 1)
            local pause = math.min(tonumber(ARGV[8]) * 2 ^ math.min(pauses - 1, 30), tonumber(ARGV[9]))
            pause = math.max(pause, math.min(asked, tonumber(ARGV[9])))
            redis.call('HSET', KEYS[4], 'until', string.format('%.0f', now + pause))
            return pause
        end
        ",
            count_sends!(),
            $($part),*
        )
    };
}

/// The part of a script that marks an event as sent and logs its delivery. Keys: the deduplication key, both logs, the
/// user's recipients. The keys and arguments that it begins with are counted from those given.
macro_rules! log_delivery {
    ($keys:literal, $arguments:literal) => {
        // One id for both logs: that of the shared one is higher than any before it, and a recipient's log holds a
        // part of the same ids.
        concat!(
            "
        local K, A = ",
            $keys,
            ", ",
            $arguments,
            "
        redis.call('SET', KEYS[K + 1], 'sent', 'EX', ARGV[A + 1])
        local item = {'item', ARGV[A + 2], 'user_id', ARGV[A + 3], 'recipient', ARGV[A + 4]}
        local id = redis.call('XADD', KEYS[K + 2], 'MAXLEN', '~', ARGV[A + 5], '*', unpack(item))
        redis.call('XADD', KEYS[K + 3], 'MAXLEN', '~', ARGV[A + 6], id, unpack(item))
        local oldest = tonumber(string.match(id, '%d+')) - ARGV[A + 7] * 1000
        redis.call('XTRIM', KEYS[K + 3], 'MINID', string.format('%.0f', oldest))
        redis.call('EXPIRE', KEYS[K + 3], ARGV[A + 7])
        redis.call('SADD', KEYS[K + 4], ARGV[A + 4])
        redis.call('EXPIRE', KEYS[K + 4], 2 * ARGV[A + 7])
        return 1"
        )
    };
}

/// The part of a script that counts a message among those that a consumer has acknowledged lately. Its argument has the names of
/// the queue and of the consumer.
macro_rules! count_acknowledged {
    ($argument:literal) => {
        concat!(
            "
        local counts = 'concierge:acknowledged:' .. string.format('%.0f', math.floor(redis.call('TIME')[1] / ARGV[",
            $argument,
            " + 1]))
        redis.call('HINCRBY', counts, ARGV[",
            $argument,
            "], 1)
        redis.call('HINCRBY', 'concierge:totals', 'acknowledged|' .. string.match(ARGV[",
            $argument,
            "], '^%S+'), 1)
        redis.call('EXPIRE', counts, ARGV[",
            $argument,
            " + 2])
        "
        )
    };
}

/// What a delivery says about the provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderHealth {
    /// It answers.
    Up,
    /// It does not, or says that it cannot.
    Down,
    /// Nothing: it was not asked.
    Unknown,
}

impl ProviderHealth {
    fn name(self) -> &'static str {
        match self {
            ProviderHealth::Up => "up",
            ProviderHealth::Down => "down",
            ProviderHealth::Unknown => "unknown",
        }
    }
}

/// A script that records an outcome, with the keys and arguments that all of them have.
fn outcome_command(
    script: &str,
    queue: Queue,
    event_id: Option<&str>,
    outcome: &Outcome<'_>,
    keys: &[&str],
) -> Command {
    let Outcome { delivery, health, pause_after, .. } = outcome;
    let deduplication_key = deduplication_key(queue, event_id.unwrap_or(&delivery.origin));
    let (retries, due, breaker) = (queue.retries(), due_times(queue), circuit_breaker(queue));
    let mut all = vec![queue.exchange().name(), &retries, &due, &breaker, &deduplication_key];
    all.extend(keys);
    Command::script(script, &all)
        .arg(queue.name())
        .arg(delivery.location.name())
        .arg(&delivery.entry)
        .arg(&delivery.origin)
        .arg(health.name())
        .number(delivery.is_probe.into())
        .number(*pause_after)
        .number(milliseconds(FIRST_PAUSE))
        .number(milliseconds(LONGEST_PAUSE))
}

/// The outcome of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The message.
    pub delivery: &'a Delivery,
    /// What it says about the provider.
    pub health: ProviderHealth,
    /// After how many failures in a row the queue pauses; never, if that is zero.
    pub pause_after: u64,
    /// The send that it is the outcome of, if there was one.
    pub send: Option<&'a Send>,
}

impl Outcome<'_> {
    /// The last argument of each script.
    fn count_in(&self, command: Command) -> Command {
        command.arg(self.send.map(Send::fields).unwrap_or_default())
    }
}

/// Acknowledges a message that was sent, sets its deduplication key, adds it to the delivery log and counts it for the consumer,
/// atomically. Without `logged` it acknowledges a message that is in no log: a webhook, or one that need not be sent, which
/// is a duplicate or goes to somebody who cannot be reached that way.
#[must_use]
pub fn ack(
    queue: Queue,
    event_id: &str,
    consumer: &str,
    outcome: &Outcome<'_>,
    logged: Option<&LoggedDelivery>,
) -> Command {
    const SKIPPED_SCRIPT: &str = outcome_script!(
        "if remove() then",
        count_acknowledged!("11"),
        "end
        track_health(0)
        redis.call('SET', KEYS[5], 'sent', 'EX', ARGV[10])
        return 1"
    );
    const SENT_SCRIPT: &str = outcome_script!(
        "if remove() then",
        count_acknowledged!("17"),
        "end
        track_health(0)
        ",
        log_delivery!("4", "9")
    );
    let script = match logged {
        None => outcome_command(SKIPPED_SCRIPT, queue, Some(event_id), outcome, &[]).number(REMEMBERED.as_secs()),
        Some(logged) => {
            let keys = [DELIVERY_LOG, &recipient_log(&logged.recipient), &recipients_of(logged.user_id)];
            log_args(outcome_command(SENT_SCRIPT, queue, Some(event_id), outcome, &keys), logged)
        }
    };
    outcome.count_in(count_args(script, queue, consumer))
}

/// Sets the deduplication key of an event that was sent, adds it to the delivery log and counts it for the consumer, atomically:
/// what is left of [`ack`] where another broker has the message.
#[must_use]
pub fn record_delivery(queue: Queue, event_id: &str, consumer: &str, logged: &LoggedDelivery, send: &Send) -> Command {
    const SCRIPT: &str =
        concat!("#!lua flags=allow-oom\n", count_sends!(), count_acknowledged!("8"), log_delivery!("0", "0"));
    let deduplication_key = deduplication_key(queue, event_id);
    let keys = [&*deduplication_key, DELIVERY_LOG, &recipient_log(&logged.recipient), &recipients_of(logged.user_id)];
    count_args(log_args(Command::script(SCRIPT, &keys), logged), queue, consumer).arg(send.fields())
}

fn count_args(script: Command, queue: Queue, consumer: &str) -> Command {
    script.arg(format!("{} {consumer}", queue.name())).number(INTERVAL_SECONDS).number(INTERVAL_KEPT.as_secs())
}

fn log_args(script: Command, logged: &LoggedDelivery) -> Command {
    script
        .number(REMEMBERED.as_secs())
        .arg(&logged.item)
        .arg(logged.user_id.to_string())
        .arg(&logged.recipient)
        .number(LOG_LENGTH)
        .number(RECIPIENT_LOG_LENGTH)
        .number(RECIPIENT_LOG_KEPT.as_secs())
}

/// A message that is to be retried.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    /// After this time.
    pub delay: Duration,
    /// How many attempts have failed by now.
    pub failures: u64,
    /// The provider's `retry-after`.
    pub asked: Duration,
    /// Why.
    pub reason: &'a str,
}

/// Negatively acknowledges a message: moves it to the retry store, due after a while. The reply, read by [`paused_for`],
/// says whether the queue pauses now.
#[must_use]
pub fn nack(queue: Queue, event_id: Option<&str>, outcome: &Outcome<'_>, nack: &Nack<'_>) -> Command {
    const SCRIPT: &str = outcome_script!(
        "release_key()
        local pause = track_health(tonumber(ARGV[14]))
        if remove() then
            local first = ARGV[13] == '0' and string.format('%.0f', now) or ARGV[13]
            local id = redis.call('XADD', KEYS[2], '*', 'event', ARGV[11], 'origin', ARGV[4], 'failures', ARGV[12],
                'first', first, 'reason', ARGV[15], 'claims', 0)
            redis.call('ZADD', KEYS[3], now + ARGV[10], id)
        end
        return pause"
    );
    let delivery = outcome.delivery;
    let command = outcome_command(SCRIPT, queue, event_id, outcome, &[])
        .number(milliseconds(nack.delay))
        .arg(&delivery.event)
        .number(nack.failures)
        .number(delivery.first_tried)
        .number(milliseconds(nack.asked))
        .arg(nack.reason);
    outcome.count_in(command)
}

/// Reads the reply to [`nack`] or [`dead_letter`]: for how long the queue pauses from now on, if it begins to.
///
/// # Errors
/// If the reply has another shape.
pub fn paused_for(replies: &[Reply]) -> Result<Option<Duration>, ReplyError> {
    let pause = replies.first().ok_or(ReplyError)?.number()?;
    Ok((pause > 0).then(|| Duration::from_millis(pause)))
}

/// Releases a claim without counting it: no send was attempted. The message may be claimed again after a while.
#[must_use]
pub fn release(queue: Queue, consumer: &str, outcome: &Outcome<'_>, delay: Duration, claim_after: Duration) -> Command {
    const SCRIPT: &str = outcome_script!(
        "track_health(0)
        if ARGV[2] == 'stream' then
            redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[11], 0, ARGV[3], 'IDLE', ARGV[12], 'RETRYCOUNT', ARGV[13], 'JUSTID')
        else
            redis.call('ZADD', KEYS[3], 'XX', now + ARGV[10], ARGV[3])
        end
        return 0"
    );
    let command = outcome_command(SCRIPT, queue, None, outcome, &[])
        .number(milliseconds(delay))
        .arg(consumer)
        .number(milliseconds(claim_after.saturating_sub(delay)))
        .number(outcome.delivery.claims.saturating_sub(1));
    outcome.count_in(command)
}

/// Moves a message to the dead letters, with the reason, and acknowledges it, atomically. The reply, read by
/// [`paused_for`], says whether the queue pauses now.
#[must_use]
pub fn dead_letter(queue: Queue, event_id: Option<&str>, outcome: &Outcome<'_>, tries: u64, reason: &str) -> Command {
    const SCRIPT: &str = outcome_script!(
        "release_key()
        local pause = track_health(0)
        if remove() then
            redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[14], '*', 'event', ARGV[10], 'entry', ARGV[4],
                'deliveries', ARGV[11], 'reason', ARGV[12], 'first', ARGV[13])
        end
        return pause"
    );
    let delivery = outcome.delivery;
    let command = outcome_command(SCRIPT, queue, event_id, outcome, &[&queue.dead_letters()])
        .arg(&delivery.event)
        .number(tries)
        .arg(reason)
        .number(delivery.first_tried)
        .number(MAX_DEAD_LETTERS);
    outcome.count_in(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::Location;

    fn words(command: &Command) -> String {
        let arguments: Vec<_> = command.arguments.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        format!("{} {}", command.name, arguments.join(" "))
    }

    fn delivery() -> Delivery {
        Delivery {
            location: Location::Stream,
            entry: "17-0".into(),
            origin: "17-0".into(),
            event: b"{}".to_vec(),
            claims: 1,
            failures: 0,
            first_tried: 0,
            is_probe: false,
        }
    }

    #[test]
    fn a_released_claim_is_not_counted() {
        let (delivery, delay, claim_after) = (delivery(), Duration::from_secs(4), Duration::from_secs(30));
        let outcome = Outcome { delivery: &delivery, health: ProviderHealth::Unknown, pause_after: 5, send: None };
        let command = release(Queue::LoginSms, "c1", &outcome, delay, claim_after);
        assert!(words(&command).ends_with("4000 c1 26000 0 "), "{}", words(&command));
    }

    #[test]
    fn only_a_pause_that_begins_is_reported() {
        assert_eq!(paused_for(&[Reply::Integer(0)]), Ok(None));
        assert_eq!(paused_for(&[Reply::Integer(5000)]), Ok(Some(Duration::from_secs(5))));
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        assert_eq!(paused_for(&[]), Err(ReplyError));
    }
}
