//! What operations read.

use super::{
    AcceptInvitationRequest, BeginMailSignInRequest, BeginPasskeyRequest, BeginSecondFactorRequest, BeginSignInRequest,
    ConfirmPhoneRequest, ConfirmRecoveryRequest, ConfirmTotpRequest, ConfirmVerificationRequest, EmailReturnRequest,
    EndMailSignInRequest, EndPasskeyRequest, EndSecondFactorRequest, EndSessionRequest, EndSignInRequest,
    EnrolAtSignInRequest, ImportLine, InvitationForm, InviteRequest, MailRequest, MergePatch, MetadataChange,
    NewPasskeyRequest, NotMeRequest, PasskeyNameRequest, ReauthenticateRequest, RecoveryForm, Replacement,
    RotateTokenRequest, SignUpRequest, VerificationForm,
};
use crate::Body;

impl Body for SignUpRequest {}
impl Body for ImportLine {
    const MEDIA_TYPES: &'static [&'static str] = &["application/x-ndjson"];
}
impl Body for Replacement {}
impl Body for MergePatch {
    const MEDIA_TYPES: &'static [&'static str] = &["application/merge-patch+json", "application/json"];
}
impl Body for ReauthenticateRequest {}
impl Body for BeginSignInRequest {}
impl Body for EndSignInRequest {}
impl Body for RotateTokenRequest {}
impl Body for EndSessionRequest {}
impl Body for MailRequest {}
impl Body for MetadataChange {}
impl Body for EmailReturnRequest {}
impl Body for NotMeRequest {}
impl Body for ConfirmRecoveryRequest {}
impl Body for RecoveryForm {
    const MEDIA_TYPES: &'static [&'static str] = &["application/x-www-form-urlencoded"];
}
impl Body for ConfirmVerificationRequest {}
impl Body for VerificationForm {
    const MEDIA_TYPES: &'static [&'static str] = &["application/x-www-form-urlencoded"];
}
impl Body for InviteRequest {}
impl Body for AcceptInvitationRequest {}
impl Body for InvitationForm {
    const MEDIA_TYPES: &'static [&'static str] = &["application/x-www-form-urlencoded"];
}
impl Body for ConfirmPhoneRequest {}
impl Body for ConfirmTotpRequest {}
impl Body for BeginSecondFactorRequest {}
impl Body for EnrolAtSignInRequest {}
impl Body for EndSecondFactorRequest {}
impl Body for NewPasskeyRequest {}
impl Body for PasskeyNameRequest {}
impl Body for BeginPasskeyRequest {}
impl Body for EndPasskeyRequest {}
impl Body for BeginMailSignInRequest {}
impl Body for EndMailSignInRequest {}
