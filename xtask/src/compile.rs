//! `build`: the components for wasm32-wasip1 with the files that they serve, and Spindle. Cargo makes it quick when nothing has changed.

use anyhow::{Result, bail};
use dev_servers::app::RuntimeKind;

use crate::builds::{self, Build};
use crate::folder::{COMPONENTS, Folder};
use crate::interrupt::Interrupt;
use crate::toolchain::{Compiler, TARGET};
use crate::{program, setup, swagger_ui};

/// What a build of the components leaves in the target folder.
pub(crate) const COMPONENT_FILES: &[&str] = &[
    "wasm32-wasip1/component/users.wasm",
    "wasm32-wasip1/component/auth.wasm",
    "wasm32-wasip1/component/notification.wasm",
    "wasm32-wasip1/component/account.wasm",
    "wasm32-wasip1/component/console.wasm",
    "wasm32-wasip1/component/docs.wasm",
];
/// The components that the tests of Spindle and of the plugin run.
const GUESTS: &[&str] = &["spindle-guest", "amqp-example"];

/// The profile of what is handed out and measured, and the name of its folder.
pub(crate) const OPTIMISED: &str = "dist";
/// The folder of what is run and tested: the dev profile's, in which xtask itself is built.
pub(crate) const TESTED: &str = "debug";

/// How long the components and an engine take.
pub(crate) const USUAL_TIME: &str = "about five minutes on two cores the first time";

/// How long the components take.
pub(crate) const USUAL_TIME_OF_COMPONENTS: &str = "about a minute on two cores the first time";

/// The trigger plugin for Spin.
pub(crate) const PLUGIN: &str = "trigger-amqp";

/// What Spindle's tests stand on. It is built with Spindle, so that what both depend on is built once, with the features of
/// both: a `libc` of other features would have the tests compile the whole engine anew.
const TEST_SUPPORT: &str = "dev-servers";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also build the components that the tests of Spindle and of the plugin run.
    #[arg(long)]
    guest: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let compiler = setup::compiler(&folder)?;
    let interrupt = Interrupt::listen()?;
    let wanted = Wanted { guest: arguments.guest, ..Wanted::WITH_SPINDLE };
    println!("Building the components and Spindle ({USUAL_TIME})");
    if !builds::wait(start(&folder, &compiler, wanted)?.into(), || interrupt.is_requested())? {
        bail!("interrupted");
    }
    Ok(())
}

/// What is built beside the components.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The components that the tests of Spindle and of the plugin run.
    pub(crate) guest: bool,
    /// What is made of Spindle's code, if anything.
    pub(crate) engine: Option<Engine>,
}

/// A program that is made of Spindle's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Spindle,
    /// The trigger plugin for Spin.
    Plugin,
}

impl Wanted {
    /// The components alone.
    pub(crate) const COMPONENTS: Self = Self { guest: false, engine: None };
    /// The components, and Spindle to run them.
    pub(crate) const WITH_SPINDLE: Self = Self { guest: false, engine: Some(Engine::Spindle) };

    /// What this runtime needs to run the app.
    pub(crate) fn to_run_on(runtime: RuntimeKind) -> Self {
        match runtime {
            RuntimeKind::Spindle => Self::WITH_SPINDLE,
            RuntimeKind::Spin => Self::COMPONENTS,
        }
    }

    /// All that the tests want of a runtime.
    pub(crate) fn to_test_on(runtime: RuntimeKind) -> Self {
        let engine = if runtime == RuntimeKind::Spindle { Engine::Spindle } else { Engine::Plugin };
        Self { guest: true, engine: Some(engine) }
    }
}

/// Builds that run side by side.
pub(crate) struct Running {
    pub(crate) components: Build,
    pub(crate) engine: Option<Build>,
}

impl From<Running> for Vec<Build> {
    fn from(running: Running) -> Self {
        std::iter::once(running.components).chain(running.engine).collect()
    }
}

/// Builds to the end, for tasks that do nothing else meanwhile.
pub(crate) fn build(folder: &Folder, compiler: &Compiler, wanted: Wanted) -> Result<()> {
    match wanted.engine {
        None => println!("Building the components ({USUAL_TIME_OF_COMPONENTS})"),
        Some(engine) => println!("Building the components and {} ({USUAL_TIME})", engine.name()),
    }
    builds::wait(start(folder, compiler, wanted)?.into(), || false).map(drop)
}

/// Starts to build.
pub(crate) fn start(folder: &Folder, compiler: &Compiler, wanted: Wanted) -> Result<Running> {
    // The components first: they have less to download, during which Cargo lets nobody else download.
    let components = components(folder, compiler, wanted.guest)?;
    let engine = wanted.engine.map(|engine| {
        let mut cargo = program::cargo(folder.root());
        cargo.args(["build", "--package", engine.package(), "--package", TEST_SUPPORT]);
        Build::start(folder, engine.name(), cargo)
    });
    let running = Running { components, engine: engine.transpose()? };
    swagger_ui::unpack(folder)?;
    Ok(running)
}

fn components(folder: &Folder, compiler: &Compiler, guest: bool) -> Result<Build> {
    let mut cargo = program::cargo(folder.root());
    cargo.args(["build", "--target", TARGET, "--profile", "component"]);
    let guests = if guest { GUESTS } else { &[] };
    for name in COMPONENTS.iter().chain(guests) {
        cargo.args(["--package", name]);
    }
    compiler.apply(&mut cargo);
    Build::start(folder, "the components", cargo)
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Spindle => "Spindle",
            Self::Plugin => "the plugin",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Spindle => "spindle",
            Self::Plugin => PLUGIN,
        }
    }
}

/// Packages in the profile of what is handed out and measured.
pub(crate) fn optimised(folder: &Folder, packages: &[&str]) -> Result<()> {
    println!("Building {} (a quarter of an hour the first time)", packages.join(" and "));
    let mut cargo = program::cargo(folder.root());
    cargo.args(["build", "--profile", OPTIMISED]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    program::show(&format!("the build of {}", packages.join(" and ")), cargo)
}
