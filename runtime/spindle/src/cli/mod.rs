//! The command lines: `spindle up`, and that of a trigger plugin.

mod plugin;
mod refused;
mod runtime;
mod up;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use plugin::main as plugin_main;

use crate::limits;
use crate::time_instances::TimeInstances;

/// A small Spin-compatible runtime.
#[derive(Debug, Parser)]
#[command(name = "spindle", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an application
    Up(Box<up::Up>),
    /// Print all limits with their defaults, as Markdown
    Limits,
    /// Print what an instance of each component costs
    #[command(hide = true)]
    TimeInstances(TimeInstances),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let Cli { command } = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match command {
        Command::Up(up) => runtime::run("spindle", async move {
            matches.subcommand_matches("up").map_or(Ok(()), refused::check)?;
            up.run().await
        }),
        Command::Limits => {
            print!("{}", limits::markdown());
            ExitCode::SUCCESS
        }
        Command::TimeInstances(timing) => runtime::run("spindle", timing.run()),
    }
}

/// The command line, with the options that are known in order to be refused.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("up", refused::add_to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
