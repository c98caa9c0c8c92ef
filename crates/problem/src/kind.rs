//! The table of problems: the stable part of the API that callers branch on.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal;)*) => {
        /// Which problem it is. The slug is stable: it is never renamed, and a new meaning gets a new one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// All kinds, in the order of their status.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The last part of the problem's `type`.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Kind::$name => $slug,)* }
            }

            /// The HTTP status code that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Kind::$name => $status,)* }
            }

            /// A few words that are the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Kind::$name => $title,)* }
            }
        }
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
    /// The body is not JSON at all, or is cut off.
    MalformedJson = "malformed-json", 400, "Malformed JSON";
    /// A query parameter is unknown, repeated or has a bad value.
    InvalidQuery = "invalid-query", 400, "Invalid query";
    /// The id in the path is no positive 64-bit integer.
    InvalidId = "invalid-id", 400, "Invalid id";
    /// The cursor was not made by this service.
    InvalidCursor = "invalid-cursor", 400, "Invalid cursor";
    /// A header that the route reads cannot be read.
    InvalidHeader = "invalid-header", 400, "Invalid header";
    /// Unknown user or wrong password: never told apart.
    InvalidCredentials = "invalid-credentials", 401, "Invalid credentials";
    /// The access or refresh token is missing, or not good (any more).
    InvalidToken = "invalid-token", 401, "Invalid token";
    /// The credential of the service that may call the route is missing or wrong.
    InvalidServiceToken = "invalid-service-token", 401, "Invalid service token";
    /// The token is good, and its owner may not do this.
    Forbidden = "forbidden", 403, "Forbidden";
    /// The current password, asked for once more, is another.
    WrongCurrentPassword = "wrong-current-password", 403, "Wrong current password";
    /// Who is asking has to be shown anew: by a sign-in, or by the current password.
    ReauthenticationRequired = "reauthentication-required", 403, "Reauthentication required";
    /// Too many sign-ins to the account have failed in a row: only a known device can sign in.
    AccountLocked = "account-locked", 403, "Account locked";
    /// No route has this path.
    NoSuchRoute = "no-such-route", 404, "No such route";
    /// No user has this id or email.
    UserNotFound = "user-not-found", 404, "User not found";
    /// The caller has no session with this id.
    SessionNotFound = "session-not-found", 404, "Session not found";
    /// There is no queue of this name.
    QueueNotFound = "queue-not-found", 404, "Queue not found";
    /// The queue has no dead letter with this id.
    DeadLetterNotFound = "dead-letter-not-found", 404, "Dead letter not found";
    /// The path is right, the method is not; `allow` lists those that are.
    MethodNotAllowed = "method-not-allowed", 405, "Method not allowed";
    /// Another user has this email already.
    EmailTaken = "email-taken", 409, "Email taken";
    /// It would leave nobody who is an administrator.
    LastAdministrator = "last-administrator", 409, "Last administrator";
    /// `If-Match` names another version of the user.
    PreconditionFailed = "precondition-failed", 412, "Precondition failed";
    /// The body is larger than [`crate::MAX_BODY_BYTES`].
    BodyTooLarge = "body-too-large", 413, "Body too large";
    /// `content-type` is none that the route reads.
    UnsupportedMediaType = "unsupported-media-type", 415, "Unsupported media type";
    /// A field is there that the route does not know.
    UnknownField = "unknown-field", 422, "Unknown field";
    /// A required field is missing.
    MissingField = "missing-field", 422, "Missing field";
    /// A field is twice in the body.
    DuplicateField = "duplicate-field", 422, "Duplicate field";
    /// A field has another JSON type than it should.
    WrongType = "wrong-type", 422, "Wrong type";
    /// The name is not acceptable.
    InvalidName = "invalid-name", 422, "Invalid name";
    /// The surname is not acceptable.
    InvalidSurname = "invalid-surname", 422, "Invalid surname";
    /// The email is not acceptable.
    InvalidEmail = "invalid-email", 422, "Invalid email";
    /// The password is not acceptable.
    InvalidPassword = "invalid-password", 422, "Invalid password";
    /// The phone number is not acceptable.
    InvalidPhone = "invalid-phone", 422, "Invalid phone";
    /// The same `idempotency-key` came with another body before.
    IdempotencyKeyReused = "idempotency-key-reused", 422, "Idempotency key reused";
    /// A value of an internal route is not acceptable.
    InvalidValue = "invalid-value", 422, "Invalid value";
    /// Several fields are not acceptable.
    ValidationFailed = "validation-failed", 422, "Validation failed";
    /// Too many attempts have failed; `retry-after` says for how long no other is looked at.
    TooManyAttempts = "too-many-attempts", 429, "Too many attempts";
    /// The same was asked for a short while ago; `retry-after` says when it may be asked for again.
    TooManyRequests = "too-many-requests", 429, "Too many requests";
    /// A mistake of the service's own, or of its configuration.
    Internal = "internal-error", 500, "Internal error";
    /// What the route needs is not set up.
    NotConfigured = "not-configured", 501, "Not configured";
    /// As many passwords are being hashed as may be at once.
    TooBusy = "too-busy", 503, "Too busy";
    /// PostgreSQL does not answer.
    DatabaseUnavailable = "database-unavailable", 503, "Database unavailable";
    /// Redis does not answer.
    BrokerUnavailable = "broker-unavailable", 503, "Broker unavailable";
    /// The users service does not answer.
    UsersUnavailable = "users-unavailable", 503, "Users service unavailable";
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
