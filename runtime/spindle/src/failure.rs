//! What the log says about a handler that has failed.

use wasmtime::Trap;

use crate::state::Limits;

/// The reason in one line, with where it happened if the guest knows.
#[must_use]
pub fn describe_trap(error: &wasmtime::Error, limits: &Limits) -> String {
    let reason = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}").lines().next().unwrap_or_default().to_owned(),
    };
    if limits.exceeded { format!("{reason} (it wanted more memory than an instance may have)") } else { reason }
}
