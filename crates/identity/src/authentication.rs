//! When and how somebody has authenticated, as access tokens say it.

use serde::{Deserialize, Serialize};

/// The method of a one-factor sign-in: a password (RFC 8176).
pub const PASSWORD_METHOD: &str = "pwd";
/// The method of a one-time password, such as a TOTP code.
pub const ONE_TIME_METHOD: &str = "otp";
/// Present beside the others when there was more than one factor.
pub const MULTI_FACTOR_METHOD: &str = "mfa";

/// When and how the user of a session has authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// When, in seconds since 1970: at the sign-in, or with the current password since. A refresh does not move it.
    pub auth_time: i64,
    /// The methods (RFC 8176): `pwd`, with `otp` and `mfa` after a second factor; `hwk` or `swk` with `user` and `mfa` by a passkey.
    pub amr: Vec<String>,
}

impl Authentication {
    /// How strong it is, the `acr` of tokens: `urn:concierge:aal:2` with more than one factor, else `urn:concierge:aal:1`,
    /// after the levels of NIST SP 800-63B.
    #[must_use]
    pub fn acr(&self) -> &'static str {
        if self.amr.iter().any(|method| method == MULTI_FACTOR_METHOD) {
            "urn:concierge:aal:2"
        } else {
            "urn:concierge:aal:1"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_factor_is_the_second_level() {
        let of = |amr: &[&str]| Authentication { auth_time: 0, amr: amr.iter().map(|&m| m.to_owned()).collect() };
        assert_eq!(of(&[PASSWORD_METHOD]).acr(), "urn:concierge:aal:1");
        assert_eq!(of(&[PASSWORD_METHOD, ONE_TIME_METHOD, MULTI_FACTOR_METHOD]).acr(), "urn:concierge:aal:2");
        assert_eq!(of(&[]).acr(), "urn:concierge:aal:1");
    }
}
