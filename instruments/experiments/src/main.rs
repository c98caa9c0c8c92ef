//! The report's experiments with queues, on real servers, and one with load: `cargo xtask experiment <name>`.
//!
//! Each of those starts a PostgreSQL, a broker, sign-up and sign-in, and as many consumers as asked for, every one a process of
//! its own. It signs in, breaks something in the middle, waits until nothing is left to deliver, and tells from what
//! has arrived at the mail provider what became of each message. It prints a table and draws it as an SVG.

mod broker;
mod broker_restart;
mod crash;
mod fate;
mod kill_consumer;
mod load;
mod outage;
mod poison;
mod split;
mod stage;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use experiments::{plot, table};
use std::path::PathBuf;
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
}

#[derive(Clone, Copy, Subcommand)]
enum Experiment {
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
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let plan = stage::Plan {
        broker: arguments.broker,
        consumers: arguments.consumers as usize,
        messages: arguments.messages as usize,
        send_ms: u64::from(arguments.send_ms),
    };
    let report = match arguments.experiment {
        Experiment::Split => split::run(&plan)?,
        Experiment::KillConsumer => kill_consumer::run(&plan)?,
        Experiment::BrokerRestart => broker_restart::run(&plan)?,
        Experiment::Crash => crash::run(&plan)?,
        Experiment::Poison => poison::run(&plan)?,
        Experiment::Outage { away } => outage::run(&plan, Duration::from_secs(away))?,
        Experiment::Load { clients, step, bound_ms } => {
            load::run(&plan, clients as usize, Duration::from_secs(step), Duration::from_millis(bound_ms))?
        }
    };
    println!("\n{}", report.text);
    let out = &arguments.out;
    let file = out.join(format!("{}-{}.svg", report.name, plan.broker.name()));
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    std::fs::write(&file, &report.svg).with_context(|| format!("cannot write {}", file.display()))?;
    println!("The plot is in {}", file.display());
    println!("{}", if report.is_kept { "What was promised was kept." } else { "What was promised was NOT kept." });
    Ok(report.is_kept)
}
