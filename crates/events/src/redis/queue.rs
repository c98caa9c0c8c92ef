//! Consuming: claim, take, send, settle; or postpone, and in the end bury.

use super::log::{
    DELIVERY_LOG, LOG_LENGTH, Logged, RECIPIENT_LOG_KEPT, RECIPIENT_LOG_LENGTH, recipient_log, recipients_of,
};
use super::publish::FIELD;
use super::reply::is_nothing;
use super::{Command, Reply, ReplyError};
use crate::{Exchange, Queue};
use std::time::Duration;

/// How long a handled event is remembered, so that a repeated one is recognised.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// How many dead letters a queue keeps.
const DEAD_LETTERS: u64 = 100_000;

/// The value of the marker of an event that was sent.
const SENT: &str = "sent";

/// The part of a script that marks an event as sent, and logs its delivery. Keys: the marker, both logs, the user's
/// recipients.
macro_rules! remember {
    () => {
        // One id for both logs: that of the shared one is higher than any before it, and a recipient's log holds a
        // part of the same ids.
        "
        redis.call('SET', KEYS[1], 'sent', 'EX', ARGV[1])
        local item = {'item', ARGV[2], 'user_id', ARGV[3], 'recipient', ARGV[4]}
        local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', unpack(item))
        redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], id, unpack(item))
        local oldest = tonumber(string.match(id, '%d+')) - ARGV[7] * 1000
        redis.call('XTRIM', KEYS[3], 'MINID', string.format('%.0f', oldest))
        redis.call('EXPIRE', KEYS[3], ARGV[7])
        redis.call('SADD', KEYS[4], ARGV[4])
        redis.call('EXPIRE', KEYS[4], 2 * ARGV[7])
        return 1"
    };
}

/// One message, handed to one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The entry's id in the stream.
    pub entry: String,
    /// The event's JSON, or what somebody put there instead of it.
    pub event: Vec<u8>,
    /// Which delivery this is, from 1.
    pub deliveries: u64,
}

/// An entry that its consumer has left lying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The entry's id in the stream.
    pub entry: String,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// Makes the queue: a durable consumer group that sees the stream from its first entry.
#[must_use]
pub fn create_group(queue: Queue) -> Command {
    Command::new("XGROUP").arg("CREATE").arg(queue.exchange().name()).arg(queue.name()).arg("0").arg("MKSTREAM")
}

/// Whether an error of Redis means that the queue is yet to be made.
#[must_use]
pub fn is_missing_group(error: &str) -> bool {
    error.contains("NOGROUP")
}

/// Claims the next message that nobody has claimed yet.
#[must_use]
pub fn claim_new(queue: Queue, consumer: &str) -> Command {
    Command::new("XREADGROUP")
        .arg("GROUP")
        .arg(queue.name())
        .arg(consumer)
        .arg("COUNT")
        .number(1)
        .arg("STREAMS")
        .arg(queue.exchange().name())
        .arg(">")
}

/// Looks for an entry that has been idle for `claim_after`.
#[must_use]
pub fn find_idle(queue: Queue, claim_after: Duration) -> Command {
    Command::new("XPENDING")
        .arg(queue.exchange().name())
        .arg(queue.name())
        .arg("IDLE")
        .number(milliseconds(claim_after))
        .arg("-")
        .arg("+")
        .number(1)
}

/// Takes over an idle entry. Of several consumers that try, one gets it: the idle time of the entry is then zero.
#[must_use]
pub fn claim_pending(queue: Queue, consumer: &str, claim_after: Duration, entry: &str) -> Command {
    Command::new("XCLAIM")
        .arg(queue.exchange().name())
        .arg(queue.name())
        .arg(consumer)
        .number(milliseconds(claim_after))
        .arg(entry)
}

impl Delivery {
    /// Reads the reply to [`claim_new`]: stream, id, field, value. Nothing to claim is `None`.
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_new(replies: &[Reply]) -> Result<Option<Self>, ReplyError> {
        if is_nothing(replies) {
            return Ok(None);
        }
        let entry = replies.get(1..).ok_or(ReplyError)?;
        Self::from_entry(entry, 1).map(Some)
    }

    /// Reads the reply to [`claim_pending`]: id, field, value. An entry that another consumer was quicker to claim,
    /// or that is gone, is `None`.
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_claimed(replies: &[Reply], pending: &Pending) -> Result<Option<Self>, ReplyError> {
        if is_nothing(replies) {
            return Ok(None);
        }
        Self::from_entry(replies, pending.deliveries + 1).map(Some)
    }

    /// An entry whose fields are not ours is a message all the same: one that cannot be read as an event.
    fn from_entry(replies: &[Reply], deliveries: u64) -> Result<Self, ReplyError> {
        let [id, fields @ ..] = replies else {
            return Err(ReplyError);
        };
        let event = fields
            .chunks_exact(2)
            .find(|pair| pair[0].text() == Ok(FIELD))
            .and_then(|pair| match &pair[1] {
                Reply::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .unwrap_or_default();
        Ok(Self { entry: id.text()?.to_owned(), event, deliveries })
    }
}

impl Pending {
    /// Reads the reply to [`find_idle`]: id, consumer, idle time, deliveries.
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Option<Self>, ReplyError> {
        match replies {
            nothing if is_nothing(nothing) => Ok(None),
            [entry, _consumer, _idle, deliveries] => {
                Ok(Some(Self { entry: entry.text()?.to_owned(), deliveries: deliveries.number()? }))
            }
            _ => Err(ReplyError),
        }
    }
}

/// Whether an event may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It may: nobody has sent it, and nobody else is about to.
    Taken,
    /// It was sent already: the same event was published twice, or its consumer died between sending and settling.
    Sent,
    /// Another entry with the same event is being sent at this moment.
    Busy,
}

fn marker(queue: Queue, event_id: &str) -> String {
    format!("concierge:handled:{}:{event_id}", queue.name())
}

/// Marks an event as being sent by the holder of `entry`, for as long as that holder counts as alive.
#[must_use]
pub fn take(queue: Queue, event_id: &str, entry: &str, claim_after: Duration) -> Command {
    const SCRIPT: &str = "
        local holder = redis.call('GET', KEYS[1])
        if holder == 'sent' then return 'sent' end
        if holder and holder ~= ARGV[1] then return 'busy' end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 'taken'";
    Command::script(SCRIPT, &[&marker(queue, event_id)]).arg(entry).number(milliseconds(claim_after).max(1))
}

impl Taken {
    /// Reads the reply to [`take`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        match replies.first().ok_or(ReplyError)?.text()? {
            "taken" => Ok(Taken::Taken),
            SENT => Ok(Taken::Sent),
            "busy" => Ok(Taken::Busy),
            _ => Err(ReplyError),
        }
    }
}

/// Acknowledges a message that was sent, remembers its event and enters it into the delivery log, all at once.
/// Without `logged` it acknowledges a repeated event, which is in the log already.
#[must_use]
pub fn settle(queue: Queue, event_id: &str, entry: &str, logged: Option<&Logged>) -> Command {
    const REPEATED: &str = "
        redis.call('XACK', KEYS[2], ARGV[2], ARGV[3])
        redis.call('SET', KEYS[1], 'sent', 'EX', ARGV[1])
        return 1";
    const FRESH: &str = concat!("redis.call('XACK', KEYS[5], ARGV[8], ARGV[9])\n", remember!());
    let (stream, marker) = (queue.exchange().name(), marker(queue, event_id));
    let Some(logged) = logged else {
        let command = Command::script(REPEATED, &[&marker, stream]).number(REMEMBERED.as_secs());
        return command.arg(queue.name()).arg(entry);
    };
    let keys = [&*marker, DELIVERY_LOG, &recipient_log(&logged.recipient), &recipients_of(logged.user_id), stream];
    what_to_remember(Command::script(FRESH, &keys), logged).arg(queue.name()).arg(entry)
}

/// Remembers an event that was sent and enters it into the delivery log, all at once: what is left of [`settle`] where
/// another broker has the message.
#[must_use]
pub fn record(queue: Queue, event_id: &str, logged: &Logged) -> Command {
    let marker = marker(queue, event_id);
    let keys = [&*marker, DELIVERY_LOG, &recipient_log(&logged.recipient), &recipients_of(logged.user_id)];
    what_to_remember(Command::script(remember!(), &keys), logged)
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

/// Lets a failed message wait for `delay`: its idle time is set so that it reaches `claim_after` then. The number of
/// deliveries stays as it is.
#[must_use]
pub fn postpone(
    queue: Queue,
    consumer: &str,
    event_id: Option<&str>,
    entry: &str,
    delay: Duration,
    claim_after: Duration,
) -> Command {
    const SCRIPT: &str = "
        if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
        redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[4], 'JUSTID')
        return 1";
    Command::script(SCRIPT, &[queue.exchange().name(), &marker(queue, event_id.unwrap_or(entry))])
        .arg(queue.name())
        .arg(consumer)
        .arg(entry)
        .number(milliseconds(claim_after.saturating_sub(delay)))
}

/// Moves a message to the dead letters, with the reason, and acknowledges it, all at once.
#[must_use]
pub fn bury(queue: Queue, event_id: Option<&str>, delivery: &Delivery, reason: &str) -> Command {
    const SCRIPT: &str = "
        redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*',
            'event', ARGV[3], 'entry', ARGV[2], 'deliveries', ARGV[4], 'reason', ARGV[5])
        redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
        if redis.call('GET', KEYS[3]) == ARGV[2] then redis.call('DEL', KEYS[3]) end
        return 1";
    let marker = marker(queue, event_id.unwrap_or(&delivery.entry));
    Command::script(SCRIPT, &[queue.exchange().name(), &queue.dead_letters(), &marker])
        .arg(queue.name())
        .arg(&delivery.entry)
        .arg(&delivery.event)
        .number(delivery.deliveries)
        .arg(reason)
        .number(DEAD_LETTERS)
}

/// Drops from the stream what every queue of the exchange has acknowledged. While a queue is not made yet, nothing
/// is dropped.
#[must_use]
pub fn trim(exchange: Exchange) -> Command {
    const SCRIPT: &str = "
        if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
        local function before(a, b)
            local am, as = string.match(a, '(%d+)-(%d+)')
            local bm, bs = string.match(b, '(%d+)-(%d+)')
            am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
            return am < bm or (am == bm and as < bs)
        end
        local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
        local found, keep = 0, nil
        for _, info in ipairs(groups) do
            local group = {}
            for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
            for _, name in ipairs(ARGV) do
                if name == group['name'] then found = found + 1 end
            end
            local from = group['last-delivered-id']
            if group['pending'] > 0 then
                from = redis.call('XPENDING', KEYS[1], group['name'])[2]
            end
            if keep == nil or before(from, keep) then keep = from end
        end
        if found < #ARGV or keep == nil then return 0 end
        return redis.call('XTRIM', KEYS[1], 'MINID', keep)";
    exchange
        .queues()
        .iter()
        .fold(Command::script(SCRIPT, &[exchange.name()]), |command, queue| command.arg(queue.name()))
}

/// Asks for the groups of an exchange's stream; [`QueueState::from_replies`] finds a queue among them.
#[must_use]
pub fn queue_state(exchange: Exchange) -> Command {
    const SCRIPT: &str = "
        if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
        local result = {}
        for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
            local group = {}
            for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
            local waiting = group['lag']
            if not waiting then
                waiting = #redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', 10000)
            end
            table.insert(result, {group['name'], waiting, group['pending'], group['consumers']})
        end
        return result";
    Command::script(SCRIPT, &[exchange.name()])
}

/// Asks how many dead letters a queue has.
#[must_use]
pub fn dead_letter_count(queue: Queue) -> Command {
    Command::new("XLEN").arg(queue.dead_letters())
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Messages that no consumer has claimed yet.
    pub waiting: u64,
    /// Messages that were delivered and are not acknowledged.
    pub in_flight: u64,
    /// Consumers that the broker has seen.
    pub consumers: u64,
}

impl QueueState {
    /// Reads `queue`'s state out of the reply to [`queue_state`]. A queue that is not made yet is empty.
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply], queue: Queue) -> Result<Self, ReplyError> {
        if is_nothing(replies) {
            return Ok(Self::default());
        }
        for group in replies.chunks(4) {
            let [name, waiting, in_flight, consumers] = group else {
                return Err(ReplyError);
            };
            if name.text()? == queue.name() {
                return Ok(Self {
                    waiting: waiting.number()?,
                    in_flight: in_flight.number()?,
                    consumers: consumers.number()?,
                });
            }
        }
        Ok(Self::default())
    }
}

fn milliseconds(duration: Duration) -> u64 {
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

    #[test]
    fn a_new_delivery_is_the_first() {
        let replies = [bytes("user_login_event"), bytes("17-0"), bytes("event"), bytes("{}")];
        let expected = Delivery { entry: "17-0".into(), event: b"{}".to_vec(), deliveries: 1 };
        assert_eq!(Delivery::from_new(&replies), Ok(Some(expected)));
    }

    #[test]
    fn nothing_to_claim_is_none() {
        for nothing in [&[][..], &[Reply::Nil]] {
            assert_eq!(Delivery::from_new(nothing), Ok(None));
            assert_eq!(Pending::from_replies(nothing), Ok(None));
        }
    }

    #[test]
    fn a_claimed_delivery_counts_on() {
        let pending = Pending::from_replies(&[bytes("17-0"), bytes("c1"), Reply::Integer(30_001), Reply::Integer(2)])
            .unwrap()
            .unwrap();
        let delivery =
            Delivery::from_claimed(&[bytes("17-0"), bytes("event"), bytes("{}")], &pending).unwrap().unwrap();
        assert_eq!(delivery.deliveries, 3);
    }

    #[test]
    fn a_foreign_entry_is_a_message_that_is_no_event() {
        let replies = [bytes("s"), bytes("17-0"), bytes("other"), bytes("x")];
        assert_eq!(Delivery::from_new(&replies).unwrap().unwrap().event, b"");
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        assert_eq!(Delivery::from_new(&[Reply::Integer(1)]), Err(ReplyError));
        assert_eq!(Pending::from_replies(&[bytes("17-0")]), Err(ReplyError));
        assert_eq!(Taken::from_replies(&[Reply::Nil]), Err(ReplyError));
    }

    #[test]
    fn an_event_is_known_by_its_marker() {
        assert_eq!(was_sent(&[bytes("sent")]), Ok(true));
        assert_eq!(was_sent(&[Reply::Nil]), Ok(false));
        assert_eq!(was_sent(&[bytes("17-0")]), Ok(false), "somebody is about to send it");
        assert_eq!(was_sent(&[Reply::Integer(1)]), Err(ReplyError));
    }

    #[test]
    fn a_postponed_message_is_idle_so_far_that_it_is_due_in_time() {
        let (delay, claim_after) = (Duration::from_secs(4), Duration::from_secs(30));
        let command = postpone(Queue::LoginSms, "c1", None, "17-0", delay, claim_after);
        assert!(words(&command).ends_with("login_sms_notification c1 17-0 26000"));
    }

    #[test]
    fn a_queue_is_found_among_the_groups_of_its_stream() {
        let replies = [
            bytes("login_email_notification"),
            Reply::Integer(5),
            Reply::Integer(1),
            Reply::Integer(3),
            bytes("login_sms_notification"),
            Reply::Integer(0),
            Reply::Integer(2),
            Reply::Integer(3),
        ];
        let state = QueueState::from_replies(&replies, Queue::LoginSms).unwrap();
        assert_eq!(state, QueueState { waiting: 0, in_flight: 2, consumers: 3 });
        assert_eq!(QueueState::from_replies(&[], Queue::LoginSms).unwrap(), QueueState::default());
    }

    #[test]
    fn trimming_waits_for_every_queue_of_the_exchange() {
        assert!(words(&trim(Exchange::UserLogin)).ends_with("login_email_notification login_sms_notification"));
    }
}
