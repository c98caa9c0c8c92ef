//! Several nodes of RabbitMQ on this machine, as one cluster: each with ports, data and a log of its own, with one `epmd` and
//! one cookie for all.

use std::path::Path;
use std::sync::Arc;

use super::{Member, Options, RabbitMq, SYSTEM_USER, epmd};
use crate::data_dir::{self, ServerUser};
use crate::install::{self, Found, Tool};
use crate::process::Managed;
use crate::{Error, Result, ports, secret};

/// A running cluster. Dropping it ends all nodes at once; their data stays until its folder is removed.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Arc<RabbitMq>>,
    _epmd: Managed,
}

impl Cluster {
    /// Starts so many nodes in folders of `dir`, one after the other: the others join the first.
    pub fn start(dir: &Path, count: usize) -> Result<Self> {
        if install::locate(Tool::RabbitMq)? == Found::Engine {
            return Err(Error::Advice("a cluster is not run in containers: install RabbitMQ".to_owned()));
        }
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let user = ServerUser::unless_ourselves(SYSTEM_USER)?;
        let folder = data_dir::open(&dir.join("epmd"), user)?;
        let port = ports::kept_port(&dir.join("epmd-port"))?;
        let epmd = epmd(port, &folder, user, &dir.join("epmd.log"))?;
        let (cookie, password) = (secret::random_hex()?, secret::random_hex()?);
        let mut nodes: Vec<Arc<RabbitMq>> = Vec::new();
        for number in 1..=count {
            let member = Member { node: name(number), epmd: port, cookie: cookie.clone(), password: password.clone() };
            let settings = if number == 1 { Vec::new() } else { joining() };
            let options = Options { settings, ..Options::default() };
            nodes.push(Arc::new(RabbitMq::start_as(&dir.join(format!("node-{number}")), options, Some(member))?));
        }
        Ok(Self { nodes, _epmd: epmd })
    }

    /// Its nodes, in the order of their names: `concierge1@localhost` is the first.
    pub fn nodes(&self) -> &[Arc<RabbitMq>] {
        &self.nodes
    }

    /// The node of this name.
    pub fn node(&self, wanted: &str) -> Option<&Arc<RabbitMq>> {
        (1..).zip(&self.nodes).find(|(number, _)| name(*number) == wanted).map(|(_, node)| node)
    }

    /// Asks the management API of a node that is there, as [`RabbitMq::api`] does.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let mut answer = Err(Error::Advice("no node of the cluster runs".to_owned()));
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            answer = node.api(method, path, body);
            if answer.is_ok() {
                break;
            }
        }
        answer
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One after the other in good order, each would wait for those that went before.
        self.nodes.iter().for_each(|node| node.kill());
    }
}

fn name(number: usize) -> String {
    format!("concierge{number}@localhost")
}

/// What a node is told that is to join the first one.
fn joining() -> Vec<String> {
    let first = name(1);
    vec![
        "cluster_formation.peer_discovery_backend = classic_config".to_owned(),
        format!("cluster_formation.classic_config.nodes.1 = {first}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_queue_has_another_leader_when_that_of_its_own_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(dir.path(), 3).unwrap();
        let queue = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        assert_eq!(cluster.api("PUT", "/api/queues/%2F/kept", queue).unwrap().0, 201);
        let leader = || {
            let (_, answer) = cluster.api("GET", "/api/queues/%2F/kept", "").unwrap();
            let leader = answer.split("\"leader\":\"").nth(1).and_then(|rest| rest.split('"').next());
            leader.unwrap_or_default().to_owned()
        };
        let until = |is_so: &dyn Fn() -> bool| {
            let begun = Instant::now();
            while !is_so() {
                assert!(begun.elapsed() < Duration::from_secs(60), "the leader is {}", leader());
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        until(&|| cluster.node(&leader()).is_some());
        let first = leader();
        cluster.node(&first).unwrap().kill();
        until(&|| leader() != first && cluster.node(&leader()).is_some());
        cluster.node(&first).unwrap().start_again().unwrap();
    }
}
