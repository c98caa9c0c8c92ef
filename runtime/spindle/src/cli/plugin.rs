//! `trigger-amqp`: Spin starts it with the app locked in a file that `SPIN_LOCKED_URL` names, and the flags that it said it takes.
//!
//! Without Spin it runs the same triggers of a manifest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::runtime::{self, RuntimeArgs, Signals};
use crate::amqp_trigger::{self, TRIGGER_TYPE};
use crate::app::{self, App};
use crate::locked::LockedApp;
use crate::manifest::{self, Assets, Source};
use crate::metrics::Sources;

/// Where Spin puts the lock: a `file://` URL.
const LOCK_VARIABLE: &str = "SPIN_LOCKED_URL";

/// Where the app is, if it is a folder of this machine.
const APP_DIR_VARIABLE: &str = "SPIN_LOCAL_APP_DIR";

/// A folder for the run, which Spin removes afterwards.
const WORKING_DIR_VARIABLE: &str = "SPIN_WORKING_DIR";

/// Hands messages of RabbitMQ's queues to the components of a Spin application: run by `spin up`, or alone with `--from`
#[derive(Debug, Parser)]
#[command(name = "trigger-amqp", version, args_override_self = true)]
struct Plugin {
    #[command(flatten)]
    runtime: RuntimeArgs,

    /// Without Spin: the application, a manifest or the directory of one
    #[arg(short = 'f', long = "from", value_name = "APPLICATION")]
    from: Option<PathBuf>,

    /// Print the flags alone: `spin up --help` asks for it
    #[arg(long, hide = true)]
    help_args_only: bool,

    /// Print which flags Spin is to pass on: it asks where an app has triggers of several types
    #[arg(long, hide = true)]
    launch_metadata_only: bool,
}

/// Runs the command line of this process, which is a trigger plugin.
#[must_use]
pub fn main() -> ExitCode {
    let plugin = Plugin::parse();
    if plugin.help_args_only {
        let mut command =
            Plugin::command().disable_help_flag(true).disable_version_flag(true).help_template("{all-args}");
        print!("{}", command.render_long_help());
        return ExitCode::SUCCESS;
    }
    if plugin.launch_metadata_only {
        // Spin reads it from there.
        eprintln!("{}", launch_metadata());
        return ExitCode::SUCCESS;
    }
    runtime::run("trigger-amqp", plugin.run())
}

/// `{"all_flags": [{"short": "-q", "long": "--quiet"}, ...]}`: all but those that are not Spin's to pass on.
fn launch_metadata() -> Value {
    let command = Plugin::command();
    let passed = command.get_arguments().filter(|argument| !argument.is_hide_set() && argument.get_id() != "from");
    let flags = passed.filter_map(|argument| {
        let mut flag = json!({"long": format!("--{}", argument.get_long()?)});
        if let Some(short) = argument.get_short() {
            flag["short"] = format!("-{short}").into();
        }
        Some(flag)
    });
    json!({"all_flags": flags.collect::<Vec<_>>()})
}

impl Plugin {
    async fn run(self) -> anyhow::Result<()> {
        let mut assets = Assets::new(false, self.runtime.allow_transient_write, None);
        let (mut locked, dir) = self.application(&mut assets)?;
        keep_triggers(&mut locked)?;
        let config = self.runtime.config()?;
        let options = self.runtime.options(&config, &dir)?;
        options.limits.check()?;
        let app = App::prepare(locked, &config, options).await?;
        let listeners = amqp_trigger::listeners(&app)?;
        let signals = Signals::new()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let sources = Sources { app: Arc::clone(&app), http: None, listeners: listeners.clone() };
        self.runtime.show_metrics(sources, &stop).await?;
        for listener in listeners {
            tasks.spawn(listener.run(stop.clone()));
        }
        RuntimeArgs::until_stopped(&app, signals, &tasks, &stop).await;
        Ok(())
    }

    /// The application, and the directory that its state is kept in.
    fn application(&self, assets: &mut Assets) -> anyhow::Result<(LockedApp, PathBuf)> {
        if let Some(from) = &self.from {
            let path = manifest::locate(from);
            let locked = Source::read(&path)?.lock(assets)?;
            return Ok((locked, path.parent().unwrap_or(Path::new(".")).to_owned()));
        }
        let Some(url) = variable(LOCK_VARIABLE) else {
            bail!(
                "{LOCK_VARIABLE} is not set: `spin up` sets it and starts this for an app with [[trigger.{TRIGGER_TYPE}]]; without \
                 Spin, name the app by --from"
            );
        };
        let locked =
            LockedApp::load(&url).with_context(|| format!("cannot read the app that {LOCK_VARIABLE} names"))?;
        let dir = variable(APP_DIR_VARIABLE).or_else(|| variable(WORKING_DIR_VARIABLE)).unwrap_or_default();
        Ok((locked, PathBuf::from(dir)))
    }
}

/// The value of an environment variable, unless it is empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Leaves the triggers of our type in an app, and the components that they call.
fn keep_triggers(locked: &mut LockedApp) -> anyhow::Result<()> {
    locked.triggers.retain(|trigger| trigger.trigger_type == TRIGGER_TYPE);
    let components: BTreeSet<_> =
        locked.triggers.iter().filter_map(|trigger| trigger.component().map(str::to_owned)).collect();
    if components.is_empty() {
        bail!("the app has no [[trigger.{TRIGGER_TYPE}]] with a component, so there is nothing to run");
    }
    Ok(app::select(locked, &components.into_iter().collect::<Vec<_>>())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Plugin::command().debug_assert();
    }

    #[test]
    fn spin_is_told_which_flags_to_pass_on() {
        let metadata = launch_metadata();
        let flags = metadata["all_flags"].as_array().unwrap();
        assert!(flags.contains(&json!({"short": "-q", "long": "--quiet"})), "{metadata}");
        assert!(flags.contains(&json!({"long": "--variable"})), "{metadata}");
        assert!(!metadata.to_string().contains("from") && !metadata.to_string().contains("only"), "{metadata}");
    }
}
