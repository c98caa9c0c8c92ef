//! The tokens of a session.

use crate::keys::Signer;
use crate::users::Users;
use auth_domain::{ACCESS_TOKEN_SECONDS, RefreshToken, TokenResponse};
use identity::{Role, UserId};
use problem::Problem;
use shell::{invalid_token, random};
use uuid::Uuid;

/// Begins a session of somebody who was let in.
pub(crate) async fn begin_session(
    users: &Users,
    signer: &Signer,
    user_id: UserId,
    role: Role,
) -> Result<TokenResponse, Problem> {
    let (session, refresh) = (Uuid::new_v4(), RefreshToken::new(random::bytes()));
    let access = signer.sign(user_id, role, session, ACCESS_TOKEN_SECONDS)?;
    if users.begin_session(session, user_id, &refresh).await? {
        Ok(TokenResponse::new(access, refresh))
    } else {
        // The user went between the check of the password and now.
        Err(invalid_token())
    }
}
