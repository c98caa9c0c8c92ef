//! `doctor`: one line for each prerequisite.

use anyhow::{Result, bail};

use crate::folder::Folder;
use crate::prerequisites::{self, Finding};

pub(crate) fn run() -> Result<()> {
    let mut missing = Vec::new();
    for (name, finding) in prerequisites::all(&Folder::find()?) {
        let (word, detail) = match finding {
            Finding::Fine(detail) => ("ok", detail),
            Finding::Optional(detail) => ("-", detail),
            Finding::Missing(detail) => {
                missing.push(name);
                ("MISSING", detail)
            }
        };
        println!("{name:<15} {word:<8} {detail}");
    }
    if !missing.is_empty() {
        bail!("missing: {}; `cargo xtask setup` installs what it can", missing.join(", "));
    }
    Ok(())
}
