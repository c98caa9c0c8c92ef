//! The operations on passkeys.

/// Passes these operations on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_passkey_operations {
    ($outer:ident! { $next:ident! { $($others:tt)* } }) => { $outer! { $next! {
$($others)*

    /// List passkeys
    ///
    /// Those of the user, the oldest first.
    ListPasskeys: GET "/users-ms/users/{id}/passkeys" UserId, NO_QUERY, AccessToken, () => List<Passkey>,
    passkey_docs::list_passkeys;

    /// Begin to add a passkey
    ///
    /// Returns what a page passes on to the browser. The answer is accepted once, within five minutes, and in the session of this request.
    /// This requires a sign-in within the last ten minutes.
    BeginPasskeyRegistration: POST "/users-ms/users/{id}/passkeys/options" UserId, NO_QUERY, AccessToken, () => PasskeyRegistration,
    passkey_docs::begin_passkey_registration;

    /// Add a passkey
    ///
    /// By the browser's answer. From now on the passkey signs in without the password, as more than one factor. The owner is told by
    /// mail. An account has ten passkeys at most. This requires a sign-in within the last ten minutes.
    AddPasskey: POST "/users-ms/users/{id}/passkeys" UserId, NO_QUERY, AccessToken, NewPasskeyRequest => Passkey,
    passkey_docs::add_passkey;

    /// Rename a passkey
    RenamePasskey: PATCH "/users-ms/users/{id}/passkeys/{passkey_id}" (UserId, Uuid), NO_QUERY, AccessToken, PasskeyNameRequest => Passkey,
    passkey_docs::rename_passkey;

    /// Remove a passkey
    ///
    /// It is not accepted any more. All sessions end except that of this request, if the account is the user's own, and the owner is told by
    /// mail. With the last factor the recovery codes go. This requires a sign-in within the last ten minutes.
    RemovePasskey: DELETE "/users-ms/users/{id}/passkeys/{passkey_id}" (UserId, Uuid), NO_QUERY, AccessToken, () => (),
    passkey_docs::remove_passkey;

    /// Begin a sign-in with a passkey
    ///
    /// Keeps the digest of a challenge, for five minutes.
    BeginPasskeySignIn: POST "/users-ms/internal/passkeys/begin" (), NO_QUERY, ByAuth, BeginPasskeyRequest => BeginPasskeyResponse,
    passkey_docs::begin_passkey_sign_in;

    /// End a sign-in with a passkey
    ///
    /// Verifies an authenticator's answer and begins the session. A wrong answer by a passkey of an account counts as a wrong password
    /// does. A challenge is good once, and for the client that it was issued to.
    EndPasskeySignIn: POST "/users-ms/internal/passkeys/end" (), NO_QUERY, ByAuth, EndPasskeyRequest => EndPasskeyResponse,
    passkey_docs::end_passkey_sign_in;
    } } };
}
