//! Spindle from outside: each test starts the real binary with the test guest and looks at what a user would see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod capabilities;
mod chaining;
mod databases;
mod fairness;
mod limits;
mod serving;
mod start;
mod stop;
mod support;
mod triggers;
