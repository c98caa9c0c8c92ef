//! What a client asks for when it signs somebody out (OpenID Connect RP-Initiated Logout 1.0, 2).

use super::grant::{OauthFailure, Parameters};
use super::redirect::with_parameters;
use api::users::OauthClient;
use uuid::Uuid;

/// A logout.
#[derive(Debug)]
pub struct LogoutRequest<'a> {
    form: &'a Parameters,
}

impl<'a> LogoutRequest<'a> {
    /// The logout of these parameters.
    #[must_use]
    pub fn of(form: &'a Parameters) -> Self {
        Self { form }
    }

    /// The ID token that says whose session it is.
    #[must_use]
    pub fn id_token_hint(&self) -> Option<&'a str> {
        self.form.get("id_token_hint").map(String::as_str)
    }

    /// Whether it may be of this client, by the `client_id` that it says beside the ID token.
    #[must_use]
    pub fn may_be_of(&self, client: Uuid) -> bool {
        self.form.get("client_id").is_none_or(|id| Uuid::try_parse(id) == Ok(client))
    }

    /// Where the person is sent after it, if anywhere. That has to be registered as a whole.
    ///
    /// # Errors
    /// `invalid_request`, if it is not.
    pub fn way_back(&self, client: Option<&OauthClient>) -> Result<Option<String>, OauthFailure> {
        let Some(uri) = self.form.get("post_logout_redirect_uri") else { return Ok(None) };
        let is_registered = client.is_some_and(|client| client.post_logout_redirect_uris.contains(uri));
        if !is_registered {
            let description = "post_logout_redirect_uri is not registered, or no ID token says for whom.";
            return Err(OauthFailure::new("invalid_request", description));
        }
        let state = self.form.get("state").map(|state| ("state", state.as_str()));
        Ok(Some(with_parameters(uri, state.as_slice())))
    }
}
