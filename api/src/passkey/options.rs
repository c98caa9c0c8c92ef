//! What a page passes on to the browser.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};

wire! {
    /// What a new passkey is to be like: `PublicKeyCredentialCreationOptionsJSON`.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct CreationOptions {
        /// Whom it is for.
        pub rp: RelyingPartyEntity,
        /// Whose it is.
        pub user: UserEntity,
        /// What the authenticator signs.
        pub challenge: String as "schema::Base64Url",
        /// The algorithms that it may have, the preferred one first.
        pub pub_key_cred_params: Vec<CredentialParameters>,
        /// For how many milliseconds the browser waits for the user.
        pub timeout: u32,
        /// The passkeys that the account has already: their authenticators make no other.
        pub exclude_credentials: Vec<CredentialDescriptor>,
        /// What the authenticator has to be able to do.
        pub authenticator_selection: AuthenticatorSelection,
        /// Nothing is asked about the make of the authenticator.
        pub attestation: String,
    }

    /// A relying party.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct RelyingPartyEntity {
        /// The domain that the passkey is good for.
        pub id: String,
        /// What the browser calls it.
        pub name: String,
    }

    /// An account, as authenticators know it.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct UserEntity {
        /// Random bytes.
        pub id: String as "schema::Base64Url",
        /// The address.
        pub name: String,
        /// Name and surname.
        pub display_name: String,
    }

    /// An algorithm.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct CredentialParameters {
        /// `public-key`.
        #[serde(rename = "type")]
        pub kind: String,
        /// By its number (COSE): -7 is ES256, -8 EdDSA, -257 RS256.
        pub alg: i32,
    }

    /// A credential.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct CredentialDescriptor {
        /// `public-key`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Its id.
        pub id: String as "schema::Base64Url",
    }

    /// What an authenticator has to be able to do: to find the passkey by itself, and to verify its user.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct AuthenticatorSelection {
        /// `required`.
        pub resident_key: String,
        /// The same, for browsers of before.
        pub require_resident_key: bool,
        /// `required`.
        pub user_verification: String,
    }

    /// What a sign-in asks for: `PublicKeyCredentialRequestOptionsJSON`. It names no credential, so it tells of no account.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct RequestOptions {
        /// What the authenticator signs.
        pub challenge: String as "schema::Base64Url",
        /// For how many milliseconds the browser waits for the user.
        pub timeout: u32,
        /// The domain that the passkey is for.
        pub rp_id: String,
        /// `required`.
        pub user_verification: String,
    }
}
