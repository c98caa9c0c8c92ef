//! The artifact in minikube's registry. Its tag is made of its content, so what has not changed is not pushed again, and
//! that tag never stands for something else than before: a node keeps what it has by that name. The version alone is pushed
//! beside it, for commands that are typed; on a node that has it, it stands for what it was first.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use dev_servers::ports;

use super::cluster::Cluster;
use crate::compile::Wanted;
use crate::folder::Folder;
use crate::{compile, program, setup};

/// The name in the registry; nodes know the registry as localhost:5000.
pub(crate) const IMAGE: &str = "localhost:5000/concierge";
/// The version of the application.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What is in the artifact besides the components.
const CONTENTS: [&str; 5] =
    ["spin.toml", "components/account/theme", "components/docs/page", "components/notification/messages", "openapi"];
/// How long the way to the registry may take to open.
const PATIENCE: Duration = Duration::from_secs(20);

/// Builds, and pushes if the registry does not have it; gives the tag.
pub(crate) fn push(cluster: &Cluster) -> Result<String> {
    let folder = &cluster.folder;
    let compiler = setup::compiler(folder)?;
    compile::build(folder, &compiler, Wanted::COMPONENTS)?;
    let tag = tag(folder)?;
    let port = ports::free_port()?;
    let _way = Way::open(cluster, port)?;
    let tags = minreq::get(format!("http://127.0.0.1:{port}/v2/concierge/tags/list")).with_timeout(10).send()?;
    let is_there = tags.as_str().is_ok_and(|list| list.contains(&format!("\"{tag}\"")));
    if !is_there {
        // The one with the hash comes last: once it is there, both are.
        for tag in [VERSION, &tag] {
            println!("  pushing {IMAGE}:{tag}");
            let reference = format!("localhost:{port}/concierge:{tag}");
            cluster.output("spin", &["registry", "push", "--insecure", "--file", "spin.toml", &reference], None)?;
        }
    }
    println!("  the artifact is {IMAGE}:{tag}");
    Ok(tag)
}

/// The version, and a hash of all that is in the artifact.
fn tag(folder: &Folder) -> Result<String> {
    let mut files: Vec<PathBuf> = compile::COMPONENT_FILES.iter().map(|file| folder.target().join(file)).collect();
    for content in CONTENTS {
        collect(&folder.root().join(content), &mut files)?;
    }
    collect(&folder.target().join("swagger-ui"), &mut files)?;
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.write(&std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(format!("{VERSION}-{:016x}", hasher.finish()))
}

/// A file, or all files of a folder, in the order of their names.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().context("cannot read a folder")?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    entries.iter().try_for_each(|entry| collect(&entry.path(), files))
}

/// A forwarded port to the registry, closed when it is dropped.
struct Way(Child);

impl Way {
    fn open(cluster: &Cluster, port: u16) -> Result<Self> {
        let ports = format!("{port}:80");
        let mut command =
            cluster.kubectl_command(&["port-forward", "--namespace", "kube-system", "service/registry", &ports]);
        let way = Self(command.stdout(Stdio::null()).spawn().context("cannot start kubectl")?);
        let answers = || minreq::get(format!("http://127.0.0.1:{port}/v2/")).with_timeout(2).send().ok();
        program::poll(PATIENCE, answers)
            .context("no way to the registry opens: kubectl port-forward says why, above")?;
        Ok(way)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
