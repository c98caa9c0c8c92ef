//! GET /users-ms/load-test?n=35: CPU load for the autoscaling experiment, and an instance that fails for the one of traps.

use super::Call;
use api::users::Fibonacci;
use api::users::operation::LoadTest;
use problem::{Kind, Problem};
use service_kit::{HandlerResult, config, no_such_route};
use users_domain::{MAX_N, fibonacci};

/// The load if none is asked for.
const DEFAULT_N: u32 = 35;

/// Computes a Fibonacci number the slow way, and with `trap=true` ends in a trap instead of an answer. There is no such route
/// unless `load_test` is `on`.
pub(super) fn load_test(call: &Call<'_, LoadTest>) -> HandlerResult {
    if !config::switch("load_test")? {
        return Err(no_such_route());
    }
    let query = &call.query;
    let n = match query.get("n").map(|text| problem::decimal(text)) {
        None => DEFAULT_N,
        Some(Some(n)) if n <= MAX_N => n,
        Some(_) => {
            return Err(invalid("n", format!("n is an integer from 0 to {MAX_N}.")));
        }
    };
    let traps = match query.get("trap").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(invalid("trap", "trap is true or false.".to_owned())),
    };
    let number = fibonacci(n);
    if traps {
        std::process::abort();
    }
    Ok(call.ok(&Fibonacci { n, fibonacci: number }))
}

fn invalid(parameter: &str, detail: String) -> Problem {
    Problem::field(Kind::InvalidQuery, parameter, detail)
}
