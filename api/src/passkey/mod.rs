//! Passkeys, as pages and this service exchange them: the JSON of WebAuthn (level 3, 5.1), which browsers read and write
//! (`parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON`, `toJSON`).

mod options;

pub use options::{
    AuthenticatorSelection, CreationOptions, CredentialDescriptor, CredentialParameters, RelyingPartyEntity,
    RequestOptions, UserEntity,
};

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};

wire! {
    /// What `navigator.credentials.create` returns, by `toJSON`. Members that are not here are ignored.
    #[derive(Serialize, Deserialize)]
    pub struct RegistrationCredential {
        /// What the authenticator answers.
        pub response: AttestationResponse,
    }

    /// What an authenticator answers to a registration.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct AttestationResponse {
        /// What the browser says of the page.
        #[serde(rename = "clientDataJSON")]
        pub client_data_json: String as "schema::Base64Url",
        /// The new credential. Its attestation is not looked at.
        pub attestation_object: String as "schema::Base64Url",
    }

    /// What `navigator.credentials.get` returns, by `toJSON`. Members that are not here are ignored.
    #[derive(Serialize, Deserialize)]
    pub struct SignInCredential {
        /// The id of the credential.
        pub id: String as "schema::Base64Url",
        /// What the authenticator answers.
        pub response: AssertionResponse,
    }

    /// What an authenticator answers to a sign-in.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct AssertionResponse {
        /// What the browser says of the page.
        #[serde(rename = "clientDataJSON")]
        pub client_data_json: String as "schema::Base64Url",
        /// What the authenticator says of itself.
        pub authenticator_data: String as "schema::Base64Url",
        /// The signature of both.
        pub signature: String as "schema::Base64Url",
        /// Whose credential it is.
        pub user_handle: String as "schema::Base64Url",
    }
}
