//! Spindle from outside: each test starts the real binary with the test guest and looks at what a user would see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod amqp;
mod amqp_chaos;
mod amqp_tls;
mod amqp_trouble;
mod capabilities;
mod chaining;
mod databases;
mod fairness;
mod h2;
mod https;
mod limits;
mod metrics;
mod mqtt;
mod network;
mod options;
mod outgoing_tls;
mod rabbit;
mod rude;
mod serving;
mod spin;
mod spin_tables;
mod sqlite;
mod start;
mod stop;
mod support;
mod tls_proxy;
mod triggers;
