//! What the descriptions of several services have in common.

pub(crate) const PROBLEMS: &str = "**Problems.** Every failure is an `application/problem+json` document (RFC 9457). Its \
    `type` begins with `urn:concierge:problem:` and is stable; branch on it. `errors` names each fault of the body, query, path \
    or headers by a JSON pointer. A problem repeats no value of the request except its id. An unknown path is 404 `no-such-route`, \
    an unsupported method 405 `method-not-allowed` with `allow`: these two are described once, under `x-general-responses`. \
    Every GET answers to HEAD, without the body.";

pub(crate) const REQUEST_IDS: &str = "**Request ids.** Every response has `x-request-id`: the caller's own if it is valid, else a \
    new one. Problems repeat it as `instance`, the log as `request_id`.";

pub(crate) const BODIES: &str = "**Bodies.** A body is a JSON object of at most 65536 bytes. Unknown fields, duplicate fields and \
    values of the wrong type are refused with 422; nothing is converted.";

pub(crate) const QUERIES: &str = "**Queries.** Unknown and duplicate parameters are refused with 400 `invalid-query`. Only the \
    probes ignore their query.";

pub(crate) const LISTS: &str = "**Lists.** A list is `items` and `next_cursor`. A cursor is opaque: send it back as `cursor` with \
    the same filters. On the last page `next_cursor` is null.";

pub(crate) const VERIFIED_TOKENS: &str = "**Access tokens.** An access token is a JWT signed with Ed25519, issued by auth and valid \
    for 15 minutes. Send it as `Authorization: Bearer <token>`. It is verified with the public keys only; an invalid one is 401 \
    `invalid-token`, and what is wrong with it is not said.";

pub(crate) const SESSION_TOKENS: &str = "The token's session has to be alive, too.";

pub(crate) const ATTEMPTS: &str = "**Rate limits.** Failed attempts with a password count against the account and the client, \
    whether the account exists or not. After some failures the next attempt has to wait 1, 2, 4, ... seconds: 429 \
    `too-many-attempts`, with `retry-after`. The number of passwords hashed at the same time is limited, too: beyond it the \
    response is 503 `too-busy`.";

pub(crate) const PAGES: &str = "**Web pages.** Pages of the origins that the operator allows may call from a browser (CORS): a \
    preflight is answered with 204, and responses have `access-control-allow-origin`, `access-control-expose-headers` and \
    `vary: origin`. Cookies are not used.";

pub(crate) const CREDENTIALS: &str = "**Internal operations.** Each is for one calling service, which sends its own credential as \
    `Authorization: Bearer <credential>`. Without it the response is 401 `invalid-service-token`. No ingress routes paths with \
    `/internal/`.";
