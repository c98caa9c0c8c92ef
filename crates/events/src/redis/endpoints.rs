//! Webhooks: which endpoints have an event already, and which of them pause.
//!
//! An event goes to several endpoints by one message. The state of each is stored beside it, so that a retry is for those
//! alone that do not have it yet; and each has a circuit breaker of its own, so that one that is away delays no other.

use super::keys::{endpoint_breaker, endpoints_of};
use super::{Command, Reply, ReplyError, milliseconds};
use crate::delivery_policy::{FIRST_PAUSE, LONGEST_PAUSE};
use crate::{ENDPOINT_PAUSE_AFTER, Queue};
use std::time::Duration;

/// How long it is remembered which endpoints have an event: a day longer than it is retried.
const REMEMBERED: Duration = Duration::from_secs(4 * 24 * 60 * 60);
/// How long an endpoint's failures are counted after the last one.
const FAILURES_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to be done for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointTurn {
    /// It gets the event now; if it was paused, as a probe of whether it is back.
    Post {
        /// Whether it is a probe.
        is_probe: bool,
    },
    /// It pauses for so long.
    Paused(Duration),
    /// It has the event.
    Sent,
    /// It has refused the event for good.
    Refused,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointOutcome {
    /// The endpoint has the event.
    Sent,
    /// It wants no more.
    Refused,
    /// It did not take the event.
    Failed {
        /// How long it asks to be left alone.
        asked: Duration,
        /// Whether it was a probe.
        is_probe: bool,
    },
}

/// Asks what is to be done for each of these endpoints. A paused one is tried with one message at a time, for `lease` each.
/// In the first attempt of a message nothing counts as refused: what was may have been put right since. [`turns`] reads the
/// reply.
#[must_use]
pub fn begin_webhook(queue: Queue, event_id: &str, endpoints: &[&str], is_first: bool, lease: Duration) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local found = {}
        for i = 2, #KEYS do
            local state = redis.call('HGET', KEYS[1], ARGV[i + 1])
            local paused = tonumber(redis.call('HGET', KEYS[i], 'until') or 0)
            local turn = 0
            if state == 'sent' then
                turn = -1
            elseif state == 'refused' and ARGV[1] == '0' then
                turn = -2
            elseif paused > now then
                turn = paused - now
            elseif paused > 0 then
                redis.call('HSET', KEYS[i], 'until', string.format('%.0f', now + ARGV[2]))
                turn = -3
            end
            table.insert(found, turn)
        end
        return found";
    let state = endpoints_of(queue, event_id);
    let breakers: Vec<_> = endpoints.iter().map(|endpoint| endpoint_breaker(endpoint)).collect();
    let keys: Vec<_> = std::iter::once(&state).chain(&breakers).map(String::as_str).collect();
    let script = Command::script(SCRIPT, &keys).number(is_first.into()).number(milliseconds(lease));
    endpoints.iter().fold(script, |command, endpoint| command.arg(endpoint))
}

/// Reads the reply to [`begin_webhook`].
///
/// # Errors
/// If the reply has another shape.
pub fn turns(replies: &[Reply]) -> Result<Vec<EndpointTurn>, ReplyError> {
    let turn = |reply: &Reply| match reply {
        Reply::Integer(-3) => Ok(EndpointTurn::Post { is_probe: true }),
        Reply::Integer(-2) => Ok(EndpointTurn::Refused),
        Reply::Integer(-1) => Ok(EndpointTurn::Sent),
        Reply::Integer(0) => Ok(EndpointTurn::Post { is_probe: false }),
        other => Ok(EndpointTurn::Paused(Duration::from_millis(other.number()?))),
    };
    replies.iter().map(turn).collect()
}

/// Records what came of an attempt, and lets an endpoint pause that has failed too often in a row. [`paused_endpoints`] reads
/// the reply.
#[must_use]
pub fn finish_webhook(queue: Queue, event_id: &str, outcomes: &[(&str, EndpointOutcome)]) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local after, first, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
        local pauses = {}
        for i = 2, #KEYS do
            local at = 6 + (i - 2) * 4
            local endpoint, outcome, asked, is_probe = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3] == '1'
            local pause = 0
            if outcome == 'failed' then
                local failures = redis.call('HINCRBY', KEYS[i], 'failures', 1)
                redis.call('EXPIRE', KEYS[i], ARGV[2])
                -- What was under way when a pause began does not make it longer; a probe that fails does.
                if failures >= after and (is_probe or redis.call('HEXISTS', KEYS[i], 'until') == 0) then
                    local count = redis.call('HINCRBY', KEYS[i], 'pauses', 1)
                    pause = math.min(first * 2 ^ math.min(count - 1, 30), longest)
                    pause = math.max(pause, math.min(asked, longest))
                    redis.call('HSET', KEYS[i], 'until', string.format('%.0f', now + pause))
                end
            else
                redis.call('HSET', KEYS[1], endpoint, outcome)
                redis.call('EXPIRE', KEYS[1], ARGV[1])
                redis.call('DEL', KEYS[i])
            end
            table.insert(pauses, pause)
        end
        return pauses";
    let state = endpoints_of(queue, event_id);
    let breakers: Vec<_> = outcomes.iter().map(|(endpoint, _)| endpoint_breaker(endpoint)).collect();
    let keys: Vec<_> = std::iter::once(&state).chain(&breakers).map(String::as_str).collect();
    let script = Command::script(SCRIPT, &keys)
        .number(REMEMBERED.as_secs())
        .number(FAILURES_KEPT.as_secs())
        .number(ENDPOINT_PAUSE_AFTER)
        .number(milliseconds(FIRST_PAUSE))
        .number(milliseconds(LONGEST_PAUSE));
    outcomes.iter().fold(script, |command, (endpoint, outcome)| {
        let (name, asked, is_probe) = match *outcome {
            EndpointOutcome::Sent => ("sent", Duration::ZERO, false),
            EndpointOutcome::Refused => ("refused", Duration::ZERO, false),
            EndpointOutcome::Failed { asked, is_probe } => ("failed", asked, is_probe),
        };
        command.arg(endpoint).arg(name).number(milliseconds(asked)).number(is_probe.into())
    })
}

/// Reads the reply to [`finish_webhook`]: for how long each endpoint pauses from now on, if it begins to.
///
/// # Errors
/// If the reply has another shape.
pub fn paused_endpoints(replies: &[Reply]) -> Result<Vec<Option<Duration>>, ReplyError> {
    let pause = |reply: &Reply| Ok(Some(Duration::from_millis(reply.number()?)).filter(|pause| !pause.is_zero()));
    replies.iter().map(pause).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        command.arguments[1..].iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    #[test]
    fn each_endpoint_has_a_breaker_and_all_share_the_state_of_the_event() {
        let begin = begin_webhook(Queue::LoginWebhook, "e1", &["crm", "siem"], true, Duration::from_secs(10));
        let keys = [
            "concierge:webhook:login_webhook_notification:e1",
            "concierge:breaker:webhook:crm",
            "concierge:breaker:webhook:siem",
        ];
        assert_eq!(words(&begin)[..4], ["3", keys[0], keys[1], keys[2]]);
        assert_eq!(words(&begin)[4..], ["1", "10000", "crm", "siem"]);
        let failed = EndpointOutcome::Failed { asked: Duration::from_secs(2), is_probe: true };
        let finish = finish_webhook(Queue::LoginWebhook, "e1", &[("crm", EndpointOutcome::Sent), ("siem", failed)]);
        assert_eq!(words(&finish)[..4], ["3", keys[0], keys[1], keys[2]]);
        assert_eq!(words(&finish)[9..], ["crm", "sent", "0", "0", "siem", "failed", "2000", "1"]);
    }

    #[test]
    fn turns_are_read_one_after_the_other() {
        let replies = [0, -1, -2, -3, 5000].map(Reply::Integer);
        let expected = [
            EndpointTurn::Post { is_probe: false },
            EndpointTurn::Sent,
            EndpointTurn::Refused,
            EndpointTurn::Post { is_probe: true },
            EndpointTurn::Paused(Duration::from_secs(5)),
        ];
        assert_eq!(turns(&replies).unwrap(), expected);
        assert_eq!(turns(&[Reply::Integer(-9)]), Err(ReplyError));
        let pauses = paused_endpoints(&[0, 5000].map(Reply::Integer)).unwrap();
        assert_eq!(pauses, [None, Some(Duration::from_secs(5))]);
    }
}
