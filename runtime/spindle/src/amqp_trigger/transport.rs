//! What a session speaks through: TCP, and TLS over it where the address asks for it.
//!
//! lapin has a TLS of its own, behind features that bring PKCS #12 and X.509 parsers along. Spindle has rustls anyway.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_compat::Compat;
use async_rs::Tokio;
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::frames::FrameFilter;

/// A connection to the broker.
pub(super) type Transport = FrameFilter<Compat<Either<TcpStream, Box<TlsStream<TcpStream>>>>>;

/// What lapin runs on: Tokio, with connections that may be TLS.
pub(super) type Runtime = async_rs::Runtime<RuntimeParts<Tokio, TlsReactor>>;

/// TLS 1.2 and 1.3, with the root certificates of the system or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
static TLS: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reason = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!("there are no root certificates on this system and in SSL_CERT_FILE{reason}"));
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
        .map_err(|error| error.to_string())
});

/// The runtime for a connection that is made from within Tokio.
pub(super) fn runtime() -> Runtime {
    async_rs::Runtime::new(RuntimeParts::new(Tokio::current(), TlsReactor(Tokio::current())))
}

/// The connection as it is.
pub(super) fn plain(stream: TcpStream) -> Transport {
    FrameFilter::new(Compat::new(Either::Left(stream)))
}

/// TLS with `host` over the connection.
pub(super) async fn tls(stream: TcpStream, host: &str) -> io::Result<Transport> {
    let config = TLS.as_ref().map_err(|reason| io::Error::other(reason.as_str()))?;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
    Ok(FrameFilter::new(Compat::new(Either::Right(Box::new(stream)))))
}

/// Tokio's reactor, but for the type of its connections.
#[derive(Debug, Clone)]
pub(super) struct TlsReactor(Tokio);

impl Reactor for TlsReactor {
    type TcpStream = Transport;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connected = self.0.tcp_connect_addr(address);
        async move { Ok(plain(connected.await?.into_inner())) }
    }
}
