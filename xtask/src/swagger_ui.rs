//! `swagger-ui`: the files of Swagger UI that the docs component serves, each plain and compressed, in
//! `target/swagger-ui`. They come out of a crate, so that nobody needs npm and none of them is in the repository.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

use crate::folder::Folder;

/// The files, by their path in a release of Swagger UI.
const FILES: [&str; 4] = ["dist/swagger-ui-bundle.js", "dist/swagger-ui.css", "LICENSE", "NOTICE"];
/// Which release is unpacked, and which files of it: written last, so it is only there if the rest is.
const STAMP: &str = "unpacked";

pub(crate) fn run() -> Result<()> {
    unpack(&Folder::find()?)
}

/// Unpacks what is not there yet.
pub(crate) fn unpack(folder: &Folder) -> Result<()> {
    let target = folder.target().join("swagger-ui");
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).context("the archive cannot be read")?;
    // The one folder that all of it is in is named after the release.
    let first = archive.by_index(0).and_then(|file| Ok(file.name()?.into_owned())).context("the archive is empty")?;
    let release = first.split('/').next().unwrap_or_default();
    let stamp = format!("{release}: {}\n", FILES.join(", "));
    if fs::read_to_string(target.join(STAMP)).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    println!("Unpacking {release}");
    fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
    for path in FILES {
        let mut content = Vec::new();
        archive
            .by_name(&format!("{release}/{path}"))
            .and_then(|mut file| Ok(file.read_to_end(&mut content)?))
            .with_context(|| format!("{release} has no {path} that can be read"))?;
        let name = path.rsplit('/').next().unwrap_or(path);
        write(&target.join(name), &content)?;
        write(&target.join(format!("{name}.gz")), &compressed(&content)?)?;
    }
    write(&target.join(STAMP), stamp.as_bytes())
}

fn compressed(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish()).context("a file cannot be compressed")
}

/// Atomically: a running app may be reading the file.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, content)
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
