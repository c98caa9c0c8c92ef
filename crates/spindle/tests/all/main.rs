//! Spindle from outside: each test starts the real binary with the test guest and looks at what a user would see.

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
