//! POST /auth-ms/auth/login: from a name and a password to tokens.

use crate::announce::announce;
use crate::keys::Signer;
use crate::session::begin_session;
use crate::users::Users;
use auth_domain::{Attempt, Entry, LoginForm};
use identity::{AttemptKeys, Cost, Password, Pepper};
use problem::Problem;
use shell::{Outcome, Request, StatusCode, client_address, config, json, log, random, refuse_idempotency_key};

/// Lets somebody in and publishes `user_login_event`. That the event cannot be published now is no reason to keep
/// anybody out.
pub(super) async fn login(request: &Request) -> Outcome {
    request.query(&[])?;
    refuse_idempotency_key(request)?;
    let attempt = Attempt::from(request.json::<LoginForm>(&["application/json"])?);
    let pepper = config::pepper()?;
    let cost: Cost = config::parsed("bcrypt_cost")?;
    let signer = Signer::from_config()?;
    let users = Users::from_config()?;
    let counted = AttemptKeys::new(&pepper, attempt.username(), &client_address(request)?);
    let entry = check(&users, &attempt, &counted, &pepper, cost).await.inspect_err(|problem| {
        log::audit("login", problem.kind().slug(), &request.id, &[("account", &counted.account)]);
    })?;
    let tokens = begin_session(&users, &signer, entry.credentials.id, entry.credentials.role).await?;
    let user_id = entry.credentials.id.to_string();
    log::audit("login", "success", &request.id, &[("account", &counted.account), ("user_id", &user_id)]);
    announce(&users, &entry.credentials, &request.id).await;
    Ok(json(StatusCode::OK, &tokens))
}

/// Checks the password, if this account and this client may try now and there is a place to hash in.
async fn check(
    users: &Users,
    attempt: &Attempt,
    counted: &AttemptKeys,
    pepper: &Pepper,
    cost: Cost,
) -> Result<Entry, Problem> {
    let place = users.begin_attempt(counted).await?;
    let judged = match users.find_credentials(attempt.email.as_ref()).await {
        Ok(known) => attempt.judge(known, pepper, cost),
        Err(problem) => Err(problem),
    };
    if let Ok(entry) = &judged {
        renew_outdated_hash(users, attempt, entry, pepper, cost).await;
    }
    users.end_attempt(&place, counted, auth_domain::verdict(&judged)).await;
    judged
}

/// A hash made when hashing was cheaper is renewed now, in the same place: the password is known only at this moment.
/// If that fails, the next login tries again.
async fn renew_outdated_hash(users: &Users, attempt: &Attempt, entry: &Entry, pepper: &Pepper, cost: Cost) {
    let Some(outdated) = &entry.outdated else { return };
    let renewed = Password::parse(attempt.password().to_owned())
        .ok()
        .and_then(|password| password.hash(pepper, cost, random::bytes()).ok());
    let Some(renewed) = renewed else { return };
    if let Err(error) = users.renew_hash(entry.credentials.id, outdated, &renewed).await {
        log::warn("a password's hash was not renewed", &[("cause", &error)]);
    }
}
