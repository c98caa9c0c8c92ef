//! POST /users-ms/users: sign-up.

use super::JSON;
use crate::hashing::Held;
use crate::store::{Store, users};
use crate::{outbox, store};
use identity::{Cost, Password, PasswordHash};
use problem::{FieldError, Kind, Problem};
use shell::{Outcome, Request, StatusCode, client_address, config, log};
use users_domain::{Counter, SignUpForm};

/// Creates a user and publishes `new_user_event`.
pub(super) fn create_user(request: &Request) -> Outcome {
    request.query(&[])?;
    let sign_up = request.json::<SignUpForm>(JSON)?.validate()?;
    let probe = Counter::of_probe(&config::pepper()?.digest("sign-up by client", &client_address(request)?));
    let store = Store::open()?;
    let place = Held::take(&store, probe)?;
    let hash = hash(&sign_up.password);
    let inserted = hash.and_then(|hash| users::insert(&store, &sign_up, &hash));
    // A sign-up that finds its email taken has found out that somebody has it: too many of those have to wait.
    place.give_back(None, inserted.as_ref().ok().map(Option::is_some));
    let Some(users::Inserted { user, event }) = inserted? else {
        log::audit("sign-up", "email-taken", &request.id, &[]);
        return Err(email_taken());
    };
    log::audit("sign-up", "success", &request.id, &[("user_id", &user.id.to_string())]);
    // Kept in the same statement as the user; what cannot be published now is published by a later sweep.
    outbox::publish_now(&store, &event);
    let mut response = store::user_response(StatusCode::CREATED, &user);
    if let Ok(location) = format!("/users-ms/users/{}", user.id).parse() {
        response.headers_mut().insert("location", location);
    }
    Ok(response)
}

/// Hashes a password as soon as it is received and there is a place to do it in.
pub(super) fn hash_in_place(store: &Store, password: &Password) -> Result<PasswordHash, Problem> {
    let place = Held::take(store, Vec::new())?;
    let hashed = hash(password);
    place.give_back(None, None);
    hashed
}

fn hash(password: &Password) -> Result<PasswordHash, Problem> {
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
