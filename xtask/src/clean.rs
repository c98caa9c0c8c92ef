//! `clean`: stops what runs and deletes what `up` has made.

use anyhow::{Context as _, Result};
use dev_servers::{postgres, rabbitmq, redis};

use crate::folder::Folder;
use crate::records;

/// Kept unless everything is to go: making it takes a minute and a network.
const COSTLY: [&str; 2] = ["toolchain", "schemathesis"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also remove what setting up the compiler's target has left in `.concierge/toolchain`, and Schemathesis.
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let state = Folder::find()?.state()?;
    let (_lock, ended) = records::end_all(&state)?;
    if !ended.is_empty() {
        println!("Stopped: {}", ended.join(", "));
    }
    for entry in std::fs::read_dir(&state).with_context(|| format!("cannot read {}", state.display()))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if COSTLY.iter().any(|costly| name == *costly) && !arguments.all {
            continue;
        }
        println!("Removing {}", path.display());
        if name == "postgres" {
            postgres::remove(&path)?;
        } else if name == "redis" {
            redis::remove(&path)?;
        } else if name == "rabbitmq" {
            rabbitmq::remove(&path)?;
        } else if path.is_dir() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        } else {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
