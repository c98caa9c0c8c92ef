//! Ids of users.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use std::fmt;

/// What an id is, to complete a sentence.
const RANGE: &str = "an integer from 1 to 9223372036854775807";

/// The id of a user: a positive 64-bit integer, given by the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "i64")]
pub struct UserId(i64);

impl UserId {
    /// Reads an id as it stands in a path: decimal digits without leading zeros.
    ///
    /// # Errors
    /// For everything else, a sign and a number over 2^63-1 included.
    pub fn parse(text: &str) -> Result<Self, UserIdError> {
        if text.starts_with('0') {
            return Err(UserIdError);
        }
        problem::decimal::<i64>(text).ok_or(UserIdError)?.try_into()
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for UserId {
    type Error = UserIdError;

    fn try_from(id: i64) -> Result<Self, UserIdError> {
        if id > 0 { Ok(Self(id)) } else { Err(UserIdError) }
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = i64::deserialize(deserializer)?;
        id.try_into().map_err(|UserIdError| D::Error::invalid_value(Unexpected::Signed(id), &RANGE))
    }
}

impl From<UserId> for i64 {
    fn from(id: UserId) -> i64 {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text or number is no [`UserId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The id of a user is {RANGE}.")]
pub struct UserIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positive_integers_are_ids() {
        assert_eq!(UserId::parse("7").unwrap().get(), 7);
        assert_eq!(UserId::parse("9223372036854775807").unwrap().get(), i64::MAX);
        assert_eq!(serde_json::from_str::<UserId>("7").unwrap().get(), 7);
    }

    #[test]
    fn everything_else_is_not() {
        for text in ["", "abc", "-1", "0", "+1", "1.5", " 1", "0x1", "99999999999999999999", "٧", "7.0", "07"] {
            assert!(UserId::parse(text).is_err(), "{text:?}");
        }
        for json in ["0", "-1", "7.5", "7.0", "\"7\"", "9223372036854775808"] {
            assert!(serde_json::from_str::<UserId>(json).is_err(), "{json}");
        }
    }
}
