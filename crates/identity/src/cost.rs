//! The cost of a hash.

use std::str::FromStr;

/// bcrypt's cost, 4 to 31: each step doubles the work. 12 takes about a quarter of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(pub(crate) u32);

impl Cost {
    /// The costs that bcrypt has.
    pub(crate) const RANGE: std::ops::RangeInclusive<u32> = 4..=31;

    /// The binary logarithm of the number of rounds.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Cost {
    type Err = CostError;

    /// Reads a cost from a variable: 4 to 31. Under 10, the least that OWASP lets pass, it is for tests alone.
    fn from_str(text: &str) -> Result<Self, CostError> {
        let cost = text.trim().parse().ok().filter(|cost| Self::RANGE.contains(cost));
        cost.map(Self).ok_or(CostError)
    }
}

/// Why a text is not a [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bcrypt_cost must be an integer from 4 to 31 (12 is the default, under 10 is for tests alone)")]
pub struct CostError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_out_of_range_is_refused() {
        for text in ["", "3", "32", "twelve", "-1"] {
            assert!(text.parse::<Cost>().is_err(), "{text:?}");
        }
    }
}
