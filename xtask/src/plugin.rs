//! `plugin`: the tarball and the manifest of the trigger plugin, as `spin plugins install` takes them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::folder::Folder;
use crate::{compile, program};

/// The plugin, which is also the name of the one file in the tarball: Spin looks for it there.
const NAME: &str = compile::PLUGIN;
/// What Spin it works with: the same that the app asks for.
const COMPATIBLE: &str = ">=3.4";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the tarball will be, for others to install it: https://... of a folder. By default it is where it is made.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Install it for the `spin` on the PATH.
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    compile::optimised(&folder, &[NAME])?;
    let files = Files::make(&folder.target(), compile::OPTIMISED, arguments.base_url.as_deref())?;
    println!("Made {} and {}", files.tarball.display(), files.manifest.display());
    if arguments.install {
        let mut spin = Command::new("spin");
        spin.args(["plugins", "install", "--yes", "--file"]).arg(&files.manifest);
        return program::show("the installation of the plugin", spin);
    }
    println!("Install it: spin plugins install --file {} --yes", files.manifest.display());
    Ok(())
}

/// Installs the plugin that was built for the tests for the `spin` on the PATH, in a folder of its own: what the user has
/// installed is neither used nor changed. Gives the folder, for `SPIN_DATA_DIR`.
pub(crate) fn install_for_tests(folder: &Folder) -> Result<PathBuf> {
    let files = Files::make(&folder.target(), compile::TESTED, None)?;
    let data = folder.spin_data()?;
    // The version is the same although the program may be another, so the one before has to go.
    std::fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    let mut spin = Command::new("spin");
    spin.args(["plugins", "install", "--yes", "--file"]).arg(&files.manifest).env("SPIN_DATA_DIR", &data);
    program::show("the installation of the plugin", spin)?;
    Ok(data)
}

/// What was made.
struct Files {
    tarball: PathBuf,
    manifest: PathBuf,
}

impl Files {
    /// Packs the program that was built in `profile`, into `target/plugin`.
    fn make(target: &Path, profile: &str, base_url: Option<&str>) -> Result<Self> {
        let (os, arch) = platform(std::env::consts::OS, std::env::consts::ARCH)?;
        let version = env!("CARGO_PKG_VERSION");
        let out = target.join("plugin");
        std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        let out = out.canonicalize()?;
        let file_name = format!("{NAME}-{version}-{os}-{arch}.tar.gz");
        let tarball = out.join(&file_name);
        pack(&target.join(profile).join(NAME), &tarball)?;
        let bytes = std::fs::read(&tarball).with_context(|| format!("cannot read {}", tarball.display()))?;
        let url = match base_url {
            Some(base) => format!("{}/{file_name}", base.trim_end_matches('/')),
            None => format!("file://{}", tarball.display()),
        };
        let text = json!({
            "name": NAME,
            "description": "Hands messages of RabbitMQ's queues to components, and acknowledges them when they are handled.",
            "version": version,
            "spinCompatibility": COMPATIBLE,
            "license": env!("CARGO_PKG_LICENSE"),
            "packages": [{"os": os, "arch": arch, "url": url, "sha256": hex(&Sha256::digest(&bytes))}],
        });
        let manifest = out.join(format!("{NAME}.json"));
        std::fs::write(&manifest, format!("{text:#}\n"))
            .with_context(|| format!("cannot write {}", manifest.display()))?;
        Ok(Self { tarball, manifest })
    }
}

/// Spin's words for a system and a processor.
fn platform(os: &str, arch: &str) -> Result<(&'static str, &'static str)> {
    let os = match os {
        "linux" => "linux",
        "macos" => "macos",
        _ => bail!("there is no plugin for {os}: Spindle runs on Linux and macOS"),
    };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "aarch64",
        _ => bail!("Spin has no plugins for {arch}"),
    };
    Ok((os, arch))
}

/// Packs one program; the same program gives the same bytes.
fn pack(program: &Path, tarball: &Path) -> Result<()> {
    let content = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let file = File::create(tarball).with_context(|| format!("cannot create {}", tarball.display()))?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::best()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, NAME, content.as_slice()).context("cannot pack")?;
    archive.into_inner().and_then(GzEncoder::finish).context("cannot pack")?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_manifest_names_the_tarball_by_its_sum_and_the_tarball_has_the_program_at_its_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(compile::OPTIMISED)).unwrap();
        std::fs::write(dir.path().join(compile::OPTIMISED).join(NAME), "a program").unwrap();
        let files = Files::make(dir.path(), compile::OPTIMISED, None).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&files.manifest).unwrap()).unwrap();
        let sum = hex(&Sha256::digest(std::fs::read(&files.tarball).unwrap()));
        assert_eq!(manifest["packages"][0]["sha256"], sum);
        assert_eq!(manifest["packages"][0]["url"], format!("file://{}", files.tarball.display()));
        assert_eq!(manifest["spinCompatibility"], COMPATIBLE);

        let unpacked = dir.path().join("unpacked");
        tar::Archive::new(flate2::read::GzDecoder::new(File::open(&files.tarball).unwrap())).unpack(&unpacked).unwrap();
        let program = unpacked.join(NAME);
        assert_eq!(std::fs::read(&program).unwrap(), b"a program");
        assert_eq!(std::fs::metadata(&program).unwrap().permissions().mode() & 0o111, 0o111);

        let elsewhere = Files::make(dir.path(), compile::OPTIMISED, Some("https://example.org/plugins/")).unwrap();
        let text = std::fs::read_to_string(elsewhere.manifest).unwrap();
        assert!(text.contains("\"https://example.org/plugins/trigger-amqp-"), "{text}");
    }

    #[test]
    fn platforms_have_spins_names() {
        assert_eq!(platform("linux", "x86_64").unwrap(), ("linux", "amd64"));
        assert_eq!(platform("macos", "aarch64").unwrap(), ("macos", "aarch64"));
        assert!(platform("windows", "x86_64").is_err() && platform("linux", "s390x").is_err());
    }
}
