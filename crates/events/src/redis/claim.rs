//! Claiming messages: new ones from the exchange's stream, and those that are due in the queue's retry store.
//!
//! A message that failed leaves the stream for the retry store, so that it blocks neither other messages nor the trimming
//! of the stream, and an erasure scans the store as it scans every other stream. The store is the stream `<queue>.retry`
//! and the sorted set `<queue>.retry.due`: the ids of its entries by the time at which each is due. A claim puts the entry
//! back with a new id, due when the claim ends; so a consumer that crashes has only delayed it.
//!
//! The scripts may exceed `maxmemory` (`allow-oom`): they take messages out of a full Redis, and what they add is smaller
//! and bounded. Refusing them would keep it full.

use super::keys::{circuit_breaker, due_times};
use super::{Command, Reply, ReplyError, milliseconds};
use crate::Queue;
use std::time::Duration;

/// How many entries one claim looks at.
const MAX_SCANNED: u64 = 16;

/// Where a claimed message is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// On the exchange's stream, claimed by the queue's group.
    Stream,
    /// In the queue's retry store.
    Retry,
}

impl Location {
    pub(super) fn name(self) -> &'static str {
        match self {
            Location::Stream => "stream",
            Location::Retry => "retry",
        }
    }
}

/// One message, handed to one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where it is stored.
    pub location: Location,
    /// The entry's id there.
    pub entry: String,
    /// The entry's id when it came into the queue: the same through all its retries.
    pub origin: String,
    /// The event's JSON, or what somebody put there instead of it.
    pub event: Vec<u8>,
    /// How often it was claimed without an outcome, this time included.
    pub claims: u64,
    /// How many sends of it have failed.
    pub failures: u64,
    /// When the first of them was, in milliseconds since 1970; zero if there was none.
    pub first_tried: u64,
    /// Whether the queue is paused and this message probes whether it may resume.
    pub is_probe: bool,
}

/// The result of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// A message, which is now the consumer's, with the place of its queue among those that were asked. Those before it have
    /// none.
    Message(usize, Delivery),
    /// There is none; after this time the next is due, or a queue that pauses goes on, if there is one.
    Nothing(Option<Duration>),
}

/// Which messages a claim prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Those that nobody has claimed yet.
    New,
    /// Those that were abandoned or are to be retried, so that a busy queue does not starve them.
    Old,
}

/// Creates the queue: a durable consumer group that sees the stream from its first entry.
#[must_use]
pub fn create_group(queue: Queue) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')";
    Command::script(SCRIPT, &[queue.exchange().name()]).arg(queue.name())
}

/// Whether an error of Redis means that the queue does not exist yet.
#[must_use]
pub fn is_missing_group(error: &str) -> bool {
    error.contains("NOGROUP")
}

/// Claims a message of the first of these queues that has one, for `claim_after`, after which it may be claimed by others.
///
/// All queues are asked by one command: most of them are empty most of the time.
#[must_use]
pub fn claim(queues: &[Queue], consumer: &str, claim_after: Duration, preference: Preference) -> Command {
    // XREADGROUP, XCLAIM and the claim in the retry store are one script, so that a pause of a queue applies to all.
    const SCRIPT: &str = "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local consumer, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
        local function fields(entry)
            local found = {}
            for i = 1, #entry[2], 2 do found[entry[2][i]] = entry[2][i + 1] end
            return found
        end
        local function new(stream, group)
            local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', stream, '>')
            if not reply then return nil end
            local entry = reply[1][2][1]
            return {'stream', entry[1], entry[1], fields(entry)['event'] or '', 1, 0, 0}
        end
        local function due(retries, times)
            for _, id in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', now, 'LIMIT', 0, most)) do
                redis.call('ZREM', times, id)
                local entry = redis.call('XRANGE', retries, id, id)[1]
                if entry then
                    local kept = fields(entry)
                    local claims = (tonumber(kept['claims']) or 0) + 1
                    local event, origin = kept['event'] or '', kept['origin'] or id
                    local failures, first = kept['failures'] or 0, kept['first'] or 0
                    redis.call('XDEL', retries, id)
                    local again = redis.call('XADD', retries, '*', 'event', event, 'origin', origin,
                        'failures', failures, 'first', first, 'reason', kept['reason'] or '', 'claims', claims)
                    redis.call('ZADD', times, now + lease, again)
                    return {'retry', again, origin, event, claims, failures, first}
                end
            end
        end
        local function idle(stream, group)
            for _, left in ipairs(redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', most)) do
                local entry = redis.call('XCLAIM', stream, group, consumer, lease, left[1])[1]
                if entry then return {'stream', entry[1], entry[1], fields(entry)['event'] or '', left[4] + 1, 0, 0} end
            end
        end
        local soonest = -1
        for place = 1, #KEYS / 4 do
            local stream, retries, times, breaker = unpack(KEYS, place * 4 - 3, place * 4)
            local group = ARGV[4 + place]
            local paused = redis.call('HGET', breaker, 'until')
            local next, claimed
            if paused and tonumber(paused) > now then
                next = paused - now
            elseif ARGV[3] == 'new' or paused then
                claimed = new(stream, group) or due(retries, times) or idle(stream, group)
            else
                claimed = due(retries, times) or idle(stream, group) or new(stream, group)
            end
            if claimed then
                -- A paused queue is probed with one message at a time.
                if paused then redis.call('HSET', breaker, 'until', now + lease) end
                table.insert(claimed, paused and 1 or 0)
                table.insert(claimed, place - 1)
                return claimed
            end
            if not next then
                local first = redis.call('ZRANGE', times, 0, 0, 'WITHSCORES')[2]
                next = first and math.max(first - now, 0)
            end
            if next and (soonest < 0 or next < soonest) then soonest = next end
        end
        return {'nothing', soonest}";
    let keys = queues.iter().flat_map(|queue| {
        [queue.exchange().name().to_owned(), queue.retries(), due_times(*queue), circuit_breaker(*queue)]
    });
    let keys: Vec<_> = keys.collect();
    let script = Command::script(SCRIPT, &keys.iter().map(String::as_str).collect::<Vec<_>>())
        .arg(consumer)
        .number(milliseconds(claim_after))
        .arg(match preference {
            Preference::New => "new",
            Preference::Old => "old",
        })
        .number(MAX_SCANNED);
    queues.iter().fold(script, |command, queue| command.arg(queue.name()))
}

impl Claimed {
    /// Reads the reply to [`claim`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let (kind, rest) = replies.split_first().ok_or(ReplyError)?;
        let location = match (kind.text()?, rest) {
            ("nothing", [Reply::Integer(due)]) => {
                return Ok(Self::Nothing(u64::try_from(*due).ok().map(Duration::from_millis)));
            }
            ("stream", _) => Location::Stream,
            ("retry", _) => Location::Retry,
            _ => return Err(ReplyError),
        };
        let [entry, origin, Reply::Bytes(event), claims, failures, first_tried, is_probe, place] = rest else {
            return Err(ReplyError);
        };
        let delivery = Delivery {
            location,
            entry: entry.text()?.to_owned(),
            origin: origin.text()?.to_owned(),
            event: event.clone(),
            claims: claims.number()?,
            failures: failures.number()?,
            first_tried: first_tried.number()?,
            is_probe: is_probe.number()? == 1,
        };
        Ok(Self::Message(usize::try_from(place.number()?).map_err(|_| ReplyError)?, delivery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
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
    fn a_new_message_was_never_tried() {
        let (zero, one) = (Reply::Integer(0), Reply::Integer(1));
        let replies = [
            bytes("stream"),
            bytes("17-0"),
            bytes("17-0"),
            bytes("{}"),
            one,
            zero.clone(),
            zero.clone(),
            zero.clone(),
            zero,
        ];
        assert_eq!(Claimed::from_replies(&replies), Ok(Claimed::Message(0, delivery())));
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
            Reply::Integer(3),
        ];
        let expected = Delivery {
            location: Location::Retry,
            entry: "18-0".into(),
            claims: 2,
            failures: 3,
            first_tried: 1_700_000_000_000,
            is_probe: true,
            ..delivery()
        };
        assert_eq!(Claimed::from_replies(&replies), Ok(Claimed::Message(3, expected)));
    }

    #[test]
    fn nothing_to_claim_says_when_there_will_be() {
        let read = |kind: &str, number| Claimed::from_replies(&[bytes(kind), Reply::Integer(number)]);
        assert_eq!(read("nothing", -1), Ok(Claimed::Nothing(None)));
        assert_eq!(read("nothing", 250), Ok(Claimed::Nothing(Some(Duration::from_millis(250)))));
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        assert_eq!(Claimed::from_replies(&[]), Err(ReplyError));
        assert_eq!(Claimed::from_replies(&[bytes("stream"), bytes("17-0")]), Err(ReplyError));
    }
}
