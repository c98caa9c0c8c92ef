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

/// nginx, for the test of what is behind TLS. It is skipped where there is none.
pub(crate) fn nginx(folder: &Folder) -> Result<()> {
    let log = folder.logs()?.join("install.log");
    if let Err(error) = install::ensure_nginx(&log, |progress| println!("nginx is missing: {progress}")) {
        println!("The test behind TLS will be skipped: {error}");
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
    python_library(folder, "PyJWT", "jwt, cryptography", &["python3-jwt", "python3-cryptography"])
}

/// A client library of OpenID Connect, for the tests of the provider.
pub(crate) fn authlib(folder: &Folder) -> Result<()> {
    python_library(folder, "Authlib", "authlib, requests, cryptography", &["python3-authlib", "python3-requests"])
}

/// Packages that have these modules, without which a test is skipped.
fn python_library(folder: &Folder, name: &str, modules: &str, packages: &[&str]) -> Result<()> {
    let has_modules = || {
        ["python3", "/usr/bin/python3"].into_iter().any(|python| {
            let mut python = Command::new(python);
            python.args(["-c", &format!("import {modules}")]);
            program::output(python).is_ok()
        })
    };
    let log = folder.logs()?.join("install.log");
    if let Err(error) = install::ensure_packages(name, packages, has_modules, &log, |progress| {
        println!("{name} is missing: {progress}");
    }) {
        println!("The test with {name} will be skipped: {error}");
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

/// The rules by which the pages' accessibility is checked in a browser: one file of an npm package, by npm or by curl.
pub(crate) fn axe(folder: &Folder) {
    const VERSION: &str = "4.14.1";
    const SHA_256: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";
    let install = || -> Result<()> {
        let target = folder.state()?.join("axe");
        let file = target.join("axe.min.js");
        if file.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&target)?;
        let archive = format!("axe-core-{VERSION}.tgz");
        if program::is_on_path("npm") {
            let mut npm = Command::new("npm");
            npm.current_dir(&target).args(["pack", "--silent", &format!("axe-core@{VERSION}")]);
            program::output(npm)?;
        } else {
            let mut curl = Command::new("curl");
            curl.current_dir(&target).args(["-fsSLO", &format!("https://registry.npmjs.org/axe-core/-/{archive}")]);
            program::output(curl)?;
        }
        let mut tar = Command::new("tar");
        tar.current_dir(&target).args(["-xzf", &archive, "--strip-components=1", "package/axe.min.js"]);
        program::output(tar)?;
        let mut sum = Command::new("sha256sum");
        sum.arg(&file);
        if !program::output(sum)?.starts_with(SHA_256) {
            std::fs::remove_file(&file)?;
            anyhow::bail!("{archive} is not what it was");
        }
        Ok(())
    };
    if let Err(error) = install() {
        println!("The test of the pages' accessibility will be skipped: {error}");
    }
}

/// A program that only some tasks need.
pub(crate) fn tool(folder: &Folder, name: &str) -> Result<()> {
    let log = folder.logs()?.join("install.log");
    install::ensure_program(name, &log, |progress| println!("{name} is missing: {progress}"))?;
    Ok(())
}

/// Prometheus, with promtool. Debian's package starts none.
pub(crate) fn prometheus(folder: &Folder) -> Result<()> {
    let is_there = || ["prometheus", "promtool"].iter().all(|name| program::is_on_path(name));
    let log = folder.logs()?.join("install.log");
    install::ensure_packages("prometheus", &["prometheus"], is_there, &log, |step| println!("{step}"))?;
    Ok(())
}

/// What tries the alerts.
pub(crate) fn promtool(folder: &Folder) {
    if let Err(error) = prometheus(folder) {
        println!("The test of the alerts will be skipped: {error}");
    }
}
