//! A network of its own for an app, connected to this machine by one cable, which can be cut.
//!
//! A process in a new network namespace keeps it; it and the cable, a pair of virtual interfaces, vanish with that process.

use std::path::Path;
use std::process::Command;

use dev_servers::process::{Launch, Managed};

/// An address to which nothing listens: what goes there is lost without a word.
const NOBODY: &str = "02:00:00:00:00:01";

/// A network.
pub(crate) struct Network {
    keeper: Managed,
    /// The interface on this machine's side; its other end is `far`.
    near: String,
    near_address: String,
    far_address: String,
}

impl Network {
    /// Makes it.
    ///
    /// # Errors
    /// Why that is not possible here.
    pub(crate) fn make() -> Result<Self, String> {
        let id = std::process::id();
        let mut keeper = Command::new("unshare");
        keeper.args(["--net", "sleep", "3600"]);
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("network.log");
        let keeper = Launch::new("network", keeper, &log).start().map_err(|error| error.to_string())?;
        let last = |number: u32| format!("198.18.{}.{}", (id >> 6) & 0xff, (id & 0x3f) * 4 + number);
        let network = Self { near: format!("near{id}"), near_address: last(1), far_address: last(2), keeper };
        network.connect()?;
        Ok(network)
    }

    fn connect(&self) -> Result<(), String> {
        let (near, keeper) = (self.near.as_str(), self.keeper.pid().to_string());
        // Until `unshare` has done it, the other end would stay here.
        let own = std::fs::read_link("/proc/self/ns/net").map_err(|error| error.to_string())?;
        crate::support::until(|| {
            let its = std::fs::read_link(format!("/proc/{keeper}/ns/net")).ok()?;
            (its != own || !self.keeper.is_running()).then_some(())
        });
        here(&["ip", "link", "add", near, "type", "veth", "peer", "name", "far", "netns", &keeper])?;
        here(&["ip", "address", "add", &format!("{}/30", self.near_address), "dev", near])?;
        here(&["ip", "link", "set", near, "up"])?;
        self.there(&["ip", "address", "add", &format!("{}/30", self.far_address), "dev", "far"])?;
        self.there(&["ip", "link", "set", "far", "up"])?;
        self.there(&["ip", "link", "set", "lo", "up"])
    }

    /// What runs a command in the network.
    pub(crate) fn within(&self) -> Vec<String> {
        ["nsenter", "--net", "--target", &self.keeper.pid().to_string()].map(str::to_owned).to_vec()
    }

    /// This machine's address, seen from the network.
    pub(crate) fn address(&self) -> &str {
        &self.near_address
    }

    /// Has all packets dropped from now on, in both directions and silently.
    pub(crate) fn cut(&self) {
        let (near, far) = (self.near_address.as_str(), self.far_address.as_str());
        let lose = ["lladdr", NOBODY, "nud", "permanent", "dev"];
        here(&[&["ip", "neighbour", "replace", far], &lose[..], &[&self.near]].concat()).unwrap();
        self.there(&[&["ip", "neighbour", "replace", near], &lose[..], &["far"]].concat()).unwrap();
    }

    /// Ends a [`cut`](Self::cut).
    pub(crate) fn mend(&self) {
        here(&["ip", "neighbour", "del", &self.far_address, "dev", &self.near]).unwrap();
        self.there(&["ip", "neighbour", "del", &self.near_address, "dev", "far"]).unwrap();
    }

    fn there(&self, words: &[&str]) -> Result<(), String> {
        let within = self.within();
        here(&[&within.iter().map(String::as_str).collect::<Vec<_>>(), words].concat())
    }
}

/// Runs a command.
fn here(words: &[&str]) -> Result<(), String> {
    let output = Command::new(words[0]).args(&words[1..]).output().map_err(|error| format!("{}: {error}", words[0]))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
