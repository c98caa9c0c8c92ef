//! Events, exchanges, queues and the delivery policy.
//!
//! The report's model is that of RabbitMQ: a service publishes an event to a durable fanout *exchange* named after
//! what happened; each *queue* bound to it, named after the kind of message that it leads to, gets every event; each
//! delivery of a queue goes to exactly one of its competing *consumers*, and stays with the broker until it is
//! acknowledged.
//!
//! On Redis an exchange is a stream, a queue a consumer group of it, and an acknowledgement an `XACK`. [`redis`] has
//! the commands and reads the replies. On RabbitMQ all of it is what it is called. Nothing here does I/O.

mod account;
mod delivery_policy;
mod event;
mod expiry;
mod login_notice;
mod payload;
mod phone;
pub mod redis;
mod secret;
mod topology;
mod webhook;

pub use account::{
    AccountLocked, EmailChangeRequested, EmailChanged, Login, PasswordChanged, RecoveryRequested,
    RemovalNoticeRequested, SecondFactorChange, SecondFactorChanged, SignInRequested, SignUp, SignUpRepeated,
    UserInvited, UserRemoved, VerificationRequested,
};
pub use delivery_policy::{
    DeliveryPolicy, FIRST_PAUSE, FailedAttempt, LONGEST_PAUSE, LONGEST_RETRY, MAX_CLAIMS, MAX_CRASHES, RetryDecision,
};
pub use event::{Event, EventError, MAX_EVENT_BYTES, is_request_id};
pub use expiry::{
    EMAIL_CHANGE_SECONDS, INVITATION_SECONDS, MAIL_SIGN_IN_SECONDS, PHONE_CODE_SECONDS, RECOVERY_SECONDS,
    VERIFICATION_SECONDS,
};
pub use login_notice::LoginNotice;
pub use payload::Payload;
pub use phone::PhoneVerificationRequested;
pub use secret::{OneTimeSecret, remove_secrets};
pub use topology::{Exchange, Queue};
pub use webhook::ENDPOINT_PAUSE_AFTER;
