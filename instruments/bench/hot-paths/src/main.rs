//! `hot-paths check`, `hot-paths renew`, and `hot-paths run NAME`, which is what callgrind looks at.

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match task(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task(arguments: &[String]) -> Result<()> {
    let program = std::env::current_exe()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => hot_paths::check(&program),
        ["renew"] => hot_paths::renew(&program),
        ["run", name] => hot_paths::run_one(name),
        _ => bail!("say `check`, `renew` or `run NAME`"),
    }
}
