//! A data folder that the server's own user can reach.
//!
//! PostgreSQL refuses to run as root, so root runs it as the user `postgres`. That user cannot enter, for example, a clone
//! under `/root`. Then the data is kept in `/var/tmp/concierge-<hash of the wanted path>`, and a note in the wanted folder
//! says where.

use std::fs::{DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Gid, Uid, User};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result, secret};

/// The note in the wanted folder: its content is the path of the folder that has the data.
const NOTE: &str = "data-is-elsewhere.txt";
/// The note in the other folder: its content is the path of the folder that it stands in for.
const BACK_NOTE: &str = "belongs-to.txt";
/// Where folders go that the server's user could not reach.
const ELSEWHERE: &str = "/var/tmp";
/// How their names begin; nothing else is ever removed there.
const ELSEWHERE_PREFIX: &str = "concierge-";

/// The user that a server runs as, if not the one we are.
#[derive(Debug, Clone, Copy)]
pub struct ServerUser {
    uid: Uid,
    gid: Gid,
}

impl ServerUser {
    /// `None` if we are not root, and so run servers as ourselves; else the system's user of that name.
    pub fn unless_ourselves(name: &str) -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        match User::from_name(name) {
            Ok(Some(user)) => Ok(Some(Self { uid: user.uid, gid: user.gid })),
            _ => Err(Error::Advice(format!(
                "the server refuses to run as root and there is no user {name}: add one (`useradd --system {name}`) or run this as \
                 another user"
            ))),
        }
    }

    /// Has a command run as this user.
    pub fn run(self, command: &mut Command) {
        command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
    }

    /// Makes a file of ours this user's.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        own(path, self)
    }

    fn can_enter(self, folder: &Metadata) -> bool {
        let search = if folder.uid() == self.uid.as_raw() {
            0o100
        } else if folder.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        folder.mode() & search != 0
    }
}

/// Makes the folder for a server's data if need be, owned by its user and closed to all others (0700), and says where it is.
pub fn open(wanted: &Path, user: Option<ServerUser>) -> Result<PathBuf> {
    let parent = wanted.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
    let parent = parent.canonicalize().map_err(Error::file("find", parent))?;
    let wanted = parent.join(wanted.file_name().unwrap_or_default());
    let Some(user) = user else {
        make_private(&wanted)?;
        return Ok(wanted);
    };
    if parent.ancestors().all(|folder| std::fs::metadata(folder).is_ok_and(|folder| user.can_enter(&folder))) {
        make_private(&wanted)?;
        own(&wanted, user)?;
        return Ok(wanted);
    }
    remove_forsaken();
    make_private(&wanted)?;
    let elsewhere = elsewhere(&wanted);
    make_private(&elsewhere)?;
    let found = std::fs::symlink_metadata(&elsewhere).map_err(Error::file("find", &elsewhere))?;
    if !found.is_dir() || (found.uid() != 0 && found.uid() != user.uid.as_raw()) {
        return Err(Error::Advice(format!(
            "{} belongs to someone else: remove it, then try again",
            elsewhere.display()
        )));
    }
    own(&elsewhere, user)?;
    note(&elsewhere.join(BACK_NOTE), &wanted)?;
    note(&wanted.join(NOTE), &elsewhere)?;
    Ok(elsewhere)
}

/// Removes a data folder, wherever the data is; nothing happens if there is none.
pub fn remove(wanted: &Path) -> Result<()> {
    if let Ok(path) = std::fs::read_to_string(wanted.join(NOTE)) {
        let elsewhere = Path::new(path.trim());
        if is_elsewhere(elsewhere) {
            remove_tree(elsewhere)?;
        }
    }
    remove_tree(wanted)
}

fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

fn elsewhere(wanted: &Path) -> PathBuf {
    let hash = secret::hex(&Sha256::digest(wanted.as_os_str().as_encoded_bytes())[..8]);
    Path::new(ELSEWHERE).join(format!("{ELSEWHERE_PREFIX}{hash}"))
}

fn is_elsewhere(path: &Path) -> bool {
    path.parent() == Some(Path::new(ELSEWHERE))
        && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ELSEWHERE_PREFIX))
}

/// Removes the folders elsewhere whose wanted folder is gone: what is left when a clone or a test's folder is deleted.
fn remove_forsaken() {
    let Ok(entries) = std::fs::read_dir(ELSEWHERE) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_elsewhere(path)) {
        let back_note = path.join(BACK_NOTE);
        let ours = std::fs::symlink_metadata(&back_note).is_ok_and(|note| note.is_file() && note.uid() == 0);
        let Ok(wanted) = std::fs::read_to_string(back_note) else {
            continue;
        };
        if ours && !Path::new(wanted.trim()).join(NOTE).exists() {
            // What cannot be removed now is met again the next time.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn note(file: &Path, path: &Path) -> Result<()> {
    std::fs::write(file, format!("{}\n", path.display())).map_err(Error::file("write", file))
}

fn make_private(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::file("create", path)(error)),
        _ => Ok(()),
    }
}

fn own(path: &Path, user: ServerUser) -> Result<()> {
    std::os::unix::fs::lchown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .map_err(Error::file("hand over", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_puts_data_where_the_server_can_reach_it() {
        let Ok(Some(user)) = ServerUser::unless_ourselves("nobody") else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        // Closed to everyone else, like a clone under /root.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let wanted = dir.path().join("server");
        let actual = open(&wanted, Some(user)).unwrap();
        assert!(is_elsewhere(&actual), "{}", actual.display());
        assert_eq!(std::fs::metadata(&actual).unwrap().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(&actual).unwrap().uid(), user.uid.as_raw());
        assert_eq!(open(&wanted, Some(user)).unwrap(), actual);
        remove(&wanted).unwrap();
        assert!(!actual.exists() && !wanted.exists());
    }

    #[test]
    fn data_stays_in_the_wanted_folder_where_that_works() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = dir.path().join("server");
        let actual = open(&wanted, None).unwrap();
        assert_eq!(actual, dir.path().canonicalize().unwrap().join("server"));
        remove(&wanted).unwrap();
        assert!(!actual.exists());
    }
}
