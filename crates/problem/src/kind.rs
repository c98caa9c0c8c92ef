//! The table of problems: the stable part of the API that callers branch on.

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $slug:literal, $status:literal, $title:literal, $detail:literal $(at $pointer:literal)?;)*) => {
        /// Which problem it is. The slug is stable: it is never renamed, and a new meaning gets a new one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])* $name,)*
        }

        impl Kind {
            /// All kinds, in the order of their status.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The last part of the problem's `type`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Kind::$name => $slug,)* }
            }

            /// The HTTP status code that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Kind::$name => $status,)* }
            }

            /// A few words that are the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Kind::$name => $title,)* }
            }

            /// What a caller reads if nothing more precise can be said, and in examples.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Kind::$name => $detail,)* }
            }

            /// What the API's description says about it.
            #[must_use]
            pub fn description(self) -> String {
                let lines: &[&str] = match self { $(Kind::$name => &[$($doc),*],)* };
                lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
            }

            /// Where the fault is in an example; `None` if this kind names no place.
            #[must_use]
            pub const fn example_pointer(self) -> Option<&'static str> {
                match self { $(Kind::$name => pointer!($($pointer)?),)* }
            }
        }
    };
}

macro_rules! pointer {
    () => {
        None
    };
    ($pointer:literal) => {
        Some($pointer)
    };
}

impl Kind {
    /// Whether it is the service's own failure, which an operator should see: what callers can cause at will, by asking
    /// for more than there is, is not.
    #[must_use]
    pub fn is_failure_of_ours(self) -> bool {
        self.status() >= 500 && self != Kind::TooBusy
    }
}

kinds! {
    /// The body is not JSON, is cut off, or is nested more than 128 levels deep.
    MalformedJson = "malformed-json", 400, "Malformed JSON", "The body is not valid JSON (line 1, column 16).";
    /// A query parameter is unknown, repeated or invalid.
    InvalidQuery = "invalid-query", 400, "Invalid query", "Unknown parameter. Known here: none." at "/verbose";
    /// An id in the path is invalid.
    InvalidId = "invalid-id", 400, "Invalid id", "The id of a user is an integer from 1 to 9223372036854775807." at "/id";
    /// The cursor does not come from this list.
    InvalidCursor = "invalid-cursor", 400, "Invalid cursor", "This cursor does not come from this list. Start without one." at "/cursor";
    /// A header is invalid.
    InvalidHeader = "invalid-header", 400, "Invalid header", "if-match and if-none-match are * or a list of entity tags such as \"7.1\"." at "/if-match";
    /// The email or the password is wrong; which of them is not said. Rarely, the account has changed while signing in.
    InvalidCredentials = "invalid-credentials", 401, "Invalid credentials", "Incorrect email or password.";
    /// The token is missing, malformed, expired, from another issuer, or its session has ended. What is wrong with it is not said.
    InvalidToken = "invalid-token", 401, "Invalid token", "The access token is invalid or expired. Sign in again.";
    /// The credential is missing, wrong or another service's; which of these is not said.
    InvalidServiceToken = "invalid-service-token", 401, "Invalid service token", "This operation is internal. Send the calling service's credential as a bearer token.";
    /// The token is valid, but its owner may not do this.
    Forbidden = "forbidden", 403, "Forbidden", "Only an administrator may do this.";
    /// The current password is wrong.
    WrongCurrentPassword = "wrong-current-password", 403, "Wrong current password", "The current password is incorrect." at "/current_password";
    /// The last sign-in was more than ten minutes ago. Signing in again helps, and so does the current password.
    ReauthenticationRequired = "reauthentication-required", 403, "Reauthentication required", "This needs a sign-in within the last ten minutes. Sign in again, or send the current password to /users-ms/users/{id}/reauthenticate with your own id. Then repeat the request.";
    /// A hundred sign-ins to the account have failed in a row. Until one succeeds or the password changes, only a device with its
    /// `device_token` can sign in. The answer is the same for an account that does not exist.
    AccountLocked = "account-locked", 403, "Account locked", "Too many sign-ins to this account have failed in a row. Sign in on a device that has signed in before, or set a new password by mail.";
    /// An administrator has suspended the account. Only whoever knows the password is told.
    AccountSuspended = "account-suspended", 403, "Account suspended", "This account is suspended. Ask an administrator.";
    /// The password is right, but an administrator requires a new one. Whoever reads the mail of the account chooses it
    /// (`/users-ms/password-recovery`).
    PasswordResetRequired = "password-reset-required", 403, "Password reset required", "Choose a new password first: request a mail at /users-ms/password-recovery and open its link.";
    /// The password is right, but the address is not confirmed yet, which this service requires before a sign-in.
    EmailNotVerified = "email-not-verified", 403, "Email not verified", "Confirm your email address first: open the link that was sent to it, or request a new one.";
    /// The link or the code is wrong, was used, has expired, was revoked or replaced by a newer one, or belongs to an address or a
    /// password that has changed. Which of these is not said.
    InvalidTicket = "invalid-ticket", 403, "Invalid ticket", "The link or the code is not valid, or not any more. Request a new one.";
    /// Only whoever is invited can sign up here (`sign_up=invite`). Administrators invite people.
    SignUpByInvitation = "sign-up-by-invitation", 403, "Sign-up by invitation", "Only people who are invited can sign up here. Ask an administrator for an invitation, and open the link of its mail.";
    /// Nobody can sign up here (`sign_up=closed`), and nobody is invited. Administrators create users.
    SignUpClosed = "sign-up-closed", 403, "Sign-up closed", "Nobody can sign up here. Ask an administrator for an account.";
    /// The password is right, and the account has a second factor. The sign-in continues with `challenge` and a code, for
    /// `expires_in` seconds.
    MfaRequired = "mfa-required", 403, "Second factor required", "Send the challenge and a code of your authenticator app, or a recovery code, to /auth-ms/auth/login/second-factor.";
    /// The password is right, but this account may sign in only with a second factor and has none. The sign-in continues with
    /// `challenge` and a new factor, for `expires_in` seconds.
    MfaEnrolmentRequired = "mfa-enrolment-required", 403, "Second factor to be added", "Send the challenge to /auth-ms/auth/login/enrolment, add what it returns to an authenticator app, and continue with a code at /auth-ms/auth/login/second-factor.";
    /// The code is wrong, too old or too early, or was used.
    InvalidCode = "invalid-code", 403, "Invalid code", "The code is not valid, or not any more. Wait for the next one, or use a recovery code." at "/code";
    /// The challenge is wrong, was used, has expired, was tried five times or belongs to another client, or the account has changed.
    /// Which of these is not said.
    InvalidChallenge = "invalid-challenge", 403, "Invalid challenge", "The sign-in cannot continue. Begin again with the password." at "/challenge";
    /// The authenticator's answer is not accepted: nobody has its passkey, it is for another page, its user was not verified, or it cannot be
    /// read. What is wrong is in the service's log.
    InvalidPasskey = "invalid-passkey", 403, "Invalid passkey", "The passkey is not accepted. Begin again, and let the device verify you." at "/credential";
    /// Nothing is at this path.
    NoSuchRoute = "no-such-route", 404, "No such route", "Not found. See the OpenAPI document.";
    /// No user has this id, or none that the caller may see.
    UserNotFound = "user-not-found", 404, "User not found", "No user has this id.";
    /// Nobody is invited under this id, or not any more.
    InvitationNotFound = "invitation-not-found", 404, "Invitation not found", "There is no invitation with this id.";
    /// No application is registered under this id.
    ClientNotFound = "client-not-found", 404, "Client not found", "No application is registered under this id.";
    /// The user has no session with this id.
    SessionNotFound = "session-not-found", 404, "Session not found", "The user has no session with this id.";
    /// The user has no second factor, or begins to add none.
    SecondFactorNotFound = "second-factor-not-found", 404, "Second factor not found", "The user has no second factor.";
    /// The user has no passkey with this id.
    PasskeyNotFound = "passkey-not-found", 404, "Passkey not found", "The user has no passkey with this id.";
    /// No queue has this name.
    QueueNotFound = "queue-not-found", 404, "Queue not found", "No queue has this name.";
    /// The queue has no dead letter with this id.
    DeadLetterNotFound = "dead-letter-not-found", 404, "Dead letter not found", "The queue has no dead letter with this id.";
    /// The path exists, but not with this method. `allow` lists the methods that it has.
    MethodNotAllowed = "method-not-allowed", 405, "Method not allowed", "Allowed methods: GET, HEAD, POST.";
    /// Another user has this email, in this spelling or an equivalent one.
    EmailTaken = "email-taken", 409, "Email taken", "Another user already has this email." at "/email";
    /// The user has a second factor already.
    SecondFactorExists = "second-factor-exists", 409, "Second factor exists", "The account has a second factor. Remove it before you add another one.";
    /// The credential belongs to an account already.
    PasskeyExists = "passkey-exists", 409, "Passkey exists", "This passkey belongs to an account already. Make a new one.";
    /// The account has as many passkeys as it may have.
    TooManyPasskeys = "too-many-passkeys", 409, "Too many passkeys", "The account has as many passkeys as it may have. Remove one first.";
    /// The account has no phone number that could be confirmed.
    NoPhone = "no-phone", 409, "No phone number", "The account has no phone number. Set one first.";
    /// As many applications are registered as may be.
    TooManyClients = "too-many-clients", 409, "Too many clients", "As many applications are registered as may be. Remove one first.";
    /// A public client has no secret.
    PublicClient = "public-client", 409, "Public client", "This is a public client, which has no secret.";
    /// This would leave no administrator.
    LastAdministrator = "last-administrator", 409, "Last administrator", "This is the last administrator. Make somebody else one first.";
    /// `if-match` names another version of the user.
    PreconditionFailed = "precondition-failed", 412, "Precondition failed", "The user has changed. Read it again and use its etag.";
    /// The body has more than 65536 bytes.
    BodyTooLarge = "body-too-large", 413, "Body too large", "The body may have at most 65536 bytes.";
    /// The `content-type` is missing or is not accepted here. Its case and parameters such as `charset` are ignored.
    UnsupportedMediaType = "unsupported-media-type", 415, "Unsupported media type", "The content-type of this request must be application/json.";
    /// The body has a field that does not exist.
    UnknownField = "unknown-field", 422, "Unknown field", "Unknown field." at "/nickname";
    /// A required field is missing.
    MissingField = "missing-field", 422, "Missing field", "The field name is required." at "/name";
    /// A field occurs more than once.
    DuplicateField = "duplicate-field", 422, "Duplicate field", "Duplicate field." at "/name";
    /// A value has the wrong JSON type.
    WrongType = "wrong-type", 422, "Wrong type", "This must be a string." at "/name";
    /// The name is not acceptable.
    InvalidName = "invalid-name", 422, "Invalid name", "This may not be empty." at "/name";
    /// The surname is not acceptable.
    InvalidSurname = "invalid-surname", 422, "Invalid surname", "This may not be empty." at "/surname";
    /// The email is not acceptable.
    InvalidEmail = "invalid-email", 422, "Invalid email", "This is not an email address such as ada@example.org." at "/email";
    /// The password is not acceptable.
    InvalidPassword = "invalid-password", 422, "Invalid password", "A password needs at least 8 characters." at "/password";
    /// The phone number is not acceptable.
    InvalidPhone = "invalid-phone", 422, "Invalid phone", "This is not a phone number such as +39 02 1234567 (+ and 7 to 15 digits)." at "/phone";
    /// The `idempotency-key` was used with another body.
    IdempotencyKeyReused = "idempotency-key-reused", 422, "Idempotency key reused", "This key was used with another body. Use a new one for another sign-up." at "/idempotency-key";
    /// A value is not acceptable.
    InvalidValue = "invalid-value", 422, "Invalid value", "A role is user or admin." at "/role";
    /// Several values are not acceptable.
    ValidationFailed = "validation-failed", 422, "Validation failed", "Several fields are not acceptable; see errors." at "/name";
    /// Too many attempts have failed, for this account or from this client. None is accepted until `retry-after` has passed.
    TooManyAttempts = "too-many-attempts", 429, "Too many attempts", "Too many attempts have failed. Wait as long as retry-after says.";
    /// The same was requested a short while ago. `retry-after` says when it may be requested again.
    TooManyRequests = "too-many-requests", 429, "Too many requests", "An export was made a short while ago. Wait as long as retry-after says.";
    /// The service made a mistake or is misconfigured. Its log has the cause under the request id.
    Internal = "internal-error", 500, "Internal error", "Internal error. Quote the request id when you report it.";
    /// What this operation needs is not configured.
    NotConfigured = "not-configured", 501, "Not configured", "RabbitMQ's dead letters are read with its management API. Set rabbitmq_management_url.";
    /// As many passwords are being hashed as may be at once.
    TooBusy = "too-busy", 503, "Too busy", "The service is busy. Try again shortly.";
    /// PostgreSQL does not answer.
    DatabaseUnavailable = "database-unavailable", 503, "Database unavailable", "The database is unavailable. Try again shortly.";
    /// The message broker does not answer, or holds more than can be searched.
    BrokerUnavailable = "broker-unavailable", 503, "Broker unavailable", "The message broker is unavailable. Try again shortly.";
    /// The users service does not answer, or not as it should.
    UsersUnavailable = "users-unavailable", 503, "Users service unavailable", "Sign-in is temporarily unavailable. Try again shortly.";
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use std::collections::HashSet;

    #[test]
    fn slugs_are_distinct_and_url_safe() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        assert!(slugs.iter().all(|s| s.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn statuses_are_errors_in_rising_order() {
        let statuses: Vec<_> = Kind::ALL.iter().map(|kind| kind.status()).collect();
        assert!(statuses.is_sorted());
        assert!(statuses.iter().all(|s| (400..600).contains(s)));
    }
}
