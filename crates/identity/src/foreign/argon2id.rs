//! Argon2id (RFC 9106), as PHC strings have it.

use super::{ForeignHash, ForeignHashError, Scheme, decode, number};
use argon2::{Algorithm, Argon2, Params, Version};

/// Reads `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<output>`. A hash without a version is of the one before there were any.
pub(super) fn parse(text: &str) -> Result<ForeignHash, ForeignHashError> {
    let mut parts = text.split('$').skip(2).peekable();
    let version = match parts.next_if(|part| part.starts_with("v=")) {
        Some(part) => number(&part[2..])?,
        None => 16,
    };
    let mut parameters = [None; 3];
    for parameter in parts.next().ok_or(ForeignHashError::Malformed)?.split(',') {
        let (name, value) = parameter.split_once('=').ok_or(ForeignHashError::Malformed)?;
        let place = ["m", "t", "p"].iter().position(|known| *known == name).ok_or(ForeignHashError::Malformed)?;
        if parameters[place].replace(number(value)?).is_some() {
            return Err(ForeignHashError::Malformed);
        }
    }
    let [Some(memory_kib), Some(passes), Some(lanes)] = parameters else { return Err(ForeignHashError::Malformed) };
    let (Some(salt), Some(output), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(ForeignHashError::Malformed);
    };
    let (salt, output) = (decode(salt)?, decode(output)?);
    // Argon2 itself asks for a longer salt than others do, and for memory in each lane.
    let is_possible = Version::try_from(version).is_ok()
        && salt.len() >= argon2::MIN_SALT_LEN
        && Params::new(memory_kib, passes, lanes, Some(output.len())).is_ok();
    if !is_possible {
        return Err(ForeignHashError::Malformed);
    }
    Ok(ForeignHash { scheme: Scheme::Argon2id { version, memory_kib, passes, lanes }, salt, output })
}

/// Hashes a password into `output`, by memory in KiB, passes and lanes. False if it cannot be done.
pub(super) fn derive(password: &str, salt: &[u8], version: u32, costs: [u32; 3], output: &mut [u8]) -> bool {
    let [memory_kib, passes, lanes] = costs;
    let (Ok(version), Ok(params)) =
        (Version::try_from(version), Params::new(memory_kib, passes, lanes, Some(output.len())))
    else {
        return false;
    };
    Argon2::new(Algorithm::Argon2id, version, params).hash_password_into(password.as_bytes(), salt, output).is_ok()
}
