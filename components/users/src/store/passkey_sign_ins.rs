//! The statements about sign-ins with passkeys.

use super::{Store, sign_in_statements as statements};
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, EndPasskey, PASSKEY_CHALLENGE_SECONDS, RESET_SECONDS};
use uuid::Uuid;

/// Keeps the digest of a challenge for this client, unless it has begun too many sign-ins: answers after how many seconds it may
/// begin another.
pub(crate) fn begin(store: &Store, client: &str, challenge: &str, limit: &Attempt) -> Result<Option<u32>, Problem> {
    let parameters = [
        text(&limit.rate_limits_as_json()),
        ParameterValue::Int32(RESET_SECONDS),
        text(challenge),
        text(client),
        ParameterValue::Int32(PASSKEY_CHALLENGE_SECONDS),
    ];
    Ok(store.one(statements::BEGIN_PASSKEY, &parameters)?)
}

/// What is known of an answer before it is verified.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    /// Whether its challenge was issued to this client and is not used.
    pub(crate) is_open: bool,
    /// Whose passkey it is; `None` if nobody has it.
    pub(crate) known: Option<Known>,
}

/// A passkey, and the account that it signs in to.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    pub(crate) id: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) email_key: String,
    pub(crate) handle: Uuid,
    pub(crate) public_key: String,
    pub(crate) sign_count: u32,
    pub(crate) backup: passkeys::Backup,
    pub(crate) credentials_epoch: i32,
    pub(crate) suspended: bool,
    pub(crate) password_reset_required: bool,
    pub(crate) email_verified: bool,
}

/// Finds the passkey and the challenge of an answer.
pub(crate) fn find(store: &Store, end: &EndPasskey) -> Result<Found, Problem> {
    Ok(store.one(statements::FIND_PASSKEY, &[text(&end.challenge), text(&end.client), text(&end.credential_id)])?)
}

/// Deletes challenges that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM passkey_challenges WHERE digest IN (
                SELECT digest FROM passkey_challenges WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
