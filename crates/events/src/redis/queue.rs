//! Consuming: claim, take, send, settle; or try again later, and in the end bury.
//!
//! What is claimed is an entry of the exchange's stream, or one of the queue's retry store. A message that failed leaves
//! the stream for the store, so that it holds up neither others nor the trimming of the stream, and an erasure looks
//! through the store as through every other stream. The store is the stream `<queue>.retry`, and beside it the sorted
//! set `<queue>.retry.due`: the ids of its entries by the time at which each is due. Whoever claims an entry puts it
//! back with a new id, due when the claim ends; so a consumer that dies has only delayed it.
//!
//! The scripts may go beyond `maxmemory` (`allow-oom`): they take messages out of a full Redis, and what they add is
//! smaller and bounded. Refusing them would keep it full.

use super::log::{
    DELIVERY_LOG, LOG_LENGTH, Logged, RECIPIENT_LOG_KEPT, RECIPIENT_LOG_LENGTH, recipient_log, recipients_of,
};
use super::reply::is_nothing;
use super::{Command, Reply, ReplyError};
use crate::Queue;
use crate::delivery::{FIRST_PAUSE, LONGEST_PAUSE};
use std::time::Duration;

/// How long a handled event is remembered, so that a repeated one is recognised.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// How many dead letters a queue keeps.
const DEAD_LETTERS: u64 = 100_000;
/// How many entries one claim looks at.
const LOOKED_AT: u64 = 16;

/// The value of the marker of an event that was sent.
const SENT: &str = "sent";

/// The beginning of each script that consumes.
///
/// Keys: 1 the stream, 2 the retry store, 3 its times, 4 the queue's circuit breaker, 5 the marker of the event.
/// Arguments: 1 the group, 2 where the entry is, 3 the entry, 4 the entry as it was published, 5 what the send says of
/// the provider, 6 whether it was a probe, 7 to 9 when the queue pauses, and for how long at first and at most.
macro_rules! consuming {
    ($($part:expr),*) => {
        concat!(
            "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- Takes the entry out of the queue; false if it is gone, for it was erased, or another has settled it.
        local function release()
            if ARGV[2] == 'stream' then return redis.call('XACK', KEYS[1], ARGV[1], ARGV[3]) == 1 end
            redis.call('ZREM', KEYS[3], ARGV[3])
            return redis.call('XDEL', KEYS[2], ARGV[3]) == 1
        end
        -- The marker says that somebody is sending the event; it goes if that was us.
        local function unmark()
            local holder = redis.call('GET', KEYS[5])
            if holder and string.match(holder, '^%S+ ') == ARGV[4] .. ' ' then redis.call('DEL', KEYS[5]) end
        end
        -- Counts failures in a row. After so many the queue pauses, and then one message at a time is a probe.
        local function judge(asked)
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
            $($part),*
        )
    };
}

/// The part of a script that marks an event as sent, and logs its delivery. Keys: the marker, both logs, the user's
/// recipients. The keys and arguments that it begins with are counted from those given.
macro_rules! remember {
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

/// Where a claimed message is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the exchange's stream, claimed by the queue's group.
    Stream,
    /// In the queue's retry store.
    Retry,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Stream => "stream",
            Place::Retry => "retry",
        }
    }
}

/// One message, handed to one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where it is kept.
    pub place: Place,
    /// The entry's id there.
    pub entry: String,
    /// The entry's id when it came into the queue: the same through all its retries.
    pub origin: String,
    /// The event's JSON, or what somebody put there instead of it.
    pub event: Vec<u8>,
    /// How often it was claimed without any outcome, this time included.
    pub claims: u64,
    /// How many sends of it have failed.
    pub failures: u64,
    /// When the first of them was, in milliseconds since 1970; zero if there was none.
    pub first_tried: u64,
    /// Whether the queue pauses, and this message is to show whether it may go on.
    pub is_probe: bool,
}

/// What a look for a message comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// A message, which is now the consumer's.
    Message(Delivery),
    /// There is none; in this time the next is due, if any waits.
    Nothing(Option<Duration>),
    /// The queue pauses for so long.
    Paused(Duration),
}

/// Which messages a claim looks for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Those that nobody has claimed yet.
    New,
    /// Those that were left lying or are to be tried again, lest a busy queue hide them.
    Old,
}

/// What a delivery says of the provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Up,
    /// It does not, or says that it cannot.
    Down,
    /// Nothing: it was not asked.
    Unknown,
}

impl Health {
    fn name(self) -> &'static str {
        match self {
            Health::Up => "up",
            Health::Down => "down",
            Health::Unknown => "unknown",
        }
    }
}

/// Makes the queue: a durable consumer group that sees the stream from its first entry.
#[must_use]
pub fn create_group(queue: Queue) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')";
    Command::script(SCRIPT, &[queue.exchange().name()]).arg(queue.name())
}

/// Whether an error of Redis means that the queue is yet to be made.
#[must_use]
pub fn is_missing_group(error: &str) -> bool {
    error.contains("NOGROUP")
}

/// The key of the times of a queue's retry store.
pub(super) fn due_times(queue: Queue) -> String {
    format!("{}.due", queue.retries())
}

/// The key of a queue's circuit breaker.
pub(super) fn breaker(queue: Queue) -> String {
    format!("concierge:breaker:{}", queue.name())
}

/// Claims a message for `claim_after`, after which it may be claimed by others.
#[must_use]
pub fn claim(queue: Queue, consumer: &str, claim_after: Duration, first: First) -> Command {
    // XREADGROUP, XCLAIM and a claim in the retry store are one look, so that a pause of the queue is obeyed by all.
    const SCRIPT: &str = "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local group, consumer, lease, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
        local paused = redis.call('HGET', KEYS[4], 'until')
        if paused and tonumber(paused) > now then return {'paused', paused - now} end
        local function fields(entry)
            local found = {}
            for i = 1, #entry[2], 2 do found[entry[2][i]] = entry[2][i + 1] end
            return found
        end
        local function new()
            local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', KEYS[1], '>')
            if not reply then return nil end
            local entry = reply[1][2][1]
            return {'stream', entry[1], entry[1], fields(entry)['event'] or '', 1, 0, 0}
        end
        local function due()
            for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, most)) do
                redis.call('ZREM', KEYS[3], id)
                local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
                if entry then
                    local kept = fields(entry)
                    local claims = (tonumber(kept['claims']) or 0) + 1
                    local event, origin = kept['event'] or '', kept['origin'] or id
                    local failures, first = kept['failures'] or 0, kept['first'] or 0
                    redis.call('XDEL', KEYS[2], id)
                    local again = redis.call('XADD', KEYS[2], '*', 'event', event, 'origin', origin,
                        'failures', failures, 'first', first, 'reason', kept['reason'] or '', 'claims', claims)
                    redis.call('ZADD', KEYS[3], now + lease, again)
                    return {'retry', again, origin, event, claims, failures, first}
                end
            end
        end
        local function idle()
            for _, left in ipairs(redis.call('XPENDING', KEYS[1], group, 'IDLE', lease, '-', '+', most)) do
                local entry = redis.call('XCLAIM', KEYS[1], group, consumer, lease, left[1])[1]
                if entry then return {'stream', entry[1], entry[1], fields(entry)['event'] or '', left[4] + 1, 0, 0} end
            end
        end
        local claimed
        if ARGV[4] == 'new' or paused then
            claimed = new() or due() or idle()
        else
            claimed = due() or idle() or new()
        end
        if not claimed then
            local next = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
            return {'nothing', next and math.max(next - now, 0) or -1}
        end
        -- A queue that has paused is tried with one message at a time.
        if paused then redis.call('HSET', KEYS[4], 'until', now + lease) end
        table.insert(claimed, paused and 1 or 0)
        return claimed";
    let keys = [queue.exchange().name(), &queue.retries(), &due_times(queue), &breaker(queue)];
    Command::script(SCRIPT, &keys)
        .arg(queue.name())
        .arg(consumer)
        .number(milliseconds(claim_after))
        .arg(match first {
            First::New => "new",
            First::Old => "old",
        })
        .number(LOOKED_AT)
}

impl Claimed {
    /// Reads the reply to [`claim`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let (kind, rest) = replies.split_first().ok_or(ReplyError)?;
        let place = match (kind.text()?, rest) {
            ("paused", [left]) => return Ok(Self::Paused(Duration::from_millis(left.number()?))),
            ("nothing", [Reply::Integer(due)]) => {
                return Ok(Self::Nothing(u64::try_from(*due).ok().map(Duration::from_millis)));
            }
            ("stream", _) => Place::Stream,
            ("retry", _) => Place::Retry,
            _ => return Err(ReplyError),
        };
        let [entry, origin, Reply::Bytes(event), claims, failures, first_tried, is_probe] = rest else {
            return Err(ReplyError);
        };
        Ok(Self::Message(Delivery {
            place,
            entry: entry.text()?.to_owned(),
            origin: origin.text()?.to_owned(),
            event: event.clone(),
            claims: claims.number()?,
            failures: failures.number()?,
            first_tried: first_tried.number()?,
            is_probe: is_probe.number()? == 1,
        }))
    }
}

/// Whether an event may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It may: nobody has sent it, and nobody else is about to. So many sends of this message have begun since its last
    /// outcome, this one included: all others were cut off by their consumer's death.
    Taken(u64),
    /// It was sent already: the same event was published twice, or its consumer died between sending and settling.
    Sent,
    /// Another entry with the same event is being sent at this moment.
    Busy,
}

fn marker(queue: Queue, event_id: &str) -> String {
    format!("concierge:handled:{}:{event_id}", queue.name())
}

/// Marks an event as being sent by the holder of a message, for as long as that holder counts as alive.
#[must_use]
pub fn take(queue: Queue, event_id: &str, delivery: &Delivery, claim_after: Duration) -> Command {
    // The marker is `sent`, or: for which message, how many sends have begun, and until when the holder counts as alive.
    const SCRIPT: &str = "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local kept = redis.call('GET', KEYS[1])
        if kept == 'sent' then return {'sent'} end
        local begun = 0
        if kept then
            local holder, count, alive_until = string.match(kept, '^(%S+) (%d+) (%d+)$')
            if holder == ARGV[1] then
                begun = tonumber(count)
            elseif holder and tonumber(alive_until) > now then
                return {'busy'}
            end
        end
        local alive_until = string.format('%.0f', now + ARGV[2])
        redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. (begun + 1) .. ' ' .. alive_until, 'EX', ARGV[3])
        return {'taken', begun + 1}";
    Command::script(SCRIPT, &[&marker(queue, event_id)])
        .arg(&delivery.origin)
        .number(milliseconds(claim_after).max(1))
        .number(REMEMBERED.as_secs())
}

impl Taken {
    /// Reads the reply to [`take`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let (kind, rest) = replies.split_first().ok_or(ReplyError)?;
        match (kind.text()?, rest) {
            ("taken", [begun]) => Ok(Taken::Taken(begun.number()?)),
            (SENT, []) => Ok(Taken::Sent),
            ("busy", []) => Ok(Taken::Busy),
            _ => Err(ReplyError),
        }
    }
}

/// A script that consumes, with the keys and arguments that all of them have.
fn consuming(script: &str, queue: Queue, event_id: Option<&str>, outcome: &Outcome<'_>, keys: &[&str]) -> Command {
    let Outcome { delivery, health, pause_after } = outcome;
    let marker = marker(queue, event_id.unwrap_or(&delivery.origin));
    let (retries, due, breaker) = (queue.retries(), due_times(queue), breaker(queue));
    let mut all = vec![queue.exchange().name(), &retries, &due, &breaker, &marker];
    all.extend(keys);
    Command::script(script, &all)
        .arg(queue.name())
        .arg(delivery.place.name())
        .arg(&delivery.entry)
        .arg(&delivery.origin)
        .arg(health.name())
        .number(delivery.is_probe.into())
        .number(*pause_after)
        .number(milliseconds(FIRST_PAUSE))
        .number(milliseconds(LONGEST_PAUSE))
}

/// How a delivery went.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The message.
    pub delivery: &'a Delivery,
    /// What it says of the provider.
    pub health: Health,
    /// After how many failures in a row the queue pauses; never, if that is zero.
    pub pause_after: u64,
}

/// Acknowledges a message that was sent, remembers its event and enters it into the delivery log, all at once. Without
/// `logged` it acknowledges one that needs no sending: a repeated event, which is in the log already, or a message to
/// somebody who cannot be reached that way.
#[must_use]
pub fn settle(queue: Queue, event_id: &str, outcome: &Outcome<'_>, logged: Option<&Logged>) -> Command {
    const UNSENT: &str = consuming!(
        "release()
        judge(0)
        redis.call('SET', KEYS[5], 'sent', 'EX', ARGV[10])
        return 1"
    );
    const SENT_NOW: &str = consuming!("release()\n judge(0)\n", remember!("4", "9"));
    let Some(logged) = logged else {
        return consuming(UNSENT, queue, Some(event_id), outcome, &[]).number(REMEMBERED.as_secs());
    };
    let keys = [DELIVERY_LOG, &recipient_log(&logged.recipient), &recipients_of(logged.user_id)];
    what_to_remember(consuming(SENT_NOW, queue, Some(event_id), outcome, &keys), logged)
}

/// Remembers an event that was sent and enters it into the delivery log, all at once: what is left of [`settle`] where
/// another broker has the message.
#[must_use]
pub fn record(queue: Queue, event_id: &str, logged: &Logged) -> Command {
    const SCRIPT: &str = concat!("#!lua flags=allow-oom\n", remember!("0", "0"));
    let marker = marker(queue, event_id);
    let keys = [&*marker, DELIVERY_LOG, &recipient_log(&logged.recipient), &recipients_of(logged.user_id)];
    what_to_remember(Command::script(SCRIPT, &keys), logged)
}

/// Asks whether an event was sent already; [`was_sent`] reads the reply.
#[must_use]
pub fn look_for(queue: Queue, event_id: &str) -> Command {
    Command::new("GET").arg(marker(queue, event_id))
}

/// Reads the reply to [`look_for`].
///
/// # Errors
/// If the reply has another shape.
pub fn was_sent(replies: &[Reply]) -> Result<bool, ReplyError> {
    Ok(!is_nothing(replies) && replies.first().ok_or(ReplyError)?.text()? == SENT)
}

fn what_to_remember(script: Command, logged: &Logged) -> Command {
    script
        .number(REMEMBERED.as_secs())
        .arg(&logged.item)
        .arg(logged.user_id.to_string())
        .arg(&logged.recipient)
        .number(LOG_LENGTH)
        .number(RECIPIENT_LOG_LENGTH)
        .number(RECIPIENT_LOG_KEPT.as_secs())
}

/// A message that is to be tried again.
#[derive(Clone, Copy, Debug)]
pub struct Retry<'a> {
    /// After which time.
    pub delay: Duration,
    /// How many tries have failed by now; as before if this was none.
    pub failures: u64,
    /// How long the provider asks to be left alone.
    pub asked: Duration,
    /// Why.
    pub reason: &'a str,
}

/// Moves a message to the retry store, due after a while. The reply, read by [`paused_for`], says whether the queue
/// pauses now.
#[must_use]
pub fn retry_later(queue: Queue, event_id: Option<&str>, outcome: &Outcome<'_>, retry: &Retry<'_>) -> Command {
    const SCRIPT: &str = consuming!(
        "unmark()
        local pause = judge(tonumber(ARGV[14]))
        if release() then
            local first = ARGV[13] == '0' and string.format('%.0f', now) or ARGV[13]
            local id = redis.call('XADD', KEYS[2], '*', 'event', ARGV[11], 'origin', ARGV[4], 'failures', ARGV[12],
                'first', first, 'reason', ARGV[15], 'claims', 0)
            redis.call('ZADD', KEYS[3], now + ARGV[10], id)
        end
        return pause"
    );
    let delivery = outcome.delivery;
    consuming(SCRIPT, queue, event_id, outcome, &[])
        .number(milliseconds(retry.delay))
        .arg(&delivery.event)
        .number(retry.failures)
        .number(delivery.first_tried)
        .number(milliseconds(retry.asked))
        .arg(retry.reason)
}

/// Reads the reply to [`retry_later`] or [`bury`]: for how long the queue pauses from now on, if it begins to.
///
/// # Errors
/// If the reply has another shape.
pub fn paused_for(replies: &[Reply]) -> Result<Option<Duration>, ReplyError> {
    let pause = replies.first().ok_or(ReplyError)?.number()?;
    Ok((pause > 0).then(|| Duration::from_millis(pause)))
}

/// Gives a claim back, uncounted, as if it had not been: nothing was tried. The message may be claimed again after a
/// while.
#[must_use]
pub fn give_back(
    queue: Queue,
    consumer: &str,
    outcome: &Outcome<'_>,
    delay: Duration,
    claim_after: Duration,
) -> Command {
    const SCRIPT: &str = consuming!(
        "judge(0)
        if ARGV[2] == 'stream' then
            redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[11], 0, ARGV[3], 'IDLE', ARGV[12], 'RETRYCOUNT', ARGV[13], 'JUSTID')
        else
            redis.call('ZADD', KEYS[3], 'XX', now + ARGV[10], ARGV[3])
        end
        return 0"
    );
    consuming(SCRIPT, queue, None, outcome, &[])
        .number(milliseconds(delay))
        .arg(consumer)
        .number(milliseconds(claim_after.saturating_sub(delay)))
        .number(outcome.delivery.claims.saturating_sub(1))
}

/// Moves a message to the dead letters, with the reason, and acknowledges it, all at once. The reply, read by
/// [`paused_for`], says whether the queue pauses now.
#[must_use]
pub fn bury(queue: Queue, event_id: Option<&str>, outcome: &Outcome<'_>, tries: u64, reason: &str) -> Command {
    const SCRIPT: &str = consuming!(
        "unmark()
        local pause = judge(0)
        if release() then
            redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[14], '*', 'event', ARGV[10], 'entry', ARGV[4],
                'deliveries', ARGV[11], 'reason', ARGV[12], 'first', ARGV[13])
        end
        return pause"
    );
    let delivery = outcome.delivery;
    consuming(SCRIPT, queue, event_id, outcome, &[&queue.dead_letters()])
        .arg(&delivery.event)
        .number(tries)
        .arg(reason)
        .number(delivery.first_tried)
        .number(DEAD_LETTERS)
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    fn words(command: &Command) -> String {
        let arguments: Vec<_> = command.arguments.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        format!("{} {}", command.name, arguments.join(" "))
    }

    fn delivery() -> Delivery {
        Delivery {
            place: Place::Stream,
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
    fn a_new_message_was_never_tried() {
        let (zero, one) = (Reply::Integer(0), Reply::Integer(1));
        let replies =
            [bytes("stream"), bytes("17-0"), bytes("17-0"), bytes("{}"), one, zero.clone(), zero.clone(), zero];
        assert_eq!(Claimed::from_replies(&replies), Ok(Claimed::Message(delivery())));
    }

    #[test]
    fn a_message_of_the_retry_store_knows_its_tries() {
        let replies = [
            bytes("retry"),
            bytes("18-0"),
            bytes("17-0"),
            bytes("{}"),
            Reply::Integer(2),
            bytes("3"),
            bytes("1700000000000"),
            Reply::Integer(1),
        ];
        let expected = Delivery {
            place: Place::Retry,
            entry: "18-0".into(),
            claims: 2,
            failures: 3,
            first_tried: 1_700_000_000_000,
            is_probe: true,
            ..delivery()
        };
        assert_eq!(Claimed::from_replies(&replies), Ok(Claimed::Message(expected)));
    }

    #[test]
    fn nothing_to_claim_says_when_there_will_be() {
        let read = |kind: &str, number| Claimed::from_replies(&[bytes(kind), Reply::Integer(number)]);
        assert_eq!(read("nothing", -1), Ok(Claimed::Nothing(None)));
        assert_eq!(read("nothing", 250), Ok(Claimed::Nothing(Some(Duration::from_millis(250)))));
        assert_eq!(read("paused", 5000), Ok(Claimed::Paused(Duration::from_secs(5))));
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        assert_eq!(Claimed::from_replies(&[]), Err(ReplyError));
        assert_eq!(Claimed::from_replies(&[bytes("stream"), bytes("17-0")]), Err(ReplyError));
        assert_eq!(Taken::from_replies(&[Reply::Nil]), Err(ReplyError));
        assert_eq!(Taken::from_replies(&[bytes("taken")]), Err(ReplyError));
        assert_eq!(paused_for(&[]), Err(ReplyError));
    }

    #[test]
    fn an_event_is_known_by_its_marker() {
        assert_eq!(was_sent(&[bytes("sent")]), Ok(true));
        assert_eq!(was_sent(&[Reply::Nil]), Ok(false));
        assert_eq!(was_sent(&[bytes("17-0 1 1700000000000")]), Ok(false), "somebody is about to send it");
        assert_eq!(was_sent(&[Reply::Integer(1)]), Err(ReplyError));
    }

    #[test]
    fn a_claim_that_is_given_back_is_not_counted() {
        let (delivery, delay, claim_after) = (delivery(), Duration::from_secs(4), Duration::from_secs(30));
        let outcome = Outcome { delivery: &delivery, health: Health::Unknown, pause_after: 5 };
        let command = give_back(Queue::LoginSms, "c1", &outcome, delay, claim_after);
        assert!(words(&command).ends_with("4000 c1 26000 0"), "{}", words(&command));
    }

    #[test]
    fn only_a_pause_that_begins_is_reported() {
        assert_eq!(paused_for(&[Reply::Integer(0)]), Ok(None));
        assert_eq!(paused_for(&[Reply::Integer(5000)]), Ok(Some(Duration::from_secs(5))));
    }
}
