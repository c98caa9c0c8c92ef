//! Configuration: the component's variables, read by name and parsed at once.

use identity::Pepper;
use problem::{Kind, Problem};
use std::str::FromStr;

/// The component variable `name`.
///
/// # Errors
/// `internal-error`, with the name as its cause, if the component has no such variable.
pub fn text(name: &str) -> Result<String, Problem> {
    spin_sdk::variables::get(name).map_err(|_| fault(name, "is not set"))
}

/// The component variable `name`, parsed.
///
/// # Errors
/// `internal-error`, with the name but not the value as its cause, if it is not there or not a `T`.
pub fn parsed<T: FromStr>(name: &str) -> Result<T, Problem> {
    text(name)?.trim().parse().map_err(|_| fault(name, "has a value that cannot be used"))
}

/// Whether the switch `name` is `on`; anything but `on` and `off` is a fault.
///
/// # Errors
/// As [`parsed`].
pub fn switch(name: &str) -> Result<bool, Problem> {
    match text(name)?.trim() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(fault(name, "must be on or off")),
    }
}

/// The key of the passwords' pre-hash, from the component variable `password_pepper`.
///
/// # Errors
/// As [`text`], and if it is empty.
pub fn pepper() -> Result<Pepper, Problem> {
    Pepper::new(&text("password_pepper")?).ok_or_else(|| fault("password_pepper", "is empty"))
}

/// The problem for a variable that is missing or cannot be used.
#[must_use]
pub fn fault(name: &str, what: &str) -> Problem {
    Problem::new(Kind::Internal, "The service is not configured as it should be; its log says more.")
        .with_cause(format!("the variable {name} {what}"))
}
