//! Identity: the values that identify a user, and how a password is stored.
//!
//! Each type is built by `parse` alone, so a value that exists is valid. What must not be printed cannot be:
//! [`Password`], [`Peppers`] and [`PasswordHash`] show only their name in debug output and have no `Display`.

mod attempt;
mod authentication;
mod bcrypt_rounds;
mod common_password;
mod cost;
mod device_token;
mod email;
mod foreign;
mod hash;
mod imported_hash;
mod locale;
mod name;
mod password;
mod pepper;
mod phone;
mod role;
mod secret;
mod text;
mod user_agent;
mod user_id;
mod zone_info;

pub use attempt::{AttemptKeys, DIGEST_LENGTH};
pub use authentication::{Authentication, MULTI_FACTOR_METHOD, ONE_TIME_METHOD, PASSWORD_METHOD};
pub use bcrypt_rounds::{Pacer, SALT_BYTES, Unpaced};
pub use cost::{Cost, CostError};
pub use device_token::{DEVICE_SECONDS, DeviceToken};
pub use email::{Email, EmailError};
pub use foreign::{ForeignHash, ForeignHashError, MAX_FOREIGN_HASH, MAX_FOREIGN_MEMORY};
pub use hash::{HashError, PasswordHash, verify_dummy};
pub use imported_hash::{ImportError, NO_PASSWORD_BYTES};
pub use locale::{Locale, LocaleError};
pub use name::{NameError, PersonName};
pub use password::{MinLength, MinLengthError, Password, PasswordError};
pub use pepper::{PepperError, Peppers};
pub use phone::{Phone, PhoneError};
pub use role::{MAX_ROLES, Role, RoleError, RoleName, Roles};
pub use secret::{MIN_SECRET_BYTES, Secret};
pub use user_agent::device_name;
pub use user_id::{UserId, UserIdError};
pub use zone_info::{ZoneInfo, ZoneInfoError};
