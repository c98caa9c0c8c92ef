//! Spindle
fn main() {}
