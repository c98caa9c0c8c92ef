//! Random secrets, and the files that keep them: readable by their owner alone.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::{Error, Result};

/// 256 random bits as 64 hexadecimal digits: safe in a URL, in a shell and in a header.
pub fn random_hex() -> Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Advice(format!("the system gives no random numbers: {error}")))?;
    Ok(hex(&bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encodes whatever is not unreserved in a URL (RFC 3986, 2.3), so that a user, a password or a name can be put
/// into any part of one.
pub fn percent(text: &str) -> String {
    const KEPT: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, &KEPT).to_string()
}

/// Writes a file that only its owner may read (0600), whole or not at all: a reader never sees half of it.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(Error::file("create", &fresh))?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(Error::file("protect", &fresh))?;
    file.write_all(content.as_bytes()).map_err(Error::file("write", &fresh))?;
    std::fs::rename(&fresh, path).map_err(Error::file("write", path))
}

/// The secret in `path`, made at first use.
pub(crate) fn kept(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("read", path)(error)),
        _ => {
            let secret = random_hex()?;
            write_private(path, &format!("{secret}\n"))?;
            Ok(secret)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_secret_is_made_once_and_readable_by_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        let secret = kept(&file).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(kept(&file).unwrap(), secret);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
