//! The socket of a connection, and its end.

use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;

/// Shuts a connection's socket down when it is dropped. The client has a thread for each connection, and a broker that
/// says nothing would keep it for ever.
#[derive(Debug, Default)]
pub(super) struct SocketGuard(SocketHandle);

/// Where a guard learns of its socket, which is made later.
#[derive(Debug, Clone, Default)]
pub(super) struct SocketHandle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    NotConnected,
    Connected(Socket),
    Dropped,
}

impl SocketGuard {
    /// Where to put the socket.
    pub(super) fn handle(&self) -> SocketHandle {
        self.0.clone()
    }
}

impl SocketHandle {
    /// Hands over a socket.
    ///
    /// # Errors
    /// When the guard is gone.
    pub(super) fn set(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Dropped) {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        *state = State::Connected(stream.as_fd().try_clone_to_owned()?.into());
        Ok(())
    }
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Connected(socket) = std::mem::replace(&mut *state, State::Dropped) {
            // It is closed already, or is now.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
