//! What is wrong with a token.

/// Why a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a token, or lacks a claim.
    #[error("the token is malformed")]
    Malformed,
    /// It has another algorithm or type.
    #[error("the token has another algorithm or type")]
    Algorithm,
    /// It has an extension that must be understood.
    #[error("the token has a critical extension")]
    Critical,
    /// It names no accepted key.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature does not fit")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Another issuer.
    #[error("the token has another issuer")]
    Issuer,
    /// Another audience.
    #[error("the token has another audience")]
    Audience,
}
