//! The command lines: `spindle up`, and that of a trigger plugin.

mod plugin;
mod runtime;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use plugin::main as plugin_main;

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
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command: Command::Up(up) } = Cli::parse();
    runtime::run(up.run())
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
