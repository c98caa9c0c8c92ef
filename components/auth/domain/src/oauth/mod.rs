//! The OAuth 2.1 and OpenID Connect provider: what clients ask for, and the pages that people see.

mod authorization;
mod grant;
mod hosted;
mod logout;
mod page;
mod redirect;
mod texts;

pub use authorization::{Asked, AuthorizationRequest, NoRedirect, Prompt};
pub use grant::{
    ClientSecret, Code, GrantRequest, OauthFailure, Parameters, client_of, parameters, s256, secret_digest,
};
pub use hosted::{MAX_HOSTED_BYTES, is_back_from_account};
pub use logout::LogoutRequest;
pub use page::{Consent, code_page, message_page, policy, sign_in_page};
pub use redirect::{origin_of, with_parameters};
pub use texts::Texts;

/// Who the user is, by an ID token.
pub const OPENID: &str = "openid";
/// Refresh tokens.
pub const OFFLINE_ACCESS: &str = "offline_access";
