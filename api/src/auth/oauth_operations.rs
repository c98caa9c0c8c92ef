//! The operations of the OAuth 2.1 and OpenID Connect provider.

/// Passes these operations on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_oauth_operations {
    ($next:ident! { $($others:tt)* }) => { $next! {
$($others)*

    /// Ask for an authorization
    ///
    /// The authorization endpoint (OAuth 2.1, 4.1; OpenID Connect Core 1.0, 3.1.2), which an application sends people to. Its query is the
    /// authorization request: `client_id`, `redirect_uri`, `response_type=code`, `scope`, `code_challenge` with
    /// `code_challenge_method=S256`, and `state`, `nonce`, `prompt`, `max_age`, `login_hint`,
    /// `id_token_hint` and `ui_locales` as needed; other parameters are ignored.
    /// Where `mail_links` is `account`, a valid one leads to the pages of account, on which people sign in once for all applications. Else it
    /// is answered with a page on which the person signs in and reads what the application asks for; as nobody is signed in there,
    /// `prompt=none` is `login_required`. What is wrong with the client or with the redirect URI is said on a page; everything else is told to
    /// the application, by a redirection with `error`. Every redirection to it has `state` and `iss` (RFC 9207).
    ShowAuthorization: GET "/auth-ms/oauth/authorize" (), ANY_QUERY, Public, () => (),
    oauth_docs::show_authorization;

    /// Ask for an authorization by a form
    ///
    /// The same with the authorization request as a form.
    SubmitAuthorization: POST "/auth-ms/oauth/authorize" (), ANY_QUERY, Public, AuthorizationForm => (),
    oauth_docs::submit_authorization;

    /// Sign in for an application
    ///
    /// What the form of the page sends. The same rules apply as to `POST /auth-ms/auth/login`. It is accepted from that page alone (`origin`).
    SignInToAuthorize: POST "/auth-ms/oauth/sign-in" (), ANY_QUERY, Public, AuthorizationSignIn => (),
    oauth_docs::sign_in_to_authorize;

    /// Sign in for an application with a code
    ///
    /// What the page sends that asks for a second factor.
    AuthorizeWithSecondFactor: POST "/auth-ms/oauth/second-factor" (), ANY_QUERY, Public, AuthorizationCodeForm => (),
    oauth_docs::authorize_with_second_factor;

    /// Decide about an authorization
    ///
    /// For a page of one's own in place of the one here: the user has signed in there, and it sends what they decide. `consent` is
    /// remembered for the user, the application and the scopes; without it, earlier consent is enough. Consent and `offline_access` need a
    /// sign-in of the last ten minutes, and `max_age` and `prompt=login` say what else is asked for: otherwise the answer is 403
    /// `reauthentication-required`. `prompt=consent` and `prompt=select_account` ask though there is earlier consent, and an `id_token_hint` of
    /// another user is `login_required`.
    DecideAuthorization: POST "/auth-ms/oauth/decision" (), NO_QUERY, AccessToken, DecisionRequest => DecisionResponse,
    oauth_docs::decide_authorization;

    /// Get tokens
    ///
    /// The token endpoint (OAuth 2.1, 3.2): tokens for a code, for a refresh token, or for a confidential client itself. A confidential
    /// client authenticates by `Basic` or by the form, a public one says its `client_id`. A code is good once, for a minute, with its
    /// verifier; showing one again ends the session that it has begun. Refresh tokens are replaced as those of `POST
    /// /auth-ms/auth/refresh` are.
    IssueTokens: POST "/auth-ms/oauth/token" (), ANY_QUERY, Public, TokenRequest => TokenResponse,
    oauth_docs::issue_tokens;

    /// Get claims about a user
    ///
    /// Userinfo (OpenID Connect Core 1.0, 5.3), by an access token with the scope `openid`: `profile`, `email` and `phone` say which claims.
    ShowUserinfo: GET "/auth-ms/oauth/userinfo" (), ANY_QUERY, ClientToken, () => Userinfo,
    oauth_docs::userinfo;

    /// Get claims about a user by POST
    SubmitUserinfo: POST "/auth-ms/oauth/userinfo" (), ANY_QUERY, ClientToken, () => Userinfo,
    oauth_docs::userinfo;

    /// Revoke a token
    ///
    /// Token revocation (RFC 7009). It ends the session that the token belongs to. Whether there was one is not said.
    RevokeToken: POST "/auth-ms/oauth/revoke" (), ANY_QUERY, Public, RevocationRequest => (),
    oauth_docs::revoke_token;

    /// Sign out from an application
    ///
    /// OpenID Connect RP-Initiated Logout 1.0: ends the session that `id_token_hint` names, which may have expired, and sends the person to
    /// `post_logout_redirect_uri`, if that is registered for the client, with `state`. Without one, a page says that it is done.
    ShowLogout: GET "/auth-ms/oauth/logout" (), ANY_QUERY, Public, () => (),
    oauth_docs::show_logout;

    /// Sign out from an application by a form
    SubmitLogout: POST "/auth-ms/oauth/logout" (), ANY_QUERY, Public, LogoutForm => (),
    oauth_docs::submit_logout;

    /// Get the metadata of the authorization server
    ///
    /// The same as the metadata of OpenID Connect Discovery, where RFC 8414 has it.
    ShowServerMetadata: GET "/auth-ms/.well-known/oauth-authorization-server" (), NO_QUERY, Public, () => Metadata,
    oauth_docs::show_server_metadata;
    } };
}
