//! Routes on which a request cannot be repeated under a key.

use crate::Request;
use problem::{FieldError, Kind, Problem};

/// Refuses a request with the header `idempotency-key` on a route that hands out secrets: the answer would have to be
/// kept for a repetition, and such answers never are. A caller that counts on a repetition is told so beforehand.
///
/// # Errors
/// `invalid-header`.
pub fn refuse_idempotency_key(request: &Request) -> Result<(), Problem> {
    if request.header("idempotency-key").is_none() {
        return Ok(());
    }
    let detail = "This route gives out tokens, which are kept nowhere, so no answer can be given twice; leave \
                  idempotency-key out.";
    Err(Problem::new(Kind::InvalidHeader, detail).with_error(FieldError::new("idempotency-key", detail)))
}
