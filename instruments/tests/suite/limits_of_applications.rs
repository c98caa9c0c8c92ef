//! The figures of docs/limits.md about applications; `limits_page` holds them.

const CLIENT: &str = "components/users/domain/src/oauth_client.rs";
const RATE_LIMIT: &str = "components/users/domain/src/rate_limit.rs";
const REDIRECT_URIS: &str = "redirect URIs of an application, of each kind";
const SCOPES: &str = "scopes of an application";
const WRONG_SECRETS: &str = "wrong secrets of applications from one address";
const PARAMETER: &str = "parameter of an OAuth request";

/// A row of the page, a figure in it, the file that has the value, and what stands right before the value there.
pub(crate) const HELD: &[(&str, &str, &str, &str)] = &[
    (WRONG_SECRETS, "50", RATE_LIMIT, "CLIENT: Backoff =\n    Backoff { free_failures: "),
    (WRONG_SECRETS, "15 minutes", RATE_LIMIT, "CLIENT: Backoff =\n    Backoff { free_failures: 50, longest_seconds: "),
    ("applications", "200", CLIENT, "MAX_OAUTH_CLIENTS: i64 = "),
    (REDIRECT_URIS, "20", CLIENT, "MAX_URIS: usize = "),
    (REDIRECT_URIS, "512 bytes", CLIENT, "MAX_URI_BYTES: usize = "),
    (SCOPES, "32", CLIENT, "MAX_SCOPES: usize = "),
    (SCOPES, "64 characters", CLIENT, "MAX_SCOPE_BYTES: usize = "),
    ("authorization code", "60 s", CLIENT, "OAUTH_CODE_SECONDS: i32 = "),
    (
        "authorization codes of one user, besides a new one",
        "9",
        "migrations/0048_oauth_consent.sql",
        "FROM oauth_codes WHERE user_id = of_user ORDER BY created_at DESC LIMIT ",
    ),
    (
        "authorization request that account decides about",
        "1,500 bytes",
        "components/auth/domain/src/oauth/hosted.rs",
        "MAX_HOSTED_BYTES: usize = ",
    ),
    (
        "question of an application",
        "10 minutes",
        "components/account/domain/src/authorization.rs",
        "DECISION_SECONDS: i64 = ",
    ),
    (PARAMETER, "2,048 bytes", "components/auth/domain/src/oauth/authorization.rs", "MAX_VALUE: usize = "),
    (PARAMETER, "2,048 bytes", "components/auth/domain/src/oauth/grant.rs", "MAX_VALUE: usize = "),
    (PARAMETER, "255", "components/auth/domain/src/oauth/authorization.rs", "MAX_NONCE: usize = "),
    (
        "session of an application without `offline_access`",
        "15 minutes",
        "api/src/auth/types.rs",
        "ACCESS_TOKEN_SECONDS: i64 = ",
    ),
];
