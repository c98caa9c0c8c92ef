//! Who somebody is: the values that identify a person, and how a password is kept.
//!
//! Each type is built by `parse` alone, so a value that exists is valid. What must not be printed cannot be:
//! [`Password`], [`Peppers`] and [`PasswordHash`] show only their name in debug output and have no `Display`.

mod attempt;
mod bcrypt_rounds;
mod common_password;
mod device_token;
mod email;
mod hash;
mod name;
mod password;
mod pepper;
mod phone;
mod role;
mod secret;
mod text;
mod user_id;

pub use attempt::{AttemptKeys, DIGEST_LENGTH};
pub use bcrypt_rounds::{Pacer, Unpaced};
pub use device_token::{DEVICE_SECONDS, DeviceToken};
pub use email::{Email, EmailError};
pub use hash::{Cost, CostError, HashError, PasswordHash, SALT_BYTES, check_nothing};
pub use name::{NameError, PersonName};
pub use password::{MinLength, MinLengthError, Password, PasswordError};
pub use pepper::{PepperError, Peppers};
pub use phone::{Phone, PhoneError};
pub use role::Role;
pub use secret::{MIN_SECRET_BYTES, Secret};
pub use user_id::{UserId, UserIdError};
