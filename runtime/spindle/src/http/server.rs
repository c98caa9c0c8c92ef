//! The listener: accepts connections for as long as there may be more.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Kind;
use super::connection::Server;
use super::error::HttpTriggerError;
use super::seldom::Seldom;
use super::trigger::HttpTrigger;
use crate::capability::outbound_http::OwnRoutes;
use crate::counters::Refused;

/// How long to wait after the system refused to accept a connection, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on an address, or with `find_free_port` on the next one that is free.
///
/// # Errors
/// When the address is in use or cannot be had.
pub(crate) async fn listen(mut address: SocketAddr, find_free_port: bool) -> Result<TcpListener, HttpTriggerError> {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => match address.port().checked_add(1) {
                Some(next) if find_free_port => address.set_port(next),
                _ => return Err(HttpTriggerError::InUse(address)),
            },
            Err(error) => return Err(HttpTriggerError::Listen(address, error)),
        }
    }
}

/// Serves until `stop`; then lets what is under way come to its end.
pub(crate) async fn serve(
    trigger: Arc<HttpTrigger>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    let limits = Arc::clone(&trigger.app.limits);
    let own: Arc<dyn OwnRoutes> = Arc::<HttpTrigger>::clone(&trigger);
    // The first listener is the one.
    let _ = trigger.app.own_routes.set(Arc::downgrade(&own));
    let server = Arc::new(Server::new(Arc::clone(&trigger), tls, stop.clone()));
    let connections = Arc::new(Semaphore::new(limits.connections.0));
    let tasks = TaskTracker::new();
    let (full, greedy, refused) = (Seldom::default(), Seldom::default(), Seldom::default());
    loop {
        if connections.available_permits() == 0
            && let Some(suppressed) = full.pass()
        {
            let limit = limits.connections.0;
            tracing::warn!(limit, suppressed, "all connections are taken; more wait to be accepted");
        }
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            Ok(permit) = Arc::clone(&connections).acquire_owned() => permit,
        };
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if let Some(suppressed) = refused.pass() {
                        tracing::warn!(%error, suppressed, "a connection could not be accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let peer = trigger.admission.peer(address.ip());
        let Some(held) = peer.take(Kind::Connections, 1) else {
            trigger.app.counters.refused(Refused::Connections);
            if let Some(suppressed) = greedy.pass() {
                let (client, percent) = (address.ip(), limits.peer_share.0);
                tracing::warn!(%client, percent, suppressed, "an address has its share of the connections; more are closed");
            }
            continue;
        };
        let (server, task) = (Arc::clone(&server), tasks.token());
        let served = trigger.app.connection_threads.serve(stream, move |stream| async move {
            let _held = (task, permit, held);
            server.serve(stream, address, peer).await;
        });
        if let Err(error) = served
            && let Some(suppressed) = refused.pass()
        {
            tracing::warn!(%error, suppressed, "a connection could not be accepted");
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
    // Instances may go on after their response.
    trigger.admission.drained().await;
}
