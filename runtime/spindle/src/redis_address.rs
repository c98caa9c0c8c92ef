//! Addresses of Redis servers, and connections to them: TCP, or TLS over it for `rediss://`.

use std::io;
use std::sync::{Arc, LazyLock};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::{outgoing_socket, tls};

/// A connection to a server.
pub(crate) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Schemes with TLS, and those of the same addresses without it: the client knows only these.
const WITH_TLS: [(&str, &str); 2] = [("rediss", "redis"), ("valkeys", "valkey")];

static TLS: LazyLock<TlsConnector> = LazyLock::new(|| Arc::new(tls::client()).into());

/// Where a server is, and as whom we speak to it.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) uses_tls: bool,
    settings: RedisConnectionInfo,
}

impl Address {
    /// Reads `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    ///
    /// # Errors
    /// Why it is no address, without what is secret in it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let plain = WITH_TLS.iter().find(|(with, _)| scheme.eq_ignore_ascii_case(with)).map(|(_, without)| *without);
        let info: ConnectionInfo = match plain {
            Some(plain) => format!("{plain}://{rest}").into_connection_info(),
            None => text.into_connection_info(),
        }
        .map_err(|error| error.to_string())?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err("write redis://host[:port] or rediss://host[:port]".to_owned());
        };
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(Self { host: host.clone(), port: *port, uses_tls: plain.is_some(), settings })
    }

    /// The scheme by which it is allowed.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.uses_tls { "rediss" } else { "redis" }
    }

    /// User, password and database.
    pub(crate) fn settings(&self) -> &RedisConnectionInfo {
        &self.settings
    }

    /// Connects, without any time limit.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        outgoing_socket::prepare(&stream)?;
        if !self.uses_tls {
            return Ok(Either::Left(stream));
        }
        let name = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Either::Right(Box::new(TLS.connect(name, stream).await?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_tls() {
        let read = |text: &str| Address::parse(text).map(|a| (a.host.clone(), a.port, a.uses_tls, a.scheme()));
        assert_eq!(read("redis://cache"), Ok(("cache".to_owned(), 6379, false, "redis")));
        assert_eq!(read("rediss://user:word@cache:6380/1"), Ok(("cache".to_owned(), 6380, true, "rediss")));
        assert_eq!(read("VALKEYS://cache:1"), Ok(("cache".to_owned(), 1, true, "rediss")));
        assert!(read("unix:///tmp/redis").is_err() && read("nonsense").is_err() && read("").is_err());
    }
}
