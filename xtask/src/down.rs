//! `down`: stops an `up`, or what is left of one that was killed. Processes are identified by recorded id and start time.

use anyhow::Result;

use crate::folder::Folder;
use crate::records;

pub(crate) fn run() -> Result<()> {
    let (_lock, ended) = records::end_all(&Folder::find()?.state()?)?;
    match ended.as_slice() {
        [] => println!("Nothing is running."),
        names => println!("Stopped: {}", names.join(", ")),
    }
    Ok(())
}
