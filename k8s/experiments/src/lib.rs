//! The report's experiments on Kubernetes: what a caller notices while a version is rolled out, a pod is wedged, load
//! comes and goes, or the database fails over.
//!
//! [`load`] asks at a steady rate and writes down every answer; [`samples`] counts them; [`cluster`] is kubectl;
//! [`objects`] reads and changes what kubectl gives. Each experiment prints a table, draws an SVG, and puts back what it
//! changed.

pub mod cluster;
pub mod load;
pub mod objects;
pub mod samples;

mod autoscale;
mod db_failover;
mod kube_deploy;
mod liveness;
mod rollback;
mod rolling;
mod split;
mod stage;
mod trap;
mod versions;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use experiments::chapter::{self, Finding};
use stage::Stage;
use std::path::PathBuf;

/// The report's experiments on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask experiment --on k8s", arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
    /// Where the gateway answers; by default the minikube node's address and port 30400.
    #[arg(long, global = true)]
    url: Option<String>,
    /// kubectl's context.
    #[arg(long, global = true, default_value = "minikube")]
    context: String,
    /// Requests a second.
    #[arg(long, global = true, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// The file with the secrets of the installation.
    #[arg(long, global = true, default_value = "k8s/overlays/minikube/secrets.env")]
    secrets: PathBuf,
    /// The folder for the plot.
    #[arg(long, global = true, default_value = "target/experiments", value_name = "FOLDER")]
    out: PathBuf,
    /// The folder of the documents whose chapter `experiments.md` is to show what was found, such as `docs`.
    #[arg(long, global = true, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum Experiment {
    /// All that the overlay `minikube` can run, one after the other: those up to `split`, but for `kube-deploy`.
    All,
    /// A new version of users by a rolling update, under load.
    Rolling,
    /// The same by the strategy `Recreate`.
    Recreate,
    /// A new version beside the old one, with a growing share of the requests.
    Canary,
    /// A new version beside the old one, and all requests switched at once, and back.
    BlueGreen,
    /// A version that never becomes ready, and the way back.
    Rollback,
    /// A wedged pod, restarted by its liveness probe.
    Liveness,
    /// A handler that traps, which costs one request and no pod.
    Trap,
    /// CPU load drives the autoscaler up, and its end down.
    Autoscale,
    /// The whole application rolled out by `spin kube deploy`, under load (the component `whole-app`).
    KubeDeploy {
        /// The tag to roll out; by default the one that is there, with its pods made anew.
        #[arg(long)]
        tag: Option<String>,
    },
    /// How evenly the pods of notification share the work of a queue.
    Split,
    /// The primary of the database is killed (the overlay `production`).
    DbFailover,
}

/// What an experiment found.
#[derive(Debug)]
struct Report {
    /// The name, for the file of the plot.
    name: &'static str,
    /// A table, and what there is to say.
    text: String,
    /// The plot.
    svg: String,
    /// Whether the goal was reached.
    is_reached: bool,
}

/// What `all` runs.
const ALL: [(&str, Experiment); 9] = [
    ("rolling", Experiment::Rolling),
    ("recreate", Experiment::Recreate),
    ("canary", Experiment::Canary),
    ("blue-green", Experiment::BlueGreen),
    ("rollback", Experiment::Rollback),
    ("liveness", Experiment::Liveness),
    ("trap", Experiment::Trap),
    ("autoscale", Experiment::Autoscale),
    ("split", Experiment::Split),
];

/// Runs an experiment, or all; whether every goal was reached.
///
/// # Errors
/// If the cluster cannot be used, or a single experiment cannot be run.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let stage = Stage::set(arguments)?;
    if !matches!(arguments.experiment, Experiment::All) {
        return run_one(arguments, &stage, &arguments.experiment);
    }
    let mut missed = Vec::new();
    for (number, (name, experiment)) in (1..).zip(&ALL) {
        println!("{number} of {}: {name}", ALL.len());
        let is_reached = run_one(arguments, &stage, experiment).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            false
        });
        if !is_reached {
            missed.push(*name);
        }
    }
    println!("\n{} of {} reached their goal", ALL.len() - missed.len(), ALL.len());
    if !missed.is_empty() {
        println!("missed: {}", missed.join(", "));
    }
    Ok(missed.is_empty())
}

fn run_one(arguments: &Arguments, stage: &Stage, experiment: &Experiment) -> Result<bool> {
    let report = match experiment {
        Experiment::All => bail!("`all` is not one of its own"),
        Experiment::Rolling => rolling::run(stage, rolling::Strategy::RollingUpdate)?,
        Experiment::Recreate => rolling::run(stage, rolling::Strategy::Recreate)?,
        Experiment::Canary => versions::canary(stage)?,
        Experiment::BlueGreen => versions::blue_green(stage)?,
        Experiment::Rollback => rollback::run(stage)?,
        Experiment::Liveness => liveness::run(stage)?,
        Experiment::Trap => trap::run(stage)?,
        Experiment::Autoscale => autoscale::run(stage)?,
        Experiment::KubeDeploy { tag } => kube_deploy::run(stage, &arguments.context, tag.as_deref())?,
        Experiment::Split => split::run(stage)?,
        Experiment::DbFailover => db_failover::run(stage)?,
    };
    let verdict = if report.is_reached { "The goal was reached." } else { "The goal was NOT reached." };
    println!("\n{}", report.text);
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create {}", arguments.out.display()))?;
    let file = arguments.out.join(format!("k8s-{}.svg", report.name));
    std::fs::write(&file, &report.svg).with_context(|| format!("cannot write {}", file.display()))?;
    println!("The plot is in {}", file.display());
    println!("{verdict}");
    if let Some(docs) = &arguments.write {
        let command = format!("cargo xtask experiment {} --on k8s", report.name);
        let name = format!("k8s-{}", report.name);
        let (text, svg) = (&report.text, &report.svg);
        chapter::write(docs, &Finding { name: &name, command: &command, text, verdict, svg })?;
    }
    Ok(report.is_reached)
}
