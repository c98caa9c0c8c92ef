//! Dead letters: list, redrive to their own queue, or drop.

use super::keys::due_times;
use super::reply::is_nothing;
use super::{Command, Reply, ReplyError};
use crate::Queue;

/// How many dead letters one call redrives or drops at most.
pub const DEAD_LETTERS_PER_CALL: u64 = 1_000;

/// A message that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id among the dead letters of its queue. It begins with the time at which it became one, in milliseconds since
    /// 1970.
    pub id: String,
    /// The event, or what somebody published instead of it.
    pub event: Vec<u8>,
    /// Why it could not be handled.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was tried first, in milliseconds since 1970; zero if it never was.
    pub first_tried: u64,
}

/// Reads up to `count` dead letters of a queue, oldest first, from the one after `after`.
#[must_use]
pub fn read_dead_letters(queue: Queue, after: Option<&str>, count: u64) -> Command {
    // Always the same fields, so that the flat reply can be read.
    const SCRIPT: &str = "
        local found = {}
        for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])) do
            local fields = {}
            for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
            table.insert(found, entry[1])
            table.insert(found, fields['event'] or '')
            table.insert(found, fields['reason'] or '')
            table.insert(found, fields['deliveries'] or 0)
            table.insert(found, fields['first'] or 0)
        end
        return found";
    let from = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
    Command::script(SCRIPT, &[&queue.dead_letters()]).arg(from).number(count)
}

/// Reads the reply to [`read_dead_letters`].
///
/// # Errors
/// If the reply has another shape.
pub fn dead_letters(replies: &[Reply]) -> Result<Vec<DeadLetter>, ReplyError> {
    let replies = if is_nothing(replies) { &[] } else { replies };
    let letter = |fields: &[Reply]| match fields {
        [id, Reply::Bytes(event), reason, attempts, first_tried] => Ok(DeadLetter {
            id: id.text()?.to_owned(),
            event: event.clone(),
            reason: reason.text()?.to_owned(),
            attempts: attempts.number()?,
            first_tried: first_tried.number()?,
        }),
        _ => Err(ReplyError),
    };
    replies.chunks(5).map(letter).collect()
}

/// Redrives one dead letter, or the oldest [`DEAD_LETTERS_PER_CALL`]: back to its own queue, due at once, with its
/// attempts reset. The other queues of the exchange are not affected. [`changed`] reads the reply.
#[must_use]
pub fn redrive(queue: Queue, id: Option<&str>) -> Command {
    const SCRIPT: &str = "
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local entries = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
        for _, entry in ipairs(entries) do
            local event = ''
            for i = 1, #entry[2], 2 do
                if entry[2][i] == 'event' then event = entry[2][i + 1] end
            end
            redis.call('XDEL', KEYS[1], entry[1])
            local id = redis.call('XADD', KEYS[2], '*', 'event', event, 'origin', entry[1], 'failures', 0, 'first', 0,
                'reason', '', 'claims', 0)
            redis.call('ZADD', KEYS[3], now, id)
        end
        return {#entries, redis.call('XLEN', KEYS[1])}";
    let keys = [queue.dead_letters(), queue.retries(), due_times(queue)];
    range(Command::script(SCRIPT, &keys.each_ref().map(String::as_str)), id)
}

/// Drops one dead letter, or the oldest [`DEAD_LETTERS_PER_CALL`]. [`changed`] reads the reply.
#[must_use]
pub fn drop_dead_letters(queue: Queue, id: Option<&str>) -> Command {
    const SCRIPT: &str = "
        local entries = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
        for _, entry in ipairs(entries) do redis.call('XDEL', KEYS[1], entry[1]) end
        return {#entries, redis.call('XLEN', KEYS[1])}";
    range(Command::script(SCRIPT, &[&queue.dead_letters()]), id)
}

fn range(script: Command, id: Option<&str>) -> Command {
    script.arg(id.unwrap_or("-")).arg(id.unwrap_or("+")).number(DEAD_LETTERS_PER_CALL)
}

/// How many dead letters a call has changed, and how many are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Redriven or dropped.
    pub changed: u64,
    /// Left.
    pub left: u64,
}

/// Reads the reply to [`redrive`] or [`drop_dead_letters`].
///
/// # Errors
/// If the reply has another shape.
pub fn changed(replies: &[Reply]) -> Result<Changed, ReplyError> {
    match replies {
        [changed, left] => Ok(Changed { changed: changed.number()?, left: left.number()? }),
        _ => Err(ReplyError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn dead_letters_are_read_one_after_the_other() {
        let letter = [bytes("17-0"), bytes("{}"), bytes("why"), bytes("3"), bytes("5")];
        let expected =
            DeadLetter { id: "17-0".into(), event: b"{}".to_vec(), reason: "why".into(), attempts: 3, first_tried: 5 };
        assert_eq!(dead_letters(&[letter.clone(), letter].concat()), Ok(vec![expected.clone(), expected]));
        assert_eq!(dead_letters(&[]), Ok(vec![]));
        assert_eq!(dead_letters(&[bytes("17-0")]), Err(ReplyError));
    }

    #[test]
    fn one_letter_is_a_range_of_one() {
        let tail = |id| {
            let arguments = redrive(Queue::LoginSms, id).arguments;
            arguments[5..].iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(tail(Some("17-0")), ["17-0", "17-0", "1000"]);
        assert_eq!(tail(None), ["-", "+", "1000"]);
    }
}
