//! What a guest has of WASI beside HTTP: its environment, output, directories, clocks, random numbers and sockets.
//!
//! To make such a context takes dozens of allocations, for what is the same in all calls of a component and what no guest can
//! change. So the next call has it again, with random numbers of its own. Where there are directories each call has a new
//! one, as on Spin: they are found by their paths, and may have been replaced.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::capability::outbound::Outbound;
use crate::stdio::{Output, Stream};

/// Contexts that are kept for calls to come. More calls of one component at once than this are rare.
const KEPT: usize = 64;

/// What all contexts of one component have in common, and those that no call has.
pub(crate) struct Contexts {
    /// The environment.
    pub(crate) env: Vec<(String, String)>,
    /// Directories that it may read: where they are, and where it sees them.
    pub(crate) dirs: Vec<(PathBuf, String)>,
    /// Whether it may write to them.
    pub(crate) writable_dirs: bool,
    /// Where its output goes.
    pub(crate) output: Output,
    /// Where it may connect to.
    pub(crate) outbound: Arc<Outbound>,
    /// Contexts that were used and are not now.
    pub(crate) idle: Mutex<Vec<Context>>,
}

/// The context of one call.
pub(crate) struct Context {
    /// What the host functions of WASI work on.
    pub(crate) wasi: WasiCtx,
    output: [Stream; 2],
}

impl Contexts {
    /// A context for a new call.
    ///
    /// # Errors
    /// When a directory that the component may read is gone.
    pub(crate) fn take(&self) -> wasmtime::Result<Context> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(mut context) => {
                *context.wasi.random() = WasiRandomCtx::default();
                Ok(context)
            }
            None => self.make(),
        }
    }

    fn make(&self) -> wasmtime::Result<Context> {
        let output = [self.output.stdout(), self.output.stderr()];
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.env).stdout(output[0].clone()).stderr(output[1].clone());
        let perms = if self.writable_dirs { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        for (host, guest) in &self.dirs {
            wasi.preopened_dir(host, guest, perms)?;
        }
        let outbound = Arc::clone(&self.outbound);
        wasi.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(false).socket_addr_check(move |address, purpose| {
            let allowed = allows_socket(&outbound, address, purpose);
            Box::pin(std::future::ready(allowed))
        });
        Ok(Context { wasi: wasi.build(), output })
    }

    /// Takes the context of a call back whose guest has come to its end and holds nothing any longer.
    pub(crate) fn give_back(&self, context: Context) {
        // A line without an end is not continued by the next call.
        context.output.iter().for_each(Stream::end_line);
        if !self.dirs.is_empty() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(context);
        }
    }
}

/// Whether a socket may do something. No guest listens. But a socket that connects, or sends, has an address of its own,
/// about which Wasmtime asks as well when the system is to choose it.
fn allows_socket(outbound: &Outbound, address: SocketAddr, purpose: SocketAddrUse) -> bool {
    let is_chosen_by_system = address.ip().is_unspecified() && address.port() == 0;
    match purpose {
        SocketAddrUse::TcpConnect => outbound.allows_socket("tcp", address),
        SocketAddrUse::TcpBind => is_chosen_by_system,
        SocketAddrUse::UdpBind => is_chosen_by_system || outbound.allows_socket("udp", address),
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => outbound.allows_socket("udp", address),
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::p2::bindings::random::insecure_seed::Host as _;

    use super::*;
    use crate::hosts::AllowedHosts;
    use crate::stdio::{Destinations, Follow, OutputLimits, Writer};

    fn contexts(output: &std::path::Path, dirs: Vec<(PathBuf, String)>) -> (Writer, Contexts) {
        let limits = OutputLimits { waiting_lines: 10, line: 100, file: 1 << 20 };
        let writer = Writer::start(limits, |_, _| ()).unwrap();
        let destinations =
            Destinations { dir: Some(output.to_owned()), follow: Follow::Nobody, ..Destinations::default() };
        let contexts = Contexts {
            env: vec![("A".to_owned(), "b".to_owned())],
            dirs,
            writable_dirs: false,
            output: Output::open(&writer, "c", &destinations).unwrap(),
            outbound: Arc::new(Outbound::new("c", AllowedHosts::parse(Vec::<String>::new()).unwrap())),
            idle: Mutex::default(),
        };
        (writer, contexts)
    }

    #[test]
    fn a_context_is_used_again_with_other_random_numbers_and_no_rest_of_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, contexts) = contexts(dir.path(), Vec::new());
        let mut first = contexts.take().unwrap();
        let seed = first.wasi.random().insecure_seed().unwrap();
        first.output[0].add(b"no end");
        contexts.give_back(first);
        let mut second = contexts.take().unwrap();
        assert!(contexts.idle.lock().unwrap().is_empty(), "another was made");
        assert_ne!(second.wasi.random().insecure_seed().unwrap(), seed);
        second.output[0].add(b"next\n");
        contexts.give_back(second);
        writer.flush();
        assert_eq!(std::fs::read_to_string(dir.path().join("c_stdout.txt")).unwrap(), "no end\nnext\n");
    }

    #[test]
    fn calls_at_once_have_contexts_of_their_own_and_not_all_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (_writer, contexts) = contexts(dir.path(), Vec::new());
        let all = (0..KEPT + 9).map(|_| contexts.take().unwrap()).collect::<Vec<_>>();
        all.into_iter().for_each(|context| contexts.give_back(context));
        assert_eq!(contexts.idle.lock().unwrap().len(), KEPT);
    }

    #[test]
    fn directories_are_opened_anew_for_each_call() {
        let dir = tempfile::tempdir().unwrap();
        let given = dir.path().join("given");
        std::fs::create_dir(&given).unwrap();
        let (_writer, contexts) = contexts(dir.path(), vec![(given.clone(), "/given".to_owned())]);
        contexts.give_back(contexts.take().unwrap());
        std::fs::remove_dir(&given).unwrap();
        assert!(contexts.take().is_err(), "a directory that is gone is still there");
    }

    #[test]
    fn a_socket_reaches_what_is_allowed_and_listens_nowhere() {
        let hosts = AllowedHosts::parse(["tcp://127.0.0.1:7", "udp://127.0.0.0/8:9"]).unwrap();
        let outbound = Outbound::new("c", hosts);
        let may = |address: &str, purpose| allows_socket(&outbound, address.parse().unwrap(), purpose);
        // Before it connects, it is bound to whatever the system chooses.
        assert!(may("0.0.0.0:0", SocketAddrUse::TcpBind) && may("[::]:0", SocketAddrUse::TcpBind));
        assert!(may("127.0.0.1:7", SocketAddrUse::TcpConnect) && !may("127.0.0.1:8", SocketAddrUse::TcpConnect));
        assert!(!may("127.0.0.1:7", SocketAddrUse::TcpBind) && !may("0.0.0.0:80", SocketAddrUse::TcpBind));
        assert!(!may("0.0.0.0:0", SocketAddrUse::TcpListen) && !may("127.0.0.1:7", SocketAddrUse::TcpAccept));
        assert!(may("0.0.0.0:0", SocketAddrUse::UdpBind) && may("127.1.2.3:9", SocketAddrUse::UdpSend));
        assert!(!may("127.0.0.1:7", SocketAddrUse::UdpSend));
    }
}
