//! Tests that do not apply: on this runtime, or on this machine.
//!
//! A test that returns early counts as passed, and what it prints is not shown. So it also writes a line into the file that
//! `cargo xtask test` names in `CONCIERGE_SKIPPED_TO`, which counts it as skipped and shows the reason.

use std::fs::OpenOptions;
use std::io::Write as _;

const TO: &str = "CONCIERGE_SKIPPED_TO";

/// Notes that the test of this thread does not apply, and why.
///
/// # Panics
/// If that cannot be written.
pub fn note(reason: &str) {
    println!("skipped: {reason}");
    let Some(path) = std::env::var_os(TO) else { return };
    let thread = std::thread::current();
    // The name of a test's thread is that of the test.
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the notes can be opened");
    // In one call: other tests write as well.
    file.write_all(line.as_bytes()).expect("the notes can be written");
}
