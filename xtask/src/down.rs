//! `down`: ends an `up`, or what one that was killed has left behind. Processes are known by their recorded id and start time.

use anyhow::Result;

use crate::folder::Folder;
use crate::records;

pub(crate) fn run() -> Result<()> {
    let (_lock, ended) = records::end_all(&Folder::find()?.state()?)?;
    match ended.as_slice() {
        [] => println!("Nothing runs."),
        names => println!("Ended: {}", names.join(", ")),
    }
    Ok(())
}
