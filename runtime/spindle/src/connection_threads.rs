//! Threads that serve HTTP connections, or handle messages: one for each core, each with a runtime of its own.
//!
//! All that a short request or a message needs stays on one thread: its connection, its instance, the connections to servers that it
//! uses and the tasks that drive these. Nothing has to wake another thread, which costs more than the work itself.
//! A call that computes for long is moved to other threads, see `cpu`, so it is in nobody's way.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// The threads. They end when this is dropped, and what is under way on them ends too.
#[derive(Debug)]
pub(crate) struct ConnectionThreads {
    threads: Vec<ConnectionThread>,
}

#[derive(Debug)]
struct ConnectionThread {
    handle: Handle,
    /// One clone for each connection, beside this one.
    connections: Arc<()>,
    _running: oneshot::Sender<()>,
}

impl ConnectionThreads {
    /// Starts so many threads of a name.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be made.
    pub(crate) fn start(count: usize, name: &str) -> io::Result<Self> {
        Ok(Self { threads: (0..count.max(1)).map(|_| ConnectionThread::start(name)).collect::<io::Result<_>>()? })
    }

    /// Runs something to its end on the thread that has the fewest of them.
    pub(crate) async fn run<F>(&self, work: F) -> Result<F::Output, JoinError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let thread = self.threads.iter().min_by_key(|thread| Arc::strong_count(&thread.connections));
        let Some(thread) = thread else { return tokio::spawn(work).await };
        let _counted = Arc::clone(&thread.connections);
        thread.handle.spawn(work).await
    }

    /// Serves a connection on the thread that has the fewest of them. What `serve` returns is run there, to its end.
    ///
    /// # Errors
    /// When the connection cannot be moved.
    pub(crate) fn serve<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send,
    {
        let stream = stream.into_std()?;
        let Some(thread) = self.threads.iter().min_by_key(|thread| Arc::strong_count(&thread.connections)) else {
            return Ok(());
        };
        let counted = Arc::clone(&thread.connections);
        thread.handle.spawn(async move {
            let _counted = counted;
            match TcpStream::from_std(stream) {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            }
        });
        Ok(())
    }
}

impl ConnectionThread {
    fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            // It ends when the other side is dropped.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, connections: Arc::new(()), _running: running })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::ThreadId;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_connection_goes_where_the_fewest_are() {
        let threads = ConnectionThreads::start(2, "test").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (send, mut served) = mpsc::unbounded_channel::<ThreadId>();
        let mut connections = Vec::new();
        for n in 0..3 {
            let (end, ended) = oneshot::channel::<()>();
            let client = TcpStream::connect(address).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let send = send.clone();
            let serve = |stream| async move {
                let _stream: TcpStream = stream;
                send.send(thread::current().id()).unwrap();
                ended.await.unwrap();
            };
            threads.serve(stream, serve).unwrap();
            connections.push((served.recv().await.unwrap(), client, end));
            // The first of two ends, so the third goes where that was.
            if n == 1 {
                let (first, client, end) = connections.remove(0);
                assert_ne!(first, connections[0].0);
                end.send(()).unwrap();
                let is_closed =
                    async { while client.readable().await.is_ok() && client.try_read(&mut [0]).is_err() {} };
                tokio::time::timeout(std::time::Duration::from_secs(10), is_closed).await.unwrap();
            }
        }
        assert_ne!(connections[0].0, connections[1].0);
    }
}
