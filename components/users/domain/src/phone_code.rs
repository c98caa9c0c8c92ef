//! Codes that confirm a phone number.
//!
//! A code goes to the number by SMS and comes back once. It is bound to the user, the number and the credentials epoch, and kept as a
//! digest. SMS cost money, and there are people who earn by having them sent (SMS pumping): so nothing else goes to a number that
//! is not confirmed, and what goes to one number in a day, and what one account asks for, ends at a limit rather than slows down.

use identity::{Peppers, UserId};
use problem::{Kind, Problem};

/// How many codes an account gets in a day (UTC).
pub const PHONE_CODES_PER_DAY: i32 = 5;
/// The most that `sms_per_day` may be.
pub const MAX_SMS_PER_DAY: u32 = 1_000;
/// How many codes there are.
const CODES: u64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// How many SMS a day; `None` is no limit.
#[derive(Clone, Copy, Debug)]
pub struct SmsLimits {
    /// To one number, whoever's it is.
    pub per_number: Option<i32>,
    /// Codes for one account.
    pub per_account: Option<i32>,
}

/// What the notice of a sign-in depends on beside the account.
#[derive(Clone, Copy, Debug)]
pub struct NoticeTerms {
    /// Whether the user has signed in on the device before, if that is known.
    pub known_device: Option<bool>,
    /// How many SMS the number gets in a day: `None` is no limit, and zero is no SMS.
    pub sms_per_day: Option<i32>,
}

/// A code to be sent, and its digest.
pub struct NewPhoneCode {
    /// The code: six digits.
    pub code: String,
    /// The digest.
    pub digest: String,
}

impl NewPhoneCode {
    /// A code for this user, from random bytes.
    #[must_use]
    pub fn new(user: UserId, peppers: &Peppers, random: [u8; 8]) -> Self {
        // Of so many random numbers, none is noticeably more likely than another.
        let code = format!("{:06}", u64::from_le_bytes(random) % CODES);
        let digest = phone_code_digest(user, &code, peppers);
        Self { code, digest }
    }
}

/// The digest of a code that somebody shows. Two people with the same code have two digests; spaces are what people put between digits.
#[must_use]
pub fn phone_code_digest(user: UserId, code: &str, peppers: &Peppers) -> String {
    peppers.digest("code that confirms a number", format!("{user}\0{}", code.replace(' ', "")))
}

/// The problem for an account without a number.
#[must_use]
pub fn no_phone() -> Problem {
    Problem::of(Kind::NoPhone)
}

/// The problem for an account that has had its codes of the day, at this time in seconds since 1970.
#[must_use]
pub fn too_many_phone_codes(now: i64) -> Problem {
    let detail = "The account has had as many codes as it gets in a day. Wait as long as retry-after says.";
    let left = SECONDS_PER_DAY - now.rem_euclid(SECONDS_PER_DAY);
    Problem::new(Kind::TooManyRequests, detail).with_header("retry-after", left.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    #[test]
    fn a_code_has_six_digits_and_a_digest_of_its_user() {
        let (ada, bob) = (UserId::try_from(7).unwrap(), UserId::try_from(8).unwrap());
        let new = NewPhoneCode::new(ada, &peppers(), 1_000_042_u64.to_le_bytes());
        assert_eq!(new.code, "000042");
        assert_eq!(phone_code_digest(ada, "000 042", &peppers()), new.digest);
        assert_ne!(phone_code_digest(bob, "000042", &peppers()), new.digest);
        assert!(!new.digest.contains("000042"));
    }

    #[test]
    fn who_has_had_too_many_codes_waits_for_the_next_day() {
        let waits = |now| {
            let problem = too_many_phone_codes(now);
            problem.headers().iter().find(|(name, _)| *name == "retry-after").unwrap().1.clone()
        };
        assert_eq!((waits(SECONDS_PER_DAY * 3), waits(SECONDS_PER_DAY * 4 - 1)), ("86400".into(), "1".into()));
    }
}
