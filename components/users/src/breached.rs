//! Breached passwords: a new one is looked up in a collection of stolen ones, if the operator wants that
//! (`breached_passwords`; OWASP ASVS 5.0, 6.2.12; NIST SP 800-63B-4, 3.1.1.2).
//!
//! It is asked by the range interface of Have I Been Pwned: five of the forty characters of the password's SHA-1 are sent, and
//! all known digests that begin with them come back, so whoever answers does not learn the password. When there is no answer
//! in time the password is accepted: people can sign up while somebody else's server is down.

use crate::settings;
use identity::{Password, PasswordError};
use problem::{Kind, Problem};
use service_kit::Method;
use service_kit::client::call;
use service_kit::log;
use std::time::Duration;

/// How long the answer may take. A hashing permit is held meanwhile.
const DEADLINE: Duration = Duration::from_secs(1);
/// How many characters of a digest are sent.
const PREFIX_LENGTH: usize = 5;

/// Refuses a password that is known to be breached. The caller holds a hashing permit, which bounds how many of these calls
/// are under way.
pub(crate) async fn refuse(password: &Password) -> Result<(), Problem> {
    if !settings::refuses_breached_passwords()? {
        return Ok(());
    }
    let digest = password.breach_digest();
    let (prefix, suffix) = digest.split_at(PREFIX_LENGTH);
    let url = format!("{}/range/{prefix}", settings::breached_passwords_url()?);
    // Padded answers are all about as long, so their length says nothing either.
    let headers = [("user-agent", "concierge"), ("add-padding", "true")];
    let cause = match call(&Method::GET, &url, &headers, Vec::new(), DEADLINE).await {
        Ok(answer) if answer.status == 200 => {
            let is_known = has_suffix(&String::from_utf8_lossy(&answer.body), suffix);
            return if is_known { Err(breached()) } else { Ok(()) };
        }
        Ok(answer) => format!("it answered {}", answer.status),
        Err(error) => error.to_string(),
    };
    log::warn("a new password could not be looked up among breached ones", &[("cause", &cause)]);
    Ok(())
}

/// Whether the answer has the suffix with a count. What pads an answer has the count 0.
fn has_suffix(answer: &str, suffix: &str) -> bool {
    answer
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .any(|(known, count)| known.eq_ignore_ascii_case(suffix) && count.trim() != "0")
}

fn breached() -> Problem {
    Problem::field(Kind::InvalidPassword, "password", PasswordError::Breached.to_string())
}
