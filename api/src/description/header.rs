//! Headers of responses.

use serde_json::{Value, json};

/// A header of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// What it is called among the shared headers.
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    description: &'static str,
    pub(crate) is_required: bool,
    kind: &'static str,
    /// What a text matches.
    pattern: &'static str,
    example: &'static str,
}

impl Header {
    const fn new(
        key: &'static str,
        name: &'static str,
        description: &'static str,
        pattern: &'static str,
        example: &'static str,
    ) -> Self {
        Self { key, name, description, is_required: true, kind: "string", pattern, example }
    }

    /// The same, where it is not always there.
    pub(crate) const fn optional(self, key: &'static str) -> Self {
        Self { key, is_required: false, ..self }
    }

    pub(crate) fn to_json(self) -> Value {
        let schema = match self.kind {
            "integer" => json!({"type": "integer", "minimum": 1}),
            _ if self.pattern.is_empty() => json!({"type": "string"}),
            _ => json!({"type": "string", "pattern": self.pattern}),
        };
        let example = self.example.parse::<u32>().ok().filter(|_| self.kind == "integer");
        json!({
            "description": self.description,
            "required": self.is_required,
            "schema": schema,
            "example": example.map_or_else(|| self.example.into(), Value::from),
        })
    }
}

pub(crate) const REQUEST_ID: Header = Header::new(
    "RequestId",
    "x-request-id",
    "The id of this request: the caller's own `x-request-id` if it is valid, else a new UUID.",
    "^[A-Za-z0-9._:-]{1,64}$",
    "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e10",
);
pub(crate) const CACHE_CONTROL: Header =
    Header::new("CacheControl", "cache-control", "Responses are not to be stored.", "^no-store$", "no-store");
pub(crate) const CONTENT_TYPE_OPTIONS: Header = Header::new(
    "ContentTypeOptions",
    "x-content-type-options",
    "The content type is not to be guessed.",
    "^nosniff$",
    "nosniff",
);
pub(crate) const CONTENT_SECURITY_POLICY: Header = Header::new(
    "ContentSecurityPolicy",
    "content-security-policy",
    "The page runs and loads nothing, and cannot be framed.",
    "",
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
pub(crate) const REFERRER_POLICY: Header = Header::new(
    "ReferrerPolicy",
    "referrer-policy",
    "Links do not tell others the address.",
    "^no-referrer$",
    "no-referrer",
);
pub(crate) const SAME_ORIGIN_REFERRER: Header = Header::new(
    "SameOriginReferrer",
    "referrer-policy",
    "Links do not tell others the address.",
    "^same-origin$",
    "same-origin",
);
pub(crate) const CLIENT_LOCATION: Header = Header::new(
    "ClientLocation",
    "location",
    "The application's redirect URI, with parameters.",
    "^https?://",
    "https://app.example/callback?code=VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0&state=xyz",
);
pub(crate) const CLIENT_CHALLENGE: Header = Header::new(
    "ClientChallenge",
    "www-authenticate",
    "How a client authenticates (RFC 6749, 5.2).",
    r#"^Basic realm="concierge"$"#,
    r#"Basic realm="concierge""#,
);
pub(crate) const ALLOW: Header = Header::new("Allow", "allow", "The methods that the path has.", "", "GET, HEAD, POST");
pub(crate) const RETRY_AFTER: Header = Header {
    kind: "integer",
    ..Header::new("RetryAfter", "retry-after", "After how many seconds to try again.", "", "1")
};
pub(crate) const ACCEPT_POST: Header =
    Header::new("AcceptPost", "accept-post", "The media types that are accepted.", "", "application/json");
pub(crate) const ACCEPT_PATCH: Header = Header::new(
    "AcceptPatch",
    "accept-patch",
    "The media types that are accepted (RFC 5789).",
    "",
    "application/merge-patch+json, application/json",
);
pub(crate) const CHALLENGE: Header = Header::new(
    "Challenge",
    "www-authenticate",
    "How to authenticate (RFC 6750).",
    r#"^Bearer realm="concierge"$"#,
    r#"Bearer realm="concierge""#,
);
pub(crate) const TOKEN_CHALLENGE: Header = Header::new(
    "TokenChallenge",
    "www-authenticate",
    "How to authenticate (RFC 6750). There is no `error` if no token was sent.",
    r#"^Bearer realm="concierge"(, error="invalid_token")?$"#,
    r#"Bearer realm="concierge", error="invalid_token""#,
);
pub(crate) const SCOPE_CHALLENGE: Header = Header::new(
    "ScopeChallenge",
    "www-authenticate",
    "With `forbidden`: the token is valid but not sufficient (RFC 6750).",
    r#"^Bearer realm="concierge", error="insufficient_scope"$"#,
    r#"Bearer realm="concierge", error="insufficient_scope""#,
);
pub(crate) const ETAG: Header = Header::new(
    "ETag",
    "etag",
    "The entity tag of this version of the user: its id and its version.",
    r#"^"[0-9]+\.[0-9]+"$"#,
    r#""7.1""#,
);
pub(crate) const USER_LOCATION: Header =
    Header::new("UserLocation", "location", "The path of the user.", "^/users-ms/users/[0-9]+$", "/users-ms/users/7");
pub(crate) const INVITATION_LOCATION: Header = Header::new(
    "InvitationLocation",
    "location",
    "The path of the invitation.",
    "^/users-ms/invitations/[0-9]+$",
    "/users-ms/invitations/8",
);
pub(crate) const OAUTH_CLIENT_LOCATION: Header = Header::new(
    "OauthClientLocation",
    "location",
    "The path of the client.",
    "^/users-ms/oauth-clients/[0-9a-f-]{36}$",
    "/users-ms/oauth-clients/6f1e2d3c-4b5a-4697-8877-665544332211",
);
pub(crate) const REDIRECT_LOCATION: Header = Header::new(
    "RedirectLocation",
    "location",
    "The path with `-ms`, with the same query.",
    "^/users-ms/users(/[0-9]+)?([?]|$)",
    "/users-ms/users/7",
);
pub(crate) const IDEMPOTENT_REPLAYED: Header = Header::new(
    "",
    "idempotent-replayed",
    "This is the response to an earlier request with the same key. It is absent from that one.",
    "^true$",
    "true",
)
.optional("IdempotentReplayed");
pub(crate) const LINK: Header = Header::new(
    "",
    "link",
    "The path of the next page (RFC 8288). It is absent on the last page.",
    r#"^</users-ms/(?:users|users/[1-9][0-9]*/activity|audit|invitations)[?].*>; rel="next"$"#,
    r#"</users-ms/users?limit=2&cursor=dTE6Nw>; rel="next""#,
)
.optional("Link");
pub(crate) const CONTENT_DISPOSITION: Header = Header::new(
    "ContentDisposition",
    "content-disposition",
    "The response is a file, with this name.",
    r#"^attachment; filename="user-[0-9]+\.json"$"#,
    r#"attachment; filename="user-7.json""#,
);
pub(crate) const PUBLIC_CACHE_CONTROL: Header = Header::new(
    "PublicCacheControl",
    "cache-control",
    "How long a copy may be used, in seconds.",
    "^public, max-age=300$",
    "public, max-age=300",
);
