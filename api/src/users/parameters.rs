//! The parameters of queries, and the headers that operations read.

use crate::route::parameters;
#[cfg(feature = "openapi")]
use crate::schema;

parameters! {
    EMAIL = "email", "Only the user with this address.", schema::Email, "ada@example.org";
    NAME = "name", "Only users with this name. Whitespace around it is trimmed.", schema::FilterText, "Ada";
    SURNAME = "surname", "Only users with this surname. Whitespace around it is trimmed.", schema::FilterText, "Lovelace";
    SEARCH = "search", "Only users with this in their name, surname and address, which are searched as one text, such as `Ada Lovelace ada@example.org`. It has three letters or digits in a row, or the beginning of a word after another.", schema::SearchText, "lovel";
    EMAIL_VERIFIED = "email_verified", "Only users whose address is confirmed, or only those whose address is not.", schema::Truth, "\"false\"";
    ROLE = "role", "Only users with this role.", schema::RoleFilter, "billing";
    SORT = "sort", "In which order: by `created`, `name`, `surname` or `email`, the last first with `-` before it. With a `cursor`, the list goes on in the order in which it began.", schema::UserSort, "-created";
    LIMIT = "limit", "How many at most.", schema::Limit, "2";
    CURSOR = "cursor", "The `next_cursor` of the page before. The pattern is for tools that generate requests; do not parse cursors.", schema::UserCursor, "dTE6Nw";
    AUDIT_CURSOR = "cursor", "The `next_cursor` of the page before. Do not parse cursors.", schema::AuditCursor, "1777887002123456-42";
    USER_ID = "user_id", "Only what is about this user.", schema::UserId, "7";
    ADMINISTRATOR_ID = "administrator_id", "Only what this administrator did to others.", schema::UserId, "1";
    ACTION = "action", "Only this.", schema::Slug, "role-changed";
    RESULT = "result", "Only what came to this.", schema::Slug, "success";
    SINCE = "since", "Only from this time on, in UTC (RFC 3339).", schema::Time, "2026-05-04T00:00:00Z";
    UNTIL = "until", "Only before this time, in UTC.", schema::Time, "2026-05-05T00:00:00Z";
    EXCEPT = "except", "The session that goes on.", schema::Uuid, "6f1e2d3c-4b5a-4697-8877-665544332211";
    TICKET = "token", "The secret of the link.", schema::Token, "VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0";
    HASHES = "hashes", "Whether password hashes are in it.", schema::HashExport, "omit";
    AFTER = "after", "Only users with a greater id.", schema::UserId, "7";
    INDEX = "n", "Which number. Each step takes 1.6 times as long.", schema::FibonacciIndex, "20";
    TRAP = "trap", "Whether the instance traps instead of answering. The runtime then answers 500 with an empty body; no other request is affected.", schema::Switch, "\"false\"";
}

#[cfg(feature = "openapi")]
parameters! {
    IDEMPOTENCY_KEY = "idempotency-key", "A name for this sign-up, such as a UUID, under which it may be repeated for a day. It is compared verbatim, quotation marks included, with the keys of sign-ups of the same address.", schema::IdempotencyKey, "8e03978e-40d5-43dd-bc93-6894a57f9324";
    USE_KEY = "idempotency-key", "A name for this request, such as a UUID, under which it may be repeated for a day once it has succeeded.", schema::IdempotencyKey, "1c6b0a52-7d3e-4f0a-9b8e-2f4d5a6c7e81";
    IF_MATCH = "if-match", "Proceed only if the user is at one of these versions: `*`, or up to 20 entity tags. A weak tag never matches.", schema::EntityTags, "*";
    IF_NONE_MATCH = "if-none-match", "Send the user only if it is at none of these versions: `*`, or up to 20 entity tags.", schema::EntityTags, "\"\\\"7.0\\\"\"";
    CLIENT_NETWORK = "x-client-network", "The network of the client that is served, for the audit log. What is none is left out.", schema::AnyText, "203.0.113.0/24";
    CLIENT_USER_AGENT = "x-client-user-agent", "What that client calls itself, for the audit log: its visible ASCII characters, the first 200 of them.", schema::AnyText, "curl/8.14.1";
    ACTING_USER = "x-acting-user", "The user who acts, for the audit log; without it the calling service does.", schema::UserId, "7";
}
