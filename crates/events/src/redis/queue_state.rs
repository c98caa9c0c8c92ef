//! The state of the queues, and the trimming of streams.

use super::keys::{circuit_breaker, due_times};
use super::{Command, Reply, ReplyError, milliseconds};
use crate::{Exchange, Queue};
use std::time::Duration;

/// Up to how many waiting messages are counted one by one.
const COUNTED: u64 = 10_000;
/// After so many times the claim time without activity, a consumer that holds no message is removed.
const CLAIM_TIMES: u32 = 20;

/// Trims what every queue of the exchange has acknowledged. While a queue does not exist yet, nothing is trimmed. Removes
/// consumers that are long gone, and corrects a group's lag after entries were deleted.
///
/// An exchange may have no queue but one of webhooks. Without webhooks, its events are trimmed after the same while.
///
/// Without webhooks the exchange's queue of webhooks is not in use. If it was, it is removed with what waits in it, once no
/// consumer has claimed from it for a while: another replica may still have endpoints, or have them already.
#[must_use]
pub fn trim(exchange: Exchange, has_webhooks: bool, claim_after: Duration) -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        if redis.call('EXISTS', KEYS[1]) == 0 then return {'', 0} end
        local function before(a, b)
            local am, as = string.match(a, '(%d+)-(%d+)')
            local bm, bs = string.match(b, '(%d+)-(%d+)')
            am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
            return am < bm or (am == bm and as < bs)
        end
        local function fields(list)
            local found = {}
            for i = 1, #list, 2 do found[list[i]] = list[i + 1] end
            return found
        end
        local ours, unused = {}, ARGV[2]
        for i = 3, #ARGV do ours[ARGV[i]] = true end
        local function is_in_use(group)
            for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
                if fields(info)['idle'] <= tonumber(ARGV[1]) then return true end
            end
            return false
        end
        if unused ~= '' then
            for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
                if fields(info)['name'] == unused and not is_in_use(unused) then
                    redis.call('XGROUP', 'DESTROY', KEYS[1], unused)
                    redis.call('DEL', KEYS[2], KEYS[3])
                end
            end
        end
        local found, keep, foreign = 0, nil, ''
        for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
            local group = fields(info)
            -- The first entry that the group has not acknowledged: the oldest that it has in hand, or what comes next.
            local name, from = group['name'], nil
            if group['pending'] > 0 then
                from = redis.call('XPENDING', KEYS[1], name)[2]
            else
                local ms, sequence = string.match(group['last-delivered-id'], '(%d+)-(%d+)')
                from = ms .. '-' .. string.format('%.0f', sequence + 1)
            end
            if ours[name] then
                found = found + 1
                for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
                    local consumer = fields(info)
                    if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[1]) then
                        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], name, consumer['name'])
                    end
                end
                if group['lag'] ~= 0
                    and #redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', 1) == 0 then
                    local added = fields(redis.call('XINFO', 'STREAM', KEYS[1]))['entries-added']
                    redis.call('XGROUP', 'SETID', KEYS[1], name, group['last-delivered-id'], 'ENTRIESREAD', added)
                end
            end
            if keep == nil or before(from, keep) then
                keep = from
                foreign = (ours[name] or name == unused) and '' or name
            end
        end
        -- Nobody is to get these events: they stay as long as somebody may be about to make a queue.
        if keep == nil and #ARGV == 2 then
            local time = redis.call('TIME')
            keep = string.format('%.0f', math.max(time[1] * 1000 - ARGV[1], 0))
        end
        if found < #ARGV - 2 or keep == nil then return {'', 0} end
        redis.call('XTRIM', KEYS[1], 'MINID', keep)
        return {foreign, redis.call('XLEN', KEYS[1])}";
    let is_used = |queue: &Queue| has_webhooks || !queue.is_webhook();
    let unused = exchange.queues().iter().copied().find(|queue| !is_used(queue));
    let waiting = unused.map(|queue| [queue.retries(), due_times(queue)]);
    let keys: Vec<_> = std::iter::once(exchange.name()).chain(waiting.iter().flatten().map(String::as_str)).collect();
    let script = Command::script(SCRIPT, &keys)
        .number(milliseconds(claim_after * CLAIM_TIMES))
        .arg(unused.map(Queue::name).unwrap_or_default());
    exchange.queues().iter().filter(|queue| is_used(queue)).fold(script, |command, queue| command.arg(queue.name()))
}

/// A consumer group of somebody else that is behind ours, so that the stream is not trimmed beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignGroup {
    /// Its name.
    pub name: String,
    /// How many entries the stream has.
    pub length: u64,
}

impl ForeignGroup {
    /// Reads the reply to [`trim`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Option<Self>, ReplyError> {
        let [name, length] = replies else { return Err(ReplyError) };
        let (name, length) = (name.text()?.to_owned(), length.number()?);
        Ok((!name.is_empty()).then_some(Self { name, length }))
    }
}

/// Reads the state of a queue.
#[must_use]
pub fn queue_state(queue: Queue) -> Command {
    // The group's `lag` is wrong after entries were deleted, so waiting messages are counted, up to a limit.
    const SCRIPT: &str = "
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local waiting, in_flight, consumers = 0, 0, 0
        local groups = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}
        for _, info in ipairs(groups) do
            local group = {}
            for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
            if group['name'] == ARGV[1] then
                local most = tonumber(ARGV[2])
                local after = '(' .. group['last-delivered-id']
                waiting = #redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', most)
                if waiting == most then waiting = math.max(waiting, group['lag'] or 0) end
                in_flight, consumers = group['pending'], group['consumers']
            end
        end
        local paused = redis.call('HMGET', KEYS[3], 'until', 'failures')
        local left = paused[1] and math.max(paused[1] - now, 1) or 0
        return {waiting, in_flight, consumers, redis.call('XLEN', KEYS[2]), redis.call('XLEN', KEYS[4]), left,
            tonumber(paused[2] or 0)}";
    let keys = [queue.exchange().name(), &queue.retries(), &circuit_breaker(queue), &queue.dead_letters()];
    Command::script(SCRIPT, &keys).arg(queue.name()).number(COUNTED)
}

/// The state of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Messages that no consumer has claimed yet.
    pub waiting: u64,
    /// Messages that were delivered and are not acknowledged.
    pub in_flight: u64,
    /// Consumers that the broker has seen lately.
    pub consumers: u64,
    /// Messages that have failed and will be retried.
    pub retrying: u64,
    /// Messages that could not be handled.
    pub dead: u64,
    /// For how long the queue pauses, if it does.
    pub paused: Option<Duration>,
    /// How many sends in a row have failed.
    pub failures: u64,
}

impl QueueState {
    /// Reads the reply to [`queue_state`]. A queue that does not exist yet is empty.
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let [waiting, in_flight, consumers, retrying, dead, paused, failures] = replies else {
            return Err(ReplyError);
        };
        Ok(Self {
            waiting: waiting.number()?,
            in_flight: in_flight.number()?,
            consumers: consumers.number()?,
            retrying: retrying.number()?,
            dead: dead.number()?,
            paused: Some(Duration::from_millis(paused.number()?)).filter(|pause| !pause.is_zero()),
            failures: failures.number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_waits_for_every_queue_of_the_exchange() {
        let words = |has_webhooks| -> Vec<_> {
            let arguments = trim(Exchange::UserLogin, has_webhooks, Duration::from_secs(30)).arguments;
            arguments[2..].iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
        };
        let [mail, sms, webhook] = ["login_email_notification", "login_sms_notification", "login_webhook_notification"];
        assert_eq!(words(true), ["user_login_event", "600000", "", mail, sms, webhook]);
        let [retries, due] = ["login_webhook_notification.retry", "login_webhook_notification.retry.due"];
        assert_eq!(words(false), ["user_login_event", retries, due, "600000", webhook, mail, sms]);
    }

    #[test]
    fn only_a_group_that_blocks_trimming_is_named() {
        let read = |name: &str| ForeignGroup::from_replies(&[Reply::Bytes(name.into()), Reply::Integer(7)]);
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("audit"), Ok(Some(ForeignGroup { name: "audit".into(), length: 7 })));
        assert_eq!(ForeignGroup::from_replies(&[]), Err(ReplyError));
    }

    #[test]
    fn a_queue_without_a_pause_reports_none() {
        let mut replies = [5, 1, 3, 2, 4, 0, 0].map(Reply::Integer);
        let state = QueueState::from_replies(&replies).unwrap();
        assert_eq!((state.waiting, state.in_flight, state.consumers), (5, 1, 3));
        assert_eq!((state.retrying, state.dead, state.paused), (2, 4, None));
        replies[5] = Reply::Integer(5000);
        assert_eq!(QueueState::from_replies(&replies).unwrap().paused, Some(Duration::from_secs(5)));
    }
}
