//! What the OpenID Connect provider asks users, and what it reads of the configuration.

use crate::users::{Users, read, unavailable};
use api::users::{
    AuthenticateOauthClientRequest, AuthenticateOauthClientResponse, FoundOauthClient, IssueOauthCodeRequest,
    IssueOauthCodeResponse, OauthClient, OauthCodeOutcome, OauthGrantResponse, OauthUserinfo, RotateOauthTokenRequest,
    SessionsEnded, SpendOauthCodeRequest, User,
};
use problem::{Kind, Problem};
use service_kit::{Method, config};
use uuid::Uuid;

/// Whether there is a provider, `oauth_provider`. Its tokens have the issuer as their audience, so that must not be the audience of users'
/// own.
pub(crate) fn is_on() -> Result<bool, Problem> {
    let is_on = config::switch("oauth_provider")?;
    if is_on && config::word("token_audience")? == config::token_issuer()? {
        return Err(config::fault("oauth_provider", "needs a token_audience that is not token_issuer"));
    }
    Ok(is_on)
}

/// Where people reach the pages of account, if those are deployed: `public_url`, by `mail_links`.
pub(crate) fn account() -> Result<Option<String>, Problem> {
    has_account()?.then(public_url).transpose()
}

/// Whether the pages of account are deployed, by `mail_links`.
pub(crate) fn has_account() -> Result<bool, Problem> {
    match config::text("mail_links")?.trim() {
        "users" => Ok(false),
        "account" => Ok(true),
        _ => Err(config::fault("mail_links", "must be users or account")),
    }
}

/// Where people reach this app, `public_url`.
pub(crate) fn public_url() -> Result<String, Problem> {
    Ok(config::address("public_url", &["https", "http"])?.trim().trim_end_matches('/').to_owned())
}

/// Goes on only if there is a provider.
pub(crate) fn require() -> Result<(), Problem> {
    match is_on()? {
        true => Ok(()),
        false => {
            const OFF: &str = "There is no OpenID Connect provider here. Set oauth_provider to on.";
            Err(Problem::new(Kind::NotConfigured, OFF))
        }
    }
}

impl Users {
    /// The client with this id.
    pub(crate) async fn oauth_client(&self, id: Uuid) -> Result<Option<OauthClient>, Problem> {
        let path = format!("/users-ms/internal/oauth/clients/{id}");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        Ok(read::<FoundOauthClient>(&answer)?.client)
    }

    /// Whether a client is the one that it says.
    pub(crate) async fn authenticate_oauth_client(
        &self,
        body: &AuthenticateOauthClientRequest,
    ) -> Result<AuthenticateOauthClientResponse, Problem> {
        read(&self.post("/users-ms/internal/oauth/clients/authenticate", body).await?)
    }

    /// Keeps a code.
    pub(crate) async fn issue_oauth_code(&self, body: &IssueOauthCodeRequest) -> Result<OauthCodeOutcome, Problem> {
        let answer = self.post("/users-ms/internal/oauth/codes", body).await?;
        Ok(read::<IssueOauthCodeResponse>(&answer)?.outcome)
    }

    /// Spends a code, and begins a session.
    pub(crate) async fn spend_oauth_code(&self, body: &SpendOauthCodeRequest) -> Result<OauthGrantResponse, Problem> {
        read(&self.post("/users-ms/internal/oauth/codes/spend", body).await?)
    }

    /// Rotates a refresh token of a client.
    pub(crate) async fn rotate_oauth_token(
        &self,
        body: &RotateOauthTokenRequest,
    ) -> Result<OauthGrantResponse, Problem> {
        read(&self.post("/users-ms/internal/oauth/sessions/rotate", body).await?)
    }

    /// The user of a session of a client, if it is alive.
    pub(crate) async fn oauth_user(&self, client: Uuid, session: Uuid) -> Result<Option<User>, Problem> {
        let path = format!("/users-ms/internal/oauth/clients/{client}/sessions/{session}");
        let answer = self.call(&Method::GET, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        Ok(read::<OauthUserinfo>(&answer)?.user)
    }

    /// Ends a session of a client.
    pub(crate) async fn end_oauth_session(&self, client: Uuid, session: Uuid) -> Result<u64, Problem> {
        let path = format!("/users-ms/internal/oauth/clients/{client}/sessions/{session}");
        let answer = self.call(&Method::DELETE, &path, Vec::new()).await.map_err(|cause| unavailable(&cause))?;
        Ok(read::<SessionsEnded>(&answer)?.ended)
    }
}
