//! The report's experiments with queues, on real servers, and one with load: `cargo xtask experiment <name>`.
//!
//! Each of those starts a PostgreSQL, a broker, sign-up and sign-in, and as many consumers as asked for, every one a process of
//! its own. It signs in, breaks something in the middle, waits until nothing is left to deliver, and tells from what
//! has arrived at the mail provider what became of each message. It prints a table and draws it as an SVG.

mod broker;
mod broker_restart;
mod chaos;
mod crash;
mod drill;
mod fate;
mod kill_consumer;
mod load;
mod outage;
mod poison;
mod rabbitmq_leader;
mod redis_failover;
mod split;
mod stage;
mod trace;
mod trace_cost;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use experiments::{chapter, plot, table};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The report's experiments with queues, on real servers.
#[derive(Parser)]
#[command(name = "cargo xtask experiment", bin_name = "cargo xtask experiment", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
    /// The broker.
    #[arg(long, global = true, default_value = "redis")]
    broker: broker::Kind,
    /// How many consumers compete.
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    consumers: u32,
    /// How many people sign in; each sign-in is one message in each of two queues.
    #[arg(long, global = true, default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=4000))]
    messages: u32,
    /// How long the mail provider takes for a message, in milliseconds. Work that takes no time is not shared evenly.
    #[arg(long, global = true, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=5000))]
    send_ms: u32,
    /// The folder for the plot.
    #[arg(long, global = true, default_value = "target/experiments", value_name = "FOLDER")]
    out: PathBuf,
    /// The folder of the documents whose chapter `experiments.md` is to show what was found, such as `docs`.
    #[arg(long, global = true, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

/// What `all` runs, one after the other, as in the chapter.
const ALL: [&str; 9] = [
    "split",
    "kill-consumer",
    "broker-restart",
    "crash --broker rabbitmq --consumers 4 --messages 1000",
    "rabbitmq-leader --messages 1000",
    "redis-failover",
    "poison",
    "outage --away 15 --consumers 2",
    "load",
];

#[derive(Clone, Copy, Subcommand)]
enum Experiment {
    /// All of them, each as the chapter shows it.
    All,
    /// How evenly the consumers share the work.
    Split,
    /// A consumer dies by SIGKILL in the middle of the work.
    KillConsumer,
    /// The broker dies by SIGKILL in the middle of the work, and comes back.
    BrokerRestart,
    /// A consumer and then the broker die by SIGKILL in the middle of the work.
    Crash,
    /// A message that nobody can handle, among others.
    Poison,
    /// The mail provider, the broker and the database fail, one after the other.
    Outage {
        /// How long each is away, in seconds.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=3600))]
        away: u64,
    },
    /// Each thing that the services stand on dies, hangs, is slow, is cut off or is full, alone or in pairs.
    Chaos(chaos::Options),
    /// One sign-in, with all its spans, from the request to mail and SMS.
    Trace,
    /// What recording traces costs: none, one in a hundred, all.
    TraceCost,
    /// The leader of a queue on three nodes of RabbitMQ dies by SIGKILL while people sign in, and comes back.
    RabbitmqLeader,
    /// The primary of two Redis dies by SIGKILL while people sign in, and its replica takes over.
    RedisFailover,
    /// Ever more clients read, refresh tokens and sign in at once.
    Load {
        /// How many clients of each kind there are at most; it begins with one of each.
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=128))]
        clients: u32,
        /// How long each step takes, in seconds.
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600))]
        step: u64,
        /// Within which time 99 of 100 reads are promised at each step, in milliseconds.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=60_000))]
        bound_ms: u64,
    },
}

/// What an experiment found.
pub(crate) struct Report {
    /// The name, for the file of the plot.
    name: &'static str,
    /// What it says, a table mostly.
    text: String,
    /// The plot.
    svg: String,
    /// Whether what was promised was kept.
    is_kept: bool,
}

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for; whether all that was promised was kept.
fn start(arguments: &Arguments) -> Result<bool> {
    let write = arguments.write.as_deref();
    if !matches!(arguments.experiment, Experiment::All) {
        return run(arguments, write, &repeated(std::env::args().skip(1)));
    }
    let mut failed = Vec::new();
    for (number, line) in (1..).zip(ALL) {
        println!("{number} of {}: {line}", ALL.len());
        let mut one = Arguments::try_parse_from(std::iter::once("experiment").chain(line.split(' ')))?;
        one.out.clone_from(&arguments.out);
        let is_kept = run(&one, write, line).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            false
        });
        if !is_kept {
            failed.push(line);
        }
    }
    println!("\n{} of {} kept what they promise", ALL.len() - failed.len(), ALL.len());
    for line in &failed {
        println!("not kept: {line}");
    }
    Ok(failed.is_empty())
}

/// What repeats this run: the arguments without those that say where results go.
fn repeated(arguments: impl Iterator<Item = String>) -> String {
    let mut kept = Vec::new();
    let mut is_value = false;
    for argument in arguments {
        let is_place = ["--write", "--out"].iter().any(|place| argument.starts_with(place));
        if !is_place && !is_value {
            kept.push(argument.clone());
        }
        is_value = is_place && !argument.contains('=');
    }
    kept.join(" ")
}

/// Runs one experiment, shows what it found, and writes it where it is to go.
fn run(arguments: &Arguments, write: Option<&Path>, line: &str) -> Result<bool> {
    let broker = match arguments.experiment {
        Experiment::RabbitmqLeader => broker::Kind::Rabbitmq,
        Experiment::RedisFailover => broker::Kind::Redis,
        _ => arguments.broker,
    };
    let plan = stage::Plan {
        broker,
        consumers: arguments.consumers as usize,
        messages: arguments.messages as usize,
        send_ms: u64::from(arguments.send_ms),
    };
    let report = match arguments.experiment {
        Experiment::All => bail!("`all` is not one of its own"),
        Experiment::Split => split::run(&plan)?,
        Experiment::KillConsumer => kill_consumer::run(&plan)?,
        Experiment::BrokerRestart => broker_restart::run(&plan)?,
        Experiment::Crash => crash::run(&plan)?,
        Experiment::Poison => poison::run(&plan)?,
        Experiment::Outage { away } => outage::run(&plan, Duration::from_secs(away))?,
        Experiment::Chaos(options) => chaos::run(&plan, &options)?,
        Experiment::Trace => trace::run(&plan)?,
        Experiment::TraceCost => trace_cost::run(&plan)?,
        Experiment::RabbitmqLeader => rabbitmq_leader::run(&plan)?,
        Experiment::RedisFailover => redis_failover::run(&plan)?,
        Experiment::Load { clients, step, bound_ms } => {
            load::run(&plan, clients as usize, Duration::from_secs(step), Duration::from_millis(bound_ms))?
        }
    };
    let verdict = if report.is_kept { "What was promised was kept." } else { "What was promised was NOT kept." };
    println!("\n{}", report.text);
    let out = &arguments.out;
    let file = out.join(format!("{}-{}.svg", report.name, plan.broker.name()));
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    std::fs::write(&file, &report.svg).with_context(|| format!("cannot write {}", file.display()))?;
    println!("The plot is in {}", file.display());
    println!("{verdict}");
    if let Some(docs) = write {
        let command = format!("cargo xtask experiment {line}");
        // The chapter shows this one for each broker.
        let name = if matches!(arguments.experiment, Experiment::Chaos(_)) {
            format!("{}-{}", report.name, plan.broker.name())
        } else {
            report.name.to_owned()
        };
        let (text, svg) = (&report.text, &report.svg);
        chapter::write(docs, &chapter::Finding { name: &name, command: &command, text, verdict, svg })?;
    }
    Ok(report.is_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_can_be_asked_for() {
        for line in ALL {
            let arguments = Arguments::try_parse_from(std::iter::once("experiment").chain(line.split(' ')));
            assert!(arguments.is_ok(), "{line}");
        }
    }

    #[test]
    fn what_repeats_a_run_leaves_out_where_results_go() {
        let line = "split --write docs --consumers 2 --out=there --messages 30";
        assert_eq!(repeated(line.split(' ').map(str::to_owned)), "split --consumers 2 --messages 30");
    }
}
