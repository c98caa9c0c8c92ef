//! A request with what its browser keeps for us, and the pages that it leads to by itself.

use crate::assets;
use crate::client::{Client, To, accepted};
use crate::respond::{Stop, html, see_other};
use crate::settings::{self, ACCOUNT};
use account_domain::pages::{self, View};
use account_domain::{
    Action, Applications, Faults, Flow, ROOT, Refusal, Sealed, Texts, idempotency_key, refusal_text, with_parameter,
};
use browser_kit::{Browser, Form, Interrupted};
use problem::Problem;
use serde_json::Value;
use service_kit::client::Answer;
use service_kit::{Method, Request, Response, StatusCode, config, now};
use std::collections::BTreeMap;

/// A request and what is known of its browser.
pub(crate) struct Context<'r> {
    pub(crate) request: &'r Request,
    pub(crate) t: Texts,
    pub(crate) applications: Applications,
    browser: Browser<'r>,
    brand: String,
    notice: Option<&'static str>,
    leads_to: Option<String>,
    /// The fields of the form that was sent, until something comes of them.
    sent: Option<Form>,
    /// The fields of a form that goes on after its user has confirmed it.
    resumed: Option<Form>,
    /// What was sent and needs the password first: where to go without it, and the form, sealed.
    interrupted: Option<(String, String)>,
}

impl<'r> Context<'r> {
    /// Reads settings and cookies.
    pub(crate) fn of(request: &'r Request) -> Result<Self, Problem> {
        let browser = Browser::of(&ACCOUNT, request)?;
        let locale = browser.session().and_then(|session| session.locale.as_deref());
        let t = Texts::of(locale, request.header("accept-language"), &settings::default_locale()?);
        let done = request.raw_query().split('&').find_map(|pair| pair.strip_prefix("done="));
        Ok(Self {
            notice: done.and_then(|done| notice(done, &t)),
            request,
            t,
            applications: settings::applications()?,
            browser,
            brand: config::word("brand_name")?,
            leads_to: None,
            sent: None,
            resumed: None,
            interrupted: None,
        })
    }

    /// The client that calls services for the browser.
    pub(crate) fn client(&self) -> &Client {
        &self.browser.client
    }

    /// Has users do once what a form asks for, however often the form is sent: by a double click, or again since the answer was lost.
    pub(crate) async fn once(&self, form: &Form, path: &str, body: &Value) -> Result<Value, Refusal> {
        let key = idempotency_key(form.token(), &body.to_string());
        let headers = [("idempotency-key", key.as_str())];
        accepted(&self.client().send(To::Users, &Method::POST, path, None, &headers, Some(body)).await?)
    }

    /// Whether people reach this app over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.browser.public_url.starts_with("https://")
    }

    /// What pages are shown with.
    pub(crate) fn view(&self) -> Result<View<'_>, Stop> {
        let assets = assets::addresses()?;
        let has_applications = settings::has_applications()?;
        let token = self.browser.form_token();
        Ok(View::new(&self.t, &self.brand, token, self.is_signed_in(), has_applications, assets, self.notice))
    }

    /// A page with a notice of its own.
    pub(crate) fn say(&mut self, notice: &'static str) {
        self.notice = Some(notice);
    }

    /// A page that says what did not work.
    pub(crate) fn problem_page(&self, status: StatusCode, title: &str, text: &str) -> Stop {
        match self.view() {
            Ok(view) => Stop::with(html(status, pages::problem(&view, title, text, &self.request.id))),
            Err(stop) => stop,
        }
    }

    /// A page that says what a service refuses, where there is no form to say it on.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Stop {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        self.problem_page(status, self.t.fault_title, &refusal_text(refusal, &self.t))
    }

    /// What a form is told that a service refuses, with its status.
    pub(crate) fn faults(&self, refusal: &Refusal, fields: &[&str]) -> (StatusCode, Faults) {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        (status, Faults::from_refusal(refusal, &self.t, fields))
    }

    /// What a browser is shown when it cannot go on.
    fn stop(&self, interrupted: Interrupted) -> Stop {
        match interrupted {
            Interrupted::SignedOut => self.to_sign_in(None),
            Interrupted::Ended => self.to_sign_in(Some("ended")),
            Interrupted::Forged => self.problem_page(StatusCode::FORBIDDEN, self.t.forged_title, self.t.forged),
            Interrupted::Refused(refusal) => self.refused(&refusal),
            Interrupted::Problem(problem) => problem.into(),
        }
    }

    /// Lets a form of the page end at this application, by a redirection.
    pub(crate) fn leads_to(&mut self, origin: String) {
        self.leads_to = Some(origin);
    }

    /// Where forms of the page may end, beside our own pages.
    pub(crate) fn form_targets(&self) -> Vec<String> {
        self.applications.origins().iter().chain(&self.leads_to).cloned().collect()
    }

    /// The id of the session, if somebody is signed in.
    pub(crate) fn session_id(&self) -> Option<&str> {
        self.browser.session().map(|session| session.session_id.as_str())
    }

    /// Seals something that a form brings back.
    pub(crate) fn seal(&self, value: &impl Sealed) -> String {
        self.browser.seal(value)
    }

    /// Opens it.
    pub(crate) fn open<T: Sealed>(&self, value: &str) -> Option<T> {
        self.browser.open(value)
    }

    /// The form that was sent, with these fields, if one of our own pages has sent it.
    /// After a confirmation it is the one that was sent before that.
    pub(crate) fn form(&mut self, fields: &[&str]) -> Result<Form, Stop> {
        if let Some(form) = self.resumed.take() {
            return Ok(form);
        }
        let form = self.browser.form(fields).map_err(|interrupted| self.stop(interrupted))?;
        self.sent = Some(form.clone());
        Ok(form)
    }

    /// Goes on with a form that was sent before its user has confirmed it.
    pub(crate) fn resume(&mut self, fields: BTreeMap<String, String>) {
        (self.resumed, self.sent) = (Some(Form::from(fields)), None);
    }

    /// To the page that asks for the password, with the form that was sent: it goes on at this path, below the root.
    pub(crate) fn interrupt(&mut self, path: &str) -> Stop {
        if let Some(action) = self.action(path) {
            self.interrupted = Some((self.page(), action));
        }
        Stop::with(see_other(&self.confirm_path()))
    }

    /// The form that was sent, sealed to go on at this path.
    fn action(&mut self, path: &str) -> Option<String> {
        let form = self.sent.take()?;
        let user = self.browser.session().map(|session| session.user_id.clone()).unwrap_or_default();
        Some(self.seal(&Action::of(path, form.fields(), &user, now())?))
    }

    /// The address of the page that asks for the password, for a script: the form that it has sent goes on at this path.
    pub(crate) fn confirm_address(&mut self, path: &str) -> String {
        let action = self.action(path);
        with_parameter(&self.confirm_path(), "action", action.as_deref().unwrap_or_default())
    }

    /// What was sent and needs the password first: where to go without it, and the form, sealed.
    pub(crate) fn interrupted(&mut self) -> Option<(String, String)> {
        self.interrupted.take()
    }

    /// What a sign-in or a sign-up continues with.
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

    /// Keeps the tokens of a sign-in, and ends the session that there was. The address of whoever has signed in, if users says it.
    pub(crate) async fn begin_session(&mut self, tokens: &Value) -> Result<Option<String>, Stop> {
        self.browser.begin_session(tokens).await.map_err(|interrupted| self.stop(interrupted))?;
        let Some(session) = self.browser.session() else { return Ok(None) };
        let path = format!("/users/{}", session.user_id);
        let user = self.client().json(To::Users, &Method::GET, &path, Some(&session.access), None).await;
        let user = user.unwrap_or_default();
        if let Some(locale) = user["locale"].as_str() {
            self.browser.keep_locale(Some(locale.to_owned()));
        }
        Ok(user["email"].as_str().map(str::to_owned))
    }

    /// Keeps the language that the user has chosen, in which pages are from now on.
    pub(crate) fn keep_locale(&mut self, locale: Option<String>) {
        self.browser.keep_locale(locale);
    }

    /// Forgets the session.
    pub(crate) fn forget_session(&mut self) {
        self.browser.forget_session();
    }

    /// Whether somebody is signed in, as far as the cookie says.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.browser.session().is_some()
    }

    /// Ends the session, if there is one.
    pub(crate) async fn sign_out(&mut self) -> Result<(), Stop> {
        self.browser.sign_out().await.map_err(|interrupted| self.stop(interrupted))
    }

    /// The id of whoever is signed in; to the sign-in and back, if nobody is.
    pub(crate) async fn user_id(&mut self) -> Result<String, Stop> {
        let session = self.browser.valid_session().await.map_err(|interrupted| self.stop(interrupted))?;
        Ok(session.user_id)
    }

    /// To the sign-in, and back to this page afterwards.
    fn to_sign_in(&self, done: Option<&str>) -> Stop {
        let done = done.map(|done| format!("&done={done}")).unwrap_or_default();
        Stop::with(see_other(&format!("{ROOT}/sign-in?next={}{done}", self.page())))
    }

    /// The page that the request is for, or that its form is on.
    fn page(&self) -> String {
        let path = self.request.path();
        let section = path.get(1).copied().unwrap_or_default();
        let page = if section.is_empty() { ROOT.to_owned() } else { format!("{ROOT}/{section}") };
        if account_domain::is_own_page(&page) { page } else { ROOT.to_owned() }
    }

    /// Calls an operation as whoever is signed in, and gives whatever it answers. A session that has ended leads to the
    /// sign-in, and what needs a recent one to the page that asks for the password; both come back.
    pub(crate) async fn send(
        &mut self,
        to: To,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Stop> {
        let answer = self.browser.send(to, method, path, &[], body).await;
        answer.map_err(|interrupted| self.stop(interrupted))
    }

    /// The same for what may need a recent sign-in: the answer of the operation, or to the page that asks for the password.
    pub(crate) async fn call(
        &mut self,
        to: To,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, Stop> {
        let answer = accepted(&self.send(to, method, path, body).await?);
        match answer {
            Err(refusal) if refusal.slug == "reauthentication-required" => {
                let path = self.request.path().get(1..).unwrap_or_default().join("/");
                Err(self.interrupt(&format!("/{path}")))
            }
            answer => Ok(answer),
        }
    }

    /// The page that asks for the password, and comes back.
    fn confirm_path(&self) -> String {
        format!("{ROOT}/confirm?next={}", self.page())
    }

    /// What an operation answers that refuses nothing but what no form can help.
    pub(crate) async fn get(&mut self, to: To, path: &str) -> Result<Value, Stop> {
        self.call(to, Method::GET, path, None).await?.map_err(|refusal| self.refused(&refusal))
    }

    /// Adds the cookies to a response.
    pub(crate) fn finish(&self, response: &mut Response) {
        self.browser.finish(response);
    }
}

/// What has just been done, by the word in the address.
fn notice(done: &str, t: &Texts) -> Option<&'static str> {
    Some(match done {
        "saved" => t.done_saved,
        "verified" => t.done_verified,
        "verified-here" => t.done_verified_here,
        "signed-in-here" => t.done_signed_in_here,
        "sent" => t.done_sent,
        "phone-sent" => t.done_phone_sent,
        "phone" => t.done_phone,
        "recovered" => t.done_recovered,
        "recovered-here" => t.done_recovered_here,
        "recovered-in" => t.done_recovered_in,
        "email" => t.done_email,
        "email-sent" => t.done_email_sent,
        "returned" => t.done_returned,
        "accepted" => t.done_accepted,
        "password" => t.done_password,
        "confirmed" => t.done_confirmed,
        "signed-out" => t.done_signed_out,
        "ended" => t.done_ended,
        "session-ended" => t.done_session_ended,
        "disconnected" => t.done_disconnected,
        "removed" => t.done_removed,
        "added" => t.done_added,
        "verify-first" => t.verify_first,
        "recover-first" => t.recover_first,
        _ => return None,
    })
}
