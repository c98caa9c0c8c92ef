//! Authorization: who may do what.
//!
//! Users read, change and delete their own account; an administrator may do everything. Whether another account exists
//! is private, so to everybody else it looks as if it does not.

use crate::ValidatedChange;
use identity::{Phone, Role, RoleName, UserId};
use problem::{Kind, Problem};
use serde::Deserialize;

/// For how long a sign-in counts as recent, in seconds. Refreshes do not extend it.
pub const REAUTHENTICATION_SECONDS: i32 = 10 * 60;

/// The caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: `authorization = "off"` requires no token.
    Anyone,
    /// A user who has signed in.
    User(UserId),
    /// An administrator.
    Admin(UserId),
}

impl Caller {
    /// A caller who has signed in with this role.
    #[must_use]
    pub fn new(id: UserId, role: Role) -> Self {
        match role {
            Role::User => Self::User(id),
            Role::Admin => Self::Admin(id),
        }
    }

    /// Whether the caller may list users.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn authorize_list(self) -> Result<(), Problem> {
        match self {
            Caller::Anyone | Caller::Admin(_) => Ok(()),
            Caller::User(_) => Err(Problem::forbidden("Only an administrator may list users.")),
        }
    }

    /// Whether the caller may read, change and delete this user.
    ///
    /// # Errors
    /// `user-not-found`.
    pub fn authorize_access(self, id: UserId) -> Result<(), Problem> {
        match self {
            Caller::User(own) if own != id => Err(user_not_found()),
            Caller::Anyone | Caller::User(_) | Caller::Admin(_) => Ok(()),
        }
    }

    /// Whether the caller may make this change.
    ///
    /// # Errors
    /// `forbidden`: only an administrator assigns roles, even where no token is required.
    pub fn authorize_change(self, change: &ValidatedChange) -> Result<(), Problem> {
        match self {
            Caller::Anyone | Caller::User(_) if change.role.is_some() => {
                Err(Problem::forbidden("Only an administrator may change a role."))
            }
            _ => Ok(()),
        }
    }

    /// The proof that the caller needs, beside an access token, for a change of this user: an unattended browser must
    /// not be enough to take over the account.
    #[must_use]
    pub fn proof_for(self, id: UserId, change: &ValidatedChange, current: &Current) -> Proof {
        let own = match self {
            Caller::Anyone => return Proof::None,
            Caller::User(own) | Caller::Admin(own) => own,
        };
        let is_new_email = current.is_left_by(change);
        let is_new_phone =
            change.phone.as_ref().is_some_and(|phone| phone.as_ref().map(Phone::as_str) != current.phone.as_deref());
        let is_new_role = change.role.is_some_and(|role| role != current.role)
            || change.other_roles.as_ref().is_some_and(|roles| !roles.iter().map(RoleName::as_str).eq(&current.roles));
        if own == id && (is_new_email || change.password.is_some()) {
            Proof::Password
        } else if is_new_email || is_new_phone || is_new_role || change.password.is_some() {
            Proof::RecentSignIn
        } else {
            Proof::None
        }
    }

    /// Whether the caller may suspend and unlock users.
    ///
    /// # Errors
    /// `forbidden`: as with roles, an administrator alone, even where no token is required.
    pub fn authorize_administration(self) -> Result<(), Problem> {
        match self {
            Caller::Admin(_) => Ok(()),
            Caller::Anyone | Caller::User(_) => Err(Problem::forbidden("Only an administrator may do this.")),
        }
    }

    /// Whether it is this caller's own account.
    #[must_use]
    pub fn is(self, id: UserId) -> bool {
        match self {
            Caller::Anyone => false,
            Caller::User(own) | Caller::Admin(own) => own == id,
        }
    }
}

/// The proof that a caller needs beside an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// A sign-in, or the current password, in the last [`REAUTHENTICATION_SECONDS`].
    RecentSignIn,
    /// The current password, with the request (OWASP ASVS 5.0, 6.2.3).
    Password,
}

/// What a change is authorized by.
#[derive(Clone, Debug, Deserialize)]
pub struct Current {
    /// The address.
    pub email: String,
    /// The email key.
    pub email_key: String,
    /// The phone number.
    pub phone: Option<String>,
    /// The role.
    pub role: Role,
    /// The roles but `admin`, in the order of their names.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Current {
    /// Whether a change is to another address, and not to another spelling of this one.
    #[must_use]
    pub fn is_left_by(&self, change: &ValidatedChange) -> bool {
        change
            .email
            .as_ref()
            .is_some_and(|email| !email.keys().contains(&self.email_key) || !email.is_spelling_of(&self.email))
    }
}

/// The problem for a caller who must authenticate again. It says how (OWASP ASVS 5.0, 7.5.1 and 7.5.3).
#[must_use]
pub fn reauthentication_required() -> Problem {
    Problem::of(Kind::ReauthenticationRequired)
}

/// The problem for a change or a deletion that would leave no administrator.
#[must_use]
pub fn last_administrator() -> Problem {
    Problem::of(Kind::LastAdministrator)
}

/// The problem for an id that does not exist, or that the caller may not know of.
#[must_use]
pub fn user_not_found() -> Problem {
    Problem::of(Kind::UserNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: i64) -> UserId {
        UserId::try_from(id).unwrap()
    }

    const ROLE_CHANGE: ValidatedChange = ValidatedChange {
        name: None,
        surname: None,
        email: None,
        phone: None,
        locale: None,
        zoneinfo: None,
        password: None,
        role: Some(Role::Admin),
        other_roles: None,
        current_password: None,
    };

    #[test]
    fn a_user_accesses_only_their_own_account() {
        let ada = Caller::new(id(7), Role::User);
        assert!(ada.authorize_access(id(7)).is_ok());
        assert_eq!(ada.authorize_access(id(8)).unwrap_err().kind(), Kind::UserNotFound);
        assert_eq!(ada.authorize_list().unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(ada.authorize_change(&ROLE_CHANGE).unwrap_err().kind(), Kind::Forbidden);
        assert!(ada.authorize_change(&ValidatedChange::default()).is_ok());
    }

    #[test]
    fn an_administrator_may_do_everything() {
        let admin = Caller::new(id(1), Role::Admin);
        assert!(
            admin.authorize_access(id(8)).is_ok()
                && admin.authorize_list().is_ok()
                && admin.authorize_change(&ROLE_CHANGE).is_ok()
        );
    }

    #[test]
    fn where_nobody_is_asked_all_is_open_but_roles() {
        let anyone = Caller::Anyone;
        assert!(anyone.authorize_access(id(8)).is_ok() && anyone.authorize_list().is_ok());
        assert!(anyone.authorize_change(&ValidatedChange::default()).is_ok());
        assert_eq!(anyone.authorize_change(&ROLE_CHANGE).unwrap_err().kind(), Kind::Forbidden);
    }

    fn current() -> Current {
        Current {
            email: "Ada@example.org".into(),
            email_key: "ada@example.org".into(),
            phone: Some("+4912345".into()),
            role: Role::User,
            roles: vec!["billing".into()],
        }
    }

    #[test]
    fn credentials_need_the_password_and_other_changes_a_recent_sign_in() {
        let change = |body: serde_json::Value| {
            crate::ValidatedChange::patch(serde_json::from_value(body).unwrap(), identity::MinLength::default())
                .unwrap()
        };
        let (ada, admin) = (Caller::new(id(7), Role::User), Caller::new(id(1), Role::Admin));
        for (body, own, by_admin) in [
            (serde_json::json!({"name": "Augusta"}), Proof::None, Proof::None),
            (serde_json::json!({"email": "ADA@example.org"}), Proof::None, Proof::None),
            // The same key, but mail goes elsewhere, or nowhere.
            (serde_json::json!({"email": "\u{ff41}da@example.org"}), Proof::Password, Proof::RecentSignIn),
            (serde_json::json!({"phone": "+4912345"}), Proof::None, Proof::None),
            (serde_json::json!({"role": "user"}), Proof::None, Proof::None),
            (serde_json::json!({"roles": ["billing"]}), Proof::None, Proof::None),
            (serde_json::json!({"roles": ["billing", "support"]}), Proof::RecentSignIn, Proof::RecentSignIn),
            (serde_json::json!({"email": "other@example.org"}), Proof::Password, Proof::RecentSignIn),
            (serde_json::json!({"password": "correct horse"}), Proof::Password, Proof::RecentSignIn),
            (serde_json::json!({"phone": null}), Proof::RecentSignIn, Proof::RecentSignIn),
            (serde_json::json!({"phone": "+4912346"}), Proof::RecentSignIn, Proof::RecentSignIn),
            (serde_json::json!({"role": "admin"}), Proof::RecentSignIn, Proof::RecentSignIn),
        ] {
            let change = change(body.clone());
            assert_eq!(ada.proof_for(id(7), &change, &current()), own, "{body}");
            assert_eq!(admin.proof_for(id(7), &change, &current()), by_admin, "{body}");
            assert_eq!(Caller::Anyone.proof_for(id(7), &change, &current()), Proof::None, "{body}");
        }
    }
}
