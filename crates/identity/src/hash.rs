//! Password hashes, as they are stored.
//!
//! A stored hash begins with its scheme. `v2:<pepper id>:` is the current one: the password in Unicode's composed form, keyed
//! with the pepper of that id. `v1:` is the former one: the password byte by byte, and the only pepper of that time. `f:` is a
//! hash that another system made, without any pepper.

use crate::bcrypt_rounds::{BcryptRounds, OUTPUT_BYTES, Pacer, SALT_BYTES, Unpaced};
use crate::cost::Cost;
use crate::foreign::ForeignHash;
use crate::password::Password;
use crate::pepper::{self, Peppers};
use crate::text::composed;
use base64::Engine;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// What a bcrypt hash begins with before its salt: `$2b$12$`.
const BCRYPT_HEAD: usize = 7;
const VERSION_1: &str = "v1:";
pub(crate) const VERSION_2: &str = "v2:";
pub(crate) const FOREIGN: &str = "f:";

/// A stored hash: `v2:<pepper id>:$2b$12$<22 characters of salt><31 of hash>`, or `v1:$2b$...`, or `f:` and a [`ForeignHash`].
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub(crate) String);

impl PasswordHash {
    /// Reads a stored hash.
    ///
    /// # Errors
    /// If its scheme is unknown or the bcrypt part is malformed.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        if let Some(foreign) = text.strip_prefix(FOREIGN) {
            return ForeignHash::parse(foreign).map(|_| Self(text.to_owned())).map_err(|_| HashError::Malformed);
        }
        let (_, bcrypt) = split(text).ok_or(HashError::UnknownScheme)?;
        cost_of(bcrypt)?;
        Ok(Self(text.to_owned()))
    }

    /// Hashes a password with the current pepper.
    fn make(
        password: &str,
        peppers: &Peppers,
        cost: Cost,
        salt: [u8; SALT_BYTES],
        pacer: &mut impl Pacer,
    ) -> Result<Self, HashError> {
        let (id, pepper) = peppers.current();
        let output = BcryptRounds::new(cost.0, salt, pepper.prehash(&composed(password)).as_bytes()).run(pacer);
        Self::parse(&format!("{VERSION_2}{id}:$2b${:02}${}", cost.0, encode(salt, output)))
    }

    /// Whether `candidate` is the password, in constant time for a given cost. The candidate need not be an
    /// acceptable password, only of a bounded length, which the body limit sees to.
    ///
    /// # Errors
    /// If the stored hash cannot be read, or names an unknown pepper: both are internal errors, not a wrong password.
    pub fn verify(&self, candidate: &str, peppers: &Peppers) -> Result<bool, HashError> {
        self.verify_paced(candidate, peppers, &mut Unpaced)
    }

    /// The same, in slices with pauses between them.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_paced(&self, candidate: &str, peppers: &Peppers, pacer: &mut impl Pacer) -> Result<bool, HashError> {
        if let Some(foreign) = self.foreign() {
            return Ok(foreign.verify(candidate, pacer));
        }
        let (pepper_id, bcrypt) = self.parts();
        let id = pepper_id.unwrap_or(pepper::FIRST);
        let pepper = peppers.find(id).ok_or_else(|| HashError::UnknownPepper(id.to_owned()))?;
        let prehash = match pepper_id {
            Some(_) => pepper.prehash(&composed(candidate)),
            None => pepper.prehash(candidate),
        };
        matches(bcrypt, &prehash, pacer)
    }

    /// Whether it should be renewed now that the password is known: its cost is below `cost`, its scheme is the former one,
    /// or its pepper is not the current one; and if another system made it.
    ///
    /// # Errors
    /// Only if the stored hash cannot be read.
    pub fn is_outdated(&self, peppers: &Peppers, cost: Cost) -> Result<bool, HashError> {
        if self.is_foreign() {
            return Ok(true);
        }
        let (pepper_id, bcrypt) = self.parts();
        Ok(pepper_id != Some(peppers.current().0) || cost_of(bcrypt)? < cost)
    }

    /// The costs of the dummy verifications that make a failed verification of this hash take the work of one of cost
    /// `target`: 2^c + (2^c + 2^(c+1) + ... + 2^(target-1)) = 2^target. That of another system's hash is followed by one of cost
    /// `target`, as every other is by one of a [decoy](Self::decoy).
    ///
    /// # Errors
    /// Only if the stored hash cannot be read.
    pub fn costs_up_to(&self, target: Cost) -> Result<impl Iterator<Item = Cost> + use<>, HashError> {
        let costs = match self.is_foreign() {
            true => target.0..target.0 + 1,
            false => cost_of(self.parts().1)?.0..target.0,
        };
        Ok(costs.map(Cost))
    }

    /// Whether another system made it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.0.starts_with(FOREIGN)
    }

    /// What another system made.
    pub(crate) fn foreign(&self) -> Option<ForeignHash> {
        self.0.strip_prefix(FOREIGN).and_then(|text| ForeignHash::parse(text).ok())
    }

    /// The text to store. It never leaves the users service but for auth, and by an administrator's export.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The pepper's id, if the hash names one, and the bcrypt part.
    fn parts(&self) -> (Option<&str>, &str) {
        split(&self.0).expect("a hash is read by its scheme or made by one")
    }
}

/// Verifies against a dummy hash of this cost: for an unknown user, so that both failures take the same time
/// (OWASP Authentication Cheat Sheet, "Authentication and Error Messages").
pub fn verify_dummy(candidate: &str, peppers: &Peppers, cost: Cost, pacer: &mut impl Pacer) {
    let prehash = peppers.current().1.prehash(&composed(candidate));
    std::hint::black_box(matches(&dummy(cost), &prehash, pacer)).ok();
}

/// Whether a bcrypt hash is that of `prehash`.
fn matches(bcrypt: &str, prehash: &str, pacer: &mut impl Pacer) -> Result<bool, HashError> {
    let stored = bcrypt::HashParts::from_str(bcrypt).map_err(|_| HashError::Malformed)?;
    let (cost, salt) = (stored.get_cost(), stored.get_salt_raw());
    let output = BcryptRounds::new(cost, salt, prehash.as_bytes()).run(pacer);
    Ok(bcrypt.as_bytes()[BCRYPT_HEAD..].ct_eq(encode(salt, output).as_bytes()).into())
}

/// Salt and hash in bcrypt's base64.
fn encode(salt: [u8; SALT_BYTES], output: [u8; OUTPUT_BYTES]) -> String {
    format!("{}{}", bcrypt::BASE_64.encode(salt), bcrypt::BASE_64.encode(output))
}

/// A bcrypt hash that no password matches.
fn dummy(cost: Cost) -> String {
    format!("$2b${:02}${}{}", cost.0, "abcdefghijklmnopqrstuu", "a".repeat(31))
}

/// The pepper's id, if the hash names one, and the bcrypt part.
pub(crate) fn split(text: &str) -> Option<(Option<&str>, &str)> {
    if let Some(bcrypt) = text.strip_prefix(VERSION_1) {
        return Some((None, bcrypt));
    }
    let (id, bcrypt) = text.strip_prefix(VERSION_2)?.split_once(':')?;
    pepper::is_id(id).then_some((Some(id), bcrypt))
}

pub(crate) fn cost_of(bcrypt: &str) -> Result<Cost, HashError> {
    let parts = bcrypt::HashParts::from_str(bcrypt).map_err(|_| HashError::Malformed)?;
    Some(parts.get_cost()).filter(|cost| Cost::RANGE.contains(cost)).map(Cost).ok_or(HashError::Malformed)
}

impl Password {
    /// Hashes it with a fresh `salt`, which must come from a cryptographic source.
    ///
    /// # Errors
    /// Only if the result is not a hash, which no valid [`Cost`] leads to.
    pub fn hash(&self, peppers: &Peppers, cost: Cost, salt: [u8; SALT_BYTES]) -> Result<PasswordHash, HashError> {
        self.hash_paced(peppers, cost, salt, &mut Unpaced)
    }

    /// The same, in slices with pauses between them.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub fn hash_paced(
        &self,
        peppers: &Peppers,
        cost: Cost,
        salt: [u8; SALT_BYTES],
        pacer: &mut impl Pacer,
    ) -> Result<PasswordHash, HashError> {
        PasswordHash::make(self.text(), peppers, cost, salt, pacer)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Why a hash cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It does not begin with a known version.
    #[error("the hash has an unknown scheme")]
    UnknownScheme,
    /// Its bcrypt part cannot be read.
    #[error("the hash is malformed")]
    Malformed,
    /// It was made with an unknown pepper.
    #[error("the hash was made with the pepper {0}, which the variable password_peppers does not have")]
    UnknownPepper(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_BYTES] = *b"0123456789abcdef";
    const PEPPER: &str = "a pepper that is long enough for tests";
    const OTHER: &str = "another pepper long enough for tests";

    fn cheap() -> Cost {
        "4".parse().unwrap()
    }

    fn peppers() -> Peppers {
        Peppers::new(PEPPER).unwrap()
    }

    fn hash(password: &str) -> PasswordHash {
        PasswordHash::make(password, &peppers(), cheap(), SALT, &mut Unpaced).unwrap()
    }

    /// A hash by the former scheme.
    fn version_1(password: &str) -> PasswordHash {
        let prehash = peppers().current().1.prehash(password);
        let parts = bcrypt::hash_with_salt(prehash, 4, SALT).unwrap();
        PasswordHash::parse(&format!("v1:{}", parts.format_for_version(bcrypt::Version::TwoB))).unwrap()
    }

    /// Counts rounds.
    struct Slices(u32);

    impl Pacer for Slices {
        fn pace(&mut self) -> std::num::NonZeroU32 {
            self.0 += 1;
            std::num::NonZeroU32::MIN
        }
    }

    #[test]
    fn only_the_password_verifies() {
        let stored = hash("correct horse");
        assert!(stored.verify("correct horse", &peppers()).unwrap());
        for other in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!stored.verify(other, &peppers()).unwrap());
        }
    }

    #[test]
    fn another_pepper_of_the_same_id_does_not_verify() {
        assert!(!hash("correct horse").verify("correct horse", &Peppers::new(OTHER).unwrap()).unwrap());
    }

    #[test]
    fn composed_and_decomposed_passwords_are_equal() {
        let stored = hash("caf\u{e9} au lait");
        assert!(stored.verify("cafe\u{301} au lait", &peppers()).unwrap());
        assert!(hash("cafe\u{301} au lait").verify("caf\u{e9} au lait", &peppers()).unwrap());
        assert!(!stored.verify("cafe au lait", &peppers()).unwrap());
    }

    #[test]
    fn a_hash_of_the_former_scheme_verifies_byte_by_byte() {
        for typed in ["cafe\u{301} au lait", "caf\u{e9} au lait", "correct horse"] {
            assert!(version_1(typed).verify(typed, &peppers()).unwrap(), "{typed:?}");
            assert!(version_1(typed).is_outdated(&peppers(), cheap()).unwrap());
        }
        assert!(!version_1("cafe\u{301}").verify("caf\u{e9}", &peppers()).unwrap());
    }

    #[test]
    fn a_hash_of_a_former_pepper_verifies_and_is_outdated() {
        let old = hash("correct horse");
        let rotated = Peppers::parse(&format!("new={OTHER}"), PEPPER).unwrap();
        assert!(old.verify("correct horse", &rotated).unwrap());
        assert!(old.is_outdated(&rotated, cheap()).unwrap());
        let renewed = PasswordHash::make("correct horse", &rotated, cheap(), SALT, &mut Unpaced).unwrap();
        assert!(renewed.expose().starts_with("v2:new:$2b$04$"), "{}", renewed.expose());
        assert!(renewed.verify("correct horse", &rotated).unwrap());
        assert!(!renewed.is_outdated(&rotated, cheap()).unwrap());
    }

    #[test]
    fn an_unknown_pepper_is_an_error_and_not_a_wrong_password() {
        let rotated = Peppers::parse(&format!("new={OTHER}"), PEPPER).unwrap();
        let stored = PasswordHash::make("correct horse", &rotated, cheap(), SALT, &mut Unpaced).unwrap();
        let error = stored.verify("correct horse", &peppers()).unwrap_err();
        assert_eq!(error, HashError::UnknownPepper("new".to_owned()));
    }

    #[test]
    fn the_last_byte_of_a_long_password_counts() {
        let long = "😀".repeat(64);
        let stored = hash(&long);
        assert!(stored.verify(&long, &peppers()).unwrap());
        assert!(!stored.verify(&format!("{}😁", "😀".repeat(63)), &peppers()).unwrap());
        let longest = "x".repeat(1024);
        assert!(!hash(&longest).verify(&format!("{}y", "x".repeat(1023)), &peppers()).unwrap());
    }

    #[test]
    fn what_follows_a_nul_counts() {
        let stored = hash("before\0after");
        assert!(stored.verify("before\0after", &peppers()).unwrap());
        assert!(!stored.verify("before\0other", &peppers()).unwrap());
        assert!(!stored.verify("before", &peppers()).unwrap());
    }

    #[test]
    fn the_stored_text_names_its_scheme_and_pepper_and_reads_back() {
        let stored = hash("correct horse");
        assert!(stored.expose().starts_with("v2:v1:$2b$04$"));
        assert_eq!(PasswordHash::parse(stored.expose()).unwrap(), stored);
        for unknown in ["$2b$04$x", "v3:x:$2b$04$x", "v2:$2b$04$x", "v2::$2b$04$x", "v2:A:$2b$04$x", ""] {
            assert_eq!(PasswordHash::parse(unknown).unwrap_err(), HashError::UnknownScheme, "{unknown}");
        }
        for malformed in ["v1:$2b$04$x", "v2:v1:$2b$04$x", "v2:v1:"] {
            assert_eq!(PasswordHash::parse(malformed).unwrap_err(), HashError::Malformed, "{malformed}");
        }
        let impossible = stored.expose().replace("$04$", "$99$");
        assert_eq!(PasswordHash::parse(&impossible).unwrap_err(), HashError::Malformed);
    }

    #[test]
    fn a_hash_is_the_one_that_another_implementation_makes() {
        // base64(hmac_sha384(PEPPER, "correct horse")) by Python 3, its bcrypt by the C library's crypt(3) with the setting
        // $2b$04$KBCwKxOzLha2MUDgW0PjXe, which is the salt "0123456789abcdef".
        let theirs = "v2:v1:$2b$04$KBCwKxOzLha2MUDgW0PjXeFVoWvmsfjZ7F5E4Zyu8KHnsCqyZZPp.";
        assert_eq!(hash("correct horse").expose(), theirs);
    }

    #[test]
    fn a_dummy_verification_does_the_work_and_matches_nothing() {
        let mut slices = Slices(0);
        verify_dummy("correct horse", &peppers(), cheap(), &mut slices);
        assert_eq!(slices.0, 16, "as many rounds as a verification");
        let dummy = PasswordHash::parse(&format!("v1:{}", dummy(cheap()))).unwrap();
        assert!(!dummy.verify("correct horse", &peppers()).unwrap());
        assert_eq!(dummy.costs_up_to(cheap()).unwrap().count(), 0);
    }

    #[test]
    fn a_cheaper_hash_is_outdated() {
        assert!(hash("correct horse").is_outdated(&peppers(), "5".parse().unwrap()).unwrap());
        assert!(!hash("correct horse").is_outdated(&peppers(), cheap()).unwrap());
    }

    #[test]
    fn a_failure_takes_the_work_of_the_target_cost_whatever_the_stored_hash_costs() {
        let work = |cost: Cost| 1_u64 << cost.0;
        for target in 4..=31 {
            for own in 4..=target {
                let stored = PasswordHash::parse(&format!("v2:v1:{}", dummy(Cost(own)))).unwrap();
                let further: u64 = stored.costs_up_to(Cost(target)).unwrap().map(work).sum();
                assert_eq!(work(Cost(own)) + further, work(Cost(target)), "{own} to {target}");
            }
        }
        // One that costs more than the target has no further work.
        let costly = PasswordHash::parse(&format!("v2:v1:{}", dummy(Cost(12)))).unwrap();
        assert_eq!(costly.costs_up_to(Cost(10)).unwrap().count(), 0);
    }

    #[test]
    fn hashing_does_work_in_proportion_to_its_cost() {
        let time = |cost: &str| {
            let start = std::time::Instant::now();
            PasswordHash::make("correct horse", &peppers(), cost.parse().unwrap(), SALT, &mut Unpaced).unwrap();
            start.elapsed()
        };
        assert!(time("10") > time("5") * 4);
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", hash("correct horse")), "PasswordHash(..)");
    }
}
