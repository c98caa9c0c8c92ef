//! Deduplication: an event that was published twice is sent once.

use super::keys::deduplication_key;
use super::reply::is_nothing;
use super::{Command, Reply, ReplyError, milliseconds};
use crate::Queue;
use std::time::Duration;

/// How long a handled event is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The value of the deduplication key of an event that was sent.
const SENT: &str = "sent";

/// Whether an event may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquisition {
    /// It may be sent: nobody has, and nobody else is about to. So many sends of this message have begun since its last
    /// outcome, this one included: the others ended when their consumer crashed.
    Acquired(u64),
    /// It was sent already: the event was published twice, or its consumer crashed between sending and acknowledging.
    AlreadySent,
    /// Another entry with the same event is being sent at this moment.
    InProgress,
}

/// Acquires the right to send an event, for as long as the holder of the message counts as alive. `holder` names the copy of the
/// message: who has the same copy again takes over what it had begun.
#[must_use]
pub fn acquire(queue: Queue, event_id: &str, holder: &str, alive_for: Duration) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local held = redis.call('GET', KEYS[1])
        if held == 'sent' then return {'sent'} end
        local begun = 0
        if held then
            local holder, count, alive_until = string.match(held, '^(%S+) (%d+) (%d+)$')
            if holder == ARGV[1] then
                begun = tonumber(count)
            elseif holder and tonumber(alive_until) > now then
                return {'busy'}
            end
        end
        local alive_until = string.format('%.0f', now + ARGV[2])
        redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. (begun + 1) .. ' ' .. alive_until, 'EX', ARGV[3])
        return {'taken', begun + 1}";
    Command::script(SCRIPT, &[&deduplication_key(queue, event_id)])
        .arg(holder)
        .number(milliseconds(alive_for).max(1))
        .number(REMEMBERED.as_secs())
}

impl Acquisition {
    /// Reads the reply to [`acquire`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let (kind, rest) = replies.split_first().ok_or(ReplyError)?;
        match (kind.text()?, rest) {
            ("taken", [begun]) => Ok(Acquisition::Acquired(begun.number()?)),
            (SENT, []) => Ok(Acquisition::AlreadySent),
            ("busy", []) => Ok(Acquisition::InProgress),
            _ => Err(ReplyError),
        }
    }
}

/// Gives the right to send an event back, unless somebody else has it by now, or it was sent.
#[must_use]
pub fn give_back(queue: Queue, event_id: &str, holder: &str) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        local held = redis.call('GET', KEYS[1])
        if held and string.match(held, '^(%S+) ') == ARGV[1] then redis.call('DEL', KEYS[1]) end
        return 1";
    Command::script(SCRIPT, &[&deduplication_key(queue, event_id)]).arg(holder)
}

/// Asks whether an event was sent already; [`was_sent`] reads the reply.
#[must_use]
pub fn get_deduplication_key(queue: Queue, event_id: &str) -> Command {
    Command::new("GET").arg(deduplication_key(queue, event_id))
}

/// Reads the reply to [`get_deduplication_key`].
///
/// # Errors
/// If the reply has another shape.
pub fn was_sent(replies: &[Reply]) -> Result<bool, ReplyError> {
    Ok(!is_nothing(replies) && replies.first().ok_or(ReplyError)?.text()? == SENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn a_sent_event_is_recognised_by_its_deduplication_key() {
        assert_eq!(was_sent(&[bytes("sent")]), Ok(true));
        assert_eq!(was_sent(&[Reply::Nil]), Ok(false));
        assert_eq!(was_sent(&[bytes("17-0 1 1700000000000")]), Ok(false), "somebody is about to send it");
        assert_eq!(was_sent(&[Reply::Integer(1)]), Err(ReplyError));
    }

    #[test]
    fn a_reply_of_another_shape_is_an_error() {
        assert_eq!(Acquisition::from_replies(&[Reply::Nil]), Err(ReplyError));
        assert_eq!(Acquisition::from_replies(&[bytes("taken")]), Err(ReplyError));
    }
}
