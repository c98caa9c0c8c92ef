//! The target wasm32-wasip1, also where rustup has no network: from Debian's source package of the same Rust release.
//!
//! 1. `rustup target add`, the normal way.
//! 2. Else the standard library's source for exactly this compiler from Debian (`debian`), built here (`standard_library`),
//!    and put where rustup would have put it (`sysroot`).
//!
//! An installed target counts only if the compiler can use it (`sysroot::works`), since a compiler that was updated
//! leaves a target behind that no longer fits.

mod debian;
mod release;
mod rustup;
mod standard_library;
mod sysroot;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::folder::Folder;

pub(crate) use release::Release;
pub(crate) use sysroot::Sysroot;

/// The target that components are built for.
pub(crate) const TARGET: &str = "wasm32-wasip1";

/// Sees to it that the target is installed and fits the compiler. `other` is a sysroot to use in place of the compiler's own.
pub(crate) fn ensure(folder: &Folder, other: Option<PathBuf>) -> Result<()> {
    let scratch = folder.toolchain()?;
    let release = Release::of_compiler()?;
    let sysroot = Sysroot::find(other)?;
    if sysroot.works(&scratch, &release)? {
        return Ok(());
    }
    println!("The target {TARGET} is missing for rustc {}: getting it", release.number);
    if sysroot.is_the_compilers_own() {
        match rustup::add_target(&scratch) {
            Ok(()) if sysroot.works(&scratch, &release)? => {
                forget_old_objects(folder);
                return Ok(());
            }
            Ok(()) => println!("  rustup has added it, but the compiler cannot use it"),
            Err(error) => println!("  not by rustup: {error:#}"),
        }
    }
    let advice = format!("run `rustup target add {TARGET}` where there is a network, then try again");
    let packages = match debian::fetch(&scratch.join("debian"), &release) {
        Ok(packages) => packages,
        Err(error) => bail!("{error:#}; {advice}"),
    };
    let built = standard_library::build(&scratch.join("build"), &packages)?;
    sysroot.install(&built, &packages)?;
    if !sysroot.works(&scratch, &release)? {
        bail!("the target {TARGET} was built and installed, but the compiler cannot use it; {advice}");
    }
    if sysroot.is_the_compilers_own() {
        forget_old_objects(folder);
    }
    println!("  the target {TARGET} is installed");
    Ok(())
}

/// Objects that were built with another standard library cannot be linked with this one.
fn forget_old_objects(folder: &Folder) {
    // What cannot be removed is reported by the build that needs it.
    let _ = std::fs::remove_dir_all(folder.target().join(TARGET));
}
