//! `bench`: builds everything, then runs the package `bench`.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};
use dev_servers::install::Tool;

use crate::compile::Wanted;
use crate::folder::Folder;
use crate::{compile, program, setup};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Passed on; see `cargo xtask bench --help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let first = arguments.rest.first().and_then(|first| first.to_str()).unwrap_or_default();
    if first == "instructions" {
        return instructions(&folder, &arguments.rest[1..]);
    }
    // The others look at files alone.
    let needs_app = !matches!(first, "compare" | "scale" | "--help" | "-h" | "help");
    if needs_app {
        let compiler = setup::compiler(&folder)?;
        setup::server(&folder, Tool::Postgres)?;
        setup::server(&folder, Tool::Redis)?;
        if wants_rabbitmq(&arguments.rest) {
            setup::server(&folder, Tool::RabbitMq)?;
        }
        setup::tool(&folder, "wrk")?;
        compile::build(&folder, &compiler, Wanted::COMPONENTS)?;
    }
    compile::optimised(&folder, if needs_app { &["bench", "spindle"] } else { &["bench"] })?;
    let mut bench = Command::new(folder.target().join(compile::OPTIMISED).join("bench"));
    bench.current_dir(folder.root()).args(&arguments.rest);
    program::show("the benchmark", bench)
}

/// Whether messages are to wait on RabbitMQ: in a full run, and when that is asked for.
fn wants_rabbitmq(arguments: &[OsString]) -> bool {
    let has = |part: &str| arguments.iter().any(|argument| argument.to_string_lossy().contains(part));
    has("backlog") || !(has("--only") || has("--quick"))
}

/// Counts the instructions of hot paths and compares them with the recorded ones; `--renew` records them.
fn instructions(folder: &Folder, arguments: &[OsString]) -> Result<()> {
    let task = match arguments {
        [] => "check",
        [only] if only == "--renew" => "renew",
        _ => bail!("`bench instructions` takes `--renew` or nothing"),
    };
    setup::tool(folder, "valgrind")?;
    let mut cargo = program::cargo(folder.root());
    cargo.args(["run", "--release", "--package", "hot-paths", "--", task]);
    program::show("the count of instructions", cargo)
}
