//! Packages from Debian without touching the system's package manager: a private apt configuration reads the suites that may
//! have them, and the packages are unpacked, not installed.
//!
//! The mirror is the machine's own, taken from its own sources; so are its proxy settings and keys.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dev_servers::process;

use super::Release;
use crate::program;

/// The suites that may have the packages, in the order in which they are read; each round is read only if those
/// before did not have all. Several Rust releases are in Debian at once.
const ROUNDS: [&[&str]; 3] = [
    &["trixie-backports", "trixie"],
    &["bookworm-backports", "bookworm", "bookworm-security"],
    &["testing", "unstable"],
];
/// The suites with a compiler that Debian updates beside its own, for web browsers.
const BORROWED_SUITES: &[&str] = &["bookworm-security", "bookworm"];
/// For one suite's list, or one package.
const APT_DEADLINE: Duration = Duration::from_secs(300);

/// The unpacked packages.
#[derive(Debug)]
pub(super) struct Packages {
    /// The standard library's workspace, `library/` of the Rust source.
    pub(super) library: PathBuf,
    /// The folder with `libc.a` and the start files.
    pub(super) libc: PathBuf,
    /// Which versions these are, for the note in the sysroot.
    pub(super) versions: String,
}

/// Downloads and unpacks the standard library's source for `release`, and the C library for WASI.
pub(super) fn fetch_source(scratch: &Path, release: &Release) -> Result<Packages> {
    let apt = Apt::new(scratch)?;
    let (mut source, mut libc) = (None, None);
    for suites in ROUNDS {
        apt.read_all(suites);
        source = source.or(apt.versions("rust-src")?.into_iter().find(|version| is_release(version, &release.number)));
        // The oldest that is there: the release's own, which is tried, and not a backport of a newer one.
        libc = libc.or(apt.versions("wasi-libc")?.into_iter().next_back());
        if source.is_some() && libc.is_some() {
            break;
        }
    }
    let Some(source) = source else {
        let known = apt.versions("rust-src").unwrap_or_default().join(", ");
        bail!(
            "Debian has no source of rustc {} at this moment (it has {})",
            release.number,
            if known.is_empty() { "none at all" } else { &known }
        );
    };
    let libc = libc.context("Debian has no wasi-libc at this moment")?;
    let unpacked = scratch.join("unpacked");
    for (package, version) in [("rust-src", &source), ("wasi-libc", &libc)] {
        apt.fetch(package, version, &unpacked)?;
    }
    Ok(Packages {
        library: find_library(&unpacked)?,
        libc: find_libc(&unpacked)?,
        versions: format!("rust-src {source}, wasi-libc {libc}"),
    })
}

/// Downloads a compiler, all that it needs on this machine, and its standard library's source, and unpacks them into `prefix`,
/// with a script `rustc` that runs it from there.
pub(super) fn fetch_compiler(scratch: &Path, prefix: &Path) -> Result<Packages> {
    let apt = Apt::new(scratch)?;
    apt.read_all(BORROWED_SUITES);
    let _ = std::fs::remove_dir_all(prefix);
    std::fs::create_dir_all(prefix).with_context(|| format!("cannot create {}", prefix.display()))?;
    let mut packages = apt.needed_for("rustc-web")?;
    let (_, version) =
        packages.iter().find(|(name, _)| name == "rustc-web").context("Debian has no rustc-web at this moment")?;
    let version = version.clone();
    let libc = apt.versions("wasi-libc")?.pop().context("Debian has no wasi-libc at this moment")?;
    packages.push(("rust-web-src".to_owned(), version.clone()));
    packages.push(("wasi-libc".to_owned(), libc.clone()));
    for (package, version) in &packages {
        apt.fetch(package, version, prefix)?;
    }
    write_script(prefix)?;
    Ok(Packages {
        library: find_library(prefix)?,
        libc: find_libc(prefix)?,
        versions: format!("rust-web-src {version}, wasi-libc {libc}"),
    })
}

/// A program that was unpacked, not installed, needs the path of its libraries.
fn write_script(prefix: &Path) -> Result<()> {
    let multiarch = prefix.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}:{}' exec '{}' \"$@\"\n",
        multiarch.display(),
        prefix.join("usr/lib").display(),
        prefix.join("usr/bin/rustc").display()
    );
    let path = prefix.join("rustc");
    std::fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}

/// Whether a Debian version such as `1.95.0+dfsg1-2~bpo13+1` is of this upstream release.
fn is_release(version: &str, release: &str) -> bool {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    upstream.strip_prefix(release).is_some_and(|rest| rest.starts_with(['+', '-', '~']))
}

fn find_library(unpacked: &Path) -> Result<PathBuf> {
    let sources = std::fs::read_dir(unpacked.join("usr/src")).context("the package of Rust's source is empty")?;
    let mut libraries = sources.flatten().map(|entry| entry.path().join("library"));
    libraries.find(|path| path.join("std").is_dir()).context("the package of Rust's source has no standard library")
}

fn find_libc(unpacked: &Path) -> Result<PathBuf> {
    let folders = ["usr/lib/wasm32-wasi", "usr/lib/wasm32-wasip1"].map(|folder| unpacked.join(folder));
    folders
        .into_iter()
        .find(|folder| folder.join("libc.a").is_file())
        .context("the package wasi-libc of Debian has no libc.a")
}

/// A package manager with its own sources, lists and cache.
struct Apt {
    scratch: PathBuf,
    mirrors: Mirrors,
}

impl Apt {
    fn new(scratch: &Path) -> Result<Self> {
        for program in ["apt-get", "apt-cache", "dpkg"] {
            if !program::is_on_path(program) {
                bail!("this is no Debian: there is no {program}");
            }
        }
        let mirrors = Mirrors::of_this_machine()?;
        // What an earlier, unlucky attempt left is not worth trusting.
        let _ = std::fs::remove_dir_all(scratch);
        for folder in ["lists/partial", "cache/archives/partial", "sources", "packages", "unpacked"] {
            let folder = scratch.join(folder);
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(Self { scratch: scratch.to_owned(), mirrors })
    }

    /// A command of apt with the private configuration.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let dir = |option: &str, path: &Path| format!("{option}={}", path.display());
        let options = [
            dir("Dir::Etc::SourceList", Path::new("/dev/null")),
            dir("Dir::Etc::SourceParts", &self.scratch.join("sources")),
            dir("Dir::State::Lists", &self.scratch.join("lists")),
            dir("Dir::Cache", &self.scratch.join("cache")),
            "Acquire::Languages=none".into(),
            "Acquire::Retries=2".into(),
            // Packages may not be readable for apt's own user in a folder of ours.
            "APT::Sandbox::User=root".into(),
            // Suites are read one by one, and what was read stays.
            "APT::Get::List-Cleanup=0".into(),
        ];
        for option in options {
            command.args(["-o", &option]);
        }
        command
    }

    /// Reads the lists of some suites; those that are not there are said and left out.
    fn read_all(&self, suites: &[&str]) {
        for suite in suites {
            println!("  reading Debian's {suite}");
            if let Err(error) = self.read(suite) {
                println!("    not there: {error}");
            }
        }
    }

    /// Reads the list of a suite. One that is not there is taken out again, so that it does not spoil the others.
    fn read(&self, suite: &str) -> Result<()> {
        let file = self.scratch.join("sources").join(format!("{suite}.list"));
        std::fs::write(&file, self.mirrors.source_line(suite))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = self.command("apt-get");
        command.args(["-q", "update", "-o"]).arg(format!("Dir::Etc::SourceList={}", file.display()));
        command.args(["-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Update::Error-Mode=any"]);
        let log = self.scratch.join("apt.log");
        if process::run("apt-get update", command, &log, APT_DEADLINE).is_err() {
            let _ = std::fs::remove_file(&file);
            bail!("apt-get could not read it (log: {})", log.display());
        }
        Ok(())
    }

    /// The versions of a package, newest first.
    fn versions(&self, package: &str) -> Result<Vec<String>> {
        let mut command = self.command("apt-cache");
        command.args(["madison", package]);
        let table = program::output(command)?;
        let mut versions: Vec<String> = table
            .lines()
            .filter(|line| line.ends_with("Packages"))
            .filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned()))
            .collect();
        versions.dedup();
        Ok(versions)
    }

    /// A package and all that it needs and this machine does not have, with versions.
    fn needed_for(&self, package: &str) -> Result<Vec<(String, String)>> {
        let mut command = self.command("apt-get");
        command.args(["-q", "--simulate", "--no-install-recommends", "install", package]);
        Ok(planned(&program::output(command)?))
    }

    /// Downloads a package and unpacks it.
    fn fetch(&self, package: &str, version: &str, unpacked: &Path) -> Result<()> {
        println!("  downloading {package} {version}");
        self.download(package, version, unpacked)
    }

    fn download(&self, package: &str, version: &str, unpacked: &Path) -> Result<()> {
        let packages = self.scratch.join("packages");
        let mut command = self.command("apt-get");
        command.args(["-q", "download", &format!("{package}={version}")]).current_dir(&packages);
        process::run("apt-get download", command, &self.scratch.join("apt.log"), APT_DEADLINE)?;
        let file = std::fs::read_dir(&packages)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{package}_")))
            })
            .with_context(|| format!("apt-get downloaded no {package}"))?;
        let mut command = Command::new("dpkg");
        command.arg("-x").arg(file).arg(unpacked);
        process::run("dpkg", command, &self.scratch.join("apt.log"), APT_DEADLINE)?;
        Ok(())
    }
}

/// The packages that a simulation would install: `Inst NAME [old version] (VERSION origin ...)`.
fn planned(simulation: &str) -> Vec<(String, String)> {
    simulation
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
            let version = rest.split_once('(')?.1.split_whitespace().next()?;
            Some((name.to_owned(), version.to_owned()))
        })
        .collect()
}

/// One source of the machine's own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    uri: String,
    suites: Vec<String>,
    signed_by: Option<String>,
}

/// Where this machine gets Debian from.
#[derive(Debug)]
struct Mirrors {
    main: Source,
    security: Option<Source>,
}

impl Mirrors {
    fn of_this_machine() -> Result<Self> {
        let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
        let parts = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
        files.extend(parts.map(|entry| entry.path()));
        files.sort();
        let sources = files
            .iter()
            .flat_map(|path| {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("list") => one_line_sources(&text),
                    Some("sources") => deb822_sources(&text),
                    _ => Vec::new(),
                }
            })
            .collect();
        Self::choose(sources).context("this machine's package manager has no source for Debian itself")
    }

    /// The main archive has suites named like releases; a mirror of it ends in `/debian`. The security archive is the one
    /// whose suites say so.
    fn choose(sources: Vec<Source>) -> Option<Self> {
        let is_security = |source: &Source| {
            source.suites.iter().any(|suite| suite.ends_with("-security") || suite.ends_with("/updates"))
                && source.uri.contains("security")
        };
        let is_main = |source: &&Source| source.uri.trim_end_matches('/').ends_with("/debian");
        let security = sources.iter().find(|source| is_security(source)).cloned();
        Some(Self { main: sources.iter().find(is_main)?.clone(), security })
    }

    /// The line of `sources.list` for a suite.
    fn source_line(&self, suite: &str) -> String {
        let mut source = self.main.clone();
        if suite.ends_with("-security") {
            let beside = format!("{}-security", self.main.uri.trim_end_matches('/'));
            source.uri = self.security.as_ref().map_or(beside, |security| security.uri.clone());
        }
        let mut line = String::from("deb ");
        if let Some(key) = &source.signed_by {
            // Writing to a string cannot fail.
            let _ = write!(line, "[signed-by={key}] ");
        }
        let _ = writeln!(line, "{} {suite} main", source.uri);
        line
    }
}

/// `deb [signed-by=...] URI suite component...`
fn one_line_sources(text: &str) -> Vec<Source> {
    text.lines()
        .filter_map(|line| {
            let line = line.split('#').next()?.trim();
            let mut rest = line.strip_prefix("deb ")?.trim_start();
            let mut signed_by = None;
            if let Some((options, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                signed_by =
                    options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned);
                rest = after.trim_start();
            }
            let mut words = rest.split_whitespace();
            Some(Source { uri: words.next()?.to_owned(), suites: vec![words.next()?.to_owned()], signed_by })
        })
        .collect()
}

/// Paragraphs of `Types:`, `URIs:`, `Suites:`, `Signed-By:`. A key that is written into the file itself is left out: then apt
/// uses the keys that the machine trusts anyway.
fn deb822_sources(text: &str) -> Vec<Source> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let text = lines.join("\n");
    text.split("\n\n")
        .flat_map(|paragraph| {
            let field = |name: &str| {
                paragraph.lines().find_map(|line| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
                })
            };
            let words = |name: &str| -> Vec<String> {
                field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
            };
            let enabled = field("Enabled").is_none_or(|value| value != "no");
            if !enabled || !words("Types").contains(&"deb".to_owned()) {
                return Vec::new();
            }
            let signed_by = field("Signed-By").filter(|key| key.starts_with('/'));
            let source = |uri| Source { uri, suites: words("Suites"), signed_by: signed_by.clone() };
            words("URIs").into_iter().map(source).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_a_release_only_if_all_of_the_number_is() {
        assert!(is_release("1.95.0+dfsg1-2~bpo13+1", "1.95.0"));
        assert!(is_release("1:1.95.0-1", "1.95.0"));
        assert!(!is_release("1.95.01-1", "1.95.0"));
        assert!(!is_release("1.85.0+dfsg3-1", "1.95.0"));
    }

    #[test]
    fn planned_packages_are_read_from_a_simulation() {
        let simulation = "Reading package lists...\nInst libllvm22 (1:22.1-1 Debian:12 [amd64])\n\
                          Inst rustc-web [1.85] (1.96.0+dfsg1-1 Debian:12 [amd64])\nConf libllvm22 (1:22.1-1 Debian:12 [amd64])\n";
        let expected = [("libllvm22", "1:22.1-1"), ("rustc-web", "1.96.0+dfsg1-1")];
        assert_eq!(planned(simulation), expected.map(|(name, version)| (name.to_owned(), version.to_owned())));
    }

    #[test]
    fn mirrors_are_found_in_both_formats() {
        let deb822 = "Types: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
                      Components: main\nSigned-By: /keys.gpg\n\nTypes: deb\nURIs: http://mirror.example/debian-security\n\
                      Suites: bookworm-security\nComponents: main\n\nEnabled: no\nTypes: deb\nURIs: http://off.example/debian\n";
        let mirrors = Mirrors::choose(deb822_sources(deb822)).unwrap();
        assert_eq!(
            mirrors.source_line("trixie"),
            "deb [signed-by=/keys.gpg] http://mirror.example/debian trixie main\n"
        );
        assert_eq!(
            mirrors.source_line("bookworm-security"),
            "deb [signed-by=/keys.gpg] http://mirror.example/debian-security bookworm-security main\n"
        );

        let one_line = "# comment\ndeb [arch=amd64 signed-by=/tool.gpg] https://tool.example/apt stable main\n\
                        deb http://mirror.example/debian/ bookworm main contrib\ndeb-src http://mirror.example/debian bookworm main\n";
        let mirrors = Mirrors::choose(one_line_sources(one_line)).unwrap();
        assert_eq!(mirrors.source_line("trixie"), "deb http://mirror.example/debian/ trixie main\n");
        assert_eq!(
            mirrors.source_line("bookworm-security"),
            "deb http://mirror.example/debian-security bookworm-security main\n"
        );
        assert!(Mirrors::choose(one_line_sources("deb https://tool.example/apt stable main")).is_none());
    }
}
