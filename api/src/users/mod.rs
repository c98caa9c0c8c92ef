//! The API of users.

mod sessions;
mod sign_in;

pub use sessions::{
    EndSessionRequest, EndSessionResponse, EndedSession, RotateTokenRequest, RotateTokenResponse, RotatedSession,
    RotationOutcome, Session, SessionStatus, SessionsEnded,
};
pub use sign_in::{
    BeginSignInRequest, BeginSignInResponse, Credentials, EndSignInRequest, EndSignInResponse, HashPermit, HashRenewal,
    NewSession, StartedSession,
};
