//! Ports on the loopback interface: a free one, or the one that a server had before.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::{Error, Result};

/// Where ports are looked for: above the well-known ones and below those that systems give to outgoing connections
/// (Linux from 32768). A server that is stopped and started again finds its port free then, whatever was connected
/// meanwhile.
const RANGE: std::ops::Range<u16> = 10_240..32_768;
/// How many ports are tried.
const TRIES: usize = 1_000;

/// A port of 127.0.0.1 that nothing listens on at this moment. Another process may take it before it is used, so whoever
/// binds it must be ready to ask again.
pub fn free_port() -> Result<u16> {
    for _ in 0..TRIES {
        let random = getrandom::u32().map_err(|error| Error::Advice(format!("no random number: {error}")))?;
        // The remainder is less than the range's length, which is a u16.
        let port = RANGE.start + (random % u32::from(RANGE.end - RANGE.start)) as u16;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(Error::Advice("no port of 127.0.0.1 is free: end some servers".to_owned()))
}

/// Whether nothing listens on this port of 127.0.0.1 at this moment.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The port noted in `file`, if it is free; else a new one, which is noted there. So a server keeps its port across
/// restarts, and what a developer has pasted somewhere stays true.
pub fn kept_port(file: &Path) -> Result<u16> {
    let noted = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    match noted {
        Some(port) if is_free(port) => Ok(port),
        _ => new_port(file),
    }
}

/// A free port, noted in `file` in place of the one before.
pub(crate) fn new_port(file: &Path) -> Result<u16> {
    let port = free_port()?;
    std::fs::write(file, format!("{port}\n")).map_err(Error::file("write", file))?;
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_kept_until_someone_else_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("port");
        let first = kept_port(&file).unwrap();
        assert_eq!(kept_port(&file).unwrap(), first);

        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let second = kept_port(&file).unwrap();
        assert_ne!(second, first);
        assert!(!is_free(first));
    }
}
