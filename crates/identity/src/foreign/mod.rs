//! Password hashes that other systems made, which an import brings along.
//!
//! Each is verified as it is, until its owner signs in for the first time; then the password is hashed anew, in the scheme of
//! [`PasswordHash`](crate::PasswordHash). What such a hash costs is up to whoever made it, so everything about it is bounded.

mod argon2id;
mod pbkdf2;

use crate::bcrypt_rounds::{BcryptRounds, OUTPUT_BYTES, Pacer, SALT_BYTES};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use pbkdf2::Digest;
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// The longest hash, in characters.
pub const MAX_FOREIGN_HASH: usize = 512;
/// The most memory of a hash that anybody may let in, in MiB.
pub const MAX_FOREIGN_MEMORY: u32 = 128;
/// The highest cost of bcrypt: four times the work of the default.
pub(crate) const MAX_BCRYPT_COST: u32 = 14;
/// The most work of Argon2: MiB times passes.
const MAX_ARGON2_WORK: u32 = 256;
/// The most lanes of Argon2, which are computed one after another.
const MAX_LANES: u32 = 16;
/// The most work of PBKDF2: iterations times blocks of its digest.
const MAX_PBKDF2_WORK: u32 = 1_500_000;
/// How many bytes a salt and an output have.
const SALT: std::ops::RangeInclusive<usize> = 1..=64;
const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;

/// A hash that another system made, within all bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignHash {
    scheme: Scheme,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// How it was made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bcrypt { cost: u32 },
    Argon2id { version: u32, memory_kib: u32, passes: u32, lanes: u32 },
    Pbkdf2 { digest: Digest, iterations: u32 },
}

impl ForeignHash {
    /// Reads a hash: bcrypt as `crypt(3)` writes it (`$2a$`, `$2b$`, `$2y$`), Argon2id and PBKDF2 as PHC strings, and the same as
    /// Django writes them (`pbkdf2_sha256$...`, `argon2$argon2id$...`).
    ///
    /// # Errors
    /// If it is none of these, is malformed, or costs too much.
    pub fn parse(text: &str) -> Result<Self, ForeignHashError> {
        if text.len() > MAX_FOREIGN_HASH {
            return Err(ForeignHashError::Malformed);
        }
        let parsed = match text.strip_prefix("argon2").filter(|rest| rest.starts_with("$argon2")).unwrap_or(text) {
            bcrypt if ["$2a$", "$2b$", "$2y$"].iter().any(|head| bcrypt.starts_with(head)) => parse_bcrypt(bcrypt)?,
            phc if phc.starts_with("$argon2id$") => argon2id::parse(phc)?,
            phc if phc.starts_with("$pbkdf2-") => pbkdf2::parse_phc(phc)?,
            django if django.starts_with("pbkdf2_") => pbkdf2::parse_django(django)?,
            _ => return Err(ForeignHashError::UnknownScheme),
        };
        if !SALT.contains(&parsed.salt.len()) || !OUTPUT.contains(&parsed.output.len()) {
            return Err(ForeignHashError::Malformed);
        }
        parsed.refuse_costly()?;
        Ok(parsed)
    }

    fn refuse_costly(&self) -> Result<(), ForeignHashError> {
        match self.scheme {
            Scheme::Bcrypt { cost } if cost > MAX_BCRYPT_COST => Err(ForeignHashError::BcryptCost),
            Scheme::Argon2id { memory_kib, .. } if memory_kib > MAX_FOREIGN_MEMORY * 1024 => {
                Err(ForeignHashError::Memory(MAX_FOREIGN_MEMORY))
            }
            Scheme::Argon2id { memory_kib, passes, lanes, .. }
                if u64::from(memory_kib) * u64::from(passes) > u64::from(MAX_ARGON2_WORK) * 1024
                    || lanes > MAX_LANES =>
            {
                Err(ForeignHashError::Argon2Work)
            }
            Scheme::Pbkdf2 { digest, iterations } => {
                let blocks = self.output.len().div_ceil(digest.bytes()) as u64;
                if u64::from(iterations) * blocks > u64::from(MAX_PBKDF2_WORK) {
                    return Err(ForeignHashError::Pbkdf2Work);
                }
                Ok(())
            }
            Scheme::Bcrypt { .. } | Scheme::Argon2id { .. } => Ok(()),
        }
    }

    /// Refuses a hash that needs more memory than so many MiB.
    ///
    /// # Errors
    /// [`ForeignHashError::Memory`].
    pub fn refuse_memory_above(&self, mib: u32) -> Result<(), ForeignHashError> {
        match self.scheme {
            Scheme::Argon2id { memory_kib, .. } if memory_kib > mib * 1024 => Err(ForeignHashError::Memory(mib)),
            _ => Ok(()),
        }
    }

    /// A hash that costs the same to verify, and that no password matches.
    #[must_use]
    pub(crate) fn to_decoy(&self) -> Self {
        Self { scheme: self.scheme, salt: vec![0; self.salt.len()], output: vec![0; self.output.len()] }
    }

    /// Whether `candidate` is the password, byte by byte as it was typed, in constant time for a given hash.
    pub(crate) fn verify(&self, candidate: &str, pacer: &mut impl Pacer) -> bool {
        let output = match self.scheme {
            Scheme::Bcrypt { cost } => {
                let salt: [u8; SALT_BYTES] = self.salt.as_slice().try_into().unwrap_or_default();
                BcryptRounds::new(cost, salt, candidate.as_bytes()).run(pacer).to_vec()
            }
            Scheme::Argon2id { version, memory_kib, passes, lanes } => {
                // In one go: there is no way to stop it. Its work is bounded. The pacer would take it for one of its slices.
                let mut output = vec![0; self.output.len()];
                if !argon2id::derive(candidate, &self.salt, version, [memory_kib, passes, lanes], &mut output) {
                    return false;
                }
                output
            }
            Scheme::Pbkdf2 { digest, iterations } => {
                let mut output = vec![0; self.output.len()];
                pbkdf2::derive(digest, candidate, &self.salt, iterations, &mut output, pacer);
                output
            }
        };
        self.output.ct_eq(&output).into()
    }
}

/// The one form in which it is stored.
impl fmt::Display for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, output) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(&self.output));
        match self.scheme {
            Scheme::Bcrypt { cost } => {
                let (salt, output) = (bcrypt::BASE_64.encode(&self.salt), bcrypt::BASE_64.encode(&self.output));
                write!(f, "$2b${cost:02}${salt}{output}")
            }
            Scheme::Argon2id { version, memory_kib, passes, lanes } => {
                write!(f, "$argon2id$v={version}$m={memory_kib},t={passes},p={lanes}${salt}${output}")
            }
            Scheme::Pbkdf2 { digest, iterations } => {
                write!(f, "$pbkdf2-{}$i={iterations}${salt}${output}", digest.name())
            }
        }
    }
}

impl fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignHash(..)")
    }
}

/// `$2y$10$<22 characters of salt><31 of hash>`. `$2a$` and `$2y$` are made as `$2b$` is, by every implementation that is not
/// broken; `$2x$` marks what a broken one made.
fn parse_bcrypt(text: &str) -> Result<ForeignHash, ForeignHashError> {
    let parts = bcrypt::HashParts::from_str(text).map_err(|_| ForeignHashError::Malformed)?;
    let output = text.get(29..60).filter(|_| text.len() == 60).ok_or(ForeignHashError::Malformed)?;
    let output = bcrypt::BASE_64.decode(output).map_err(|_| ForeignHashError::Malformed)?;
    if output.len() != OUTPUT_BYTES || !(4..=31).contains(&parts.get_cost()) {
        return Err(ForeignHashError::Malformed);
    }
    Ok(ForeignHash { scheme: Scheme::Bcrypt { cost: parts.get_cost() }, salt: parts.get_salt_raw().to_vec(), output })
}

/// Bytes in base64: with or without padding, and with `.` in the place of `+`, as Passlib writes it.
fn decode(text: &str) -> Result<Vec<u8>, ForeignHashError> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=').replace('.', "+")).map_err(|_| ForeignHashError::Malformed)
}

/// A decimal number without a sign.
fn number(text: &str) -> Result<u32, ForeignHashError> {
    let is_decimal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_decimal).ok_or(ForeignHashError::Malformed)
}

/// Why a hash of another system cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    /// It is of no scheme that is known here.
    #[error(
        "This is no bcrypt ($2a$, $2b$, $2y$), Argon2id or PBKDF2 (SHA-256, SHA-512) hash. Leave it out: the user then sets \
         a new password by mail."
    )]
    UnknownScheme,
    /// It cannot be read.
    #[error("This hash is malformed or longer than {MAX_FOREIGN_HASH} characters.")]
    Malformed,
    /// bcrypt's cost is too high.
    #[error("This hash has a cost above {MAX_BCRYPT_COST}. Leave it out: the user then sets a new password by mail.")]
    BcryptCost,
    /// Argon2 needs too much memory.
    #[error(
        "This hash needs more than {0} MiB of memory to verify. Leave it out (the user then sets a new password by mail), or \
         raise import_hash_memory, up to {MAX_FOREIGN_MEMORY}, where the memory of auth allows it."
    )]
    Memory(u32),
    /// Argon2 takes too long.
    #[error(
        "This hash takes more than {MAX_ARGON2_WORK} MiB times passes, or more than {MAX_LANES} lanes. Leave it out: the user \
         then sets a new password by mail."
    )]
    Argon2Work,
    /// PBKDF2 takes too long.
    #[error(
        "This hash takes more than {MAX_PBKDF2_WORK} iterations times blocks. Leave it out: the user then sets a new password \
         by mail."
    )]
    Pbkdf2Work,
}

#[cfg(test)]
mod tests;
