//! The benchmark: the app on each runtime and its native peer, on the same database, measured in turns.
//!
//! What is measured and why is in `docs/performance.md`; the results are in `results/`.

pub mod compare;
mod events;
mod goals;
mod growth;
mod hashing;
mod load;
mod machine;
mod plot;
mod report;
mod requests;
pub mod run;
mod scenario;
mod side;
mod size;
mod spread;
mod stage;
mod start;
mod storm;
mod table;

pub use side::Side;

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> &'static std::path::Path {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}
