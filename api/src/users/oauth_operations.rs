//! The operations of the OAuth 2.1 and OpenID Connect provider that users has.

/// Passes these operations on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_oauth_operations {
    ($first:ident! { $second:ident! { $third:ident! { $fourth:ident! { $next:ident! { $($others:tt)* } } } } }) => {
    $first! { $second! { $third! { $fourth! { $next! {
$($others)*

    /// List clients
    ///
    /// The applications that may ask people for access, in the order of their names, to an administrator. There are 200 at most.
    ListOauthClients: GET "/users-ms/oauth-clients" (), NO_QUERY, AccessToken, () => List<OauthClient>,
    oauth_docs::list_oauth_clients;

    /// Register a client
    ///
    /// A confidential client gets a secret, which is shown once. Redirect URIs are compared as a whole; only the port of one at
    /// `http://127.0.0.1` or `http://[::1]` may be another (RFC 8252, 7.3). This is for administrators, and requires a sign-in within the
    /// last ten minutes.
    RegisterOauthClient: POST "/users-ms/oauth-clients" (), NO_QUERY, AccessToken, NewOauthClientRequest => NewOauthClient,
    oauth_docs::register_oauth_client;

    /// Get a client
    GetOauthClient: GET "/users-ms/oauth-clients/{client_id}" OauthClientId, NO_QUERY, AccessToken, () => OauthClient,
    oauth_docs::get_oauth_client;

    /// Change a client
    ///
    /// What its sessions have is not more than what it may ask for from now on. This is for administrators, and requires a sign-in within
    /// the last ten minutes.
    ChangeOauthClient: PATCH "/users-ms/oauth-clients/{client_id}" OauthClientId, NO_QUERY, AccessToken, OauthClientChange => OauthClient,
    oauth_docs::change_oauth_client;

    /// Remove a client
    ///
    /// Its sessions end, and what people have allowed it is forgotten. This is for administrators, and requires a sign-in within the
    /// last ten minutes.
    RemoveOauthClient: DELETE "/users-ms/oauth-clients/{client_id}" OauthClientId, NO_QUERY, AccessToken, () => (),
    oauth_docs::remove_oauth_client;

    /// Replace the secret of a client
    ///
    /// The one before is not accepted any more. This is for administrators, and requires a sign-in within the last ten minutes.
    ReplaceOauthClientSecret: POST "/users-ms/oauth-clients/{client_id}/secret" OauthClientId, NO_QUERY, AccessToken, () => OauthClientSecret,
    oauth_docs::replace_oauth_client_secret;

    /// List connected applications
    ///
    /// What the user has allowed which applications, in the order of their names.
    ListConnectedApplications: GET "/users-ms/users/{id}/connected-applications" UserId, NO_QUERY, AccessToken, () => List<ConnectedApplication>,
    oauth_docs::list_connected_applications;

    /// Disconnect an application
    ///
    /// Its sessions of the user end, and it has to ask again. It succeeds also for one that is not connected.
    DisconnectApplication: DELETE "/users-ms/users/{id}/connected-applications/{client_id}" (UserId, Uuid), NO_QUERY, AccessToken, () => (),
    oauth_docs::disconnect_application;

    /// Find a client
    FindOauthClient: GET "/users-ms/internal/oauth/clients/{client_id}" Uuid, NO_QUERY, ByAuth, () => FoundOauthClient,
    oauth_docs::find_oauth_client;

    /// Authenticate a client
    ///
    /// A confidential client by the digest of its secret, a public one by its id alone. Wrong secrets count against where they come from.
    AuthenticateOauthClient: POST "/users-ms/internal/oauth/clients/authenticate" (), NO_QUERY, ByAuth, AuthenticateOauthClientRequest => AuthenticateOauthClientResponse,
    oauth_docs::authenticate_oauth_client;

    /// Keep an authorization code
    ///
    /// By a session of the user's own, for a minute. What the user consents to is remembered.
    IssueOauthCode: POST "/users-ms/internal/oauth/codes" (), NO_QUERY, ByAuth, IssueOauthCodeRequest => IssueOauthCodeResponse,
    oauth_docs::issue_oauth_code;

    /// Spend an authorization code
    ///
    /// Begins the session of its client. A code is good once; one that is shown again ends the session that it has begun.
    SpendOauthCode: POST "/users-ms/internal/oauth/codes/spend" (), NO_QUERY, ByAuth, SpendOauthCodeRequest => OauthGrantResponse,
    oauth_docs::spend_oauth_code;

    /// Rotate a refresh token of a client
    ///
    /// As tokens of the user's own sessions are rotated, and only for the client that the session is of.
    RotateOauthToken: POST "/users-ms/internal/oauth/sessions/rotate" (), NO_QUERY, ByAuth, RotateOauthTokenRequest => OauthGrantResponse,
    oauth_docs::rotate_oauth_token;

    /// Find the user of a session of a client
    FindOauthSession: GET "/users-ms/internal/oauth/clients/{client_id}/sessions/{session_id}" (Uuid, Uuid), NO_QUERY, ByAuth, () => OauthUserinfo,
    oauth_docs::find_oauth_session;

    /// End a session of a client
    EndOauthSession: DELETE "/users-ms/internal/oauth/clients/{client_id}/sessions/{session_id}" (Uuid, Uuid), NO_QUERY, ByAuth, () => SessionsEnded,
    oauth_docs::end_oauth_session;
    } } } } } };
}
