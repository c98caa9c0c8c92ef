//! The rules of the users service, as pure functions: what a sign-up, a change, a page and a precondition are.
//!
//! Nothing here does I/O or knows SQL, HTTP or Spin.

mod access;
mod attempt;
mod audit;
mod audit_page;
mod change;
mod export;
mod fibonacci;
mod fields;
mod hash_permit;
mod idempotency;
mod import;
mod invitation;
mod invitation_page;
mod mail_sign_in;
mod measured;
mod metadata;
mod not_me;
mod oauth_client;
mod page;
mod passkey;
mod phone_code;
mod precondition;
mod rate_limit;
mod recovery;
mod recovery_code;
mod second_factor;
mod session;
mod sign_in;
mod sign_up;
mod ticket;
mod ticket_page;
mod token_metadata;
mod totp;
mod totp_keys;
mod user_order;

pub use access::{
    Caller, Current, Proof, REAUTHENTICATION_SECONDS, last_administrator, reauthentication_required, user_not_found,
};
pub use attempt::Attempt;
pub use audit::{Actor, AuditEntry, Trace};
pub use audit_page::{AuditCursor, AuditPageRequest};
pub use change::ValidatedChange;
pub use events::{EMAIL_CHANGE_SECONDS, MAIL_SIGN_IN_SECONDS, PHONE_CODE_SECONDS, VERIFICATION_SECONDS};
pub use export::{Collected, Collection, EXPORT_PAUSE_SECONDS, MAX_EXPORTED, too_many_exports, too_much, too_soon};
pub use fibonacci::{MAX_N, fibonacci};
pub use hash_permit::{AcquirePermit, Acquired, MAX_HASH_PERMITS, PermitLimits, ReleasePermit};
pub use idempotency::{IdempotencyKey, RETENTION_SECONDS, RequestDigests, key_reused};
pub use import::{HashRules, ImportedUser, MAX_IMPORT_LINES, address_not_free, import_lines};
pub use invitation::{Acceptance, Invite, invitation_not_found, too_many_invitations};
pub use invitation_page::{Filled, invitation_accepted_page, invitation_form, invitation_invalid_page};
pub use mail_sign_in::{
    BeginMailSignIn, EndMailSignIn, MAIL_SIGN_IN_METHOD, NewMailSignIn, ShownSignIn, mail_sign_in_link,
};
pub use measured::Measured;
pub use metadata::{MAX_METADATA, ValidatedMetadata};
pub use not_me::{Disowned, NOT_ME_PAGES, NOT_ME_SECONDS, NotMe};
pub use oauth_client::{
    CLIENT_SECRET_BYTES, ClientFields, MAX_OAUTH_CLIENTS, OAUTH_CODE_SECONDS, authenticates, client_not_found,
    client_secret, no_provider, shown_secret, validate_code, validate_shown_code, validate_shown_token,
};
pub use page::{MAX_LIMIT, PageRequest};
pub use passkey::{
    EndPasskey, MAX_PASSKEYS, NewPasskey, PASSKEY_CHALLENGE_SECONDS, PasskeyAccount, PasskeyChallenge, client_digest,
    decode_bytes, encode_bytes, invalid_passkey, invalid_passkey_challenge, passkey_methods, passkey_name,
    relying_party,
};
pub use phone_code::{
    MAX_SMS_PER_DAY, NewPhoneCode, NoticeTerms, PHONE_CODES_PER_DAY, SmsLimits, no_phone, phone_code_digest,
    too_many_phone_codes,
};
pub use precondition::{Precondition, etag};
pub use rate_limit::RESET_SECONDS;
pub use recovery::{Owner, new_password};
pub use recovery_code::{RECOVERY_CODE_BYTES, RECOVERY_CODES, recovery_code, recovery_digest};
pub use second_factor::{
    CHALLENGE_SECONDS, ENROLMENT_SECONDS, EndSecondFactor, MfaRequiredFor, NewChallenge, SessionStart, ShownChallenge,
    invalid_code, second_factor_exists, second_factor_not_found,
};
pub use session::{Rotation, ShownToken};
pub use sign_in::{BeginSignIn, EndSignIn, NewSession, Origin, Renewal, Verdict};
pub use sign_up::SignUp;
pub use ticket::{EMAIL_RETURN_SECONDS, NewTicket, Purpose, ShownTicket, code_limit_key, invalid_ticket};
pub use ticket_page::{
    email_change_form, email_changed_page, email_return_form, email_returned_page, invalid_link_page, not_me_form,
    recovered_page, recovery_form, reported_page, verification_form, verified_page,
};
pub use token_metadata::TokenMetadata;
pub use totp::{SECRET_BYTES, TotpSecret, qr_code};
pub use totp_keys::{FactorId, NONCE_BYTES, TotpKeys};
pub use user_order::{Cursor, Order, SortBy};
