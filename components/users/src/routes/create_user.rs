//! POST /users-ms/users: sign-up.

use super::JSON;
use crate::store::{Store, users};
use crate::{outbox, store};
use identity::Cost;
use problem::{FieldError, Kind, Problem};
use shell::{Outcome, Request, StatusCode, config};
use users_domain::SignUpForm;

/// Creates a user and publishes `new_user_event`.
pub(super) fn create_user(request: &Request) -> Outcome {
    let sign_up = request.json::<SignUpForm>(JSON)?.validate()?;
    let hash = hash_password(&sign_up.password)?;
    let store = Store::open()?;
    let Some(users::Inserted { user, event }) = users::insert(&store, &sign_up, &hash)? else {
        return Err(email_taken());
    };
    // Kept in the same statement as the user; what cannot be published now is published by a later sweep.
    outbox::publish_now(&store, &event);
    let mut response = store::user_response(StatusCode::CREATED, &user);
    if let Ok(location) = format!("/users-ms/users/{}", user.id).parse() {
        response.headers_mut().insert("location", location);
    }
    Ok(response)
}

/// Hashes a password as soon as it is received.
pub(super) fn hash_password(password: &identity::Password) -> Result<identity::PasswordHash, Problem> {
    let pepper = config::pepper()?;
    let cost: Cost = config::parsed("bcrypt_cost")?;
    password.hash(&pepper, cost, shell::random::bytes()).map_err(|error| {
        Problem::new(Kind::Internal, "The password cannot be kept; the service's log says more.")
            .with_cause(error.to_string())
    })
}

pub(super) fn email_taken() -> Problem {
    let detail = "Another user has this email already.";
    Problem::new(Kind::EmailTaken, detail).with_error(FieldError::new("email", detail))
}
