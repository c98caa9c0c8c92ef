//! Where the compiler looks for a target's standard library, and whether what is there works.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::compiler::SELF_CONTAINED;
use super::debian::Packages;
use super::{Compiler, Release, TARGET};

/// What a component needs at least: the standard library, a heap, unwinding tables that abort, and link-time optimisation.
const PROBE: &str =
    "#[unsafe(no_mangle)] pub extern \"C\" fn probe() { println!(\"{:?}\", std::time::SystemTime::now()); }\n";
/// The C library's files that the compiler links with.
const LIBC_FILES: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];
/// Says where an installed target is from.
const NOTE: &str = "made-by-cargo-xtask-setup.txt";

/// A sysroot: the compiler's own, or another one to try things in.
#[derive(Debug)]
pub(crate) struct Sysroot {
    compiler: Compiler,
    path: PathBuf,
    own: bool,
}

impl Sysroot {
    /// The compiler's own, or `other`.
    pub(crate) fn find(compiler: &Compiler, other: Option<PathBuf>) -> Result<Self> {
        let compiler = compiler.clone();
        if let Some(path) = other {
            std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
            return Ok(Self { compiler, path: path.canonicalize()?, own: false });
        }
        Ok(Self { path: compiler.sysroot()?, compiler, own: true })
    }

    fn targets(&self) -> PathBuf {
        self.path.join("lib/rustlib")
    }

    /// Whether the compiler can make a component with what is installed. Tried once, and then remembered for as long as
    /// compiler and target stay the same.
    pub(crate) fn works(&self, scratch: &Path, release: &Release) -> Result<bool> {
        let library = self.targets().join(TARGET).join("lib");
        let Ok(changed) = std::fs::metadata(&library).and_then(|folder| folder.modified()) else { return Ok(false) };
        let fingerprint = format!("{}\n{changed:?}\n{}", library.display(), release.description);
        let memory = scratch.join(if self.compiler.linker().is_some() { "works-borrowed" } else { "works" });
        if std::fs::read_to_string(&memory).is_ok_and(|text| text == fingerprint) {
            return Ok(true);
        }
        let works = self.try_it(&scratch.join("probe"))?;
        if works && self.own {
            std::fs::write(&memory, fingerprint).with_context(|| format!("cannot write {}", memory.display()))?;
        }
        Ok(works)
    }

    fn try_it(&self, folder: &Path) -> Result<bool> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut command = self.compiler.command();
        if let Some(linker) = self.compiler.linker() {
            command.arg(SELF_CONTAINED).arg(format!("-Clinker={}", linker.display()));
        }
        command.args(["--edition=2024", "--crate-name=probe", "--crate-type=cdylib", "--target", TARGET]);
        command.args(["-Copt-level=1", "-Clto=fat", "-Cpanic=abort", "--sysroot"]).arg(&self.path);
        command.arg("-o").arg(folder.join("probe.wasm")).arg("-");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut compiler = command.spawn().context("cannot start rustc")?;
        let mut input = compiler.stdin.take().context("rustc takes no input")?;
        // A compiler that refuses early does not read it; what it says is what counts.
        let _ = input.write_all(PROBE.as_bytes());
        drop(input);
        let output = compiler.wait_with_output().context("cannot run rustc")?;
        std::fs::write(folder.join("probe.log"), &output.stderr).context("cannot write the compiler's answer")?;
        Ok(output.status.success())
    }

    /// Installs what was built, wholly or not at all: it is put together beside its place, and then takes it.
    pub(super) fn install(&self, libraries: &[PathBuf], packages: &Packages) -> Result<()> {
        let targets = self.targets();
        let place = targets.join(TARGET);
        let fresh = targets.join(format!(".{TARGET}.new"));
        let old = targets.join(format!(".{TARGET}.old"));
        for leftover in [&fresh, &old] {
            let _ = std::fs::remove_dir_all(leftover);
        }
        let folder = fresh.join("lib/self-contained");
        if let Err(error) = std::fs::create_dir_all(&folder) {
            bail!(
                "cannot write to the compiler's folder {} ({error}): run this as the user who installed Rust",
                targets.display()
            );
        }
        for file in libraries {
            copy(file, &fresh.join("lib"))?;
        }
        for name in LIBC_FILES {
            copy(&packages.libc.join(name), &folder)?;
        }
        std::fs::write(
            fresh.join(NOTE),
            format!("The standard library for {TARGET}, built from Debian's {}\n", packages.versions),
        )
        .context("cannot write into the compiler's folder")?;
        if place.exists() {
            std::fs::rename(&place, &old).with_context(|| format!("cannot move {} out of the way", place.display()))?;
        }
        std::fs::rename(&fresh, &place).with_context(|| format!("cannot move {} into place", place.display()))?;
        let _ = std::fs::remove_dir_all(&old);
        Ok(())
    }
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file without a name")?;
    std::fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}
