//! The target wasm32-wasip1, also where rustup has no network: from Debian's source package of the same Rust release.
//!
//! 1. `rustup target add`, the normal way.
//! 2. Else the standard library's source for exactly this compiler from Debian (`debian`), built here (`standard_library`),
//!    and put where rustup would have put it (`sysroot`).
//! 3. Else, if Debian has no source of this release, a newer compiler with its source from Debian, unpacked into
//!    `.concierge/toolchain/borrowed`, which then compiles the components and nothing else (`compiler`).
//!
//! An installed target counts only if the compiler can use it (`sysroot::works`), since a compiler that was updated
//! leaves a target behind that no longer fits.

mod compiler;
mod debian;
mod release;
mod rustup;
mod standard_library;
mod sysroot;

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::folder::Folder;

pub(crate) use compiler::Compiler;
pub(crate) use release::Release;
use sysroot::Sysroot;

/// The oldest Rust that the workspace compiles with, as in `Cargo.toml`.
pub(crate) const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");
/// The target that components are built for.
pub(crate) const TARGET: &str = "wasm32-wasip1";

/// A compiler that can make components as things are, if there is one.
pub(crate) fn installed(folder: &Folder) -> Result<Option<Compiler>> {
    let scratch = folder.toolchain()?;
    let own = Compiler::own();
    if works(&own, &scratch)? {
        return Ok(Some(own));
    }
    if !scratch.join("borrowed/rustc").exists() {
        return Ok(None);
    }
    let borrowed = borrowed(&scratch.join("borrowed"))?;
    Ok(works(&borrowed, &scratch)?.then_some(borrowed))
}

/// A compiler that was unpacked into `prefix`.
fn borrowed(prefix: &Path) -> Result<Compiler> {
    Compiler::borrowed(prefix, &Release::of(&Compiler::own())?.host()?)
}

fn works(compiler: &Compiler, scratch: &Path) -> Result<bool> {
    Sysroot::find(compiler, None)?.works(scratch, &Release::of(compiler)?)
}

/// Sees to it that the target is installed and fits the compiler; gives the compiler for components.
pub(crate) fn ensure(folder: &Folder) -> Result<Compiler> {
    if let Some(compiler) = installed(folder)? {
        return Ok(compiler);
    }
    let scratch = folder.toolchain()?;
    let own = Compiler::own();
    println!("The target {TARGET} is missing for rustc {}: getting it", Release::of(&own)?.number);
    match rustup::add_target(&scratch) {
        Ok(()) if works(&own, &scratch)? => {
            forget_old_objects(folder);
            return Ok(own);
        }
        Ok(()) => println!("  rustup has added it, but the compiler cannot use it"),
        Err(error) => println!("  not by rustup: {error:#}"),
    }
    match build_from_debian(&scratch, &own, &Sysroot::find(&own, None)?) {
        Ok(()) => {
            forget_old_objects(folder);
            return Ok(own);
        }
        Err(error) => println!("  not by Debian's source of this release: {error:#}"),
    }
    borrow(folder).with_context(|| {
        format!("there is no way to the target here: run `rustup target add {TARGET}` where there is a network, then try again")
    })
}

/// Installs the target into another sysroot than the compiler's own.
pub(crate) fn ensure_in(folder: &Folder, sysroot: &Path) -> Result<()> {
    let own = Compiler::own();
    let sysroot = Sysroot::find(&own, Some(sysroot.to_owned()))?;
    let scratch = folder.toolchain()?;
    if sysroot.works(&scratch, &Release::of(&own)?)? {
        return Ok(());
    }
    build_from_debian(&scratch, &own, &sysroot)
}

fn build_from_debian(scratch: &Path, compiler: &Compiler, sysroot: &Sysroot) -> Result<()> {
    let release = Release::of(compiler)?;
    let packages = debian::fetch_source(&scratch.join("debian"), &release)?;
    install(scratch, compiler, sysroot, &packages)
}

/// Unpacks a compiler of Debian's, and gives it the target.
pub(crate) fn borrow(folder: &Folder) -> Result<Compiler> {
    let scratch = folder.toolchain()?;
    let prefix = scratch.join("borrowed");
    println!("  borrowing a compiler from Debian for the components");
    let packages = debian::fetch_compiler(&scratch.join("debian"), &prefix)?;
    let compiler = borrowed(&prefix)?;
    let release = Release::of(&compiler)?;
    if !release.is_at_least(OLDEST_RUST) {
        bail!("Debian's rustc-web is {}, and {OLDEST_RUST} is the oldest that will do", release.number);
    }
    install(&scratch, &compiler, &Sysroot::find(&compiler, None)?, &packages)?;
    forget_old_objects(folder);
    Ok(compiler)
}

fn install(scratch: &Path, compiler: &Compiler, sysroot: &Sysroot, packages: &debian::Packages) -> Result<()> {
    let built = standard_library::build(&scratch.join("build"), compiler, packages)?;
    sysroot.install(&built, packages)?;
    if !sysroot.works(scratch, &Release::of(compiler)?)? {
        bail!("the target {TARGET} was built and installed, but the compiler cannot use it");
    }
    // Some hundred megabytes that nobody needs again.
    for leftover in ["build", "debian"] {
        let _ = std::fs::remove_dir_all(scratch.join(leftover));
    }
    println!("  the target {TARGET} is installed");
    Ok(())
}

/// Objects that were built with another standard library cannot be linked with this one.
fn forget_old_objects(folder: &Folder) {
    // What cannot be removed is reported by the build that needs it.
    let _ = std::fs::remove_dir_all(folder.target().join(TARGET));
}
