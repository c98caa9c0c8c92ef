//! Who somebody is: the values that identify a person, and how a password is kept.
//!
//! Each type is built by `parse` alone, so a value that exists is valid. What must not be printed cannot be:
//! [`Password`], [`Pepper`] and [`PasswordHash`] show only their name in debug output and have no `Display`.

mod attempt;
mod bcrypt_rounds;
mod common_password;
mod device_token;
mod email;
mod name;
mod password;
mod phone;
mod role;
mod secret;
mod user_id;

pub use attempt::{AttemptKeys, DIGEST_LENGTH};
pub use bcrypt_rounds::{Pacer, Unpaced};
pub use device_token::{DEVICE_SECONDS, DeviceToken};
pub use email::{Email, EmailError};
pub use name::{NameError, PersonName};
pub use password::{Cost, CostError, HashError, Password, PasswordError, PasswordHash, Pepper, SALT_BYTES};
pub use phone::{Phone, PhoneError};
pub use role::Role;
pub use secret::Secret;
pub use user_id::{UserId, UserIdError};
