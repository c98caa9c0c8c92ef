//! `build`: the components for wasm32-wasip1 with the files that they serve, and Spindle. Cargo makes it quick when nothing has changed.

use anyhow::Result;

use crate::folder::{COMPONENTS, Folder};
use crate::toolchain::{Compiler, TARGET};
use crate::{program, setup, swagger_ui};

/// What a build of the components leaves in the target folder.
pub(crate) const COMPONENT_FILES: &[&str] = &[
    "wasm32-wasip1/component/users.wasm",
    "wasm32-wasip1/component/auth.wasm",
    "wasm32-wasip1/component/notification.wasm",
    "wasm32-wasip1/component/docs.wasm",
];
/// The component that Spindle's own tests run.
const GUEST: &str = "spindle-guest";

/// The profile of what is handed out and measured, and the name of its folder.
pub(crate) const OPTIMISED: &str = "dist";
/// The folder of what is run and tested: the dev profile's, in which xtask itself is built.
pub(crate) const TESTED: &str = "debug";

/// What Spindle's tests stand on. It is built with Spindle, so that what both depend on is built once, with the features of
/// both: a `libc` of other features would have the tests compile the whole engine anew.
const TEST_SUPPORT: &str = "dev-servers";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also build the component that Spindle's own tests run.
    #[arg(long)]
    guest: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let compiler = setup::compiler(&folder)?;
    components(&folder, &compiler, arguments.guest)?;
    spindle(&folder)
}

/// The components, and the test guest if wanted.
pub(crate) fn components(folder: &Folder, compiler: &Compiler, guest: bool) -> Result<()> {
    println!("Building the components (about a minute on two cores the first time)");
    let mut cargo = program::cargo(folder.root());
    cargo.args(["build", "--target", TARGET, "--profile", "component"]);
    for name in COMPONENTS.iter().chain(guest.then_some(&GUEST)) {
        cargo.args(["--package", name]);
    }
    compiler.apply(&mut cargo);
    program::show("the build of the components", cargo)?;
    swagger_ui::unpack(folder)
}

/// The runtime.
pub(crate) fn spindle(folder: &Folder) -> Result<()> {
    println!("Building Spindle (about three minutes on two cores the first time)");
    engine(folder, "spindle")
}

/// Spindle, or a program that is made of it.
pub(crate) fn engine(folder: &Folder, package: &str) -> Result<()> {
    let mut cargo = program::cargo(folder.root());
    cargo.args(["build", "--package", package, "--package", TEST_SUPPORT]);
    program::show(&format!("the build of {package}"), cargo)
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
