//! Configuration: the component's variables, read by name and parsed.

use identity::{Cost, PepperError, Peppers};
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
/// `internal-error`, with the name but not the value as its cause, if it is missing or not a `T`.
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

/// The component variable `name`, which must not be empty.
///
/// # Errors
/// As [`text`], and if it is empty.
pub fn word(name: &str) -> Result<String, Problem> {
    text(name).and_then(|word| if word.trim().is_empty() { Err(fault(name, "is empty")) } else { Ok(word) })
}

/// The component variable `name`, which must be an address: one of these schemes, `://` and a host.
///
/// # Errors
/// As [`text`], and if it is not an address.
pub fn address(name: &str, schemes: &[&str]) -> Result<String, Problem> {
    let address = text(name)?;
    if is_address(&address, schemes) {
        return Ok(address);
    }
    Err(fault(name, &format!("must be an address such as {}://host", schemes.first().unwrap_or(&"http"))))
}

/// The issuer of access tokens, from the component variable `token_issuer`: a URL without query and fragment (RFC 8414, 2), and
/// without a slash at its end, since the metadata is at `/.well-known/openid-configuration` after it.
///
/// # Errors
/// As [`address`].
pub fn token_issuer() -> Result<String, Problem> {
    let issuer = address("token_issuer", &["https", "http"])?;
    if issuer.contains(['?', '#']) || issuer.ends_with('/') || issuer.trim() != issuer {
        return Err(fault("token_issuer", "must be a URL without query, fragment, and slash at its end"));
    }
    Ok(issuer)
}

/// Whether a text has one of these schemes and a host.
fn is_address(text: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = text.trim().split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_host = !host.is_empty() && !host.starts_with(':') && !host.contains(char::is_whitespace);
    schemes.contains(&scheme) && is_host
}

/// The cost of new hashes, from the component variable `bcrypt_cost`.
///
/// # Errors
/// As [`parsed`].
pub fn cost() -> Result<Cost, Problem> {
    text("bcrypt_cost")?
        .parse()
        .map_err(|error: identity::CostError| fault("bcrypt_cost", &format!("cannot be used: {error}")))
}

/// The keys for the pre-hash of passwords and for digests, from the component variables `password_peppers` and
/// `password_pepper`.
///
/// # Errors
/// As [`text`], and if one of them is invalid.
pub fn peppers() -> Result<Peppers, Problem> {
    Peppers::parse(&text("password_peppers")?, &text("password_pepper")?).map_err(|error| match error {
        PepperError::TooShort => fault("password_pepper", &error.to_string()),
        PepperError::Entry(..) => fault("password_peppers", &error.to_string()),
    })
}

/// The problem for a variable that is missing or invalid.
#[must_use]
pub fn fault(name: &str, what: &str) -> Problem {
    Problem::of(Kind::Internal).with_cause(format!("the variable {name} {what}"))
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for address in [
            "postgres://role:secret@db:5432/concierge?sslmode=disable",
            "postgres://role:se@cret@127.0.0.1/concierge",
            "postgres://[::1]:5432/concierge",
        ] {
            assert!(is_address(address, &["postgres"]), "{address}");
        }
        for address in [
            "",
            "db:5432",
            "postgres://",
            "postgres:///concierge",
            "postgres://role@:5432/x",
            "http://db",
            "postgres://a b",
        ] {
            assert!(!is_address(address, &["postgres"]), "{address}");
        }
    }
}
