//! Every developer task of Concierge: `cargo xtask --help`.
//!
//! Each task does all of its own set-up, so that `cargo xtask up` and `cargo xtask test` are all that a newcomer needs. What a
//! task makes is in `.concierge/` and `target/`; it ends only processes that it started.

mod admin;
mod app_variables;
mod bench;
mod checks;
mod clean;
mod compile;
mod database;
mod doctor;
mod down;
mod experiment;
mod folder;
mod fuzz_api;
mod interrupt;
mod keys;
mod lint;
mod migrate;
mod minikube;
mod plugin;
mod program;
mod queue;
mod rabbitmq_server;
mod records;
mod redis_server;
mod ring;
mod secrets;
mod session;
mod setup;
mod suite;
mod swagger_ui;
mod toolchain;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Every developer task of Concierge; each does its own set-up.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what a build and a run need: the wasm32-wasip1 target, PostgreSQL, Redis and RabbitMQ.
    Setup(setup::Arguments),
    /// Build the components for wasm32-wasip1, and Spindle.
    Build(compile::Arguments),
    /// Unpack Swagger UI for the docs component into `target/swagger-ui`, as every build of the components does.
    SwaggerUi,
    /// Run Concierge with a PostgreSQL and a Redis of its own until Ctrl-C, and print how to use it.
    Up(up::Arguments),
    /// End an `up`, or what one that was killed has left behind; the data stays.
    Down,
    /// End what runs, and remove data, secrets and logs from `.concierge/`.
    Clean(clean::Arguments),
    /// Run all tests; the last line printed is `N passed, N failed`.
    Test(suite::Arguments),
    /// Repeat one of the report's experiments, with queues, or with `--on k8s` on Kubernetes.
    Experiment(experiment::Arguments),
    /// Measure Concierge against a native peer, or compare two results; `bench --help` tells how.
    Bench(bench::Arguments),
    /// Send Schemathesis's requests to each route of the OpenAPI files, as nobody, as a user and as an administrator.
    FuzzApi(fuzz_api::Arguments),
    /// Check format, lints, licences and sources, as CI does.
    Lint,
    /// Say of each prerequisite whether it is there, and how to get what is missing.
    Doctor,
    /// Show the keys of access tokens, or replace the one that signs.
    Keys(keys::Arguments),
    /// Apply the files of `migrations/` that a database does not have yet.
    Migrate(migrate::Arguments),
    /// Make somebody an administrator who has signed up.
    Admin(admin::Arguments),
    /// Make the trigger plugin for RabbitMQ, as `spin plugins install --file` takes it.
    Plugin(plugin::Arguments),
    /// Run Concierge on Kubernetes, on one minikube node.
    Minikube(minikube::Arguments),
    /// Look at the queues of a running app; redrive or drop dead letters.
    Queue(queue::Arguments),
    /// Do once what a running `up` does each second: have outboxes swept and queues looked at.
    Ring(ring::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Setup(arguments) => setup::run(&arguments),
        Task::Build(arguments) => compile::run(&arguments),
        Task::SwaggerUi => swagger_ui::run(),
        Task::Up(arguments) => up::run(&arguments),
        Task::Down => down::run(),
        Task::Clean(arguments) => clean::run(&arguments),
        Task::Test(arguments) => return suite::run(&arguments),
        Task::Experiment(arguments) => experiment::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::FuzzApi(arguments) => fuzz_api::run(&arguments),
        Task::Lint => lint::run(),
        Task::Doctor => doctor::run(),
        Task::Keys(arguments) => keys::run(&arguments),
        Task::Migrate(arguments) => migrate::run(&arguments),
        Task::Admin(arguments) => admin::run(&arguments),
        Task::Plugin(arguments) => plugin::run(&arguments),
        Task::Minikube(arguments) => minikube::run(&arguments),
        Task::Queue(arguments) => queue::run(&arguments),
        Task::Ring(arguments) => ring::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
