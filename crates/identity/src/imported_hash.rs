//! Password hashes as an import brings them: of other systems, of this one, or none.

use crate::bcrypt_rounds::{OUTPUT_BYTES, SALT_BYTES};
use crate::cost::Cost;
use crate::foreign::{ForeignHash, ForeignHashError, MAX_BCRYPT_COST};
use crate::hash::{FOREIGN, PasswordHash, VERSION_2, cost_of, split};
use crate::pepper::{self, Peppers};
use base64::Engine;

/// The random bytes of a hash of no password.
pub const NO_PASSWORD_BYTES: usize = SALT_BYTES + OUTPUT_BYTES;

impl PasswordHash {
    /// A hash that costs the same to verify and that no password matches, if another system made this one. While there are
    /// such hashes, every other failure verifies it too, so that its time does not tell who has one.
    #[must_use]
    pub fn decoy(&self) -> Option<Self> {
        self.foreign().map(|foreign| foreign.to_decoy().into())
    }

    /// Reads a hash of an import: one that another system made, or one of this system, for which the pepper must be there.
    ///
    /// # Errors
    /// If it cannot be used, or needs more than so many MiB of memory; the text says what to do.
    pub fn imported(text: &str, peppers: &Peppers, cost: Cost, max_memory: u32) -> Result<Self, ImportError> {
        if let Some((id, bcrypt)) = split(text) {
            peppers.find(id.unwrap_or(pepper::FIRST)).ok_or(ImportError::UnknownPepper)?;
            let own = cost_of(bcrypt).map_err(|_| ForeignHashError::Malformed)?;
            if own > cost && own.0 > MAX_BCRYPT_COST {
                return Err(ForeignHashError::BcryptCost.into());
            }
            return Ok(Self(text.to_owned()));
        }
        let foreign = ForeignHash::parse(text.strip_prefix(FOREIGN).unwrap_or(text))?;
        foreign.refuse_memory_above(max_memory)?;
        Ok(foreign.into())
    }

    /// A hash of no password, for whoever has none yet: to verify it takes as long as any. `random` must come from a
    /// cryptographic source.
    #[must_use]
    pub fn of_no_password(peppers: &Peppers, cost: Cost, random: [u8; NO_PASSWORD_BYTES]) -> Self {
        let (salt, output) = random.split_at(SALT_BYTES);
        let (salt, output) = (bcrypt::BASE_64.encode(salt), bcrypt::BASE_64.encode(output));
        Self(format!("{VERSION_2}{}:$2b${:02}${salt}{output}", peppers.current().0, cost.0))
    }
}

impl From<ForeignHash> for PasswordHash {
    fn from(foreign: ForeignHash) -> Self {
        Self(format!("{FOREIGN}{foreign}"))
    }
}

/// Why a hash of an import cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Another system made it.
    #[error(transparent)]
    Foreign(#[from] ForeignHashError),
    /// This system made it, elsewhere.
    #[error(
        "This hash was made with a pepper that is not here. Add it to password_peppers, or leave the hash out: the user then \
         sets a new password by mail."
    )]
    UnknownPepper,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Password;

    const PEPPER: &str = "a pepper that is long enough for tests";
    const PBKDF2: &str = "$pbkdf2-sha256$i=1000$c2FsdCBvZiBzaXh0ZWVuIQ$EjlQpW+VG7BQI/7l7pxOf+HPkTn4K/l+MZTnSGtGOUk";
    const ARGON2: &str =
        "$argon2id$v=19$m=1024,t=2,p=1$c2FsdCBvZiBzaXh0ZWVuIQ$4Qk6Or8Y0ZyHJYCrc21/XnTwspvAwxHxRI/b0Wc8D5I";

    fn peppers() -> Peppers {
        Peppers::new(PEPPER).unwrap()
    }

    fn cheap() -> Cost {
        "4".parse().unwrap()
    }

    fn imported(text: &str) -> Result<PasswordHash, ImportError> {
        PasswordHash::imported(text, &peppers(), cheap(), 20)
    }

    #[test]
    fn a_foreign_hash_verifies_and_is_outdated() {
        for text in [PBKDF2, ARGON2] {
            let hash = imported(text).unwrap();
            assert_eq!(hash.expose(), format!("f:{text}"));
            assert_eq!(PasswordHash::parse(hash.expose()).unwrap(), hash);
            assert_eq!(imported(hash.expose()).unwrap(), hash, "what was exported can be imported");
            assert!(hash.verify("correct horse", &peppers()).unwrap());
            assert!(!hash.verify("wrong horse", &peppers()).unwrap());
            assert!(hash.is_foreign() && hash.is_outdated(&peppers(), cheap()).unwrap());
        }
    }

    #[test]
    fn a_failure_at_a_foreign_hash_is_one_of_its_own_cost_and_one_of_ours() {
        let hash = imported(ARGON2).unwrap();
        assert_eq!(hash.costs_up_to(cheap()).unwrap().collect::<Vec<_>>(), [cheap()]);
        let decoy = hash.decoy().unwrap();
        assert!(decoy.expose().starts_with("f:$argon2id$v=19$m=1024,t=2,p=1$AAAA"), "{}", decoy.expose());
        assert!(!decoy.verify("correct horse", &peppers()).unwrap());
        let own = Password::verified("correct horse").hash(&peppers(), cheap(), [7; 16]).unwrap();
        assert_eq!(own.decoy(), None);
    }

    #[test]
    fn a_hash_of_this_system_needs_its_pepper() {
        let own = Password::verified("correct horse").hash(&peppers(), cheap(), [7; 16]).unwrap();
        assert_eq!(imported(own.expose()).unwrap(), own);
        assert_eq!(imported(&own.expose().replace("v2:v1:", "v2:gone:")), Err(ImportError::UnknownPepper));
        let costly = own.expose().replace("$04$", "$15$");
        assert_eq!(imported(&costly), Err(ForeignHashError::BcryptCost.into()));
        assert!(PasswordHash::imported(&costly, &peppers(), "15".parse().unwrap(), 20).is_ok());
        assert_eq!(imported("v2:v1:$2b$04$x"), Err(ForeignHashError::Malformed.into()));
    }

    #[test]
    fn a_hash_that_needs_more_memory_than_is_allowed_is_refused() {
        let costly = ARGON2.replace("m=1024", "m=20481");
        assert_eq!(imported(&costly), Err(ForeignHashError::Memory(20).into()));
        assert!(PasswordHash::imported(&costly, &peppers(), cheap(), 21).is_ok());
    }

    #[test]
    fn no_password_matches_a_hash_of_none() {
        let none = PasswordHash::of_no_password(&peppers(), cheap(), [9; NO_PASSWORD_BYTES]);
        assert_eq!(PasswordHash::parse(none.expose()).unwrap(), none);
        assert!(!none.verify("", &peppers()).unwrap() && !none.is_foreign());
        assert!(!none.is_outdated(&peppers(), cheap()).unwrap());
        assert_eq!(none.costs_up_to(cheap()).unwrap().count(), 0, "it takes as long as any");
    }
}
