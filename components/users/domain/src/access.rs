//! Who may do what with whom.
//!
//! A user reads, changes and removes itself; an administrator does all. To anybody else a user is as good as absent:
//! that an id exists is private, so it is answered like one that does not.

use crate::Change;
use identity::{Role, UserId};
use problem::{Kind, Problem};

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: with `authorization = "off"` nobody is asked who they are.
    Anyone,
    /// Somebody who has signed in.
    User(UserId),
    /// Somebody who may do all.
    Admin(UserId),
}

impl Caller {
    /// Somebody who has signed in with this role.
    #[must_use]
    pub fn new(id: UserId, role: Role) -> Self {
        match role {
            Role::User => Self::User(id),
            Role::Admin => Self::Admin(id),
        }
    }

    /// Whether this caller may see lists of users.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn may_list(self) -> Result<(), Problem> {
        match self {
            Caller::Anyone | Caller::Admin(_) => Ok(()),
            Caller::User(_) => Err(Problem::forbidden("Only an administrator may list users.")),
        }
    }

    /// Whether this caller may read, change and remove the user with this id.
    ///
    /// # Errors
    /// `user-not-found`.
    pub fn may_reach(self, id: UserId) -> Result<(), Problem> {
        match self {
            Caller::User(own) if own != id => Err(user_not_found()),
            Caller::Anyone | Caller::User(_) | Caller::Admin(_) => Ok(()),
        }
    }

    /// Whether this caller may make this change.
    ///
    /// # Errors
    /// `forbidden`: roles are an administrator's to give, even where all else is open.
    pub fn may_make(self, change: &Change) -> Result<(), Problem> {
        match self {
            Caller::Anyone | Caller::User(_) if change.role.is_some() => {
                Err(Problem::forbidden("Only an administrator may change a role."))
            }
            _ => Ok(()),
        }
    }

    /// Whether this caller has to show the current password before what a sign-in depends on is changed: whoever
    /// found an open browser is not to take the account along.
    #[must_use]
    pub fn must_show_password(self, id: UserId) -> bool {
        match self {
            Caller::Anyone => false,
            Caller::User(own) | Caller::Admin(own) => own == id,
        }
    }
}

/// The problem for an id that nobody has, or nobody whom the caller may know of.
#[must_use]
pub fn user_not_found() -> Problem {
    Problem::new(Kind::UserNotFound, "No user has this id.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: i64) -> UserId {
        UserId::try_from(id).unwrap()
    }

    const ROLE_CHANGE: Change =
        Change { name: None, surname: None, email: None, phone: None, password: None, role: Some(Role::Admin) };

    #[test]
    fn a_user_reaches_itself_and_knows_of_nobody_else() {
        let ada = Caller::new(id(7), Role::User);
        assert!(ada.may_reach(id(7)).is_ok());
        assert_eq!(ada.may_reach(id(8)).unwrap_err().kind(), Kind::UserNotFound);
        assert_eq!(ada.may_list().unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(ada.may_make(&ROLE_CHANGE).unwrap_err().kind(), Kind::Forbidden);
        assert!(ada.may_make(&Change::default()).is_ok());
        assert!(ada.must_show_password(id(7)));
    }

    #[test]
    fn an_administrator_does_all_and_shows_its_password_for_its_own_account_alone() {
        let admin = Caller::new(id(1), Role::Admin);
        assert!(admin.may_reach(id(8)).is_ok() && admin.may_list().is_ok() && admin.may_make(&ROLE_CHANGE).is_ok());
        assert!(admin.must_show_password(id(1)) && !admin.must_show_password(id(8)));
    }

    #[test]
    fn where_nobody_is_asked_all_is_open_but_roles() {
        let anyone = Caller::Anyone;
        assert!(anyone.may_reach(id(8)).is_ok() && anyone.may_list().is_ok());
        assert!(anyone.may_make(&Change::default()).is_ok() && !anyone.must_show_password(id(8)));
        assert_eq!(anyone.may_make(&ROLE_CHANGE).unwrap_err().kind(), Kind::Forbidden);
    }
}
