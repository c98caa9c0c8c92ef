//! The current password, asked for once more before what a sign-in depends on changes (OWASP ASVS 5.0, 6.2.3 and
//! 7.5.1). It is guessed at no more easily here than at the login: the same rate limits, the same hashing permits.

use super::guard::Guard;
use crate::hashing::{PermitGuard, VERIFY};
use crate::store::users::Account;
use identity::{AttemptKeys, PasswordHash, UserId};
use problem::{Kind, Problem};
use service_kit::{Request, YieldingPacer, client_address, config, log};
use users_domain::{Attempt, AuditEntry};

/// Lets only a caller through who shows the current password of this account. Where the rate limit of
/// `enumeration_key` applies, it is not verified.
pub(super) async fn require(
    request: &Request,
    guard: &Guard,
    id: UserId,
    account: &Account,
    shown: Option<&str>,
    enumeration_key: Option<&str>,
) -> Result<(), Problem> {
    let shown = shown.ok_or_else(missing)?;
    // It proves nothing any more: whoever else knows it must not choose the new one.
    if account.password_reset_required {
        log::audit("current-password", "password-reset-required", &request.id, &[("user_id", &id.to_string())]);
        return Err(Problem::of(Kind::PasswordResetRequired));
    }
    let peppers = config::peppers()?;
    let keys = AttemptKeys::new(&peppers, &account.current.email_key, &client_address(request)?);
    let attempt = Attempt::to_confirm(&keys);
    let attempt = match enumeration_key {
        Some(key) => attempt.with_enumeration_limit(key),
        None => attempt,
    };
    let trace = guard.trace(request, id)?;
    let permit = PermitGuard::acquire(attempt).await?;
    let mut pacer = YieldingPacer::default();
    let matches = PasswordHash::parse(&account.password_hash)
        .and_then(|hash| VERIFY.record(|| hash.verify_paced(shown, &peppers, &mut pacer)));
    let verdict = matches.as_ref().ok().copied();
    let wrong = (verdict == Some(false)).then(|| AuditEntry {
        action: "current-password",
        result: "wrong".to_owned(),
        user_id: Some(id),
        proves: false,
        trace,
    });
    permit.release_audited(verdict, Some(id), wrong);
    let matches = matches.map_err(|error| Problem::internal(error.to_string()))?;
    if matches {
        return Ok(());
    }
    log::audit("current-password", "wrong", &request.id, &[("user_id", &id.to_string())]);
    Err(Problem::field(Kind::WrongCurrentPassword, "current_password", Kind::WrongCurrentPassword.detail()))
}

fn missing() -> Problem {
    Problem::field(Kind::MissingField, "current_password", "A new email or password requires current_password.")
}
