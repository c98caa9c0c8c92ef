//! `setup`: installs what a build and a run need. Does nothing, quickly, if all is there.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use dev_servers::browser;
use dev_servers::install::{self, Tool};

use crate::folder::Folder;
use crate::program;
use crate::toolchain::{self, Compiler, OLDEST_RUST, Release};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Install the wasm32-wasip1 target into this sysroot instead of the compiler's own, and nothing else.
    #[arg(long, value_name = "FOLDER", hide = true)]
    sysroot: Option<PathBuf>,
    /// Borrow a compiler from Debian for the components, and nothing else: what is done by itself as the last resort.
    #[arg(long, hide = true)]
    borrow: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    if let Some(sysroot) = &arguments.sysroot {
        return toolchain::ensure_in(&folder, sysroot);
    }
    if arguments.borrow {
        return toolchain::borrow(&folder).map(drop);
    }
    compiler(&folder)?;
    servers(&folder)?;
    browser(&folder)?;
    println!("Everything is set up: `cargo xtask up` runs Concierge, `cargo xtask test` its tests.");
    Ok(())
}

/// Rust, and the target that components are built for.
pub(crate) fn compiler(folder: &Folder) -> Result<Compiler> {
    let release = Release::of(&Compiler::own())?;
    if !release.is_at_least(OLDEST_RUST) {
        bail!(
            "rustc is {}, and {OLDEST_RUST} is the oldest that will do: update it (`rustup update stable`)",
            release.number
        );
    }
    toolchain::ensure(folder)
}

/// PostgreSQL, Redis and RabbitMQ.
pub(crate) fn servers(folder: &Folder) -> Result<()> {
    Tool::ALL.into_iter().try_for_each(|tool| server(folder, tool))
}

/// One of them.
pub(crate) fn server(folder: &Folder, tool: Tool) -> Result<()> {
    let log = folder.logs()?.join("install.log");
    install::ensure(tool, &log, |progress| println!("{} is missing: {progress}", tool.name()))?;
    Ok(())
}

/// Chromium, for the test that looks at the documentation in a browser. It is skipped where there is none.
pub(crate) fn browser(folder: &Folder) -> Result<()> {
    let log = folder.logs()?.join("install.log");
    if let Err(error) = browser::ensure(&log, |progress| println!("Chromium is missing: {progress}")) {
        println!("The test in a browser will be skipped: {error}");
    }
    Ok(())
}

/// Python with its modules venv and pip, which only some tasks need.
pub(crate) fn python(folder: &Folder) -> Result<()> {
    let has_modules = || {
        let mut python = Command::new("python3");
        python.args(["-c", "import ensurepip, venv"]);
        program::output(python).is_ok()
    };
    let (name, packages) = ("Python 3 with its modules venv and pip", ["python3", "python3-venv"]);
    let log = folder.logs()?.join("install.log");
    install::ensure_packages(name, &packages, has_modules, &log, |progress| println!("{name} is missing: {progress}"))?;
    Ok(())
}

/// A library that verifies tokens, for the tests of what others do with ours.
pub(crate) fn pyjwt(folder: &Folder) -> Result<()> {
    let has_modules = || {
        ["python3", "/usr/bin/python3"].into_iter().any(|python| {
            let mut python = Command::new(python);
            python.args(["-c", "import jwt, cryptography"]);
            program::output(python).is_ok()
        })
    };
    let (name, packages) = ("PyJWT", ["python3-jwt", "python3-cryptography"]);
    let log = folder.logs()?.join("install.log");
    if let Err(error) = install::ensure_packages(name, &packages, has_modules, &log, |progress| {
        println!("{name} is missing: {progress}");
    }) {
        println!("The test with a library that verifies tokens will be skipped: {error}");
    }
    Ok(())
}

/// A library that verifies webhooks, for the tests of what others do with ours: in a folder of ours, since it needs nothing else.
pub(crate) fn standardwebhooks(folder: &Folder) {
    const VERSION: &str = "standardwebhooks==1.1.0";
    let install = || -> Result<()> {
        let target = folder.state()?.join("standardwebhooks");
        if target.join("standardwebhooks").exists() {
            return Ok(());
        }
        self::python(folder)?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
        pip.arg(target).arg(VERSION);
        program::output(pip).map(drop)
    };
    if let Err(error) = install() {
        println!("The tests with a library that verifies webhooks will be skipped: {error}");
    }
}

/// A program that only some tasks need.
pub(crate) fn tool(folder: &Folder, name: &str) -> Result<()> {
    let log = folder.logs()?.join("install.log");
    install::ensure_program(name, &log, |progress| println!("{name} is missing: {progress}"))?;
    Ok(())
}
