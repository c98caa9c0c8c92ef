//! Events: how many are consumed and acknowledged in a second, how long one takes from its publishing to the
//! acknowledgement of all its queues, and how evenly consumers share.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use events::redis::{Command, DELIVERY_LOG, publish, wake_up};
use events::{Event, Exchange};
use redis::{Connection, Value};
use uuid::Uuid;

use crate::pace::Pace;
use crate::process_time::microseconds;
use crate::report::{Row, metric};
use crate::scenario::event;
use crate::side::{Process, Role, Side};
use crate::stage::Stage;
use crate::table;

const EXCHANGE: Exchange = Exchange::UserLogin;
/// Until everything must be consumed.
const DEADLINE: Duration = Duration::from_secs(120);
/// The consumers that share a queue, and how long each of their sends takes, in milliseconds.
const CONSUMERS: [&str; 3] = ["one", "two", "three"];
const SEND: u32 = 20;

/// Consumers that share a queue as fast as they can.
const SHARING: [u32; 4] = [1, 2, 4, 8];

/// Measures all of it; each side by itself, since all would receive the same wake-ups.
pub(crate) fn measure(stage: &Stage, sides: &[Side], pace: &Pace) -> Result<Vec<Row>> {
    let count = if pace.quick { 1_500 } else { 5_000 };
    let single = if pace.quick { 200 } else { 500 };
    let mut rates = vec![Vec::new(); sides.len()];
    let (mut p50, mut p99) = (rates.clone(), rates.clone());
    for _ in 0..pace.runs {
        for (index, side) in sides.iter().enumerate() {
            let process = consumer(stage, *side)?;
            rates[index].push(rate(stage, count).with_context(|| process.log_tail())?);
            let mut times = latencies(stage, single).with_context(|| process.log_tail())?;
            times.sort_by(f64::total_cmp);
            p50[index].push(times.get(times.len() / 2).copied().unwrap_or_default());
            p99[index].push(times.get(times.len() * 99 / 100).copied().unwrap_or_default());
            process.stop();
        }
    }
    let mut rows = Vec::new();
    for (index, side) in sides.iter().enumerate() {
        rows.push(Row::new("event consumed", 0, side.name()).with(metric::THROUGHPUT, rates[index].clone()));
        rows.push(
            Row::new("event, publish to acknowledge", 0, side.name())
                .with(metric::P50, p50[index].clone())
                .with(metric::P99, p99[index].clone()),
        );
    }
    let app = sides.iter().find(|side| side.runtime().is_some());
    if let Some(side) = app {
        let splits = (0..pace.runs.min(3)).map(|_| split(stage, *side, pace)).collect::<Result<Vec<_>>>()?;
        rows.push(Row::new("split of a queue", 0, side.name()).with(metric::RATIO, splits));
    }
    rows.iter().for_each(|row| println!("{}", table::line(row)));
    Ok(rows)
}

/// A consumer that has received a wake-up.
fn consumer(stage: &Stage, side: Side) -> Result<Process> {
    let mut redis = stage.redis()?;
    redis::cmd("FLUSHDB").query::<()>(&mut redis)?;
    let process = side.start(stage, Role::Consumer("bench", 0))?;
    add(&mut redis, 100)?;
    drain(&mut redis)?;
    Ok(process)
}

/// Events handled in a second, each in all queues of its exchange.
fn rate(stage: &Stage, count: u32) -> Result<f64> {
    let mut redis = stage.redis()?;
    add(&mut redis, count)?;
    let begun = Instant::now();
    send(&mut redis, &wake_up(EXCHANGE))?;
    wait_until_empty(&mut redis, None)?;
    let messages = count as usize * in_use();
    Ok(messages as f64 / begun.elapsed().as_secs_f64())
}

/// The time from the publishing of an event to its last acknowledgement, in milliseconds, again and again. The delivery
/// log grows in the step that acknowledges, so whoever waits for it is woken then.
fn latencies(stage: &Stage, count: u32) -> Result<Vec<f64>> {
    let mut redis = stage.redis()?;
    let mut times = Vec::new();
    for user in 1..=count {
        let mut last = newest(&mut redis)?;
        let event = fresh(user)?.to_json();
        let begun = Instant::now();
        for command in publish(EXCHANGE, &event) {
            send(&mut redis, &command)?;
        }
        for _ in 0..in_use() {
            last = next_logged(&mut redis, &last)?;
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// How many queues of the exchange have consumers: nobody has asked for webhooks.
pub(crate) fn in_use() -> usize {
    EXCHANGE.queues().iter().filter(|queue| !queue.is_webhook()).count()
}

/// Messages consumed in a second by one consumer and by several, and what each costs.
pub(crate) fn consumers(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let events = if pace.quick { 2_000 } else { 20_000 };
    let messages = f64::from(events) * in_use() as f64;
    let mut rows = Vec::new();
    for count in SHARING {
        let mut redis = stage.redis()?;
        redis::cmd("FLUSHDB").query::<()>(&mut redis)?;
        let names: Vec<_> = (1..=count).map(|number| format!("consumer-{number}")).collect();
        let start = |name: &String| Side::Spindle.start(stage, Role::Consumer(name, 0));
        let processes = names.iter().map(start).collect::<Result<Vec<_>>>()?;
        add(&mut redis, 100)?;
        drain(&mut redis)?;
        let spent = || processes.iter().map(|process| microseconds(process.pid())).sum::<f64>();
        let before = spent();
        add(&mut redis, events)?;
        let added = microseconds(stage.redis_pid());
        let begun = Instant::now();
        send(&mut redis, &wake_up(EXCHANGE))?;
        wait_until_empty(&mut redis, None)?;
        let rate = messages / begun.elapsed().as_secs_f64();
        let of_redis = (microseconds(stage.redis_pid()) - added) / messages;
        let row = Row::new(&format!("event consumed by {count}"), 0, Side::Spindle.name())
            .with(metric::THROUGHPUT, vec![rate])
            .with(metric::PROCESSOR, vec![(spent() - before) / messages])
            .with(metric::OF_REDIS, vec![of_redis]);
        println!("{}", table::line(&row));
        rows.push(row);
        processes.iter().for_each(Process::stop);
    }
    Ok(rows)
}

/// The most that one of the consumers had of one queue, divided by the least.
fn split(stage: &Stage, side: Side, pace: &Pace) -> Result<f64> {
    let mut redis = stage.redis()?;
    redis::cmd("FLUSHDB").query::<()>(&mut redis)?;
    let start = |name: &&'static str| side.start(stage, Role::Consumer(name, SEND));
    let processes = CONSUMERS.iter().map(start).collect::<Result<Vec<_>>>()?;
    // Each has to receive wake-ups before the measurement begins.
    add(&mut redis, 60)?;
    drain(&mut redis)?;
    redis::cmd("DEL").arg(DELIVERY_LOG).query::<()>(&mut redis)?;
    add(&mut redis, if pace.quick { 300 } else { 1_200 })?;
    send(&mut redis, &wake_up(EXCHANGE))?;
    wait_until_empty(&mut redis, None)?;
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for item in logged(&mut redis)? {
        let item: serde_json::Value = serde_json::from_str(&item)?;
        *counts.entry(item["consumer"].as_str().unwrap_or_default().to_owned()).or_default() += 1.0;
    }
    processes.iter().for_each(Process::stop);
    let (max, min) = (counts.values().copied().fold(0.0, f64::max), counts.values().copied().fold(f64::MAX, f64::min));
    if counts.len() < CONSUMERS.len() {
        bail!("not all consumers had something to do: {counts:?}");
    }
    Ok(max / min)
}

pub(crate) fn fresh(user: u32) -> Result<Event> {
    Ok(Event { id: Uuid::new_v4(), ..event(user)? })
}

/// Adds events to the stream, without a wake-up.
pub(crate) fn add(redis: &mut Connection, count: u32) -> Result<()> {
    let mut batch = redis::pipe();
    for user in 1..=count {
        let [add, _] = publish(EXCHANGE, &fresh(user % 1000 + 1)?.to_json());
        batch.add_command(command(&add)).ignore();
    }
    batch.query::<()>(redis)?;
    Ok(())
}

/// Wakes consumers until everything is consumed: one that has just started may have missed the first wake-up.
fn drain(redis: &mut Connection) -> Result<()> {
    wait_until_empty(redis, Some(Duration::from_millis(50)))
}

/// How a queue stands. The app's own look at it counts what waits, and this one is taken every few milliseconds.
struct QueueLook {
    waiting: Option<u32>,
    in_flight: u32,
}

fn queues(redis: &mut Connection) -> Result<Vec<QueueLook>> {
    if !redis::cmd("EXISTS").arg(EXCHANGE.name()).query::<bool>(redis)? {
        return Ok(Vec::new());
    }
    let groups: Vec<BTreeMap<String, Value>> = redis::cmd("XINFO").arg("GROUPS").arg(EXCHANGE.name()).query(redis)?;
    let number = |group: &BTreeMap<String, Value>, name: &str| match group.get(name) {
        Some(Value::Int(number)) => u32::try_from(*number).ok(),
        _ => None,
    };
    let look = |group| QueueLook { waiting: number(group, "lag"), in_flight: number(group, "pending").unwrap_or(0) };
    Ok(groups.iter().map(look).collect())
}

/// Waits until all queues have acknowledged everything.
fn wait_until_empty(redis: &mut Connection, wake_every: Option<Duration>) -> Result<()> {
    let begun = Instant::now();
    let mut woken: Option<Instant> = None;
    while begun.elapsed() < DEADLINE {
        if let Some(every) = wake_every
            && woken.is_none_or(|woken| woken.elapsed() >= every)
        {
            send(redis, &wake_up(EXCHANGE))?;
            woken = Some(Instant::now());
        }
        let queues = queues(redis)?;
        let is_empty = queues.iter().all(|queue| queue.waiting == Some(0) && queue.in_flight == 0);
        if is_empty && queues.len() == in_use() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let left =
        queues(redis)?.iter().map(|queue| format!("{:?} and {}", queue.waiting, queue.in_flight)).collect::<Vec<_>>();
    bail!("the queues were not emptied within {} s: {} wait and are in hand", DEADLINE.as_secs(), left.join(", "));
}

/// Waits until no queue has more than `most` events waiting, ringing again and again; how many the fullest has then.
pub(crate) fn wait_until_waiting(redis: &mut Connection, most: u32) -> Result<u32> {
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE {
        send(redis, &wake_up(EXCHANGE))?;
        let queues = queues(redis)?;
        let fullest = queues.iter().map(|queue| queue.waiting.unwrap_or(u32::MAX)).max();
        if let Some(fullest) = fullest.filter(|fullest| *fullest <= most && queues.len() == in_use()) {
            return Ok(fullest);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the queues did not come down to {most} within {} s", DEADLINE.as_secs());
}

/// A stream's name, and its entries: each an id, and fields that nobody needs here.
type Stream = (String, Vec<(String, Value)>);

fn newest(redis: &mut Connection) -> Result<String> {
    let entries: Vec<(String, Value)> =
        redis::cmd("XREVRANGE").arg(DELIVERY_LOG).arg("+").arg("-").arg("COUNT").arg(1).query(redis)?;
    Ok(entries.into_iter().next().map_or_else(|| "0".to_owned(), |(id, _)| id))
}

fn next_logged(redis: &mut Connection, after: &str) -> Result<String> {
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(1).arg("BLOCK").arg(10_000).arg("STREAMS").arg(DELIVERY_LOG).arg(after);
    let streams: Option<Vec<Stream>> = read.query(redis)?;
    let entry = streams.into_iter().flatten().flat_map(|(_, entries)| entries).next();
    entry.map(|(id, _)| id).context("an event was not acknowledged in time")
}

fn logged(redis: &mut Connection) -> Result<Vec<String>> {
    let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE").arg(DELIVERY_LOG).arg("-").arg("+").query(redis)?;
    Ok(entries.into_iter().filter_map(|(_, fields)| fields.into_iter().nth(1)).collect())
}

pub(crate) fn send(redis: &mut Connection, what: &Command) -> Result<()> {
    command(what).query::<Value>(redis)?;
    Ok(())
}

fn command(command: &Command) -> redis::Cmd {
    let mut cmd = redis::cmd(command.name);
    for argument in &command.arguments {
        cmd.arg(argument.as_slice());
    }
    cmd
}
