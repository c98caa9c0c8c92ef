//! The operations that confirm a phone number.

/// Passes these operations on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_phone_operations {
    ($first:ident! { $second:ident! { $next:ident! { $($others:tt)* } } }) => { $first! { $second! { $next! {
$($others)*

    /// Request a code that confirms the phone number
    ///
    /// Sends an SMS with a code to the number of the account. Before it is confirmed, no other SMS goes there. A newer code makes the
    /// older one invalid; nothing is sent if the number is confirmed already. This requires a sign-in within the last ten minutes.
    ///
    /// An account gets five codes a day. A number gets as many SMS a day as `sms_per_day` says, whichever accounts have it; once it
    /// has had them, nothing is sent and the answer is the same. Days are those of UTC.
    RequestPhoneCode: POST "/users-ms/users/{id}/phone-verification" UserId, NO_QUERY, AccessToken, () => (),
    phone_docs::request_phone_code;

    /// Confirm the phone number
    ///
    /// By the code, which is valid once, for ten minutes, and until a newer one is requested or number, address, password or role
    /// change. Five wrong codes make it invalid.
    ConfirmPhone: POST "/users-ms/users/{id}/phone-verification/confirm" UserId, NO_QUERY, AccessToken, ConfirmPhoneRequest => (),
    phone_docs::confirm_phone;
    } } } };
}
