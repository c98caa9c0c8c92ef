//! What callers send to users and get from it, by one path.

pub use super::audit::{Activity, AuditRow};
pub use super::invitations::{AcceptInvitationRequest, Invitation, InvitationForm, InvitationId, InviteRequest};
pub use super::mail_sign_in::{
    BeginMailSignInRequest, BeginMailSignInResponse, EndMailSignInRequest, EndMailSignInResponse, MailSignIn,
    MailSignInOutcome,
};
pub use super::metadata::{Metadata, MetadataChange};
pub use super::oauth::{
    AuthenticateOauthClientRequest, AuthenticateOauthClientResponse, ConnectedApplication, FoundOauthClient,
    IssueOauthCodeRequest, IssueOauthCodeResponse, NewOauthClient, NewOauthClientRequest, OauthClient,
    OauthClientChange, OauthClientId, OauthClientSecret, OauthCodeOutcome, OauthGrantOutcome, OauthGrantResponse,
    OauthSession, OauthUserinfo, RotateOauthTokenRequest, SpendOauthCodeRequest,
};
pub use super::passkey::{
    BeginPasskeyRequest, BeginPasskeyResponse, EndPasskeyRequest, EndPasskeyResponse, NewPasskeyRequest, Passkey,
    PasskeyNameRequest, PasskeyOutcome, PasskeyRegistration, PasskeySignIn,
};
pub use super::people::{
    Access, ChangeRequest, Export, Fibonacci, KeptAddress, MergePatch, OutboxState, ReauthenticateRequest, Replacement,
    SignUpRequest, Suspension, SweepResult, User,
};
pub use super::phone::ConfirmPhoneRequest;
pub use super::recovery::{ConfirmRecoveryRequest, RecoveryForm};
pub use super::second_factor::{
    BeginSecondFactorRequest, BeginSecondFactorResponse, ConfirmTotpRequest, EndSecondFactorRequest,
    EndSecondFactorResponse, EnrolAtSignInRequest, EnrolAtSignInResponse, RecoveryCodes, SecondFactor,
    SecondFactorOutcome, SecondFactorSession, Totp, TotpEnrolment,
};
pub use super::sessions::{
    EndSessionRequest, EndSessionResponse, EndedSession, RotateTokenRequest, RotateTokenResponse, RotatedSession,
    RotationOutcome, Session, SessionStatus, SessionsEnded,
};
pub use super::sign_in::{
    BeginSignInRequest, BeginSignInResponse, Credentials, EndSignInRequest, EndSignInResponse, HashPermit, HashRenewal,
    NewSession, SecondFactorTask, StartedSession,
};
pub use super::statistics::{HashPermitStatistics, MinuteStatistics, Statistics};
pub use super::transfer::{ExportedUser, ImportLine, ImportOutcome, ImportResult, ImportedLine};
pub use super::verification::{
    ConfirmVerificationRequest, EmailReturnRequest, MailRequest, NotMeRequest, SignUpAccepted, VerificationForm,
};
