//! File descriptors: as many as the system allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside connections of clients: to servers, files, the log.
const OTHERS: u64 = 512;

/// Raises the soft limit on open files to the hard one, and says so if that is too little for so many connections.
pub(crate) fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // What cannot be raised is seen below.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    // None is no limit.
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        let wanted = connections as u64 + OTHERS;
        if limit < wanted {
            tracing::warn!(
                limit,
                wanted,
                "too few file descriptors for all connections: raise the limit (ulimit -n, LimitNOFILE), or lower `connections`"
            );
        }
    }
}
