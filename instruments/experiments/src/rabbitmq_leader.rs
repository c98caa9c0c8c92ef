//! Three nodes of RabbitMQ, and the one that leads a queue dies by SIGKILL while people sign in: nobody is refused, nothing is
//! lost or sent twice, and messages go on by another leader.

use crate::Report;
use crate::drill::{self, Arrival, Drill};
use crate::fate::{self, Fate};
use crate::stage::{Plan, Stage};
use crate::table::table;
use anyhow::{Context as _, Result};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS};
use blackbox::rabbit::Rabbit;
use std::time::{Duration, Instant};

/// How long all is well before, and afterwards.
const CALM: Duration = Duration::from_secs(8);
/// How long the node is away.
const AWAY: Duration = Duration::from_secs(12);
/// Until the management knows who leads a queue, and until the node has caught up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Within which time messages flow again, in seconds.
const PROMISED: f64 = 10.0;
/// How many nodes there are.
const NODES: usize = 3;
/// The queues of a sign-in, in the order of [`fate::KINDS`].
const QUEUES: [&str; 2] = [LOGIN_EMAIL, LOGIN_SMS];

/// What was done when, and who led.
struct Found {
    killed: String,
    killed_at: f64,
    back_at: f64,
    /// For each queue, who led it before, and who once the node was away.
    leaders: Vec<(String, String)>,
    /// How many nodes have each queue in the end.
    online: Vec<usize>,
}

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    println!("Starting {NODES} nodes of RabbitMQ");
    let stage = Stage::on(Backend::with_rabbitmq_cluster(), plan, &Stage::REPORTED)?;
    let rabbit = stage.backend.rabbit.as_ref().context("the backend has RabbitMQ")?;
    let drill = drill::under_load(&stage, plan.messages, |clock| steps(rabbit, clock))?;
    println!("{} sign-ins; waiting for the last messages", drill.let_in().0);
    drill::settle(&stage)?;
    report(&stage, &drill)
}

fn steps(rabbit: &Rabbit, clock: &dyn Fn() -> f64) -> Result<Found> {
    let nodes = rabbit.nodes.as_ref().context("there are several nodes")?;
    std::thread::sleep(CALM);
    let leader = |queue: &str| rabbit.nodes_of(queue).unwrap_or_default().leader;
    let before = QUEUES.map(leader);
    let killed = before[0].clone();
    let node = nodes.cluster.node(&killed).with_context(|| format!("there is no node {killed}"))?;
    println!("Killing {killed}, which leads {}", QUEUES[0]);
    let killed_at = clock();
    node.kill();
    std::thread::sleep(AWAY);
    let after = QUEUES.map(|queue| wait(|| Some(leader(queue)).filter(|now| *now != killed && !now.is_empty())));
    println!("Starting {killed} again");
    node.start_again()?;
    let back_at = clock();
    let online = QUEUES.map(|queue| {
        wait(|| Some(rabbit.nodes_of(queue)?.online).filter(|online| *online == NODES)).unwrap_or_default()
    });
    std::thread::sleep(CALM);
    let leaders = before.into_iter().zip(after.map(Option::unwrap_or_default)).collect();
    Ok(Found { killed, killed_at, back_at, leaders, online: online.into() })
}

/// What is there in the end, if it comes in time.
fn wait<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() > PATIENCE {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn report(stage: &Stage, drill: &Drill<Found>) -> Result<Report> {
    let Found { killed, killed_at, back_at, leaders, online } = &drill.found;
    let arrivals = drill.arrivals(stage);
    let fates = fate::fates(drill.let_in().0, &stage.mail.taken());
    let end = drill.sign_ins.iter().map(|sign_in| sign_in.at).fold(*back_at, f64::max);
    let phases =
        [("all is well", 1.0, *killed_at), ("a node is killed", *killed_at, *back_at), ("it is back", *back_at, end)];
    let rows = phases.map(|(name, from, to)| row(name, drill, &arrivals, from, to));
    let pause = pauses(&arrivals, *killed_at, end).into_iter().fold(0.0, f64::max);
    let refused = drill.let_in().1;
    let queues = QUEUES.iter().zip(leaders).zip(online).map(|((queue, (before, after)), online)| {
        vec![(*queue).to_owned(), before.clone(), after.clone(), format!("{online} of {NODES}")]
    });
    let text = format!(
        "{}\n{}\n{}\nkilled: {killed}\nmessages flow again after at most: {pause:.1} s\n",
        table(&["", "let in", "refused", "slowest s", "no mail for s", "no SMS for s"], &rows),
        table(&["queue", "led by", "then by", "nodes in the end"], &queues.collect::<Vec<_>>()),
        fate::shown(&fates),
    );
    let title = "Sign-ins and messages; a node of RabbitMQ is killed";
    let svg = drill.plot(title, &arrivals, &[(*killed_at, "it is killed"), (*back_at, "it is back")])?;
    Ok(Report { name: "rabbitmq-leader", text, svg, is_kept: is_kept(&fates, refused, pause, online) })
}

fn row(name: &str, drill: &Drill<Found>, arrivals: &[Arrival], from: f64, to: f64) -> Vec<String> {
    let meant: Vec<_> = drill.sign_ins.iter().filter(|sign_in| (from..to).contains(&sign_in.at)).collect();
    let let_in = meant.iter().filter(|sign_in| sign_in.is_in).count();
    let numbers = [let_in, meant.len() - let_in].map(|number| number.to_string());
    let seconds = std::iter::once(drill.slowest(from, to)).chain(pauses(arrivals, from, to));
    std::iter::once(name.to_owned()).chain(numbers).chain(seconds.map(|seconds| format!("{seconds:.1}"))).collect()
}

/// How long no message of a kind arrived at most, for each kind.
fn pauses(arrivals: &[Arrival], from: f64, to: f64) -> [f64; 2] {
    [0, 1].map(|kind| {
        drill::longest_pause(arrivals.iter().filter(|arrival| arrival.kind == kind).map(|arrival| arrival.at), from, to)
    })
}

/// Nobody is refused, each message arrives once, they flow again soon, and all nodes have the queues in the end.
fn is_kept(fates: &[Fate], refused: usize, pause: f64, online: &[usize]) -> bool {
    refused == 0
        && fates.iter().all(|fate| fate.lost == 0 && fate.repeated == 0)
        && pause <= PROMISED
        && online.iter().all(|online| *online == NODES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_only_if_all_of_it_is() {
        let fate = |repeated, lost| Fate { kind: "email", sent: 9, once: 9 - repeated - lost, repeated, lost };
        assert!(is_kept(&[fate(0, 0)], 0, 2.0, &[3, 3]));
        assert!(!is_kept(&[fate(0, 0), fate(1, 0)], 0, 2.0, &[3, 3]));
        assert!(!is_kept(&[fate(0, 1)], 0, 2.0, &[3, 3]));
        assert!(!is_kept(&[fate(0, 0)], 1, 2.0, &[3, 3]));
        assert!(!is_kept(&[fate(0, 0)], 0, 10.5, &[3, 3]));
        assert!(!is_kept(&[fate(0, 0)], 0, 2.0, &[3, 2]));
    }
}
