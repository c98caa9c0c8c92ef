//! Options of `spin up` that Spindle does not have: each is refused by its name, with what to do instead.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// An option, and what to do without it.
struct Refused {
    long: &'static str,
    short: Option<char>,
    reason: &'static str,
}

const fn refused(long: &'static str, reason: &'static str) -> Refused {
    Refused { long, short: None, reason }
}

const REGISTRY: &str =
    "Spindle runs apps of this machine alone; get the app out of its registry with Spin, or build it here";

const ONE_CALL: &str =
    "it is about components of WASI 0.3, which Spindle does not run: here each request has an instance of its own";

/// All of them.
const REFUSED: [Refused; 9] = [
    refused("from-registry", REGISTRY),
    Refused { long: "insecure", short: Some('k'), reason: REGISTRY },
    refused("cache-dir", "Spindle downloads nothing; for compiled components there is --cache"),
    refused("experimental-wasi-otel", "Spindle exports no telemetry; run the app on Spin"),
    refused("experimental-wasm-feature", "Spindle has the features of WebAssembly that Wasmtime has by default"),
    refused("max-instance-reuse-count", ONE_CALL),
    refused("max-instance-concurrent-reuse-count", ONE_CALL),
    refused("idle-instance-timeout", ONE_CALL),
    refused("request-timeout", "on Spin it is for components of WASI 0.3 alone; here --http-deadline is for all"),
];

/// Adds the options to a command, so that they are known.
pub(super) fn add_to(command: Command) -> Command {
    REFUSED.iter().fold(command, |command, refused| {
        let mut argument =
            Arg::new(refused.long).long(refused.long).hide(true).num_args(0..=1).action(ArgAction::Append);
        if let Some(short) = refused.short {
            argument = argument.short(short);
        }
        command.arg(argument)
    })
}

/// Refuses those that were given.
///
/// # Errors
/// The names of those, each with what to do.
pub(super) fn check(matches: &ArgMatches) -> anyhow::Result<()> {
    let mut text = String::new();
    for refused in &REFUSED {
        if matches.value_source(refused.long).is_some() {
            let _ = write!(text, "{}--{}: {}", if text.is_empty() { "" } else { "; " }, refused.long, refused.reason);
        }
    }
    anyhow::ensure!(text.is_empty(), "Spindle does not have {text}");
    Ok(())
}
