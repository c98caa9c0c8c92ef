//! The operations on sign-ins by mail, for auth.

/// Passes these operations on to macros, after those that they have already. Types are looked up where this is used.
macro_rules! with_mail_sign_in_operations {
    ($outer:ident! { $first:ident! { $second:ident! { $next:ident! { $($others:tt)* } } } }) => { $outer! { $first! { $second! { $next! {
$($others)*

    /// Begin a sign-in by mail
    ///
    /// Sends a mail with a link and a code, if the address has an account that is not suspended. The answer and its time are the same if
    /// not. An address gets five such mails an hour, then fewer.
    BeginMailSignIn: POST "/users-ms/internal/mail-sign-in/begin" (), NO_QUERY, ByAuth, BeginMailSignInRequest => BeginMailSignInResponse,
    mail_sign_in_docs::begin_mail_sign_in;

    /// End a sign-in by mail
    ///
    /// Spends a link or a code and begins the session, or keeps the challenge if the account needs a second factor. The address counts as
    /// confirmed. If it was not before, the password, the factors and the sessions of before are made invalid: whoever has signed up with
    /// the address may be somebody else.
    EndMailSignIn: POST "/users-ms/internal/mail-sign-in/end" (), NO_QUERY, ByAuth, EndMailSignInRequest => EndMailSignInResponse,
    mail_sign_in_docs::end_mail_sign_in;
    } } } } };
}
