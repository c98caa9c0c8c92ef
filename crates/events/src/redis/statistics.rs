//! Statistics of all queues and their consumers. One script reads them, and Redis keeps its answer for a second: however
//! many ask, the queues are looked at once a second.
//!
//! Consumers count what they acknowledge in intervals of ten seconds: a hash for each, which expires.

use super::keys::circuit_breaker;
use super::{Command, Reply, ReplyError, milliseconds};
use crate::Queue;
use std::time::Duration;

/// How long an interval is, in seconds.
pub const INTERVAL_SECONDS: u64 = 10;
/// How many intervals are shown: ten minutes of them, the last of which is not over yet.
pub const INTERVALS: usize = 60;
/// How long an interval is kept.
pub(super) const INTERVAL_KEPT: Duration = Duration::from_secs(INTERVAL_SECONDS * (INTERVALS as u64 + 10));
/// How long Redis keeps the answer.
const CACHED: Duration = Duration::from_secs(1);
/// Up to how many waiting messages of a queue are counted one by one.
const COUNTED: u64 = 1_000;
/// How many consumers are shown at most.
const MAX_CONSUMERS: u64 = 200;

/// The key of the answer.
const CACHE: &str = "concierge:statistics";

/// Reads the statistics.
#[must_use]
pub fn statistics() -> Command {
    // The group's `lag` is wrong after entries were deleted, so few waiting messages are counted; of many it is the estimate.
    const SCRIPT: &str = "#!lua flags=allow-oom
        local cached = redis.call('GET', KEYS[1])
        if cached then return cached end
        local most, kept, seconds, intervals = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local lines, streams, consumers, names, minute = {}, {}, {}, {}, {}
        local function fields(list)
            local found = {}
            for i = 1, #list, 2 do found[list[i]] = list[i + 1] end
            return found
        end
        local function age(id)
            local since = tonumber(string.match(id or '', '^(%d+)') or 0)
            return since > 0 and math.max(now - since, 0) or -1
        end
        local function consumer(name)
            if not consumers[name] and #names < tonumber(ARGV[5]) then
                consumers[name] = {pending = 0, idle = -1, counts = {}}
                names[#names + 1] = name
                for i = 1, intervals do consumers[name].counts[i] = 0 end
            end
            return consumers[name]
        end
        local current = math.floor(time[1] / seconds)
        for i = 1, intervals do
            local counted = redis.call('HGETALL', 'concierge:acknowledged:' .. string.format('%.0f', current - intervals + i))
            for j = 1, #counted, 2 do
                local queue, name = string.match(counted[j], '^(%S+) (.*)$')
                local one = consumer(name or '?')
                if one then one.counts[i] = one.counts[i] + counted[j + 1] end
                if queue and i < intervals and i >= intervals - 60 / seconds then
                    minute[queue] = (minute[queue] or 0) + counted[j + 1]
                end
            end
        end
        for number = 1, #ARGV - 5 do
            local queue, first = ARGV[number + 5], 4 * number - 2
            local stream, retries, breaker, dead = KEYS[first], KEYS[first + 1], KEYS[first + 2], KEYS[first + 3]
            if not streams[stream] then
                streams[stream] = {}
                local groups = redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'GROUPS', stream) or {}
                for _, info in ipairs(groups) do
                    local group = fields(info)
                    streams[stream][group['name']] = group
                end
            end
            local group, waiting, in_flight, known, oldest = streams[stream][queue], 0, 0, 0, -1
            if group then
                local after = '(' .. group['last-delivered-id']
                local lag = tonumber(group['lag'] or 0)
                in_flight, known = group['pending'], group['consumers']
                local first_waiting = redis.call('XRANGE', stream, after, '+', 'COUNT', 1)[1]
                if first_waiting then
                    oldest = age(first_waiting[1])
                    waiting = lag > most and lag or #redis.call('XRANGE', stream, after, '+', 'COUNT', most)
                end
                if in_flight > 0 then oldest = math.max(oldest, age(redis.call('XPENDING', stream, queue)[2])) end
                for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, queue)) do
                    local found = fields(info)
                    local one = consumer(found['name'])
                    if one then
                        one.pending = one.pending + found['pending']
                        one.idle = one.idle < 0 and found['idle'] or math.min(one.idle, found['idle'])
                    end
                end
            end
            local retry = redis.call('XRANGE', retries, '-', '+', 'COUNT', 1)[1]
            if retry then oldest = math.max(oldest, age(fields(retry[2])['first'])) end
            local paused = redis.call('HMGET', breaker, 'until', 'failures')
            local left = paused[1] and math.max(paused[1] - now, 1) or 0
            lines[#lines + 1] = string.format('queue %s %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', queue, waiting, in_flight,
                redis.call('XLEN', retries), redis.call('XLEN', dead), known, oldest, left, tonumber(paused[2] or 0),
                minute[queue] or 0)
        end
        for _, name in ipairs(names) do
            local one = consumers[name]
            lines[#lines + 1] = string.format('consumer %.0f %.0f %s %s', one.pending, one.idle,
                table.concat(one.counts, ','), (string.gsub(name, '%c', ' ')))
        end
        lines[#lines + 1] = string.format('at %.0f', now)
        local text = table.concat(lines, '\\n')
        redis.call('SET', KEYS[1], text, 'PX', kept)
        return text";
    let of_queue = |queue: Queue| {
        [queue.exchange().name().to_owned(), queue.retries(), circuit_breaker(queue), queue.dead_letters()]
    };
    let of_queues: Vec<_> = Queue::ALL.into_iter().flat_map(of_queue).collect();
    let keys: Vec<_> = std::iter::once(CACHE).chain(of_queues.iter().map(String::as_str)).collect();
    let script = Command::script(SCRIPT, &keys)
        .number(COUNTED)
        .number(milliseconds(CACHED))
        .number(INTERVAL_SECONDS)
        .number(INTERVALS as u64)
        .number(MAX_CONSUMERS);
    Queue::ALL.into_iter().fold(script, |command, queue| command.arg(queue.name()))
}

/// The queues as another broker describes them.
const KEPT_QUEUES: &str = "concierge:statistics:queues";
/// Whose turn it is to ask that broker.
const ASKING: &str = "concierge:statistics:asking";
/// How often it is asked at most.
const ASKED_EVERY: Duration = Duration::from_secs(2);
/// How long its answer is kept: others have the one of before while somebody asks.
const QUEUES_KEPT: Duration = Duration::from_secs(10);

/// Reads what [`keep_queues`] has kept, and says whether it is the caller's turn to ask again.
#[must_use]
pub fn read_kept_queues() -> Command {
    const SCRIPT: &str = "#!lua flags=allow-oom
        local is_turn = redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[1])
        return {redis.call('GET', KEYS[1]) or '', is_turn and 1 or 0}";
    Command::script(SCRIPT, &[KEPT_QUEUES, ASKING]).number(milliseconds(ASKED_EVERY))
}

/// What is kept of the queues of another broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptQueues {
    /// What it has answered lately.
    pub text: Option<String>,
    /// Whether the caller is to ask it again.
    pub is_turn: bool,
}

/// The reply to [`read_kept_queues`].
///
/// # Errors
/// If the reply has another shape.
pub fn kept_queues(replies: &[Reply]) -> Result<KeptQueues, ReplyError> {
    let [text, is_turn] = replies else { return Err(ReplyError) };
    let text = Some(text.text()?.to_owned()).filter(|text| !text.is_empty());
    Ok(KeptQueues { text, is_turn: is_turn.number()? == 1 })
}

/// Keeps a description of the queues of another broker.
#[must_use]
pub fn keep_queues(text: &str) -> Command {
    Command::new("SET").arg(KEPT_QUEUES).arg(text).arg("PX").number(milliseconds(QUEUES_KEPT))
}

/// The statistics of all queues and consumers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When they were taken, in milliseconds since 1970.
    pub at: u64,
    /// The queues, in the order of [`Queue::ALL`].
    pub queues: Vec<QueueStatistics>,
    /// The consumers.
    pub consumers: Vec<ConsumerStatistics>,
}

/// The statistics of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatistics {
    /// Which queue.
    pub queue: Queue,
    /// Messages that no consumer has claimed yet.
    pub waiting: u64,
    /// Messages that were delivered and are not acknowledged.
    pub in_flight: u64,
    /// Messages that have failed and will be retried.
    pub retrying: u64,
    /// Messages that could not be handled.
    pub dead: u64,
    /// Consumers that the broker has seen lately.
    pub consumers: u64,
    /// For how long the oldest message has not been handled.
    pub oldest: Option<Duration>,
    /// For how long the queue pauses, if it does.
    pub paused: Option<Duration>,
    /// How many sends in a row have failed.
    pub failures: u64,
    /// Messages that were acknowledged in the last six intervals that are over: a minute.
    pub acknowledged: u64,
}

/// The statistics of a consumer, over all queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerStatistics {
    /// Its name.
    pub name: String,
    /// Messages that it has claimed and not acknowledged.
    pub in_flight: u64,
    /// For how long it has done nothing; `None` if no queue knows it.
    pub idle: Option<Duration>,
    /// Messages that it has acknowledged in each of the [`INTERVALS`], the oldest first.
    pub acknowledged: Vec<u64>,
}

impl Statistics {
    /// Reads the reply to [`statistics`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let [text] = replies else { return Err(ReplyError) };
        let mut statistics = Self::default();
        for line in text.text()?.lines() {
            let (kind, rest) = line.split_once(' ').ok_or(ReplyError)?;
            match kind {
                "queue" => statistics.queues.push(queue(rest)?),
                "consumer" => statistics.consumers.push(consumer(rest)?),
                "at" => statistics.at = number(rest)?,
                _ => return Err(ReplyError),
            }
        }
        statistics.consumers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(statistics)
    }
}

fn queue(line: &str) -> Result<QueueStatistics, ReplyError> {
    let words: Vec<_> = line.split(' ').collect();
    let [name, waiting, in_flight, retrying, dead, consumers, oldest, paused, failures, acknowledged] = words[..]
    else {
        return Err(ReplyError);
    };
    Ok(QueueStatistics {
        queue: Queue::from_name(name).ok_or(ReplyError)?,
        waiting: number(waiting)?,
        in_flight: number(in_flight)?,
        retrying: number(retrying)?,
        dead: number(dead)?,
        consumers: number(consumers)?,
        oldest: duration(oldest)?,
        paused: duration(paused)?.filter(|pause| !pause.is_zero()),
        failures: number(failures)?,
        acknowledged: number(acknowledged)?,
    })
}

fn consumer(line: &str) -> Result<ConsumerStatistics, ReplyError> {
    let words: Vec<_> = line.splitn(4, ' ').collect();
    let [in_flight, idle, counts, name] = words[..] else { return Err(ReplyError) };
    Ok(ConsumerStatistics {
        name: name.to_owned(),
        in_flight: number(in_flight)?,
        idle: duration(idle)?,
        acknowledged: counts.split(',').map(number).collect::<Result<_, _>>()?,
    })
}

fn number(word: &str) -> Result<u64, ReplyError> {
    word.parse().map_err(|_| ReplyError)
}

/// Milliseconds; -1 stands for nothing.
fn duration(word: &str) -> Result<Option<Duration>, ReplyError> {
    if word == "-1" { Ok(None) } else { number(word).map(|time| Some(Duration::from_millis(time))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Statistics, ReplyError> {
        Statistics::from_replies(&[Reply::Bytes(text.into())])
    }

    #[test]
    fn a_line_is_read_for_each_queue_and_consumer() {
        let text = "queue login_sms_notification 3 1 0 2 4 14000 0 0 60\n\
                    consumer 1 250 0,5 pod b\nconsumer 0 -1 7,0 pod a\nat 1795405395602";
        let statistics = read(text).unwrap();
        let [queue] = &statistics.queues[..] else { panic!("one queue") };
        assert_eq!((queue.queue, queue.waiting, queue.dead, queue.acknowledged), (Queue::LoginSms, 3, 2, 60));
        assert_eq!((queue.oldest, queue.paused), (Some(Duration::from_secs(14)), None));
        let [first, second] = &statistics.consumers[..] else { panic!("two consumers") };
        assert_eq!((first.name.as_str(), first.idle, &first.acknowledged[..]), ("pod a", None, &[7, 0][..]));
        assert_eq!((second.name.as_str(), second.in_flight), ("pod b", 1));
        assert_eq!(statistics.at, 1_795_405_395_602);
    }

    #[test]
    fn what_is_not_known_is_nothing() {
        let statistics = read("queue login_sms_notification 0 0 0 0 0 -1 0 0 0").unwrap();
        assert_eq!(statistics.queues[0].oldest, None);
    }

    #[test]
    fn lines_of_another_shape_are_an_error() {
        for text in
            ["queue", "queue nothing 0 0 0 0 0 0 0 0 0", "queue login_sms_notification 0", "consumer 0 0 x a", "z 1"]
        {
            assert_eq!(read(text), Err(ReplyError), "{text}");
        }
        assert_eq!(Statistics::from_replies(&[]), Err(ReplyError));
        assert_eq!(Statistics::from_replies(&[Reply::Nil]), Err(ReplyError));
    }

    #[test]
    fn each_queue_has_four_keys_and_its_name() {
        let arguments = statistics().arguments;
        assert_eq!(arguments.len(), 2 + 1 + 4 * Queue::ALL.len() + 5 + Queue::ALL.len());
        assert_eq!(arguments[3], b"user_login_event");
    }
}
