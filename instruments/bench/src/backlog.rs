//! Very many messages that wait: what they take in the broker, how fast one consumer and several work through them, what that
//! costs each part, and whether each was sent once.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use dev_servers::rabbitmq::{self, RabbitMq};
use events::Exchange;
use events::redis::wake_up;
use redis::Connection;

use crate::events::{add, fresh, in_use, send};
use crate::mqtt::Publisher;
use crate::number::number;
use crate::process_time::{megabytes, microseconds};
use crate::report::{Row, metric};
use crate::side::{Process, Role, Side, consumer_of_rabbitmq};
use crate::stage::Stage;
use crate::table;

const EXCHANGE: Exchange = Exchange::UserLogin;
/// Consumers, each a process; the last ones work through all that is left.
const CONSUMERS: [u32; 4] = [1, 2, 4, 8];
/// Which part of the messages all but the last ones work through, and which part the last ones are not measured at: they wait for
/// what the others had in hand.
const PART: f64 = 0.05;
/// Messages that are handled before a measurement begins: consumers have to start.
const START: u64 = 500;
/// Events that are published in one go.
const BATCH: u32 = 5_000;
/// How often consumers are woken, and how often is looked.
const WAKE_UP: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(20);
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// What RabbitMQ has written, and Redis counts, is looked at when they are quiet.
const QUIET: Duration = Duration::from_secs(5);

/// What the rows of a broker are called.
pub(crate) fn waiting_name(broker: &str) -> String {
    format!("messages wait on {broker}")
}

/// What the rows of so many consumers are called.
pub(crate) fn drained_name(broker: &str, consumers: u32) -> String {
    format!("backlog on {broker} by {consumers}")
}

/// The brokers.
pub(crate) const BROKERS: [&str; 2] = ["Redis", "RabbitMQ"];

/// Measures both brokers, one after the other, with so many messages that wait. An event is one in each of its queues.
pub(crate) fn measure(stage: &Stage, waiting: u32) -> Result<Vec<Row>> {
    let mut rows = on(&Broker { stage, rabbit: None }, waiting)?;
    let folder = stage.path("rabbitmq");
    let rabbit = RabbitMq::start(&folder, rabbitmq::Options::for_tests())?;
    rows.extend(on(&Broker { stage, rabbit: Some(&rabbit) }, waiting)?);
    redis::cmd("FLUSHALL").query::<()>(&mut stage.redis()?)?;
    Ok(rows)
}

/// A broker. RabbitMQ has a Redis beside it, for deduplication and the delivery log.
struct Broker<'a> {
    stage: &'a Stage,
    rabbit: Option<&'a RabbitMq>,
}

impl Broker<'_> {
    fn name(&self) -> &'static str {
        BROKERS[usize::from(self.rabbit.is_some())]
    }

    fn consumer(&self, name: &str) -> Result<Process> {
        match self.rabbit {
            Some(rabbit) => consumer_of_rabbitmq(self.stage, name, rabbit),
            None => Side::Spindle.start(self.stage, Role::Several(name)),
        }
    }

    /// Waits until RabbitMQ has the queues.
    fn wait_for_queues(&self) -> Result<()> {
        let Some(rabbit) = self.rabbit else { return Ok(()) };
        let begun = Instant::now();
        for queue in EXCHANGE.queues().iter().filter(|queue| !queue.is_webhook()) {
            while rabbit.api("GET", &format!("/api/queues/%2F/{}", queue.name()), "")?.0 != 200 {
                ensure!(begun.elapsed() < PATIENCE, "there is no queue {}", queue.name());
                std::thread::sleep(LOOK);
            }
        }
        Ok(())
    }

    /// Publishes so many events, and lets nobody handle them.
    fn fill(&self, events: u32) -> Result<()> {
        let mut redis = self.stage.redis()?;
        let mut publisher = self.rabbit.map(Publisher::connect).transpose()?;
        let mut left = events;
        while left > 0 {
            let some = left.min(BATCH);
            match &mut publisher {
                None => add(&mut redis, some)?,
                Some(publisher) => {
                    let texts =
                        (1..=some).map(|user| Ok(fresh(user % 1000 + 1)?.to_json())).collect::<Result<Vec<_>>>()?;
                    publisher.publish(EXCHANGE.name(), &texts)?;
                }
            }
            left -= some;
        }
        Ok(())
    }

    /// Bytes in the broker's memory, and on its disk.
    fn bytes(&self) -> Result<[f64; 2]> {
        match self.rabbit {
            Some(rabbit) => Ok([megabytes(rabbit.pid()) * 1e6, size_of(rabbit.folder())]),
            None => {
                let info: String = redis::cmd("INFO").arg("everything").query(&mut self.stage.redis()?)?;
                let number = |name: &str| field(&info, name).with_context(|| format!("Redis tells no {name}"));
                Ok([number("used_memory")?, number("aof_current_size")?])
            }
        }
    }

    /// Processor time of the broker, and of the Redis beside it.
    fn spent(&self) -> [f64; 2] {
        let redis = microseconds(self.stage.redis_pid());
        self.rabbit.map_or([redis, 0.0], |rabbit| [microseconds(rabbit.pid()), redis])
    }
}

/// A number of INFO.
fn field(info: &str, name: &str) -> Option<f64> {
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line?.trim().parse().ok()
}

/// The bytes of all files of a folder.
fn size_of(folder: &Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len() as f64,
        Err(_) => 0.0,
    };
    entries.map(size).sum()
}

fn on(broker: &Broker<'_>, messages: u32) -> Result<Vec<Row>> {
    let (name, mut redis) = (broker.name(), broker.stage.redis()?);
    redis::cmd("FLUSHALL").query::<()>(&mut redis)?;
    // The queues have to be there: RabbitMQ keeps nothing for those that are made later.
    let consumer = broker.consumer("first")?;
    broker.wait_for_queues()?;
    consumer.stop();
    std::thread::sleep(QUIET);
    let events = messages / in_use() as u32;
    let messages = f64::from(events) * in_use() as f64;
    println!("{messages} messages are to wait on {name}");
    let (before, begun) = (broker.bytes()?, Instant::now());
    broker.fill(events)?;
    let filled = messages / begun.elapsed().as_secs_f64();
    std::thread::sleep(QUIET);
    let after = broker.bytes()?;
    let each = |place: usize| (after[place] - before[place]) / messages;
    let mut rows = Vec::new();
    let mut took = 0.0;
    for consumers in CONSUMERS {
        let is_last = CONSUMERS.last() == Some(&consumers);
        let part = Progress::of(&mut redis)?.acknowledged + START as f64 + PART * messages;
        let until = if is_last { (1.0 - PART) * messages } else { part.min(messages) };
        let begun = Instant::now();
        let drained = drain(broker, consumers, until, if is_last { messages } else { until })?;
        took += begun.elapsed().as_secs_f64();
        let row = Row::new(&drained_name(name, consumers), 0, Side::Spindle.name())
            .with(metric::THROUGHPUT, vec![drained.messages / drained.seconds])
            .with(metric::PROCESSOR, vec![drained.of_consumers])
            .with(metric::OF_BROKER, vec![drained.of_broker])
            .with(metric::OF_LOG, vec![drained.of_log]);
        println!("{}", table::line(&row));
        rows.push(row);
    }
    let progress = Progress::of(&mut redis)?;
    let [lost, doubled] = progress.faults(messages, different(&mut redis)?);
    println!("{} of {messages} messages were lost and {} sent twice", number(lost), number(doubled));
    let row = Row::new(&waiting_name(name), 0, Side::Spindle.name())
        .with(metric::MESSAGES, vec![messages])
        .with(metric::THROUGHPUT, vec![filled])
        .with(metric::IN_MEMORY, vec![each(0)])
        .with(metric::ON_DISK, vec![each(1)])
        .with(metric::DRAINED, vec![took])
        .with(metric::LOST, vec![lost])
        .with(metric::DOUBLED, vec![doubled]);
    println!("{}", table::line(&row));
    rows.insert(0, row);
    ensure!(lost == 0.0 && doubled == 0.0, "{lost} messages were lost and {doubled} sent twice on {name}");
    Ok(rows)
}

/// What a number of consumers has done.
struct Drained {
    messages: f64,
    seconds: f64,
    /// Microseconds of a core for each message.
    of_consumers: f64,
    of_broker: f64,
    of_log: f64,
}

/// Has so many consumers handle messages until so many are acknowledged in all, and goes on to `end` after that.
fn drain(broker: &Broker<'_>, consumers: u32, until: f64, end: f64) -> Result<Drained> {
    let mut redis = broker.stage.redis()?;
    let first = Progress::of(&mut redis)?.acknowledged;
    let names: Vec<_> = (1..=consumers).map(|number| format!("consumer-{consumers}-{number}")).collect();
    let processes = names.iter().map(|name| broker.consumer(name)).collect::<Result<Vec<_>>>()?;
    let told = || processes.iter().map(Process::log_tail).collect::<Vec<_>>().join("\n");
    wait(&mut redis, (first + START as f64).min(until)).with_context(told)?;
    let spent = || processes.iter().map(|process| microseconds(process.pid())).sum::<f64>();
    let (from, begun, of_consumers, others) =
        (Progress::of(&mut redis)?.acknowledged, Instant::now(), spent(), broker.spent());
    wait(&mut redis, until).with_context(told)?;
    let messages = (Progress::of(&mut redis)?.acknowledged - from).max(1.0);
    let (seconds, used, after) = (begun.elapsed().as_secs_f64(), spent() - of_consumers, broker.spent());
    wait(&mut redis, end).with_context(told)?;
    processes.iter().for_each(Process::stop);
    let each = |place: usize| (after[place] - others[place]) / messages;
    Ok(Drained { messages, seconds, of_consumers: used / messages, of_broker: each(0), of_log: each(1) })
}

/// Wakes consumers until so many messages are acknowledged.
fn wait(redis: &mut Connection, until: f64) -> Result<()> {
    let (mut woken, mut moved, mut seen): (Option<Instant>, _, _) = (None, Instant::now(), 0.0);
    loop {
        if woken.is_none_or(|woken| woken.elapsed() >= WAKE_UP) {
            send(redis, &wake_up(EXCHANGE))?;
            woken = Some(Instant::now());
        }
        let acknowledged = Progress::of(redis)?.acknowledged;
        if acknowledged >= until {
            return Ok(());
        }
        if acknowledged > seen {
            (seen, moved) = (acknowledged, Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            bail!("{acknowledged} of {until} messages are handled, and none for {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

/// What consumers have counted.
#[derive(Debug, Default, PartialEq)]
struct Progress {
    acknowledged: f64,
    sent: f64,
}

impl Progress {
    fn of(redis: &mut Connection) -> Result<Self> {
        Ok(Self::counted(redis::cmd("HGETALL").arg("concierge:totals").query::<Vec<(String, f64)>>(redis)?))
    }

    fn counted(fields: Vec<(String, f64)>) -> Self {
        let mut progress = Self::default();
        for (name, count) in fields {
            match name.split('|').collect::<Vec<_>>()[..] {
                ["acknowledged", _] => progress.acknowledged += count,
                ["sends", _, "sent", _] => progress.sent += count,
                _ => {}
            }
        }
        progress
    }

    /// How many of so many messages were lost, and how many sends were too many, if so many different ones were sent.
    fn faults(&self, messages: f64, different: f64) -> [f64; 2] {
        [(messages - different).max(0.0), (self.sent - different).max(0.0)]
    }
}

/// How many different messages were sent: each has its deduplication key.
fn different(redis: &mut Connection) -> Result<f64> {
    let (mut cursor, mut count) = (0_u64, 0);
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg("concierge:handled:*").arg("COUNT").arg(1_000);
        let (next, keys): (u64, Vec<String>) = scan.query(redis)?;
        // Nothing is added meanwhile, and a table that does not grow gives each key once.
        count += keys.len();
        cursor = next;
        if cursor == 0 {
            return Ok(count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_consumers_counted_is_added_up() {
        let fields = [
            ("acknowledged|login_email_notification", 3.0),
            ("acknowledged|login_sms_notification", 4.0),
            ("sends|simulate|sent|0", 6.0),
            ("sends|simulate|sent|3", 2.0),
            ("sends|simulate|temporary|0", 5.0),
            ("microseconds|simulate|sent", 900.0),
        ];
        let progress = Progress::counted(fields.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(progress, Progress { acknowledged: 7.0, sent: 8.0 });
        assert_eq!(progress.faults(8.0, 8.0), [0.0, 0.0]);
        assert_eq!(progress.faults(8.0, 7.0), [1.0, 1.0]);
    }

    #[test]
    fn numbers_of_redis_are_found_by_their_whole_name() {
        let info = "# Memory\r\nused_memory_rss:9\r\nused_memory:41\r\n";
        assert_eq!((field(info, "used_memory"), field(info, "used_mem")), (Some(41.0), None));
    }
}
