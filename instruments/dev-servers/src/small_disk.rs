//! A disk of a few MiB that can be filled to the last byte: a `tmpfs` in a mount namespace of this process, so that none is left
//! behind however it ends. Linux, and root, alone.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::data_dir::ServerUser;
use crate::{Error, Result};

/// The file that fills it.
const BALLAST: &str = "ballast";

/// A small disk. Dropping it unmounts it.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
}

/// Gives this process mounts of its own, which end with it and with its children. To be called before there is another thread;
/// whether it is so now.
#[cfg(target_os = "linux")]
pub fn own_mounts() -> bool {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).is_ok()
        && mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).is_ok()
}

/// Elsewhere there are none.
#[cfg(not(target_os = "linux"))]
pub fn own_mounts() -> bool {
    false
}

impl SmallDisk {
    /// Mounts one of so many MiB on a folder, which is made if need be, for the server that runs as `user`.
    #[cfg(target_os = "linux")]
    pub fn mount(dir: &Path, mebibytes: u32, user: Option<ServerUser>) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let options = format!("size={mebibytes}m,mode=0700");
        nix::mount::mount(Some("tmpfs"), dir, Some("tmpfs"), nix::mount::MsFlags::empty(), Some(options.as_str()))
            .map_err(|error| Error::Advice(format!("no small disk can be mounted on {}: {error}", dir.display())))?;
        let disk = Self { dir: dir.to_owned() };
        user.map_or(Ok(()), |user| user.own(dir))?;
        Ok(disk)
    }

    /// Elsewhere there is none.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn mount(dir: &Path, _mebibytes: u32, _user: Option<ServerUser>) -> Result<Self> {
        Err(Error::Advice(format!("no small disk can be mounted on {}: this is not Linux", dir.display())))
    }

    /// Takes all that is free.
    pub fn fill(&self) -> Result<()> {
        let file = self.ballast();
        let mut ballast = File::options().create(true).append(true).open(&file).map_err(Error::file("open", &file))?;
        for size in [1 << 20, 4096, 1] {
            let piece = vec![0; size];
            loop {
                match ballast.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(Error::file("write", &file)(error)),
                }
            }
        }
        Ok(())
    }

    /// Gives it back.
    pub fn free(&self) -> Result<()> {
        let file = self.ballast();
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", &file)(error)),
            _ => Ok(()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join(BALLAST)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The namespace ends with this process at the latest.
        #[cfg(target_os = "linux")]
        let _ = nix::mount::umount2(&self.dir, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_written_to_a_full_disk_until_it_is_freed() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("disk");
        // Of this thread alone; there is none where this is not root.
        if !own_mounts() {
            return;
        }
        let disk = SmallDisk::mount(&place, 1, None).unwrap();
        std::fs::write(place.join("before"), "x").unwrap();
        disk.fill().unwrap();
        let error = std::fs::write(place.join("full"), "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        disk.free().unwrap();
        std::fs::write(place.join("after"), "x").unwrap();
        drop(disk);
        assert!(!place.join("before").exists());
    }
}
