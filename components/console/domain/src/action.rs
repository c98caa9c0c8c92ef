//! What administrators do to somebody's account.

/// An action, each with a page that asks whether it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the sessions and lets nobody in.
    Suspend,
    /// Lets the user in again.
    Lift,
    /// Forgets failed sign-ins.
    Unlock,
    /// Ends all sessions.
    SignOut,
    /// Has the user choose a new password.
    RequirePassword,
    /// Accepts the old password again.
    AcceptPassword,
    /// Removes authenticator app, recovery codes and passkeys.
    ResetFactors,
    /// Replaces the roles.
    Roles,
}

impl Action {
    /// All, in the order of the page.
    pub const ALL: [Self; 8] = [
        Self::SignOut,
        Self::RequirePassword,
        Self::AcceptPassword,
        Self::Unlock,
        Self::ResetFactors,
        Self::Roles,
        Self::Suspend,
        Self::Lift,
    ];

    /// The action of this name in a path.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Its name in a path.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Lift => "lift-suspension",
            Self::Unlock => "unlock",
            Self::SignOut => "sign-out",
            Self::RequirePassword => "require-password",
            Self::AcceptPassword => "accept-password",
            Self::ResetFactors => "reset-factors",
            Self::Roles => "roles",
        }
    }

    /// What people read.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Suspend => "Suspend",
            Self::Lift => "Lift the suspension",
            Self::Unlock => "Unlock",
            Self::SignOut => "Sign out everywhere",
            Self::RequirePassword => "Require a new password",
            Self::AcceptPassword => "Accept the old password again",
            Self::ResetFactors => "Reset second factors",
            Self::Roles => "Change roles",
        }
    }

    /// What it does.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Suspend => {
                "Ends all sessions. Nobody signs in to this account until the suspension is lifted. Nothing is deleted."
            }
            Self::Lift => "The user can sign in again.",
            Self::Unlock => "Forgets the failed sign-ins, so that the user can sign in on a new device again.",
            Self::SignOut => "Ends all sessions, on every device. The user can sign in again at once.",
            Self::RequirePassword => {
                "Ends all sessions. The user has to choose a new password by mail before the next sign-in."
            }
            Self::AcceptPassword => "The user can sign in with the password that there is.",
            Self::ResetFactors => {
                "Removes the authenticator app, the recovery codes and all passkeys, and ends all sessions. From then on the \
                 password alone signs in. Make sure who has asked for it: this is how accounts are taken over."
            }
            Self::Roles => "Replaces all roles and ends all sessions. With the role admin the user may do everything.",
        }
    }

    /// What is said once it is done.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Suspend => "The user is suspended.",
            Self::Lift => "The suspension is lifted.",
            Self::Unlock => "The account is unlocked.",
            Self::SignOut => "The user is signed out everywhere.",
            Self::RequirePassword => "The user has to choose a new password.",
            Self::AcceptPassword => "The old password is accepted again.",
            Self::ResetFactors => "The second factors are removed.",
            Self::Roles => "The roles are changed.",
        }
    }

    /// Whether it takes something away.
    #[must_use]
    pub fn is_dangerous(self) -> bool {
        matches!(self, Self::Suspend | Self::SignOut | Self::RequirePassword | Self::ResetFactors | Self::Roles)
    }

    /// Whether there is anything for it to do for somebody in this state.
    #[must_use]
    pub fn applies(self, state: State) -> bool {
        match self {
            Self::Suspend => !state.is_suspended,
            Self::Lift => state.is_suspended,
            Self::Unlock => state.is_locked,
            Self::RequirePassword => !state.is_password_required,
            Self::AcceptPassword => state.is_password_required,
            Self::ResetFactors => state.has_factors,
            Self::SignOut | Self::Roles => true,
        }
    }
}

/// What decides which actions make sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Nobody signs in.
    pub is_suspended: bool,
    /// Too many sign-ins have failed: the account is open to known devices alone.
    pub is_locked: bool,
    /// A new password has to be chosen before the next sign-in.
    pub is_password_required: bool,
    /// There is an authenticator app, a passkey or a recovery code.
    pub has_factors: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::ALL {
            assert_eq!(Action::find(action.name()), Some(action));
        }
        assert_eq!(Action::find("remove"), None);
    }

    #[test]
    fn an_action_is_offered_where_it_does_something() {
        let offered = |state| Action::ALL.into_iter().filter(|action| action.applies(state)).collect::<Vec<_>>();
        let usual = [Action::SignOut, Action::RequirePassword, Action::Roles, Action::Suspend];
        assert_eq!(offered(State::default()), usual);
        let all = State { is_suspended: true, is_locked: true, is_password_required: true, has_factors: true };
        let other = [
            Action::SignOut,
            Action::AcceptPassword,
            Action::Unlock,
            Action::ResetFactors,
            Action::Roles,
            Action::Lift,
        ];
        assert_eq!(offered(all), other);
    }
}
