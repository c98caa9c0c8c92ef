//! A request, read within limits.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

/// The longest head, in bytes.
const MAX_HEAD: u64 = 16 * 1024;
/// The largest mail, in bytes.
const MAX_BODY: u64 = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    host: String,
    pub(super) is_json: bool,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads one; the error inside is the status of what cannot be read.
    pub(super) fn read(connection: &TcpStream) -> std::io::Result<Result<Self, &'static str>> {
        let mut reader = BufReader::new(connection);
        let mut request = Self::default();
        let mut length = 0;
        let mut head = reader.by_ref().take(MAX_HEAD);
        let mut line = String::new();
        head.read_line(&mut line)?;
        let mut parts = line.split_whitespace().map(str::to_owned);
        request.method = parts.next().unwrap_or_default();
        request.path = parts.next().unwrap_or_default();
        loop {
            line.clear();
            // Nothing is left: the head is too long, or the caller has gone.
            if head.read_line(&mut line)? == 0 {
                return Ok(Err("431 Request Header Fields Too Large"));
            }
            let Some((name, value)) = line.trim().split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "host" => value.clone_into(&mut request.host),
                "content-type" => request.is_json = value.starts_with("application/json"),
                "content-length" => length = value.parse().unwrap_or(u64::MAX),
                "transfer-encoding" => return Ok(Err("411 Length Required")),
                _ => {}
            }
        }
        if length > MAX_BODY {
            return Ok(Err("413 Content Too Large"));
        }
        reader.take(length).read_to_end(&mut request.body)?;
        Ok(Ok(request))
    }

    /// Whether it was sent to a name of this machine. A page of elsewhere whose name leads here says its own.
    pub(super) fn is_for_this_machine(&self) -> bool {
        let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, _)| name);
        matches!(name, "127.0.0.1" | "localhost")
    }
}
