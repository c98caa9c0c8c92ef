//! POST /auth-ms/oauth/sign-in and /auth-ms/oauth/second-factor: a person signs in for an application, and allows what it asks for.
//!
//! The sign-in is that of POST /auth-ms/auth/login, with its limits and its notice. The session that it begins gives nobody any token: it
//! ends when the code is kept.

use super::super::Call;
use super::super::login::admit;
use super::super::second_factor::admit_with_code;
use super::authorize::{Known, known};
use super::{page, redirection, texts_of, users_of};
use crate::users::Users;
use api::auth::LoginRequest;
use api::auth::operation::{AuthorizeWithSecondFactor, SignInToAuthorize};
use api::users::{IssueOauthCodeRequest, OauthCodeOutcome, StartedSession};
use auth_domain::LoginAttempt;
use auth_domain::oauth::{Code, Consent, OauthFailure, Texts, code_page, message_page, origin_of, sign_in_page};
use problem::{Kind, Problem};
use service_kit::{HandlerResult, Request, Response, StatusCode, config, log, random, set_header};
use std::collections::BTreeMap;

/// How long the session lives that a sign-in begins, in seconds, if its end fails.
const MOMENT: i32 = 60;

/// POST `/sign-in`: email and password.
pub(in super::super) async fn sign_in_to_authorize(call: &Call<'_, SignInToAuthorize>) -> HandlerResult {
    let form = match submitted(call.request, call.raw_body()?).await? {
        Ok(form) => form,
        Err(refusal) => return Ok(refusal),
    };
    let attempt = LoginAttempt::from(LoginRequest {
        username: form.field("username"),
        password: form.field("password"),
        device_token: None,
    });
    let peppers = config::peppers()?;
    let problem = match admit(call.request, &attempt, &peppers, MOMENT).await {
        Ok(admitted) => return form.allow(&admitted.session).await,
        Err(problem) => problem,
    };
    match (problem.kind(), problem.challenge()) {
        (Kind::MfaRequired, Some(challenge)) => Ok(form.code_page(StatusCode::OK, challenge, None)),
        _ => form.refuse(problem, |form, status, words| form.sign_in_page(status, words)),
    }
}

/// POST `/second-factor`: a code after the right password.
pub(in super::super) async fn authorize_with_second_factor(
    call: &Call<'_, AuthorizeWithSecondFactor>,
) -> HandlerResult {
    let form = match submitted(call.request, call.raw_body()?).await? {
        Ok(form) => form,
        Err(refusal) => return Ok(refusal),
    };
    let (challenge, code) = (form.field("challenge"), form.field("code"));
    match admit_with_code(call.request, challenge.clone(), code, &config::peppers()?, MOMENT).await {
        Ok(session) => form.allow(&session).await,
        Err(problem) if problem.kind() == Kind::InvalidCode => {
            form.refuse(problem, |form, status, words| form.code_page(status, &challenge, Some(words)))
        }
        Err(problem) => form.refuse(problem, |form, status, words| form.sign_in_page(status, words)),
    }
}

/// What a page has sent.
struct Form {
    t: Texts,
    users: Users,
    known: Known,
    issuer: String,
    fields: BTreeMap<String, String>,
}

/// Reads what a page has sent: from here, by somebody who allows what is asked for, with an authorization request that is still valid.
async fn submitted(request: &Request, encoded: &[u8]) -> Result<Result<Form, Response>, Problem> {
    let (users, t) = (users_of(request)?, texts_of(request, encoded));
    let issuer = config::token_issuer()?;
    // A page of somebody else must not sign people in as whom it likes.
    if request.header("origin") != Some(origin_of(&issuer)) {
        log::audit("authorization", "other-origin", &request.id, &[]);
        return Ok(Err(page(StatusCode::FORBIDDEN, message_page(&t, t.not_here, t.other_page), None)));
    }
    let known = match known(&users, encoded, &t).await? {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let fields: BTreeMap<_, _> = url::form_urlencoded::parse(encoded).into_owned().collect();
    if fields.get("decision").map(String::as_str) != Some("allow") {
        let failure = OauthFailure::new("access_denied", "The user does not allow it.");
        return Ok(Err(redirection(&known.request.refusal(&issuer, &failure))));
    }
    Ok(Ok(Form { t, users, known, issuer, fields }))
}

impl Form {
    fn field(&self, name: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    fn consent(&self) -> Consent<'_> {
        Consent { t: &self.t, name: &self.known.client.name, scopes: &self.known.asked.scopes }
    }

    fn sign_in_page(&self, status: StatusCode, words: &str) -> Response {
        let html = sign_in_page(&self.known.request, self.consent(), &self.field("username"), Some(words));
        page(status, html, Some(&self.known.request.redirect_uri))
    }

    fn code_page(&self, status: StatusCode, challenge: &str, words: Option<&str>) -> Response {
        let html = code_page(&self.known.request, self.consent(), challenge, words);
        page(status, html, Some(&self.known.request.redirect_uri))
    }

    /// The page for somebody who is not let in. What is our own failure is a problem here too.
    fn refuse(&self, problem: Problem, page: impl FnOnce(&Self, StatusCode, &str) -> Response) -> HandlerResult {
        let status = match StatusCode::from_u16(problem.status()) {
            Ok(status) if status.is_server_error() => return Err(problem),
            Ok(StatusCode::TOO_MANY_REQUESTS) => StatusCode::TOO_MANY_REQUESTS,
            // A page does not ask for a header.
            _ => StatusCode::FORBIDDEN,
        };
        let mut response = page(self, status, self.t.refusal(problem.kind()));
        if let Some((_, seconds)) = problem.headers().iter().find(|(name, _)| *name == "retry-after") {
            set_header(&mut response, "retry-after", seconds);
        }
        Ok(response)
    }

    /// Sends the person back with a code; the session that they have signed in to ends.
    async fn allow(self, session: &StartedSession) -> HandlerResult {
        let Known { request, client, asked } = self.known;
        let code = Code::new(random::bytes());
        let body = IssueOauthCodeRequest {
            code: code.digest,
            client_id: client.id,
            session_id: session.session_id,
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: asked.code_challenge,
            nonce: asked.nonce,
            scopes: asked.scopes,
            // The sign-in was a moment ago.
            max_age: None,
            consented: true,
            asks: false,
            ask_max_age: None,
            ends_session: true,
        };
        let failure = match self.users.by(session.user_id).issue_oauth_code(&body).await? {
            OauthCodeOutcome::Issued => return Ok(redirection(&request.answer(&self.issuer, &[("code", &code.text)]))),
            OauthCodeOutcome::UnknownClient => {
                OauthFailure::new("unauthorized_client", "The client is not known any more.")
            }
            _ => OauthFailure::new("access_denied", "The account has changed meanwhile. Begin again."),
        };
        Ok(redirection(&request.refusal(&self.issuer, &failure)))
    }
}
