//! PBKDF2 (RFC 8018, 5.2) that can be stopped between two iterations, as PHC strings and Django have it.

use super::{ForeignHash, ForeignHashError, Scheme, decode, number};
use crate::bcrypt_rounds::Pacer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

/// As many iterations take about the time of one round of bcrypt, which pacers count in.
const ITERATIONS_PER_ROUND: u64 = 64;

/// The digest of its HMAC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha256,
    Sha512,
}

impl Digest {
    fn parse(name: &str) -> Result<Self, ForeignHashError> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(ForeignHashError::UnknownScheme),
        }
    }

    /// Its name in hashes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of its output.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// Reads `$pbkdf2-sha256$i=600000,l=32$<salt>$<output>`, or, as Passlib writes it, `$pbkdf2-sha256$600000$<salt>$<output>`.
pub(super) fn parse_phc(text: &str) -> Result<ForeignHash, ForeignHashError> {
    let mut parts = text.split('$').skip(1);
    let digest = parts.next().and_then(|name| name.strip_prefix("pbkdf2-")).ok_or(ForeignHashError::Malformed)?;
    let digest = Digest::parse(digest)?;
    let (Some(parameters), Some(salt), Some(output), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ForeignHashError::Malformed);
    };
    let output = decode(output)?;
    let mut parameters = parameters.split(',');
    let iterations = parameters.next().unwrap_or_default();
    let iterations = number(iterations.strip_prefix("i=").unwrap_or(iterations))?;
    for parameter in parameters {
        let length = parameter.strip_prefix("l=").ok_or(ForeignHashError::Malformed)?;
        if number(length)? as usize != output.len() {
            return Err(ForeignHashError::Malformed);
        }
    }
    made(digest, iterations, decode(salt)?, output)
}

/// Reads `pbkdf2_sha256$600000$<salt as text>$<output>`.
pub(super) fn parse_django(text: &str) -> Result<ForeignHash, ForeignHashError> {
    let mut parts = text.split('$');
    let digest = parts.next().and_then(|name| name.strip_prefix("pbkdf2_")).ok_or(ForeignHashError::Malformed)?;
    let digest = Digest::parse(digest)?;
    let (Some(iterations), Some(salt), Some(output), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ForeignHashError::Malformed);
    };
    made(digest, number(iterations)?, salt.as_bytes().to_vec(), decode(output)?)
}

fn made(digest: Digest, iterations: u32, salt: Vec<u8>, output: Vec<u8>) -> Result<ForeignHash, ForeignHashError> {
    if iterations == 0 {
        return Err(ForeignHashError::Malformed);
    }
    Ok(ForeignHash { scheme: Scheme::Pbkdf2 { digest, iterations }, salt, output })
}

/// Hashes a password into `output`.
pub(super) fn derive(
    digest: Digest,
    password: &str,
    salt: &[u8],
    iterations: u32,
    output: &mut [u8],
    pacer: &mut impl Pacer,
) {
    match digest {
        Digest::Sha256 => fill::<Hmac<Sha256>>(password, salt, iterations, output, pacer),
        Digest::Sha512 => fill::<Hmac<Sha512>>(password, salt, iterations, output, pacer),
    }
}

fn fill<M: KeyInit + Mac + Clone>(
    password: &str,
    salt: &[u8],
    iterations: u32,
    output: &mut [u8],
    pacer: &mut impl Pacer,
) {
    let keyed = <M as KeyInit>::new_from_slice(password.as_bytes()).expect("HMAC takes a key of any length");
    let mut number = 0_u32;
    for block in output.chunks_mut(M::output_size()) {
        number += 1;
        let mut mac = keyed.clone();
        mac.update(salt);
        mac.update(&number.to_be_bytes());
        let mut last = mac.finalize().into_bytes();
        let mut folded = last.clone();
        let mut left = u64::from(iterations - 1);
        while left > 0 {
            let slice = left.min(u64::from(pacer.pace().get()) * ITERATIONS_PER_ROUND);
            for _ in 0..slice {
                let mut mac = keyed.clone();
                mac.update(&last);
                last = mac.finalize().into_bytes();
                folded.iter_mut().zip(&last).for_each(|(folded, byte)| *folded ^= byte);
            }
            left -= slice;
        }
        block.copy_from_slice(&folded[..block.len()]);
    }
}
