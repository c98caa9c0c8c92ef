//! Attempts to sign in and to sign up, and the rate limits that they count against.
//!
//! Failures are counted three ways. *This account from this client* is what guessing looks like, and waits soonest.
//! *This account from anywhere* is what guessing from many clients looks like; its wait is short, and a client that has
//! signed in to the account before is exempt. *Any account from this client* is what trying one password on everybody
//! (password spraying) looks like.
//!
//! A *known device*, one that sends the token of an earlier sign-in (the OWASP "device cookie"), has a rate limit of its
//! own and no other: neither those who fail in the owner's name nor the neighbours behind the same address can lock its
//! owner out. After a hundred failures in a row an account is open to known devices alone (NIST SP 800-63B, 5.2.2).
//!
//! An attempt counts from its beginning: those under way count as failures until their outcome is known, so that many at
//! the same moment are no more guesses than one after the other.

use crate::rate_limit::{
    ACCOUNT, CLIENT, CLIENT_SECRETS, DEVICE, ENUMERATION, INVITATIONS, KNOWN_SECONDS, MAIL_REQUESTS, MAILS, PAIR,
    PASSKEY_CHALLENGES, RateLimit, Reset, SMS_REQUESTS, TICKETS, sign_ups,
};
use identity::{AttemptKeys, DIGEST_LENGTH};
use problem::{FieldError, Kind, Problem};

/// An attempt: its rate limits, and who asks for a hashing permit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    pub(crate) rate_limits: Vec<RateLimit>,
    pub(crate) resets: Vec<Reset>,
    /// Whom hashing permits are counted for: a client, or the account of a known device.
    pub(crate) client: Option<String>,
    /// The rate limit whose ceiling locks an account.
    pub(crate) account: Option<String>,
    pub(crate) priority: Priority,
}

/// Whose hashes go first when there are more of them than permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    /// A sign-up.
    #[default]
    SignUp,
    /// A sign-in, or the current password.
    SignIn,
    /// A sign-in by a known device.
    KnownDevice,
}

impl Attempt {
    /// An attempt to sign in.
    #[must_use]
    pub fn to_sign_in(keys: &AttemptKeys) -> Self {
        let reset = |key: &str, ends, known_seconds| Reset { key: key.to_owned(), ends, known_seconds };
        let mut resets = vec![reset(&keys.account, false, None), reset(&keys.pair, true, Some(KNOWN_SECONDS))];
        let account = Some(keys.account.clone());
        let Some(device) = &keys.device else {
            return Self {
                rate_limits: vec![
                    RateLimit::new(&keys.account, ACCOUNT).exempting(&keys.pair),
                    RateLimit::new(&keys.client, CLIENT),
                    RateLimit::new(&keys.pair, PAIR),
                ],
                resets,
                client: Some(keys.client.clone()),
                account,
                priority: Priority::SignIn,
            };
        };
        resets.push(reset(device, true, None));
        Self {
            rate_limits: vec![RateLimit::new(device, DEVICE)],
            resets,
            client: account.clone(),
            account,
            priority: Priority::KnownDevice,
        }
    }

    /// A sign-up by this client, of which so many an hour are accepted, and fewer of those that find their address taken.
    #[must_use]
    pub fn to_sign_up(client: &str, enumeration: &str, sign_ups_per_hour: u32) -> Self {
        Self {
            rate_limits: vec![
                RateLimit::new(client, sign_ups(sign_ups_per_hour)),
                RateLimit::new(enumeration, ENUMERATION),
            ],
            client: Some(client.to_owned()),
            ..Self::default()
        }
    }

    /// The current password of somebody who has signed in: counted as a sign-in, but a lock of the account by others does
    /// not apply.
    #[must_use]
    pub fn to_confirm(keys: &AttemptKeys) -> Self {
        let mut attempt = Self::to_sign_in(keys);
        attempt.rate_limits.iter_mut().for_each(|limit| limit.ceiling = None);
        Self { account: None, ..attempt }
    }

    /// The same for a change of email, which may find the address taken.
    #[must_use]
    pub fn with_enumeration_limit(mut self, enumeration: &str) -> Self {
        self.rate_limits.push(RateLimit::new(enumeration, ENUMERATION));
        self
    }

    /// A change of email that has found the address taken.
    #[must_use]
    pub fn of_enumeration(enumeration: &str) -> Self {
        Self::default().with_enumeration_limit(enumeration)
    }

    /// Something by this client that needs a hash and is no guess.
    #[must_use]
    pub fn to_hash(client: &str) -> Self {
        Self { client: Some(client.to_owned()), priority: Priority::SignIn, ..Self::default() }
    }

    /// A request by this client for a mail to some address.
    #[must_use]
    pub fn to_request_mail(client: &str) -> Self {
        Self { rate_limits: vec![RateLimit::new(client, MAIL_REQUESTS)], ..Self::default() }
    }

    /// A mail to this address, whoever has asked for it.
    #[must_use]
    pub fn to_mail(address: &str) -> Self {
        Self { rate_limits: vec![RateLimit::new(address, MAILS)], ..Self::default() }
    }

    /// A request by this client for an SMS to its own number.
    #[must_use]
    pub fn to_request_sms(client: &str) -> Self {
        Self { rate_limits: vec![RateLimit::new(client, SMS_REQUESTS)], ..Self::default() }
    }

    /// A change of the address of this account to this address.
    #[must_use]
    pub fn to_change_address(address: &str, account: &str) -> Self {
        Self { rate_limits: [address, account].map(|key| RateLimit::new(key, MAILS)).to_vec(), ..Self::default() }
    }

    /// An invitation that this administrator sends to this address.
    #[must_use]
    pub fn to_invite(administrator: &str, address: &str) -> Self {
        let rate_limits = vec![RateLimit::new(administrator, INVITATIONS), RateLimit::new(address, MAILS)];
        Self { rate_limits, ..Self::default() }
    }

    /// A sign-in with a passkey that this client begins.
    #[must_use]
    pub fn to_begin_passkey(client: &str) -> Self {
        Self { rate_limits: vec![RateLimit::new(client, PASSKEY_CHALLENGES)], ..Self::default() }
    }

    /// A link or a code that this client shows.
    #[must_use]
    pub fn to_show_ticket(client: &str) -> Self {
        Self { rate_limits: vec![RateLimit::new(client, TICKETS)], ..Self::default() }
    }

    /// A secret of a client of the OpenID Connect provider that comes from this address.
    #[must_use]
    pub fn to_authenticate_client(address: &str) -> Self {
        Self { rate_limits: vec![RateLimit::new(address, CLIENT_SECRETS)], ..Self::default() }
    }

    /// Its rate limits, as the database's functions read them.
    #[must_use]
    pub fn rate_limits_as_json(&self) -> String {
        serde_json::to_string(&self.rate_limits).unwrap_or_default()
    }

    /// The same without rate limits.
    #[must_use]
    pub fn without_limits(self) -> Self {
        Self { priority: self.priority, ..Self::default() }
    }

    /// A sign-up that has found its address free: it reveals nothing about others.
    #[must_use]
    pub fn without_enumeration_limit(mut self) -> Self {
        self.rate_limits.truncate(1);
        self
    }
}

/// Validates the keys of an attempt that another service sends in the field at `pointer`.
pub(crate) fn validate_keys(pointer: &str, keys: AttemptKeys) -> Result<AttemptKeys, Problem> {
    if keys.are_digests() {
        return Ok(keys);
    }
    let detail = format!("A key is a digest: {DIGEST_LENGTH} hexadecimal digits in lower case.");
    Err(Problem::new(Kind::InvalidValue, detail.clone()).with_error(FieldError { pointer: pointer.to_owned(), detail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Peppers;

    fn keys() -> AttemptKeys {
        AttemptKeys::new(
            &Peppers::new("a pepper that is long enough for tests").unwrap(),
            "ada@example.org",
            "10.0.0.1",
        )
    }

    fn from_known_device() -> AttemptKeys {
        AttemptKeys { device: Some("d".repeat(64)), ..keys() }
    }

    #[test]
    fn guessing_from_one_client_waits_before_guessing_from_many() {
        let attempt = Attempt::to_sign_in(&keys());
        let free = |key: &str| attempt.rate_limits.iter().find(|limit| limit.key == key).unwrap().free;
        assert!(free(&keys().pair) < free(&keys().account) && free(&keys().account) < free(&keys().client));
    }

    #[test]
    fn an_owner_is_not_locked_out_by_others() {
        let keys = keys();
        let account = &Attempt::to_sign_in(&keys).rate_limits[0];
        assert_eq!(account.known_as.as_ref(), Some(&keys.pair));
        assert!(account.longest <= 60);
    }

    #[test]
    fn a_known_device_has_a_rate_limit_of_its_own() {
        let keys = from_known_device();
        let attempt = Attempt::to_sign_in(&keys);
        let counted: Vec<_> = attempt.rate_limits.iter().map(|limit| Some(&limit.key)).collect();
        assert_eq!(counted, [keys.device.as_ref()]);
        // Permits are counted for the account: neighbours do not use them up, and many devices do not get more.
        assert_eq!(attempt.client, Some(keys.account.clone()));
        // Its success resets the failures in a row of others.
        let reset: Vec<_> = attempt.resets.iter().map(|reset| reset.key.as_str()).collect();
        assert_eq!(reset, [keys.account.as_str(), &keys.pair, keys.device.as_ref().unwrap()]);
    }

    #[test]
    fn a_sign_up_counts_and_one_with_a_taken_email_counts_twice() {
        let sign_up = Attempt::to_sign_up("client", "enumeration", 60);
        let limits: Vec<_> = sign_up.rate_limits.iter().map(|c| (c.key.as_str(), c.free, c.drain)).collect();
        assert_eq!(limits, [("client", 60, Some(60)), ("enumeration", 20, Some(180))]);
        assert_eq!(sign_up.without_enumeration_limit().rate_limits.len(), 1);
        assert_eq!(Attempt::to_sign_up("client", "enumeration", 0).rate_limits[0].drain, Some(3600));
    }

    #[test]
    fn an_address_gets_fewer_mails_than_a_client_may_request() {
        let limit = |attempt: Attempt| attempt.rate_limits[0].free;
        assert!(limit(Attempt::to_mail("address")) < limit(Attempt::to_request_mail("client")));
        assert!(Attempt::to_mail("address").rate_limits_as_json().contains(r#""key":"address","free":5,"#));
        assert_eq!(Attempt::to_show_ticket("client").without_limits().rate_limits_as_json(), "[]");
    }

    #[test]
    fn an_attempt_without_limits_counts_nothing() {
        let attempt = Attempt::to_sign_in(&keys()).without_limits();
        assert!(attempt.rate_limits.is_empty() && attempt.resets.is_empty() && attempt.client.is_none());
        assert_eq!(attempt.priority, Priority::SignIn);
    }

    #[test]
    fn a_key_that_is_not_a_digest_is_refused() {
        assert!(validate_keys("/keys", keys()).is_ok());
        let odd = AttemptKeys { client: "10.0.0.1".into(), ..keys() };
        assert_eq!(validate_keys("/keys", odd).unwrap_err().kind(), Kind::InvalidValue);
    }
}
