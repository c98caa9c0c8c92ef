//! `--build`: the build commands of components, as `spin build` runs them.

use std::path::Path;
use std::process::Command;

use crate::locked::{Build, Command as Commands};

/// Runs the commands of all components, one after the other, each in a shell.
///
/// # Errors
/// The first that fails.
pub(super) fn run<'a>(builds: impl Iterator<Item = (&'a str, &'a Build)>, dir: &Path) -> Result<(), String> {
    for (id, build) in builds {
        let workdir = match build.rest.get("workdir") {
            None => dir.to_owned(),
            Some(workdir) => {
                let workdir = workdir.as_str().map(Path::new).filter(|workdir| !workdir.has_root());
                dir.join(workdir.ok_or_else(|| format!("component `{id}`: the workdir of a build is a relative path"))?)
            }
        };
        let commands = match &build.command {
            Commands::One(command) => std::slice::from_ref(command),
            Commands::Many(commands) => commands,
        };
        for command in commands {
            println!("Building component {id} with `{command}`");
            let status = Command::new("sh").arg("-c").arg(command).current_dir(&workdir).status();
            let status = status.map_err(|error| format!("component `{id}`: cannot run `{command}`: {error}"))?;
            if !status.success() {
                return Err(format!("component `{id}`: `{command}` failed: {status}"));
            }
        }
    }
    Ok(())
}
