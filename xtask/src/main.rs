//! Every developer task of Concierge: `cargo xtask --help`.
//!
//! Each task sets up what it needs, so a newcomer needs only `cargo xtask up` and `cargo xtask test`. Tasks write to
//! `.concierge/` and `target/`, and end only processes that they started.

mod admin;
mod app_variables;
mod bench;
mod builds;
mod check;
mod clean;
mod compile;
mod database;
mod doctor;
mod down;
mod experiment;
mod experiment_server;
mod fill;
mod folder;
mod fuzz_api;
mod growing_log;
mod interrupt;
mod keys;
mod lint;
mod mail;
mod migrate;
mod minikube;
mod openapi;
mod plugin;
mod prerequisites;
mod program;
mod prometheus;
mod queue;
mod rabbitmq_server;
mod records;
mod redis_server;
mod schedules;
mod secrets;
mod servers;
mod session;
mod setup;
mod spin;
mod suite;
mod swagger_ui;
mod toolchain;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What `cargo xtask` prints: the tasks by what they are for. A test holds it to the tasks that there are.
const HELP: &str = "\
Concierge's developer tasks. Each sets up what it needs.

Usage: cargo xtask <TASK> [OPTIONS]

Run it
  up          Run the app with its own PostgreSQL and Redis, until Ctrl-C
  down        Stop an `up`, or what is left of one; the data stays
  clean       Stop it and delete data, secrets and logs from .concierge/

Change it
  check       Format, clippy and unit tests: under a minute
  test        All tests, on real servers
  lint        What CI checks besides the tests, licences included
  fuzz-api    Schemathesis against every operation
  openapi     Write the OpenAPI files from the operations in api/

Measure it
  bench       Benchmark against a native peer; `bench compare` compares results
  fill        Add as many people to a database as you want to try with
  experiment  The report's experiments, here or on Kubernetes (`--on k8s`)

Operate it
  migrate     Apply pending migrations to a database
  admin       Make a user an administrator
  keys        Show or rotate the keys of access tokens
  queue       List queues; redrive or drop dead letters
  schedules   Sweep the outbox and wake the consumers once
  minikube    Run the app on minikube, through SpinKube

Build it
  setup       Install the wasm32-wasip1 target and the servers
  doctor      Report which prerequisites are missing
  build       Build the components and Spindle
  plugin      Build the RabbitMQ trigger plugin for Spin
  swagger-ui  Unpack Swagger UI into target/

`cargo xtask <TASK> --help` shows a task's options.
";

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true, override_help = HELP)]
#[command(disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what builds and runs need: the wasm32-wasip1 target, PostgreSQL, Redis and RabbitMQ.
    Setup(setup::Arguments),
    /// Build the components for wasm32-wasip1, and Spindle.
    Build(compile::Arguments),
    /// Unpack Swagger UI for the docs component into `target/swagger-ui`, as every build of the components does.
    SwaggerUi,
    /// Run Concierge with its own PostgreSQL and Redis until Ctrl-C, and print how to use it.
    Up(up::Arguments),
    /// Stop an `up`, or what is left of one that was killed; the data stays.
    Down,
    /// Stop what runs, and delete data, secrets and logs from `.concierge/`.
    Clean(clean::Arguments),
    /// Check format, module structure and clippy, and run the unit tests; no server is started.
    Check,
    /// Run all tests; the last line printed is `N passed, N failed`.
    Test(suite::Arguments),
    /// Repeat one of the report's experiments with queues, or on Kubernetes with `--on k8s`.
    Experiment(experiment::Arguments),
    /// Measure Concierge against a native peer, or compare two results; see `bench --help`.
    Bench(bench::Arguments),
    /// Send Schemathesis's requests to every operation of the OpenAPI files: anonymously, as a user and as an administrator.
    FuzzApi(fuzz_api::Arguments),
    /// Write the OpenAPI files from the operations in `api/`, or with `--check` only compare them.
    Openapi(openapi::Arguments),
    /// Check format, module structure, clippy, licences and sources, as CI does.
    Lint,
    /// Report for each prerequisite whether it is there, and how to get it.
    Doctor,
    /// Show the keys of access tokens, or replace the signing key.
    Keys(keys::Arguments),
    /// Apply the files of `migrations/` that a database does not have yet.
    Migrate(migrate::Arguments),
    /// Add people to a database, with sessions, factors, an audit log and all else that grows.
    Fill(fill::Arguments),
    /// Make a user an administrator.
    Admin(admin::Arguments),
    /// Build the trigger plugin for RabbitMQ, ready for `spin plugins install --file`.
    Plugin(plugin::Arguments),
    /// Run Concierge on Kubernetes, on one minikube node.
    Minikube(minikube::Arguments),
    /// List the queues of a running app; redrive or drop dead letters.
    Queue(queue::Arguments),
    /// Do once what a running `up` does every second: sweep the outbox and wake the consumers.
    Schedules(schedules::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Setup(arguments) => setup::run(&arguments),
        Task::Build(arguments) => compile::run(&arguments),
        Task::SwaggerUi => swagger_ui::run(),
        Task::Up(arguments) => up::run(&arguments),
        Task::Down => down::run(),
        Task::Clean(arguments) => clean::run(&arguments),
        Task::Check => check::run(),
        Task::Test(arguments) => return suite::run(&arguments),
        Task::Experiment(arguments) => experiment::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::FuzzApi(arguments) => fuzz_api::run(&arguments),
        Task::Openapi(arguments) => openapi::run(&arguments),
        Task::Lint => lint::run(),
        Task::Doctor => doctor::run(),
        Task::Keys(arguments) => keys::run(&arguments),
        Task::Migrate(arguments) => migrate::run(&arguments),
        Task::Fill(arguments) => fill::run(&arguments),
        Task::Admin(arguments) => admin::run(&arguments),
        Task::Plugin(arguments) => plugin::run(&arguments),
        Task::Minikube(arguments) => minikube::run(&arguments),
        Task::Queue(arguments) => queue::run(&arguments),
        Task::Schedules(arguments) => schedules::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_help_lists_every_task_once() {
        let command = Arguments::command();
        let mut tasks: Vec<_> = command.get_subcommands().map(|task| task.get_name().to_owned()).collect();
        let listed = HELP.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
        let mut listed: Vec<_> = listed.map(str::to_owned).collect();
        tasks.sort();
        listed.sort();
        assert_eq!(listed, tasks);
        assert!(HELP.lines().all(|line| line.len() <= 80));
    }
}
