//! The current password, asked for once more before what a sign-in depends on changes (OWASP ASVS 5.0, 6.2.3 and
//! 7.5.1). It is guessed at no more easily here than at the login: the same counters, the same places to hash in.

use crate::hashing::Held;
use crate::store::users::Account;
use identity::{AttemptKeys, PasswordHash, UserId};
use problem::{FieldError, Kind, Problem};
use service_kit::{Request, YieldingPacer, client_address, config, log};
use users_domain::Attempt;

/// Lets only a caller through who shows the current password of this account. Where the digest `probe` makes wait, it
/// is not looked at.
pub(super) async fn require(
    request: &Request,
    id: UserId,
    account: &Account,
    shown: Option<&str>,
    probe: Option<&str>,
) -> Result<(), Problem> {
    let shown = shown.ok_or_else(missing)?;
    let peppers = config::peppers()?;
    let keys = AttemptKeys::new(&peppers, &account.current.email_key, &client_address(request)?);
    let attempt = Attempt::to_confirm(&keys);
    let attempt = match probe {
        Some(probe) => attempt.with_probe(probe),
        None => attempt,
    };
    let place = Held::take(attempt).await?;
    let mut pacer = YieldingPacer::default();
    let matches =
        PasswordHash::parse(&account.password_hash).and_then(|hash| hash.verify_paced(shown, &peppers, &mut pacer));
    place.give_back(matches.as_ref().ok().copied(), Some(id));
    let matches = matches.map_err(|error| {
        Problem::new(Kind::Internal, "This did not work; the service's log says more.").with_cause(error.to_string())
    })?;
    if matches {
        return Ok(());
    }
    log::audit("current-password", "wrong", &request.id, &[("user_id", &id.to_string())]);
    let detail = "This is not the current password.";
    Err(Problem::new(Kind::WrongCurrentPassword, detail).with_error(FieldError::new("current_password", detail)))
}

fn missing() -> Problem {
    let detail = "A new email or password needs the current password beside it.";
    Problem::new(Kind::MissingField, detail).with_error(FieldError::new("current_password", detail))
}
