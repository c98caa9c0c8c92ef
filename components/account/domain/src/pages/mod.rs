//! The pages. Each is a function from what it shows to a document.

mod account;
mod authorize;
mod layout;
mod message;
mod not_me;
mod passkeys;
mod phone;
mod second_factor;
mod sessions;
mod sign_in;
mod sign_up;
mod tickets;

pub use account::{Confirm, Profile, confirm, data, email, overview, password, profile};
pub use authorize::{Application, Consent, applications, consent};
pub use layout::View;
pub use message::{message, problem};
pub use not_me::{Disowned, not_me, reported};
pub use passkeys::{Passkey, passkeys};
pub use second_factor::{App, codes, enrolment, second_factor};
pub use sessions::{Activity, Session, activity, sessions};
pub use sign_in::{SignIn, code, mail, mail_code, sign_in};
pub use sign_up::{Person, accept_invitation, sign_up};
pub use tickets::{confirm_link, new_password, recover, verify, verify_link};
