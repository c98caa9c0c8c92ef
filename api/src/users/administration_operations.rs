//! What administrators do to an account that is misused or locked.

/// Passes these operations on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_administration_operations {
    ($a:ident! { $b:ident! { $c:ident! { $d:ident! { $e:ident! { $f:ident! { $next:ident! { $($others:tt)* } } } } } } }) => { $a! { $b! { $c! { $d! { $e! { $f! { $next! {
$($others)*

    /// Show what keeps a user out
    ///
    /// Whether the account is suspended, locked after too many failed sign-ins, or has to get a new password, to an administrator.
    GetAccess: GET "/users-ms/users/{id}/access" UserId, NO_QUERY, AccessToken, () => Access,
    administration_docs::get_access;

    /// Show a suspension
    ///
    /// Since when the user is suspended, to an administrator.
    GetSuspension: GET "/users-ms/users/{id}/suspension" UserId, NO_QUERY, AccessToken, () => Suspension,
    administration_docs::get_suspension;

    /// Suspend a user
    ///
    /// Ends the user's sessions and lets them begin no other; nothing is deleted. An access token is accepted by nothing that checks
    /// its session, and expires within minutes. Suspending a suspended user changes nothing. This is for administrators, and requires a
    /// sign-in within the last ten minutes. The last administrator cannot be suspended.
    SuspendUser: PUT "/users-ms/users/{id}/suspension" UserId, NO_QUERY, AccessToken, () => (),
    administration_docs::suspend_user;

    /// Lift a suspension
    ///
    /// Lets the user sign in again. It succeeds also for a user who is not suspended. This is for administrators, and requires a sign-in
    /// within the last ten minutes.
    LiftSuspension: DELETE "/users-ms/users/{id}/suspension" UserId, NO_QUERY, AccessToken, () => (),
    administration_docs::lift_suspension;

    /// Unlock an account
    ///
    /// Forgets the failed sign-ins to the account, so that it is open to others than known devices again. It succeeds also for an
    /// account that is not locked. This is for administrators, and requires a sign-in within the last ten minutes.
    UnlockUser: DELETE "/users-ms/users/{id}/lock" UserId, NO_QUERY, AccessToken, () => (),
    administration_docs::unlock_user;

    /// Require a new password
    ///
    /// Ends the user's sessions. Before the next sign-in the user has to choose a new password by a mail
    /// (`/users-ms/password-recovery`); whoever knows the old one is told so with 403 `password-reset-required`. It succeeds also for a
    /// user of whom it is required already. This is for administrators, and requires a sign-in within the last ten minutes.
    RequirePasswordReset: PUT "/users-ms/users/{id}/password-reset" UserId, NO_QUERY, AccessToken, () => (),
    administration_docs::require_password_reset;

    /// Accept the old password again
    ///
    /// It succeeds also for a user of whom no new password is required. This is for administrators, and requires a sign-in within the
    /// last ten minutes.
    WithdrawPasswordReset: DELETE "/users-ms/users/{id}/password-reset" UserId, NO_QUERY, AccessToken, () => (),
    administration_docs::withdraw_password_reset;
    } } } } } } } };
}
