//! Random inputs for the pure functions that read what others have written.
//!
//! A property is tried on ever new inputs for as long as its budget lasts: a second, or as many as `SPINDLE_FUZZ_SECONDS` says. A
//! failure prints a seed that repeats it.

use std::time::Duration;

use arbitrary::Unstructured;

/// How many seconds each property has, if not one.
const SECONDS: &str = "SPINDLE_FUZZ_SECONDS";

/// Tries a property on random inputs.
#[track_caller]
pub(crate) fn fuzz(property: impl FnMut(&mut Unstructured<'_>) -> arbitrary::Result<()>) {
    let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(1.0);
    arbtest::arbtest(property).budget(Duration::from_secs_f64(seconds)).run();
}

/// A text made of such pieces, and now and then of any character.
pub(crate) fn text(random: &mut Unstructured<'_>, pieces: &[&str], longest: usize) -> arbitrary::Result<String> {
    let mut text = String::new();
    for _ in 0..random.int_in_range(0..=longest)? {
        if random.ratio(1, 16)? {
            text.push(random.arbitrary()?);
        } else {
            text.push_str(random.choose(pieces)?);
        }
    }
    Ok(text)
}
