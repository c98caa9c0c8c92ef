//! The command lines: `spindle up`, and that of a trigger plugin.

mod plugin;
mod runtime;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    match Cli::parse().command {
        Command::Up(up) => runtime::run(up.run()),
        Command::Limits => {
            print!("{}", limits::markdown());
            ExitCode::SUCCESS
        }
        Command::TimeInstances(timing) => runtime::run(timing.run()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
