//! `experiment`: the report's experiments, with queues on private servers (the program `experiments`, for which everything
//! is built first), and on Kubernetes with `--on k8s` (the program `cluster-experiments`, which finds all of it running).

use anyhow::{Result, bail};

use crate::compile::Wanted;
use crate::folder::Folder;
use crate::{compile, program, setup};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `split`, `kill-consumer`, `broker-restart`, `crash`, `rabbitmq-leader`, `redis-failover`, `poison`, `outage`, `load`, `chaos`,
    /// `trace`, `trace-cost` or `all`, and its options; see `--help`. With `--on k8s`: `rolling`, `recreate`, `canary`, `blue-green`, `rollback`, `liveness`, `trap`,
    /// `autoscale`, `kube-deploy`, `split`, `db-failover` or `all`. `--write docs` has the chapter show what was found.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "EXPERIMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let (is_on_k8s, rest) = without_place(&arguments.arguments)?;
    if is_on_k8s {
        let mut cargo = program::cargo(folder.root());
        cargo.args(["run", "--quiet", "--package", "cluster-experiments", "--"]).args(rest);
        return program::show("the experiment", cargo);
    }
    let compiler = setup::compiler(&folder)?;
    setup::servers(&folder)?;
    compile::build(&folder, &compiler, Wanted::WITH_SPINDLE)?;
    let mut cargo = program::cargo(folder.root());
    cargo.args(["run", "--quiet", "--package", "experiments", "--"]).args(rest);
    program::show("the experiment", cargo)
}

/// Whether `--on k8s` is among the arguments, and the others.
fn without_place(arguments: &[String]) -> Result<(bool, Vec<&str>)> {
    let mut rest: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(place) = rest.iter().position(|argument| *argument == "--on" || argument.starts_with("--on=")) else {
        return Ok((false, rest));
    };
    let option = rest.remove(place);
    let value = match option.strip_prefix("--on=") {
        Some(value) => value,
        None if place < rest.len() => rest.remove(place),
        None => "",
    };
    if value != "k8s" {
        bail!("experiments are `--on k8s`, or, without that, on servers of their own");
    }
    Ok((true, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_experiment_is_run_is_said_anywhere() {
        let split = |line: &str| {
            let arguments: Vec<_> = line.split(' ').map(str::to_owned).collect();
            without_place(&arguments).map(|(is_on_k8s, rest)| (is_on_k8s, rest.join(" ")))
        };
        assert_eq!(split("rolling --on k8s --rate 9").unwrap(), (true, "rolling --rate 9".to_owned()));
        assert_eq!(split("--on=k8s split").unwrap(), (true, "split".to_owned()));
        assert_eq!(split("split --consumers 2").unwrap(), (false, "split --consumers 2".to_owned()));
        assert!(split("split --on").is_err() && split("split --on mars").is_err());
    }
}
