//! `minikube`: Concierge on SpinKube on one minikube node, from nothing to an answer.
//!
//! Everything is a step that may be repeated: what is there stays, what is missing is made. A step that fails says what
//! failed, in the words of the program that failed, and what to do. By hand it is in k8s/README.md.

mod artifact;
mod cluster;
mod deploy;
mod status;
mod up;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::folder::Folder;
use cluster::Cluster;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
    /// The minikube profile, which is also the name of kubectl's context.
    #[arg(long, global = true, default_value = "minikube")]
    profile: String,
}

#[derive(Subcommand)]
enum Task {
    /// The node, cert-manager, the shim, the operator, and then `deploy`.
    Up(up::Arguments),
    /// Build, push and apply what has changed, and wait until it answers.
    Deploy(deploy::Arguments),
    /// Say how everything is; fails if something is not as it should be.
    Status,
    /// Stop the node. Data and what is installed stay.
    Down {
        /// Remove the node, and with it all data.
        #[arg(long)]
        delete: bool,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let cluster = Cluster::new(Folder::find()?, &arguments.profile);
    let missing = cluster.missing_tools();
    if !missing.is_empty() {
        bail!("not on the PATH:\n{}", missing.join("\n"));
    }
    match &arguments.task {
        Task::Up(up) => {
            up::prepare(&cluster, up)?;
            deploy::run(&cluster, &deploy::Arguments::default())
        }
        Task::Deploy(deploy) => deploy::run(&cluster, deploy),
        Task::Status => status::run(&cluster),
        Task::Down { delete } => {
            let advice = "`minikube status` says how it is, `minikube logs` why.";
            cluster.step("ending the node", advice, || {
                cluster.minikube(&[if *delete { "delete" } else { "stop" }]).map(drop)
            })
        }
    }
}

#[cfg(test)]
mod tests;
