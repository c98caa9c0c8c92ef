//! What a run needs, and whether this machine has it.

use dev_servers::browser::Programs;
use dev_servers::container;
use dev_servers::install::{self, Found, Tool};

use crate::folder::Folder;
use crate::toolchain::{self, Compiler, OLDEST_RUST, Release, TARGET};
use crate::{compile, program};

/// Whether a prerequisite is there.
pub(crate) enum Finding {
    /// It is there; where, or which version.
    Fine(String),
    /// It is missing; how to get it.
    Missing(String),
    /// It is missing; only some tasks need it.
    Optional(String),
}

/// A prerequisite by its name.
pub(crate) type Check = (&'static str, Finding);

pub(crate) fn all(folder: &Folder) -> Vec<Check> {
    vec![
        ("Rust", rust()),
        (TARGET, target(folder)),
        ("Git", git()),
        ("PostgreSQL", server(Tool::Postgres)),
        ("Redis", server(Tool::Redis)),
        ("RabbitMQ", server(Tool::RabbitMq)),
        ("Chromium", browser()),
        ("components", built(folder, compile::COMPONENT_FILES)),
        ("Spindle", built(folder, &["debug/spindle"])),
        ("Docker", docker()),
        ("Spin", on_path("spin", "with 3.6 or later `cargo xtask up` need not build Spindle")),
        ("cargo-deny", on_path("cargo-deny", "only for `cargo xtask lint`: `cargo install --locked cargo-deny`")),
    ]
}

fn rust() -> Finding {
    match Release::of(&Compiler::own()) {
        Ok(release) if release.is_at_least(OLDEST_RUST) => Finding::Fine(release.number),
        Ok(release) => Finding::Missing(format!(
            "rustc is {}, and {OLDEST_RUST} is the oldest that will do: `rustup update stable`",
            release.number
        )),
        Err(error) => Finding::Missing(format!("{error:#}")),
    }
}

fn target(folder: &Folder) -> Finding {
    match toolchain::installed(folder).map(|compiler| compiler.is_some()) {
        Ok(true) => Finding::Fine("the compiler can make components".into()),
        Ok(false) => Finding::Missing("`cargo xtask setup` installs it".into()),
        Err(error) => Finding::Missing(format!("{error:#}")),
    }
}

fn git() -> Finding {
    if program::is_on_path("git") {
        Finding::Fine("on the PATH".into())
    } else {
        Finding::Optional("install it to commit your work".into())
    }
}

fn server(tool: Tool) -> Finding {
    match install::locate(tool) {
        Ok(Found::Programs(folder)) => Finding::Fine(folder.display().to_string()),
        Ok(Found::Engine) => Finding::Fine("in a container".into()),
        Err(error) => Finding::Missing(format!("{error}; `cargo xtask setup` installs it for root on Debian")),
    }
}

fn browser() -> Finding {
    match Programs::find() {
        Some(programs) => Finding::Fine(programs.chromium.display().to_string()),
        None => Finding::Optional(format!("only for the test in a browser: {}", Programs::ADVICE)),
    }
}

fn built(folder: &Folder, files: &[&str]) -> Finding {
    match files.iter().find(|file| !folder.target().join(file).exists()) {
        None => Finding::Fine("built".into()),
        Some(file) => Finding::Optional(format!("{file} is not built yet: `cargo xtask build`, or whatever needs it")),
    }
}

fn docker() -> Finding {
    if container::engine_answers() {
        Finding::Fine("an engine answers".into())
    } else {
        Finding::Optional("no engine answers; only needed where a server is not installed".into())
    }
}

fn on_path(name: &str, purpose: &str) -> Finding {
    if program::is_on_path(name) { Finding::Fine("on the PATH".into()) } else { Finding::Optional(purpose.into()) }
}
