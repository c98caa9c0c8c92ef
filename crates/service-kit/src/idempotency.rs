//! Operations that cannot be repeated under a key.

use crate::Request;
use problem::{Kind, Problem};

/// Refuses the header `idempotency-key` where the response has secrets: it would have to be stored for a repetition, and such
/// responses never are. A caller that relies on a repetition has to know beforehand.
///
/// # Errors
/// `invalid-header`.
pub fn refuse_idempotency_key(request: &Request) -> Result<(), Problem> {
    if request.header("idempotency-key").is_none() {
        return Ok(());
    }
    let detail = "This operation returns tokens, which are not stored, so its response cannot be repeated. Remove \
                  idempotency-key.";
    Err(Problem::field(Kind::InvalidHeader, "idempotency-key", detail))
}
