//! GET /users-ms/load-test?n=35: CPU load for the autoscaling experiment.

use problem::{FieldError, Kind, Problem};
use serde_json::json;
use shell::{Outcome, Request, StatusCode, config, no_such_route};
use users_domain::{MAX_N, fibonacci};

/// The load if none is asked for.
const DEFAULT_N: u32 = 35;

/// Computes a Fibonacci number the slow way. There is no such route unless `load_test` is `on`.
pub(super) fn load_test(request: &Request) -> Outcome {
    if !config::switch("load_test")? {
        return Err(no_such_route());
    }
    let query = request.query(&["n"])?;
    let n = match query.get("n").map(|text| problem::integer_in_text(text)) {
        None => DEFAULT_N,
        Some(Some(n)) if n <= MAX_N => n,
        Some(_) => {
            let detail = format!("n is an integer from 0 to {MAX_N}.");
            return Err(Problem::new(Kind::InvalidQuery, detail.clone()).with_error(FieldError::new("n", detail)));
        }
    };
    Ok(shell::json(StatusCode::OK, &json!({"n": n, "fibonacci": fibonacci(n)})))
}
