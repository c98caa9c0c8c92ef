//! The AMQP trigger through all that can happen to a broker, each time with a thousand messages: none is lost, none is handled
//! twice but those in hand, and it goes on soon after the cause is gone.
//!
//! These tests have a broker of their own, which they break one after the other. Those that take long run with
//! `CONCIERGE_CHAOS=1` alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dev_servers::rabbitmq::{self, RabbitMq};

use crate::network::Network;
use crate::rabbit::{Rabbit, header};
use crate::support::{App, until, within};

const MESSAGES: usize = 1000;
const PREFETCH: usize = 10;

/// How long it may take until messages are handled again.
const HEALED: Duration = Duration::from_secs(10);
/// Until a thousand messages are handled, on a machine that does other things as well.
const ALL: Duration = Duration::from_secs(60);

/// The broker, and a network from which it can be reached.
struct Chaos {
    server: Arc<RabbitMq>,
    network: Result<Network, String>,
}

/// A test's turn to break the broker, which is whole again afterwards.
struct Turn {
    _turn: MutexGuard<'static, ()>,
    chaos: &'static Chaos,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The next test is to say what is wrong with it, and not with this one.
            let _ = self.chaos.server.start_again();
        }
    }
}

fn turn() -> (Turn, &'static Chaos) {
    static TURN: Mutex<()> = Mutex::new(());
    static CHAOS: OnceLock<Chaos> = OnceLock::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let chaos = CHAOS.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rabbitmq-chaos");
        rabbitmq::remove(&dir).unwrap();
        let network = Network::make();
        let mut options = rabbitmq::Options::default();
        if let Ok(network) = &network {
            options.settings.push(format!("listeners.tcp.2 = {}:5672", network.address()));
        }
        Chaos { server: Arc::new(RabbitMq::start(&dir, options).unwrap()), network }
    });
    (Turn { _turn: turn, chaos }, chaos)
}

/// Whether the tests that take long are to run.
fn is_wanted() -> bool {
    let is_wanted = std::env::var_os("CONCIERGE_CHAOS").is_some_and(|value| value == "1");
    if !is_wanted {
        eprintln!("skipped: it takes long, and runs with CONCIERGE_CHAOS=1");
    }
    is_wanted
}

fn further() -> String {
    format!("prefetch = {PREFETCH}\nmax_deliveries = 50")
}

/// A thousand messages, each of which takes some milliseconds.
fn messages() -> Vec<String> {
    (0..MESSAGES).map(|number| format!("sleep 20 {number}")).collect()
}

/// How often each message was handled.
fn handled(app: &App) -> BTreeMap<String, usize> {
    let mut handled = BTreeMap::new();
    for line in app.output().lines() {
        if let Some(message) = line.strip_prefix("guest: done ") {
            *handled.entry(message.to_owned()).or_default() += 1;
        }
    }
    handled
}

/// Waits until so many messages are handled.
#[track_caller]
fn wait_for(app: &App, count: usize) {
    let start = Instant::now();
    while handled(app).len() < count {
        let (handled, output) = (handled(app).len(), app.output());
        let rest: Vec<_> = output.lines().filter(|line| !line.starts_with("guest: ")).collect();
        assert!(start.elapsed() < ALL, "{handled} of {count} are handled:\n{}", rest.join("\n"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a further message is handled, which may take so long since `start`.
#[track_caller]
fn heals(app: &App, start: Instant) {
    let before = handled(app).len();
    within(HEALED.saturating_sub(start.elapsed()), || (handled(app).len() > before).then_some(()));
}

/// Waits until all are handled, and looks how often; the broker was in trouble so often as the connection was lost.
#[track_caller]
fn all_are_handled(rabbit: &Rabbit, app: &mut App) {
    wait_for(app, MESSAGES);
    let cuts = app.output().matches("lost its connection").count();
    app.signal("TERM");
    app.wait_for_end();
    let handled = handled(app);
    assert!(messages().iter().all(|message| handled.contains_key(message)), "nothing is lost");
    let twice = handled.values().sum::<usize>() - handled.len();
    assert!(twice <= cuts * PREFETCH, "{twice} were handled twice in {cuts} cuts");
    assert!(rabbit.try_take("q").is_none() && rabbit.try_take("q.dead").is_none(), "all is acknowledged");
}

#[test]
fn a_broker_that_is_short_of_memory_has_its_queue_drained() {
    const DEAD: usize = 30;
    let (_turn, chaos) = turn();
    let rabbit = Rabbit::on(Arc::clone(&chaos.server));
    let mut app = rabbit.start(&further());
    // The connection for dead letters is there before the alarm.
    rabbit.send(&["unusable first"]);
    rabbit.take("q.dead");
    app.signal("STOP");
    let mut bodies = messages();
    for number in 0..DEAD {
        bodies.insert(number * MESSAGES / DEAD, format!("unusable {number}"));
    }
    rabbit.send(&bodies);
    chaos.server.ctl(&["set_vm_memory_high_watermark", "0"]).unwrap();
    app.signal("CONT");
    wait_for(&app, MESSAGES);
    let line = app.wait_for_output("the broker takes no messages");
    assert!(line.contains("queue=\"q\"") && line.contains("low on memory"), "{line}");
    assert!(!app.output().contains("takes messages again"), "the alarm stands");
    chaos.server.ctl(&["set_vm_memory_high_watermark", "0.4"]).unwrap();
    let start = Instant::now();
    until(|| (app.output().matches("message dead-lettered").count() == DEAD + 1).then_some(()));
    assert!(start.elapsed() < HEALED, "{:?}", start.elapsed());
    app.wait_for_output("takes messages again");
    let mut letters: Vec<_> = (0..DEAD).map(|_| rabbit.take("q.dead")).collect();
    assert!(letters.iter().all(|letter| header(letter, "x-dead-reason") == "never as told"));
    letters.sort_by_key(|letter| letter.data.clone());
    letters.dedup_by_key(|letter| letter.data.clone());
    assert_eq!(letters.len(), DEAD);
    assert_eq!(app.output().matches("takes no messages").count(), 1, "it is told once");
    assert_eq!(app.output().matches("lost its connection").count(), 0);
    all_are_handled(&rabbit, &mut app);
}

#[test]
fn a_queue_that_is_deleted_amid_work_is_declared_and_consumed_anew() {
    let (_turn, chaos) = turn();
    let rabbit = Rabbit::on(Arc::clone(&chaos.server));
    let mut app = rabbit.start(&further());
    let old: Vec<_> = (0..MESSAGES).map(|number| format!("sleep 20 old {number}")).collect();
    rabbit.send(&old);
    wait_for(&app, 100);
    // What is in it goes with it.
    rabbit.api("DELETE", &rabbit.queue("q"), "");
    let start = Instant::now();
    app.wait_for_output("lost its connection");
    until(|| (app.output().matches("is connected").count() == 2).then_some(()));
    rabbit.send(&messages());
    heals(&app, start);
    let new = || handled(&app).keys().filter(|message| !message.contains("old")).count();
    within(ALL, || (new() == MESSAGES).then_some(()));
    assert!(handled(&app).values().all(|times| *times == 1), "a queue that is gone delivers nothing again");
    all_are_handled(&rabbit, &mut app);
}

#[test]
fn a_connection_that_the_broker_closes_is_made_anew() {
    let (_turn, chaos) = turn();
    let rabbit = Rabbit::on(Arc::clone(&chaos.server));
    let mut app = rabbit.start(&further());
    rabbit.send(&messages());
    wait_for(&app, 100);
    let close_all =
        format!("rabbit_networking:close_all_user_connections(<<\"{}\">>, <<\"test\">>).", chaos.server.user());
    chaos.server.ctl(&["eval", &close_all]).unwrap();
    let start = Instant::now();
    let line = app.wait_for_output("lost its connection");
    assert!(line.contains("CONNECTION_FORCED"), "{line}");
    heals(&app, start);
    all_are_handled(&rabbit, &mut app);
}

#[test]
fn a_channel_that_the_broker_closes_is_made_anew() {
    let (_turn, chaos) = turn();
    if !is_wanted() {
        return;
    }
    let rabbit = Rabbit::on(Arc::clone(&chaos.server));
    // A message that is unacknowledged for too long, where that is a second.
    let set = |timeout: u32, tick: u32| {
        let text = format!(
            "[application:set_env(rabbit, K, V) || {{K, V}} <- [{{consumer_timeout, {timeout}}}, {{channel_tick_interval, {tick}}}]]."
        );
        chaos.server.ctl(&["eval", &text]).unwrap();
    };
    set(1000, 200);
    let mut app = rabbit.start(&further());
    let mut bodies = messages();
    bodies.insert(100, "sleep 3000".to_owned());
    rabbit.send(&bodies);
    let line = app.wait_for_output("lost its connection");
    assert!(line.contains("PRECONDITION_FAILED"), "{line}");
    set(1_800_000, 60_000);
    let start = Instant::now();
    heals(&app, start);
    wait_for(&app, MESSAGES + 1);
    all_are_handled(&rabbit, &mut app);
}

#[test]
fn a_node_that_is_killed_and_comes_back_goes_on() {
    let (_turn, chaos) = turn();
    if !is_wanted() {
        return;
    }
    let rabbit = Rabbit::on(Arc::clone(&chaos.server));
    let mut app = rabbit.start(&further());
    // RabbitMQ keeps the names of new quorum queues in memory for a moment; killed then, it loses the queues.
    std::thread::sleep(Duration::from_secs(2));
    rabbit.send(&messages());
    wait_for(&app, 100);
    chaos.server.kill();
    app.wait_for_output("lost its connection");
    chaos.server.start_again().unwrap();
    heals(&app, Instant::now());
    all_are_handled(&rabbit, &mut app);
}

#[test]
fn a_network_that_drops_all_packets_for_a_while_is_survived() {
    let (_turn, chaos) = turn();
    if !is_wanted() {
        return;
    }
    let network = match &chaos.network {
        Ok(network) => network,
        Err(reason) => {
            eprintln!("skipped: no network can be made here: {reason}");
            return;
        }
    };
    let rabbit = Rabbit::on(Arc::clone(&chaos.server));
    let address = rabbit.url().replace(&chaos.server.host(), &format!("{}:5672", network.address()));
    let mut app = rabbit.setup_at(&format!("{address}?heartbeat=2"), &further()).within(&network.within()).start();
    app.wait_for_output("is connected");
    rabbit.send(&messages());
    wait_for(&app, 100);
    network.cut();
    app.wait_for_output("lost its connection");
    let before = handled(&app).len();
    // It has nothing to handle, and the broker comes to know it as well.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(handled(&app).len(), before);
    network.mend();
    heals(&app, Instant::now());
    all_are_handled(&rabbit, &mut app);
}
