//! A request with what its browser keeps for us, and the pages that it leads to by itself.

use crate::assets;
use crate::settings::{self, CONSOLE};
use browser::{Faults, Flow, Frame, Refusal};
use browser_kit::client::{Client, To, accepted};
use browser_kit::respond::{Stop, html, see_other};
use browser_kit::{Browser, Form, Interrupted};
use console_domain::{Action, Admission, English, ROOT, SecondFactor, admit, is_own_page, pages, refusal_text};
use problem::Problem;
use serde_json::Value;
use service_kit::client::Answer;
use service_kit::{Method, Request, Response, StatusCode, config, now};
use std::time::Duration;

/// How long a page waits for what it can do without.
const SOON: Duration = Duration::from_secs(2);

/// A request and what is known of its browser.
pub(crate) struct Context<'r> {
    pub(crate) request: &'r Request,
    browser: Browser<'r>,
    brand: String,
    second_factor: SecondFactor,
    notice: Option<&'static str>,
    administrator: Option<Administrator>,
}

/// Whoever is signed in and let in.
#[derive(Clone)]
pub(crate) struct Administrator {
    pub(crate) id: String,
    pub(crate) email: String,
}

impl<'r> Context<'r> {
    /// Reads settings and cookies.
    pub(crate) fn of(request: &'r Request) -> Result<Self, Problem> {
        let done = request.raw_query().split('&').find_map(|pair| pair.strip_prefix("done="));
        Ok(Self {
            request,
            browser: Browser::of(&CONSOLE, request)?,
            brand: format!("{} console", config::word("brand_name")?),
            second_factor: settings::second_factor()?,
            notice: done.and_then(notice),
            administrator: None,
        })
    }

    /// The client that calls services for the browser, for what needs nobody to be signed in.
    pub(crate) fn client(&self) -> &Client {
        &self.browser.client
    }

    /// Whether people reach this app over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.browser.public_url.starts_with("https://")
    }

    /// What pages are shown with.
    pub(crate) fn frame(&self) -> Result<Frame<'_>, Stop> {
        Ok(Frame {
            root: ROOT,
            language: "en",
            brand: &self.brand,
            words: pages::WORDS,
            form_token: self.browser.form_token(),
            sections: if self.browser.session().is_some() {
                pages::sections(settings::has_experiments())
            } else {
                Vec::new()
            },
            assets: assets::addresses()?,
            notice: self.notice,
        })
    }

    /// A page that says what did not work.
    pub(crate) fn problem_page(&self, status: StatusCode, title: &str, text: &str) -> Stop {
        match self.frame() {
            Ok(frame) => Stop::with(html(status, pages::problem(&frame, title, text, &self.request.id))),
            Err(stop) => stop,
        }
    }

    /// A page that says what a service refuses, where there is no form to say it on.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Stop {
        self.problem_page(status_of(refusal), "This did not work", &refusal_text(refusal))
    }

    /// What a form is told that a service refuses, with its status.
    pub(crate) fn faults(&self, refusal: &Refusal, fields: &[&str]) -> (StatusCode, Faults) {
        (status_of(refusal), Faults::from_refusal(refusal, &English, fields))
    }

    /// What a browser is shown when it cannot go on.
    fn stop(&self, interrupted: Interrupted) -> Stop {
        match interrupted {
            Interrupted::SignedOut => self.to_sign_in(None),
            Interrupted::Ended => self.to_sign_in(Some("ended")),
            Interrupted::Forged => self.problem_page(
                StatusCode::FORBIDDEN,
                "This form was not accepted",
                "It is too old, or was not sent from here. Go back, load the page again and repeat. Cookies must be allowed, and the \
                 address must begin with https or be that of this computer.",
            ),
            Interrupted::Refused(refusal) => self.refused(&refusal),
            Interrupted::Problem(problem) => problem.into(),
        }
    }

    /// The form that was sent, with these fields, if one of our own pages has sent it.
    pub(crate) fn form(&self, fields: &[&str]) -> Result<Form, Stop> {
        self.browser.form(fields).map_err(|interrupted| self.stop(interrupted))
    }

    /// What a sign-in continues with.
    pub(crate) fn flow(&self) -> &Flow {
        self.browser.flow()
    }

    /// Keeps what it continues with.
    pub(crate) fn keep(&mut self, flow: Flow) {
        self.browser.keep(flow);
    }

    /// Forgets it.
    pub(crate) fn end_flow(&mut self) {
        self.browser.end_flow();
    }

    /// The device token of the last sign-in here.
    pub(crate) fn device_token(&self) -> Option<String> {
        self.browser.device_token()
    }

    /// Whether somebody is signed in, as far as the cookie says.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.browser.session().is_some()
    }

    /// Keeps the tokens of a sign-in by somebody who is let in. A session of anybody else ends at once, with the page that says
    /// what would let them in.
    pub(crate) async fn begin_session(&mut self, tokens: &Value) -> Result<(), Stop> {
        self.browser.begin_session(tokens).await.map_err(|interrupted| self.stop(interrupted))?;
        let admission = self.browser.session().map(|session| admit(session, self.second_factor));
        self.require(admission.unwrap_or(Admission::NotAdministrator)).await
    }

    async fn require(&mut self, admission: Admission) -> Result<(), Stop> {
        if admission == Admission::Admitted {
            return Ok(());
        }
        // It ends by itself, if not now; the browser forgets it in any case.
        let _ = self.browser.sign_out().await;
        self.browser.forget_session();
        Err(Stop::with(html(StatusCode::FORBIDDEN, pages::not_admitted(&self.frame()?, admission))))
    }

    /// Lets an administrator in whose session is alive, and sends anybody else to the sign-in. users is asked at each request: who has
    /// lost the role, or is suspended, is out at once and not at the end of the access token.
    pub(crate) async fn require_administrator(&mut self) -> Result<(), Stop> {
        let is_old = |expires_at: i64| now() > expires_at + CONSOLE.session_seconds;
        if self.browser.session().is_some_and(|session| is_old(session.expires_at)) {
            let _ = self.browser.sign_out().await;
            self.browser.forget_session();
            return Err(self.stop(Interrupted::Ended));
        }
        let session = self.browser.valid_session().await.map_err(|interrupted| self.stop(interrupted))?;
        self.require(admit(&session, self.second_factor)).await?;
        let user = self.get(To::Users, &format!("/users/{}", session.user_id)).await?;
        let is_administrator = user["role"] == "admin";
        self.require(if is_administrator { Admission::Admitted } else { Admission::NotAdministrator }).await?;
        let email = user["email"].as_str().unwrap_or_default().to_owned();
        self.administrator = Some(Administrator { id: session.user_id, email });
        Ok(())
    }

    /// Whoever was let in.
    pub(crate) fn administrator(&self) -> Result<Administrator, Stop> {
        self.administrator.clone().ok_or_else(|| self.to_sign_in(None))
    }

    /// Ends the session, if there is one.
    pub(crate) async fn sign_out(&mut self) -> Result<(), Stop> {
        self.browser.sign_out().await.map_err(|interrupted| self.stop(interrupted))
    }

    /// To the sign-in, and back to this page afterwards.
    fn to_sign_in(&self, done: Option<&str>) -> Stop {
        let done = done.map(|done| format!("&done={done}")).unwrap_or_default();
        Stop::with(see_other(&format!("{ROOT}/sign-in?next={}{done}", self.page())))
    }

    /// The page that the request is for, or that its form is on.
    fn page(&self) -> String {
        let path = format!("/{}", self.request.path().join("/"));
        if is_own_page(&path) { path } else { ROOT.to_owned() }
    }

    /// Calls an operation as whoever is signed in, and gives whatever it answers. A session that has ended leads to the sign-in, and
    /// what needs a recent one to the page that asks for the password; both come back.
    pub(crate) async fn send(
        &mut self,
        to: To,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Stop> {
        let answer = self.browser.send(to, method, path, headers, body).await;
        let answer = answer.map_err(|interrupted| self.stop(interrupted))?;
        match accepted(&answer) {
            Err(refusal) if refusal.slug == "reauthentication-required" => {
                Err(Stop::with(see_other(&format!("{ROOT}/confirm?next={}", self.page()))))
            }
            _ => Ok(answer),
        }
    }

    /// The same, with what it says, or what it refuses.
    pub(crate) async fn call(
        &mut self,
        to: To,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, Stop> {
        Ok(accepted(&self.send(to, method, path, headers, body).await?))
    }

    /// What an operation answers that refuses nothing but what no form can help.
    pub(crate) async fn get(&mut self, to: To, path: &str) -> Result<Value, Stop> {
        self.call(to, Method::GET, path, &[], None).await?.map_err(|refusal| self.refused(&refusal))
    }

    /// What an operation answers, or refuses. A service that does not answer is a refusal too, so that what others say is shown.
    pub(crate) async fn ask(&mut self, to: To, path: &str) -> Result<Result<Value, Refusal>, Stop> {
        match self.browser.send(to, Method::GET, path, &[], None).await {
            Ok(answer) => Ok(accepted(&answer)),
            Err(Interrupted::Refused(refusal)) => Ok(Err(refusal)),
            Err(interrupted) => Err(self.stop(interrupted)),
        }
    }

    /// The same for what a page can do without: it does not wait long.
    pub(crate) async fn ask_soon(&mut self, to: To, path: &str) -> Result<Result<Value, Refusal>, Stop> {
        let usual = std::mem::replace(&mut self.browser.client.limit, SOON);
        let answer = self.ask(to, path).await;
        self.browser.client.limit = usual;
        answer
    }

    /// Fetches new tokens, which tell of the password that was just shown.
    pub(crate) async fn renew(&mut self) -> Result<(), Stop> {
        self.browser.renew().await.map_err(|interrupted| self.stop(interrupted))
    }

    /// Adds the cookies to a response.
    pub(crate) fn finish(&self, response: &mut Response) {
        self.browser.finish(response);
    }
}

/// The status of a page that says what a service refuses.
fn status_of(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// What has just been done, by the word in the address.
fn notice(done: &str) -> Option<&'static str> {
    Some(match done {
        "ended" => "Your session has ended. Sign in again.",
        "signed-out" => "You are signed out.",
        "confirmed" => "Thank you. Now repeat what you were about to do.",
        "redriven" => "Back in the queue. What is tried again and fails comes back here.",
        "dropped" => "Dropped.",
        _ => return Action::find(done).map(Action::done),
    })
}
