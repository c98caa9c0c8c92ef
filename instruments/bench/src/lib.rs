//! The benchmark: the app on each runtime and its native peer, on the same database, measured in turns.
//!
//! What is measured and why is in `docs/performance.md`; the results are in `results/`.

mod backlog;
pub mod compare;
mod cost;
mod events;
mod flows;
mod folders;
mod goals;
mod growth;
mod hashing;
mod load;
mod machine;
mod migrating;
mod mqtt;
mod number;
mod pace;
mod permits;
mod plot;
mod process_time;
mod report;
mod requests;
mod rows;
pub mod run;
pub mod scale;
mod scenario;
mod side;
mod size;
mod soak;
mod spread;
mod stage;
mod start;
mod storm;
mod table;

pub use folders::workspace;
pub use side::Side;
