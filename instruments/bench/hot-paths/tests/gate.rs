//! The gate: no hot path takes more instructions than is written down, and none so much less that it should be renewed.

use std::path::Path;

#[test]
fn hot_paths_take_the_instructions_that_are_written_down() {
    if cfg!(debug_assertions) {
        // Counts are of the release profile: `cargo test --release --package hot-paths`.
        return;
    }
    if let Err(error) = hot_paths::check(Path::new(env!("CARGO_BIN_EXE_hot-paths"))) {
        panic!("{error:#}");
    }
}
