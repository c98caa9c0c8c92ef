//! An application that signs people in through the OpenID Connect provider.

use crate::app::TestApp;
use crate::http::{Answer, Request};
use crate::people::{PASSWORD, Person};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The media type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// Where the application is sent people back to.
pub const CALLBACK: &str = "https://app.example/callback?tenant=1";
/// Where it is after a logout.
pub const GOODBYE: &str = "https://app.example/goodbye";
/// The verifier of PKCE that it uses.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Where the app believes to be, unless it is told otherwise.
pub const ISSUER: &str = "http://127.0.0.1:4000/auth-ms";

/// An application that is registered.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// The `client_id`.
    pub id: String,
    /// The secret of a confidential one.
    pub secret: Option<String>,
}

/// What a token endpoint has answered.
#[derive(Clone, Debug)]
pub struct ClientTokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: Option<String>,
    /// The ID token.
    pub id: Option<String>,
    /// All of it.
    pub body: Value,
}

/// The challenge of a verifier.
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A form or a query.
#[must_use]
pub fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The payload of a JWT, unverified.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// A parameter of the query of a redirection.
#[must_use]
pub fn parameter(location: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(location).ok()?;
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Where an answer leads, which is back to the application.
///
/// # Panics
/// If it leads elsewhere.
#[track_caller]
#[must_use]
pub fn way_back(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location").expect("a redirection says where to").to_owned();
    assert!(location.starts_with(CALLBACK), "{location}");
    assert_eq!(parameter(&location, "iss").as_deref(), Some(ISSUER), "{location}");
    location
}

/// The error that an answer takes back to the application.
#[track_caller]
#[must_use]
pub fn error_of(answer: &Answer) -> String {
    let location = way_back(answer);
    assert_eq!(parameter(&location, "code"), None);
    parameter(&location, "error").expect("there is an error")
}

impl RelyingParty {
    /// An authorization request, with other values for some of its parameters; an empty one is left out.
    #[must_use]
    pub fn request(&self, changes: &[(&str, &str)]) -> String {
        let challenge = challenge(VERIFIER);
        let mut fields = vec![
            ("client_id", self.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid profile email offline_access"),
            ("state", "a state & more"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        encoded(&fields)
    }

    /// The header with its secret.
    #[must_use]
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret.as_deref().unwrap_or_default())))
    }
}

impl TestApp {
    /// Registers an application. `change` replaces parts of the usual registration.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn register(&self, admin: &Person, change: &Value) -> RelyingParty {
        let mut body = json!({"name": "Calendar", "confidential": true, "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [GOODBYE], "scopes": ["openid", "profile", "email", "phone", "offline_access"]});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let client = self.post("/users-ms/oauth-clients").bearer(&admin.access).json(&body).send().expect(201).json();
        let text = |name: &str| client[name].as_str().map(str::to_owned);
        RelyingParty { id: text("id").expect("a client has an id"), secret: text("client_secret") }
    }

    /// A public application that no administrator has registered.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn public_client(&self) -> RelyingParty {
        let register = "INSERT INTO oauth_clients (id, name, redirect_uris, post_logout_redirect_uris, scopes, grants)
            VALUES (gen_random_uuid(), 'Calendar', ARRAY[$1], '{}', '{openid,profile,email,phone,offline_access}',
                '{authorization_code,refresh_token}') RETURNING id::text";
        let id = self.backend.sql().query_one(register, &[&CALLBACK]).expect("a client is registered").get(0);
        RelyingParty { id, secret: None }
    }

    /// Opens the page of an authorization request.
    pub fn authorize(&self, request: &str) -> Request<'_> {
        self.get(&format!("/auth-ms/oauth/authorize?{request}"))
    }

    /// Sends the form of the page, as a browser does.
    pub fn allow(&self, request: &str, email: &str, password: &str) -> Request<'_> {
        let sign_in = encoded(&[("username", email), ("password", password), ("decision", "allow")]);
        self.page("/auth-ms/oauth/sign-in", &format!("{request}&{sign_in}"))
    }

    /// Sends a form of a page of the provider.
    pub fn page(&self, path: &str, form: &str) -> Request<'_> {
        self.post(path).header("origin", "http://127.0.0.1:4000").body(FORM, form)
    }

    /// A code for an application, by the page.
    #[track_caller]
    #[must_use]
    pub fn code(&self, request: &str, person: &Person) -> String {
        let location = way_back(&self.allow(request, &person.email, PASSWORD).send());
        assert_eq!(parameter(&location, "error"), None, "{location}");
        parameter(&location, "code").expect("there is a code")
    }

    /// Sends a request to the token endpoint.
    #[track_caller]
    pub fn token(&self, client: &RelyingParty, fields: &[(&str, &str)]) -> Answer {
        let request = self.post("/auth-ms/oauth/token");
        match client.secret {
            Some(_) => request.header("authorization", &client.basic()).body(FORM, encoded(fields)).send(),
            None => {
                let fields = [fields, &[("client_id", client.id.as_str())]].concat();
                request.body(FORM, encoded(&fields)).send()
            }
        }
    }

    /// Exchanges a code.
    #[track_caller]
    pub fn exchange(&self, client: &RelyingParty, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.token(client, &fields)
    }

    /// Exchanges a refresh token.
    #[track_caller]
    pub fn refresh_client(&self, client: &RelyingParty, token: &str) -> Answer {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// The whole way: the page, the code, the tokens.
    #[track_caller]
    #[must_use]
    pub fn connect(&self, client: &RelyingParty, person: &Person) -> ClientTokens {
        let code = self.code(&client.request(&[]), person);
        ClientTokens::of(&self.exchange(client, &code).expect(200))
    }

    /// What userinfo says.
    #[track_caller]
    pub fn userinfo(&self, access: &str) -> Answer {
        self.get("/auth-ms/oauth/userinfo").bearer(access).send()
    }
}

impl ClientTokens {
    /// Those of an answer.
    ///
    /// # Panics
    /// If there is no access token.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let access = text("access_token").expect("there is an access token");
        Self { access, refresh: text("refresh_token"), id: text("id_token"), body }
    }
}
