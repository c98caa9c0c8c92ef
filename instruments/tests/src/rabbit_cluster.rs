//! Three nodes of RabbitMQ behind one address, as a Service of Kubernetes has them.

use crate::folder;
use dev_servers::rabbitmq::{Cluster, RabbitMq};
use dev_servers::relay::Relay;
use serde_json::Value;
use std::sync::Arc;

/// How many nodes there are: the fewest of which one may fail.
const NODES: usize = 3;

/// The nodes, and a relay for each protocol, which leads to those that are there.
#[derive(Debug)]
pub struct RabbitNodes {
    /// The nodes.
    pub cluster: Cluster,
    pub(crate) amqp: Relay,
    pub(crate) mqtt: Relay,
}

impl RabbitNodes {
    pub(crate) fn start() -> Self {
        let cluster = Cluster::start(&folder::fresh("rabbitmq-cluster"), NODES).expect("RabbitMQ starts");
        let relay = |port: fn(&RabbitMq) -> u16| {
            let ports: Vec<_> = cluster.nodes().iter().map(|node| port(node)).collect();
            Relay::before(&ports).expect("a relay starts")
        };
        Self { amqp: relay(RabbitMq::port), mqtt: relay(RabbitMq::mqtt_port), cluster }
    }

    pub(crate) fn first(&self) -> Arc<RabbitMq> {
        Arc::clone(&self.cluster.nodes()[0])
    }
}

/// How a quorum queue stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueNodes {
    /// The node that leads it.
    pub leader: String,
    /// The nodes that have it and are there.
    pub online: usize,
}

impl QueueNodes {
    pub(crate) fn of(queue: &Value) -> Self {
        Self {
            leader: queue["leader"].as_str().unwrap_or_default().to_owned(),
            online: queue["online"].as_array().map_or(0, Vec::len),
        }
    }
}
