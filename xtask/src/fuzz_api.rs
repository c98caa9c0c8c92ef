//! `fuzz-api`: Schemathesis, which generates requests from the OpenAPI files and checks the responses against them.
//!
//! This part sets things up: Schemathesis in a virtual environment of Python's, the servers, the app's code. What is run
//! then is in `instruments/tests/src/bin/fuzz-api`, where apps and people are known.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use dev_servers::install::Tool;

use crate::app_variables::from_dev_env;
use crate::compile::Wanted;
use crate::folder::Folder;
use crate::{compile, program, setup};

/// What is installed, with versions.
const REQUIREMENTS: &str = "instruments/tests/fuzz/requirements.txt";
/// What a running app is reached with, besides its address.
const KEYS: [&str; 5] = [
    "CONCIERGE_AUTH_CREDENTIAL",
    "CONCIERGE_SCHEDULER_CREDENTIAL",
    "CONCIERGE_OPERATOR_CREDENTIAL",
    "CONCIERGE_METRICS_CREDENTIAL",
    "DATABASE_URL",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many cases are made for each operation and each sender.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    examples: u32,
    /// The seed of the cases, to see a run again.
    #[arg(long)]
    seed: Option<u64>,
    /// How often all of it is run on the same app and database.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only the file of this service.
    #[arg(long, value_parser = ["users", "auth", "notification"])]
    service: Option<String>,
    /// Only requests of this sender.
    #[arg(long, value_parser = ["nobody", "user", "admin"])]
    sender: Option<String>,
    /// The broker of the app that is started [default: redis].
    #[arg(long, value_parser = ["redis", "rabbitmq"], conflicts_with = "url")]
    broker: Option<String>,
    /// A running app, which is left with whatever the requests make in it [default: one of its own, thrown away].
    #[arg(long)]
    url: Option<String>,
    /// Skip setup and builds of servers, components and Spindle.
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let schemathesis = schemathesis(&folder)?;
    let mut cargo = program::cargo(folder.root());
    cargo.args(["run", "--quiet", "--package", "blackbox", "--bin", "fuzz-api", "--"]);
    cargo.arg("--schemathesis").arg(schemathesis).args(["--examples", &arguments.examples.to_string()]);
    cargo.args(["--rounds", &arguments.rounds.to_string()]);
    let optional = [
        ("--seed", arguments.seed.map(|seed| seed.to_string())),
        ("--service", arguments.service.clone()),
        ("--sender", arguments.sender.clone()),
        ("--broker", arguments.broker.clone()),
        ("--url", arguments.url.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            cargo.args([name, &value]);
        }
    }
    if arguments.url.is_some() {
        let state = folder.state()?;
        for name in KEYS {
            let value = std::env::var(name).ok().or_else(|| from_dev_env(&state, name));
            cargo.env(name, value.with_context(|| format!("{name} is not set, and a running app is reached with it"))?);
        }
    } else if !arguments.no_build {
        let compiler = setup::compiler(&folder)?;
        setup::server(&folder, Tool::Postgres)?;
        setup::server(&folder, Tool::Redis)?;
        if arguments.broker.as_deref() == Some("rabbitmq") {
            setup::server(&folder, Tool::RabbitMq)?;
        }
        compile::build(&folder, &compiler, Wanted::WITH_SPINDLE)?;
    }
    program::show("the run", cargo)
}

/// The program, installed at the first use and when its version changes.
fn schemathesis(folder: &Folder) -> Result<PathBuf> {
    let requirements = folder.root().join(REQUIREMENTS);
    let wanted = std::fs::read_to_string(&requirements).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let home = folder.state()?.join("schemathesis");
    // Written last, so that it vouches for the rest.
    let stamp = home.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(home.join("bin/st"));
    }
    setup::python(folder)?;
    println!("Installing Schemathesis into .concierge/schemathesis");
    let mut python = Command::new("python3");
    python.args(["-m", "venv", "--clear"]).arg(&home);
    program::output(python).context("Python cannot make a virtual environment")?;
    let mut pip = Command::new(home.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
    program::output(pip).context("pip cannot install Schemathesis; it wants Python 3.11 or later, and PyPI")?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(home.join("bin/st"))
}
