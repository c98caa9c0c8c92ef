//! A TCP relay on the loopback interface: the one address before several servers, as a Service of Kubernetes is. What speaks
//! through it can be held up, and cut off.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Error, Result, ports};

/// For one attempt to reach a target: all are on this machine.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);
/// How often a connection that is held looks whether it may go on.
const HELD_PAUSE: Duration = Duration::from_millis(5);
/// What is passed on at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// A relay. Dropping it ends it, and all connections through it.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    targets: Mutex<Vec<u16>>,
    /// Whose turn it is.
    next: AtomicUsize,
    is_held: AtomicBool,
    is_over: AtomicBool,
    /// How often all connections were cut.
    cuts: AtomicUsize,
    open: Mutex<Vec<[TcpStream; 2]>>,
}

impl Relay {
    /// Starts one on a free port of 127.0.0.1. Each connection goes to one of these ports of 127.0.0.1 in turn, leaving out
    /// those that refuse it.
    pub fn start(targets: &[u16]) -> Result<Self> {
        let port = ports::free_port()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|error| Error::Advice(format!("a relay cannot listen on port {port}: {error}")))?;
        let shared = Arc::new(Shared { targets: Mutex::new(targets.to_vec()), ..Shared::default() });
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if inside.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&inside);
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Ok(Self { port, shared })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on new connections go to this port; those that are open are cut.
    pub fn point_to(&self, target: u16) {
        *lock(&self.shared.targets) = vec![target];
        self.cut();
    }

    /// From now on nothing is passed on, and connections stay open; or it is again.
    pub fn hold(&self, is_held: bool) {
        self.shared.is_held.store(is_held, Ordering::SeqCst);
    }

    /// Ends all connections. What was not passed on yet is lost.
    pub fn cut(&self) {
        self.shared.cuts.fetch_add(1, Ordering::SeqCst);
        for sides in lock(&self.shared.open).drain(..) {
            shut(&sides);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    /// Passes on what both sides of a connection say, until one of them ends it.
    fn serve(&self, client: TcpStream) {
        let cuts = self.cuts.load(Ordering::SeqCst);
        let Some(server) = self.connect() else { return };
        let sides = [client, server];
        // What is written in pieces is not to wait for acknowledgements of the one before.
        let _ = sides.each_ref().map(|side| side.set_nodelay(true));
        let copies = || Some([sides[0].try_clone().ok()?, sides[1].try_clone().ok()?]);
        let (Some(kept), Some([reader, writer])) = (copies(), copies()) else { return };
        lock(&self.open).push(kept);
        if self.cuts.load(Ordering::SeqCst) != cuts {
            // It began before a cut that may not have seen it.
            shut(&sides);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| self.pass_on(&reader, &writer));
            self.pass_on(&sides[1], &sides[0]);
        });
        let ended = sides[0].peer_addr().ok();
        lock(&self.open).retain(|open| open[0].peer_addr().ok().is_some_and(|address| Some(address) != ended));
    }

    fn connect(&self) -> Option<TcpStream> {
        let targets = lock(&self.targets).clone();
        let first = self.next.fetch_add(1, Ordering::SeqCst);
        (0..targets.len()).find_map(|place| {
            let port = targets[(first + place) % targets.len()];
            TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT_DEADLINE).ok()
        })
    }

    fn pass_on(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            while self.is_held.load(Ordering::SeqCst) && !self.is_over.load(Ordering::SeqCst) {
                std::thread::sleep(HELD_PAUSE);
            }
            if to.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        // The other direction ends too: nobody here goes on with half a connection.
        for side in [from, to] {
            let _ = side.shutdown(Shutdown::Both);
        }
    }
}

fn shut(sides: &[TcpStream; 2]) {
    for side in sides {
        // One that is closed already is no error.
        let _ = side.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with its name.
    fn server(name: u8) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut byte = [0];
                    while connection.read_exact(&mut byte).is_ok() && connection.write_all(&[name]).is_ok() {}
                });
            }
        });
        port
    }

    fn connect(relay: &Relay) -> TcpStream {
        let connection = TcpStream::connect(relay.host()).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        connection
    }

    fn ask(connection: &mut TcpStream) -> Option<u8> {
        connection.write_all(b"?").ok()?;
        let mut byte = [0];
        connection.read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    #[test]
    fn connections_go_to_those_that_are_there_in_turn() {
        let nobody = ports::free_port().unwrap();
        let relay = Relay::start(&[server(b'a'), nobody, server(b'b')]).unwrap();
        let names: Vec<_> = (0..6).filter_map(|_| ask(&mut connect(&relay))).collect();
        assert_eq!(names.len(), 6, "none is refused");
        assert!(names.contains(&b'a') && names.contains(&b'b'), "{names:?}");
    }

    #[test]
    fn what_is_pointed_elsewhere_begins_anew_there() {
        let relay = Relay::start(&[server(b'a')]).unwrap();
        let mut before = connect(&relay);
        assert_eq!(ask(&mut before), Some(b'a'));
        relay.point_to(server(b'b'));
        assert_eq!(ask(&mut before), None);
        assert_eq!(ask(&mut connect(&relay)), Some(b'b'));
    }

    #[test]
    fn what_is_held_comes_later_and_what_is_cut_never() {
        let relay = Relay::start(&[server(b'a')]).unwrap();
        let mut connection = connect(&relay);
        assert_eq!(ask(&mut connection), Some(b'a'));
        relay.hold(true);
        connection.write_all(b"?").unwrap();
        connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert!(connection.read(&mut [0]).is_err(), "nothing comes");
        relay.hold(false);
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(connection.read(&mut [0]).unwrap(), 1);
        relay.cut();
        assert_eq!(ask(&mut connection), None);
    }
}
