//! Rate limits: after how many failures the next attempt has to wait, and for how long.

use serde::Serialize;

/// After how many seconds without a failure the count starts over.
pub const RESET_SECONDS: i32 = 60 * 60;
/// For how many seconds a client that has signed in to an account is known there: thirty days.
pub(crate) const KNOWN_SECONDS: i32 = 30 * 24 * 60 * 60;

/// How failures become waiting: the first ones are free, then it is 1, 2, 4, ... seconds up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) free_failures: u32,
    pub(crate) longest_seconds: u32,
    /// After how many seconds one of the failures is forgotten; if never, all of them are after [`RESET_SECONDS`].
    pub(crate) drain_seconds: Option<u32>,
    /// After how many failures in a row no further attempt is accepted.
    pub(crate) ceiling: Option<u32>,
}

/// One account from one client: what guessing looks like.
pub(crate) const PAIR: Backoff =
    Backoff { free_failures: 5, longest_seconds: 15 * 60, drain_seconds: None, ceiling: None };
/// One account from anywhere.
pub(crate) const ACCOUNT: Backoff =
    Backoff { free_failures: 20, longest_seconds: 60, drain_seconds: None, ceiling: Some(100) };
/// Any account from one client. Many people may share an address: as many failures as are free are free again each hour.
pub(crate) const CLIENT: Backoff =
    Backoff { free_failures: 50, longest_seconds: 15 * 60, drain_seconds: Some(72), ceiling: None };
/// A known device.
pub(crate) const DEVICE: Backoff = Backoff { ceiling: Some(100), ..PAIR };
/// Account enumeration: a sign-up, or a change of email, that finds the address taken reveals that somebody has it.
pub(crate) const ENUMERATION: Backoff =
    Backoff { free_failures: 20, longest_seconds: 15 * 60, drain_seconds: Some(180), ceiling: None };

/// Mails that one client asks for.
pub(crate) const MAIL_REQUESTS: Backoff =
    Backoff { free_failures: 20, longest_seconds: 15 * 60, drain_seconds: Some(180), ceiling: None };
/// Mails to one address, whoever asks for them: five an hour, then with growing pauses.
pub(crate) const MAILS: Backoff =
    Backoff { free_failures: 5, longest_seconds: 60 * 60, drain_seconds: Some(720), ceiling: None };
/// Invitations that one administrator sends: a hundred, and one more each quarter of an hour, which makes a hundred a day.
pub(crate) const INVITATIONS: Backoff =
    Backoff { free_failures: 100, longest_seconds: 60 * 60, drain_seconds: Some(864), ceiling: None };
/// Sign-ins with a passkey that one client begins: a page begins one when it is opened, and many people may share an address.
pub(crate) const PASSKEY_CHALLENGES: Backoff =
    Backoff { free_failures: 100, longest_seconds: 5 * 60, drain_seconds: Some(6), ceiling: None };
/// SMS that one client asks for: ten an hour, then with growing pauses.
pub(crate) const SMS_REQUESTS: Backoff =
    Backoff { free_failures: 10, longest_seconds: 60 * 60, drain_seconds: Some(360), ceiling: None };
/// Wrong secrets of clients of the OpenID Connect provider from one address.
pub(crate) const CLIENT_SECRETS: Backoff = CLIENT;
/// Links and codes that one client shows.
pub(crate) const TICKETS: Backoff = CLIENT;

/// Wrong codes that would recover an account, of all its tickets: after so many, its links alone do. So few guesses among a
/// million codes are hopeless, however long somebody goes on.
pub(crate) const RECOVERY_CODES: Backoff =
    Backoff { free_failures: u32::MAX >> 1, longest_seconds: 0, drain_seconds: None, ceiling: Some(25) };

/// Wrong codes that would sign in to an account, likewise.
pub(crate) const SIGN_IN_CODES: Backoff = RECOVERY_CODES;

/// How many people may sign up from one client in an hour.
pub(crate) fn sign_ups(per_hour: u32) -> Backoff {
    let drain_seconds = (RESET_SECONDS.unsigned_abs() / per_hour.max(1)).max(1);
    Backoff { free_failures: per_hour, longest_seconds: 15 * 60, drain_seconds: Some(drain_seconds), ceiling: None }
}

/// A key that failures are counted under, with its backoff. The field names are those of the database's functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RateLimit {
    pub(crate) key: String,
    pub(crate) free: u32,
    pub(crate) longest: u32,
    pub(crate) drain: Option<u32>,
    pub(crate) ceiling: Option<u32>,
    /// A client that is known under this key is exempt.
    pub(crate) known_as: Option<String>,
}

impl RateLimit {
    pub(crate) fn new(key: &str, backoff: Backoff) -> Self {
        let Backoff { free_failures: free, longest_seconds: longest, drain_seconds: drain, ceiling } = backoff;
        Self { key: key.to_owned(), free, longest, drain, ceiling, known_as: None }
    }

    pub(crate) fn exempting(self, known_as: &str) -> Self {
        Self { known_as: Some(known_as.to_owned()), ..self }
    }
}

/// What a success does to a rate limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reset {
    pub(crate) key: String,
    /// Whether all failures end, or only those in a row.
    pub(crate) ends: bool,
    /// For how long the client is known under this key from now on.
    pub(crate) known_seconds: Option<i32>,
}
