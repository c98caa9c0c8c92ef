//! Invitations: who is invited, by whom, and how they accept.

#[cfg(feature = "openapi")]
use super::verification::token_or_code;
use crate::PathParameter;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::{Role, UserId};
use problem::{Kind, Problem};
use serde::{Deserialize, Serialize};

wire! {
    /// Whom an administrator invites.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct InviteRequest {
        /// The address, where the mail goes, and which the account will have.
        pub email: String as "schema::Email",
        /// What the user may do; `user` without it.
        #[serde(default)]
        pub role: Option<String> as "Option<schema::Role>",
        /// All roles, `admin` among them; only those of `role` without it.
        #[serde(default)]
        pub roles: Option<Vec<String>> as "Option<schema::Roles>",
        /// The language of messages; without it, that of `accept-language` when the invitation is accepted.
        #[serde(default)]
        pub locale: Option<String> as "Option<schema::Locale>",
    }

    /// An invitation.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct Invitation {
        /// The id, which will be that of the user.
        pub id: UserId as "schema::UserId",
        /// Who is invited.
        pub email: String as "schema::StoredEmail",
        /// What the user may do here.
        pub role: Role as "schema::Role",
        /// All roles, `admin` among them.
        pub roles: Vec<String> as "schema::Roles",
        /// The language of messages; null if none is chosen.
        pub locale: Option<String> as "Option<schema::Locale>",
        /// The administrator who has sent it last.
        pub invited_by: UserId as "schema::UserId",
        /// When it was sent for the first time.
        pub created_at: String as "schema::Timestamp",
        /// Until when link and code are valid.
        pub expires_at: String as "schema::Timestamp",
    }

    /// The secret of the link, or the address and the code, and who accepts.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[cfg_attr(feature = "openapi", schemars(transform = token_or_code))]
    pub struct AcceptInvitationRequest {
        /// The secret of the link.
        #[serde(default)]
        pub token: Option<String> as "Option<schema::Token>",
        /// The address that is invited, with a code.
        #[serde(default)]
        pub email: Option<String> as "Option<schema::Email>",
        /// The code.
        #[serde(default)]
        pub code: Option<String> as "Option<schema::Code>",
        /// The first name.
        pub name: String as "schema::Name",
        /// The surname.
        pub surname: String as "schema::Name",
        /// The password.
        pub password: String as "schema::Password",
    }

    /// The form of the page.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct InvitationForm {
        /// The secret of the link.
        pub token: String as "schema::Token",
        /// The first name.
        pub name: String as "schema::Name",
        /// The surname.
        pub surname: String as "schema::Name",
        /// The password.
        pub password: String as "schema::Password",
    }
}

/// The id of an invitation: that of the user who will have accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationId(pub UserId);

impl PathParameter for InvitationId {
    const KINDS: &'static [Kind] = &[Kind::InvalidId, Kind::InvitationNotFound];

    fn parse(text: &str) -> Result<Self, Problem> {
        <UserId as PathParameter>::parse(text).map(Self).map_err(|problem| match problem.kind() {
            Kind::UserNotFound => Problem::of(Kind::InvitationNotFound),
            _ => problem,
        })
    }

    #[cfg(feature = "openapi")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<schema::UserId>()
    }
}
