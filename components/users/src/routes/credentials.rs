//! /users-ms/internal/credentials: for auth alone. The only way by which a hash leaves this service.

use super::JSON;
use crate::store::{Store, users};
use identity::{Email, PasswordHash, UserId};
use problem::{FieldError, Kind, Problem};
use serde::Deserialize;
use shell::{Outcome, Request, ServiceToken, StatusCode, empty};

/// GET `?email=`: id, email, phone, role and hash of the user with this address.
pub(super) fn find_credentials(request: &Request) -> Outcome {
    ServiceToken::require(request)?;
    let query = request.query(&["email"])?;
    // An address that nobody can have is one that nobody has.
    let email = query.get("email").ok_or_else(email_is_missing)?;
    let email = Email::parse(email).map_err(|_| nobody_has_it())?;
    let credentials = users::find_credentials(&Store::open()?, &email)?.ok_or_else(nobody_has_it)?;
    Ok(shell::json(StatusCode::OK, &credentials))
}

/// The body of a renewal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    previous_hash: String,
    password_hash: String,
}

/// PUT `/{id}`: puts a costlier hash of the same password in the place of the one that it was checked against.
pub(super) fn renew_hash(request: &Request, id: UserId) -> Outcome {
    ServiceToken::require(request)?;
    request.query(&[])?;
    let renewal: Renewal = request.json(JSON)?;
    let hash = |field: &str, text: &str| {
        PasswordHash::parse(text).map_err(|error| {
            let detail = format!("This is no hash of a password: {error}.");
            Problem::new(Kind::InvalidValue, detail.clone()).with_error(FieldError::new(field, detail))
        })
    };
    let previous = hash("previous_hash", &renewal.previous_hash)?;
    let renewed = hash("password_hash", &renewal.password_hash)?;
    if users::renew_hash(&Store::open()?, id, &previous, &renewed)? {
        Ok(empty(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::new(Kind::Conflict, "The password has changed since, or the user is gone."))
    }
}

fn nobody_has_it() -> Problem {
    Problem::new(Kind::UserNotFound, "No user has this email.")
}

fn email_is_missing() -> Problem {
    let detail = "The query parameter email is required.";
    Problem::new(Kind::InvalidQuery, detail).with_error(FieldError::new("email", detail))
}
