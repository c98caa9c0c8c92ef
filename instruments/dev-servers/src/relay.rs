//! A TCP relay on the loopback interface: what stands between an app and a server, to be slowed down or cut without root and
//! without either of them knowing. Before several servers it is the one address of all, as a Service of Kubernetes is.
//!
//! The kernel's own way, `tc qdisc ... netem` in a network namespace, needs root and a kernel that has it. Against it, a relay has two
//! limits: the kernel acknowledges what the relay has not passed on, so a peer's TCP user timeout does not strike, and a
//! connection is established before the server has heard of it.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, Result, wait};

/// The most that is read at once, in bytes.
const CHUNK: usize = 16 * 1024;
/// How many pieces wait for their time in one direction before no more is read.
const MOST_WAITING: usize = 1024;
/// Until the server takes a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// For which time the port may be in use when the door opens again.
const REOPEN: Duration = Duration::from_secs(10);
/// Between two looks at a mode that may have changed.
const LOOK: Duration = Duration::from_millis(5);

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It arrives.
    #[default]
    Pass,
    /// It arrives so much later, in each direction.
    Delay(Duration),
    /// Nothing arrives, and nobody is told: connections stay open, new ones get no answer. Afterwards what TCP would send again
    /// arrives, and callers who have left in the meantime have never been there.
    Cut,
    /// Connections end, and new ones are refused, as by a machine on which nothing listens.
    Refuse,
    /// Requests arrive, and the connection ends in place of an answer.
    LoseAnswers,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    is_over: bool,
    /// The two sides of all connections.
    open: Vec<(u64, TcpStream, TcpStream)>,
    connections: u64,
}

#[derive(Debug)]
struct Shared {
    servers: Mutex<Vec<SocketAddr>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to the next server that takes it.
    fn connect(&self) -> std::io::Result<TcpStream> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.turn.fetch_add(1, Ordering::SeqCst);
        let mut refused = std::io::Error::from(ErrorKind::ConnectionRefused);
        for place in 0..servers.len() {
            match TcpStream::connect_timeout(&servers[(first + place) % servers.len()], CONNECT) {
                Ok(server) => return Ok(server),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn mode(&self) -> Mode {
        self.state().mode
    }

    /// Waits as long as the mode is this one; whether the relay is still there.
    fn wait_while(&self, mode: Mode) -> bool {
        let waits = |state: &mut State| state.mode == mode && !state.is_over;
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        !state.is_over
    }
}

/// A relay. Dropping it ends all connections.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

impl Relay {
    /// Opens one on a free port that passes everything on to `server`, an address such as `127.0.0.1:5432`.
    pub fn start(server: &str) -> Result<Self> {
        let server =
            server.parse().map_err(|error| Error::Advice(format!("a relay cannot go to {server}: {error}")))?;
        Self::open(vec![server])
    }

    /// Opens one before these ports of 127.0.0.1. Each connection goes to one of them in turn, leaving out those that refuse it.
    pub fn before(ports: &[u16]) -> Result<Self> {
        Self::open(ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).collect())
    }

    fn open(servers: Vec<SocketAddr>) -> Result<Self> {
        let broken = |error: std::io::Error| Error::Advice(format!("a relay cannot be opened: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(broken)?;
        let port = listener.local_addr().map_err(broken)?.port();
        let shared = Arc::new(Shared {
            servers: Mutex::new(servers),
            turn: AtomicUsize::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || listen(&inside, port, listener));
        Ok(Self { port, shared })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:<port>`, which takes the place of the server's.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Treats everything like this from now on.
    pub fn set(&self, mode: Mode) {
        self.change(|state| state.mode = mode);
        if mode == Mode::Refuse {
            self.hang_up();
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.changed.notify_all();
    }

    /// From now on new connections go to this port of 127.0.0.1; those that are open end.
    pub fn point_to(&self, port: u16) {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        *self.shared.servers.lock().unwrap_or_else(PoisonError::into_inner) = vec![server];
        self.hang_up();
    }

    /// Ends all connections, and wakes the thread that waits for callers. What was not passed on yet is lost.
    pub fn hang_up(&self) {
        for (_, client, server) in std::mem::take(&mut self.shared.state().open) {
            for side in [client, server] {
                // It may have ended by itself.
                let _ = side.shutdown(Shutdown::Both);
            }
        }
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.change(|state| state.is_over = true);
        self.hang_up();
    }
}

/// Takes callers until the relay is dropped. While they are to be refused, nobody listens.
fn listen(shared: &Arc<Shared>, port: u16, listener: TcpListener) {
    let mut door = Some(listener);
    loop {
        if shared.mode() == Mode::Refuse {
            drop(door.take());
            if !shared.wait_while(Mode::Refuse) {
                return;
            }
        }
        let open = || door.take().or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        let Some(listener) = wait::until(REOPEN, open) else { return };
        let caller = listener.accept();
        if shared.state().is_over {
            return;
        }
        door = Some(listener);
        if let Ok((client, _)) = caller
            && shared.mode() != Mode::Refuse
        {
            let shared = Arc::clone(shared);
            // A connection that breaks is what a relay is for.
            std::thread::spawn(move || serve(&shared, client));
        }
    }
}

/// Serves one caller.
fn serve(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    let is_cut = shared.mode() == Mode::Cut;
    if is_cut && !shared.wait_while(Mode::Cut) {
        return Ok(());
    }
    let early = if is_cut { sent_meanwhile(&client)? } else { Some(Vec::new()) };
    // The packets of whoever has left never arrived.
    let Some(early) = early else { return Ok(()) };
    let mut server = shared.connect()?;
    for side in [&client, &server] {
        side.set_nodelay(true)?;
    }
    server.write_all(&early)?;
    let number = {
        let mut state = shared.state();
        state.connections += 1;
        let number = state.connections;
        state.open.push((number, client.try_clone()?, server.try_clone()?));
        number
    };
    let back = {
        let (shared, from, to) = (Arc::clone(shared), server.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || pump(&shared, from, to, Direction::Back))
    };
    let there = pump(shared, client, server, Direction::There);
    // It has no reason to panic.
    let _ = back.join();
    shared.state().open.retain(|(known, ..)| *known != number);
    there
}

/// What a caller has sent while nothing arrived; nothing if it has left.
fn sent_meanwhile(client: &TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    client.set_nonblocking(true)?;
    let (mut sent, mut chunk, mut reader) = (Vec::new(), vec![0; CHUNK], client);
    let is_there = loop {
        match reader.read(&mut chunk) {
            Ok(0) => break false,
            Ok(length) => sent.extend_from_slice(&chunk[..length]),
            Err(error) => break error.kind() == ErrorKind::WouldBlock,
        }
    };
    client.set_nonblocking(false)?;
    Ok(is_there.then_some(sent))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}

/// Passes on what comes from one side to the other, until it ends.
fn pump(shared: &Shared, from: TcpStream, to: TcpStream, direction: Direction) -> std::io::Result<()> {
    let passed = pass_on(shared, &from, &to, direction);
    // An end in good order is that of one direction. The other side may have left already.
    if passed.is_ok() {
        let _ = to.shutdown(Shutdown::Write);
    } else {
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
    passed
}

fn pass_on(shared: &Shared, mut from: &TcpStream, mut to: &TcpStream, direction: Direction) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    // What was read and is not due yet.
    let mut waiting = VecDeque::<(Instant, Vec<u8>)>::new();
    let mut has_ended = false;
    loop {
        while let Some((due, bytes)) = waiting.front() {
            if shared.mode() == Mode::Cut || *due > Instant::now() {
                break;
            }
            to.write_all(bytes)?;
            waiting.pop_front();
        }
        if has_ended && waiting.is_empty() {
            // An end is a packet as well.
            shared.wait_while(Mode::Cut);
            return Ok(());
        }
        if has_ended || waiting.len() > MOST_WAITING {
            std::thread::sleep(LOOK);
            continue;
        }
        // Nothing has to be passed on: then there is nothing to look at until something comes.
        from.set_read_timeout((!waiting.is_empty()).then_some(LOOK))?;
        match from.read(&mut chunk) {
            Ok(0) => has_ended = true,
            Ok(length) => {
                let delay = match shared.mode() {
                    Mode::LoseAnswers if direction == Direction::Back => return Err(ErrorKind::ConnectionReset.into()),
                    Mode::Delay(delay) => delay,
                    _ => Duration::ZERO,
                };
                waiting.push_back((Instant::now() + delay, chunk[..length].to_vec()));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    /// A server that answers each byte with the next one, and counts what it gets.
    fn next_bytes() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let count = Arc::clone(&counted);
                std::thread::spawn(move || {
                    let mut byte = [0];
                    while connection.read_exact(&mut byte).is_ok() {
                        count.fetch_add(1, Ordering::SeqCst);
                        connection.write_all(&[byte[0] + 1]).unwrap();
                    }
                });
            }
        });
        (address, count)
    }

    fn caller(relay: &Relay) -> TcpStream {
        let connection = TcpStream::connect(relay.host()).unwrap();
        connection.set_read_timeout(Some(SOON)).unwrap();
        connection
    }

    fn ask(mut connection: &TcpStream, byte: u8) -> std::io::Result<u8> {
        connection.write_all(&[byte])?;
        answer(connection)
    }

    fn answer(mut connection: &TcpStream) -> std::io::Result<u8> {
        let mut answer = [0];
        connection.read_exact(&mut answer)?;
        Ok(answer[0])
    }

    #[test]
    fn what_is_delayed_takes_the_time_there_and_back() {
        let relay = Relay::start(&next_bytes().0).unwrap();
        let connection = caller(&relay);
        assert_eq!(ask(&connection, 1).unwrap(), 2);
        relay.set(Mode::Delay(Duration::from_millis(60)));
        let begun = Instant::now();
        assert_eq!(ask(&connection, 2).unwrap(), 3);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(120), "{took:?}");
    }

    #[test]
    fn a_cut_ends_no_connection_and_what_was_sent_arrives_afterwards() {
        let (server, count) = next_bytes();
        let relay = Relay::start(&server).unwrap();
        let (old, left) = (caller(&relay), caller(&relay));
        assert_eq!((ask(&old, 1).unwrap(), ask(&left, 1).unwrap()), (2, 2));
        relay.set(Mode::Cut);
        let new = caller(&relay);
        let gone = caller(&relay);
        for connection in [&old, &new, &gone, &left] {
            let error = ask(connection, 7).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
        drop((gone, left));
        relay.set(Mode::Pass);
        assert_eq!((answer(&old).unwrap(), answer(&new).unwrap()), (8, 8));
        std::thread::sleep(SOON);
        // What was sent on an open connection arrives even if its sender has left; a connection that was never made sends nothing.
        assert_eq!(count.load(Ordering::SeqCst), 5);
    }

    #[test]
    fn who_is_refused_gets_no_connection_and_later_one_on_the_same_port() {
        let relay = Relay::start(&next_bytes().0).unwrap();
        let old = caller(&relay);
        assert_eq!(ask(&old, 1).unwrap(), 2);
        relay.set(Mode::Refuse);
        assert!(ask(&old, 1).is_err());
        let is_refused = || TcpStream::connect(relay.host()).is_err().then_some(());
        assert!(wait::until(Duration::from_secs(5), is_refused).is_some());
        relay.set(Mode::Pass);
        let again = || TcpStream::connect(relay.host()).ok();
        let connection = wait::until(Duration::from_secs(5), again).unwrap();
        assert_eq!(ask(&connection, 4).unwrap(), 5);
    }

    #[test]
    fn a_lost_answer_ends_the_connection_after_the_request_has_arrived() {
        let (server, count) = next_bytes();
        let relay = Relay::start(&server).unwrap();
        relay.set(Mode::LoseAnswers);
        assert_eq!(ask(&caller(&relay), 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    fn port_of(server: &str) -> u16 {
        server.parse::<SocketAddr>().unwrap().port()
    }

    #[test]
    fn connections_go_to_those_that_are_there_in_turn() {
        let nobody = crate::ports::free_port().unwrap();
        let ((one, by_one), (other, by_other)) = (next_bytes(), next_bytes());
        let relay = Relay::before(&[port_of(&one), nobody, port_of(&other)]).unwrap();
        for _ in 0..6 {
            assert_eq!(ask(&caller(&relay), 1).unwrap(), 2, "none is refused");
        }
        let counts = [by_one, by_other].map(|count| count.load(Ordering::SeqCst));
        assert!(counts.iter().all(|count| *count > 0) && counts.iter().sum::<usize>() == 6, "{counts:?}");
    }

    #[test]
    fn what_is_pointed_elsewhere_begins_anew_there_and_what_was_cut_never_comes() {
        let ((one, by_one), (other, by_other)) = (next_bytes(), next_bytes());
        let relay = Relay::start(&one).unwrap();
        let before = caller(&relay);
        assert_eq!(ask(&before, 1).unwrap(), 2);
        relay.set(Mode::Cut);
        assert!(ask(&before, 2).is_err());
        relay.point_to(port_of(&other));
        relay.set(Mode::Pass);
        assert!(ask(&before, 3).is_err());
        assert_eq!(ask(&caller(&relay), 4).unwrap(), 5);
        assert_eq!((by_one.load(Ordering::SeqCst), by_other.load(Ordering::SeqCst)), (1, 1));
    }
}
