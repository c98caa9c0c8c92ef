//! The benchmark's command line; `cargo xtask bench` builds everything first.

use std::process::ExitCode;

use anyhow::Result;
use bench::compare;
use bench::run::{Options, run};
use clap::{Parser, Subcommand};

/// Measures Concierge on Spindle, on Spin and against a native peer, in turns, on one database.
#[derive(Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// What takes turns [default: spindle, native, and spin if one is on the PATH].
    #[arg(long, value_enum, value_delimiter = ',')]
    runtime: Vec<bench::Side>,
    /// Only these measurements, such as get-user, range, login, storm, events, start, size or instantiate.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Fewer points and shorter runs: under ten minutes.
    #[arg(long)]
    quick: bool,
    /// Runs of each measurement [default: 5 when quick, else 7].
    #[arg(long)]
    runs: Option<u32>,
    /// How long a soak takes [default: 8 when quick, else 32].
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    soak: Option<u32>,
    /// How many messages wait in a backlog [default: 100000 when quick, else 1000000].
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(50_000..))]
    waiting: Option<u32>,
    /// Keep the results under this name, in instruments/bench/results; without it they are in target/bench.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Subcommand)]
enum Task {
    /// Print how the second result is to the first.
    Compare {
        /// A name in instruments/bench/results, `latest` for what has no name, or a path.
        first: String,
        /// The same.
        second: String,
    },
    /// Make docs/scale.md of two results, or three.
    Scale {
        /// The name of the one with `cost`.
        costs: String,
        /// The name of the one with `rows`.
        rows: String,
        /// The name of the one with `backlog`.
        backlog: Option<String>,
    },
}

fn main() -> ExitCode {
    match task(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task(arguments: Arguments) -> Result<()> {
    match arguments.task {
        Some(Task::Compare { first, second }) => compare::compare(&first, &second),
        Some(Task::Scale { costs, rows, backlog }) => bench::scale::write(&costs, &rows, backlog.as_deref()),
        None => run(&Options {
            sides: if arguments.runtime.is_empty() { bench::Side::usual() } else { arguments.runtime },
            only: arguments.only,
            quick: arguments.quick,
            runs: arguments.runs.unwrap_or(if arguments.quick { 5 } else { 7 }),
            waiting: arguments.waiting.unwrap_or(if arguments.quick { 100_000 } else { 1_000_000 }),
            soak_minutes: arguments.soak.unwrap_or(if arguments.quick { 8 } else { 32 }),
            name: arguments.name,
        }),
    }
}
