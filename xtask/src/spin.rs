//! The `spin` on the PATH, if there is one.

use std::process::Command;

use crate::program;

/// The oldest with which `up` runs the app unasked: what SpinKube's shim carries, and what the app is tested on.
pub(crate) const OLDEST: Version = Version(3, 6);

/// A version, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The version of the `spin` on the PATH.
pub(crate) fn version() -> Option<Version> {
    if !program::is_on_path("spin") {
        return None;
    }
    let mut spin = Command::new("spin");
    spin.arg("--version");
    parse(&program::output(spin).ok()?)
}

/// Reads `spin 3.6.3 (4f2...)`.
fn parse(text: &str) -> Option<Version> {
    let mut parts = text.strip_prefix("spin ")?.split('.');
    Some(Version(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse("spin 3.6.3 (4f2 2026-01-01)\n"), Some(Version(3, 6)));
        assert!(parse("spin 4.0.0-pre0") >= Some(OLDEST) && parse("spin 3.10.1") >= Some(OLDEST));
        assert!(parse("spin 3.5.1") < Some(OLDEST));
        assert_eq!((parse("SPIN model checker 6.5"), parse("spin x")), (None, None));
    }
}
