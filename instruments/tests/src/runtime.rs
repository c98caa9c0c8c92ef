//! Which runtime the suite is on.

use crate::skipped;

pub use dev_servers::app::RuntimeKind;

/// What runs the suite.
///
/// # Panics
/// If `CONCIERGE_RUNTIME` names neither Spindle nor Spin.
#[must_use]
pub fn runtime() -> RuntimeKind {
    RuntimeKind::from_env().expect("CONCIERGE_RUNTIME is spindle or spin")
}

/// Whether this run is on Spindle; if not, says why the test does not apply.
#[must_use]
pub fn is_spindle(reason: &str) -> bool {
    let is_spindle = runtime() == RuntimeKind::Spindle;
    if !is_spindle {
        skipped::note(reason);
    }
    is_spindle
}
