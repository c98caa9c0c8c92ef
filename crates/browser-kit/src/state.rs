//! What a browser keeps for a component: session, sign-in that is under way, device; and the response's cookies.

use crate::client::{Client, To, accepted};
use crate::component::Component;
use crate::form::Form;
use crate::settings;
use browser::cookies::{self, Cookie};
use browser::{
    Binding, Device, FLOW_SECONDS, Flow, Origins, Refusal, Sealed, Session, form_token, is_valid_form_token,
};
use problem::Problem;
use sealing::SealingKeys;
use serde_json::{Value, json};
use service_kit::client::Answer;
use service_kit::{Method, Request, Response, now, random};
use std::collections::BTreeMap;

/// How long a browser keeps that somebody has signed in here: the longest that browsers do.
const DEVICE_SECONDS: i64 = 400 * 24 * 60 * 60;

/// Why what was asked for cannot be done.
#[derive(Debug)]
pub enum Interrupted {
    /// Nobody is signed in.
    SignedOut,
    /// The session has ended.
    Ended,
    /// The form is none that our pages have shown to this browser.
    Forged,
    /// A service refuses it.
    Refused(Refusal),
    /// A problem.
    Problem(Problem),
}

impl From<Problem> for Interrupted {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What the browser of a request keeps.
pub struct Browser<'r> {
    /// The client that calls services for it.
    pub client: Client,
    /// Where people reach this app.
    pub public_url: String,
    component: &'static Component,
    request: &'r Request,
    keys: SealingKeys,
    session: Option<Session>,
    flow: Flow,
    id: String,
    set_cookies: BTreeMap<Cookie, String>,
}

impl<'r> Browser<'r> {
    /// Reads settings and cookies.
    ///
    /// # Errors
    /// If a setting is wrong.
    pub fn of(component: &'static Component, request: &'r Request) -> Result<Self, Problem> {
        let keys = settings::keys(component)?;
        let header = request.header("cookie").unwrap_or_default();
        let cookie = |cookie: Cookie| cookies::find(header, &cookie.name(component.name));
        let session = cookie(Cookie::Session).and_then(|value| Session::open(&keys, component.name, value));
        let flow = cookie(Cookie::Flow).and_then(|value| Flow::open(&keys, component.name, value));
        let id = cookie(Cookie::Browser).filter(|value| value.len() == 32).map(str::to_owned);
        let mut browser = Self {
            client: Client::of(request)?,
            public_url: settings::public_url()?,
            component,
            request,
            keys,
            session,
            flow: flow.filter(|flow| flow.until >= now()).unwrap_or_default(),
            id: String::new(),
            set_cookies: BTreeMap::new(),
        };
        browser.id = id.unwrap_or_else(|| {
            let id = random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            browser.set_cookie(Cookie::Browser, &id, None);
            id
        });
        Ok(browser)
    }

    fn set_cookie(&mut self, cookie: Cookie, value: &str, max_age: Option<i64>) {
        self.set_cookies.insert(cookie, cookies::set(&cookie.name(self.component.name), value, max_age));
    }

    fn remove_cookie(&mut self, cookie: Cookie) {
        self.set_cookies.insert(cookie, cookies::remove(&cookie.name(self.component.name)));
    }

    /// The session, as far as the cookie says.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    fn binding(&self) -> Binding<'_> {
        let session = self.session.as_ref().map(|session| session.session_id.as_str());
        Binding { component: self.component.name, browser: &self.id, session }
    }

    /// What forms are sent with.
    pub fn form_token(&self) -> String {
        form_token(&self.keys, self.binding(), now(), random::bytes())
    }

    /// The form that was sent, with these fields, if one of our own pages has sent it.
    ///
    /// # Errors
    /// If none has, or if it has other fields.
    pub fn form(&self, fields: &[&str]) -> Result<Form, Interrupted> {
        let header = |name| self.request.header(name);
        let origins = Origins {
            origin: header("origin"),
            site: header("sec-fetch-site"),
            host: self.request.authority.as_deref(),
            public_url: &self.public_url,
        };
        if !origins.are_ours() {
            return Err(Interrupted::Forged);
        }
        let mut known = fields.to_vec();
        known.push("form_token");
        let mut fields = self.request.form(&["application/x-www-form-urlencoded"], &known)?;
        let token = fields.remove("form_token").unwrap_or_default();
        if is_valid_form_token(&self.keys, self.binding(), now(), &token) {
            Ok(Form { fields, token })
        } else {
            Err(Interrupted::Forged)
        }
    }

    /// Seals something that a form brings back.
    pub fn seal(&self, value: &impl Sealed) -> String {
        value.seal(&self.keys, self.component.name, random::bytes())
    }

    /// Opens it.
    pub fn open<T: Sealed>(&self, value: &str) -> Option<T> {
        T::open(&self.keys, self.component.name, value)
    }

    /// What a sign-in or a sign-up continues with.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Keeps what it continues with.
    pub fn keep(&mut self, flow: Flow) {
        self.flow = Flow { until: now() + FLOW_SECONDS, ..flow };
        let value = self.flow.seal(&self.keys, self.component.name, random::bytes());
        self.set_cookie(Cookie::Flow, &value, Some(FLOW_SECONDS));
    }

    /// Forgets it.
    pub fn end_flow(&mut self) {
        self.flow = Flow::default();
        self.remove_cookie(Cookie::Flow);
    }

    /// The device token of the last sign-in here.
    pub fn device_token(&self) -> Option<String> {
        let header = self.request.header("cookie").unwrap_or_default();
        let value = cookies::find(header, &Cookie::Device.name(self.component.name))?;
        Some(Device::open(&self.keys, self.component.name, value)?.token)
    }

    /// Keeps the tokens of a sign-in, and ends the session that there was.
    ///
    /// # Errors
    /// If these are no tokens.
    pub async fn begin_session(&mut self, tokens: &Value) -> Result<(), Interrupted> {
        let session = session_of(tokens, None)?;
        if let Some(before) = self.session.take() {
            // It ends by itself, if not now.
            let _ = self.end(&before).await;
        }
        let device = Device { token: text(tokens, "device_token") };
        let value = device.seal(&self.keys, self.component.name, random::bytes());
        self.set_cookie(Cookie::Device, &value, Some(DEVICE_SECONDS));
        self.end_flow();
        self.keep_session(session);
        Ok(())
    }

    fn keep_session(&mut self, session: Session) {
        let value = session.cookie(&self.keys, self.component.name, random::bytes(), random::bytes());
        self.set_cookie(Cookie::Session, &value, Some(self.component.session_seconds));
        self.session = Some(session);
    }

    /// Keeps the language that the user has chosen.
    pub fn keep_locale(&mut self, locale: Option<String>) {
        if let Some(session) = self.session.take() {
            self.keep_session(Session { locale, ..session });
        }
    }

    /// Forgets the session.
    pub fn forget_session(&mut self) {
        self.session = None;
        self.remove_cookie(Cookie::Session);
    }

    /// Ends the session, if there is one.
    ///
    /// # Errors
    /// If auth refuses it or does not answer.
    pub async fn sign_out(&mut self) -> Result<(), Interrupted> {
        if let Some(session) = &self.session {
            self.end(session).await.map_err(Interrupted::Refused)?;
        }
        self.forget_session();
        Ok(())
    }

    async fn end(&self, session: &Session) -> Result<Value, Refusal> {
        let body = json!({"refresh_token": session.refresh});
        self.client.json(To::Auth, &Method::POST, "/auth/logout", None, Some(&body)).await
    }

    /// The session, with an access token that can be used.
    ///
    /// # Errors
    /// If there is none.
    pub async fn valid_session(&mut self) -> Result<Session, Interrupted> {
        match self.session.clone() {
            Some(session) if !session.needs_refresh(now()) => Ok(session),
            Some(session) => self.refresh(session).await,
            None => Err(Interrupted::SignedOut),
        }
    }

    /// Fetches new tokens, whether or not they are old.
    ///
    /// # Errors
    /// If there is no session any more, or auth does not answer.
    pub async fn renew(&mut self) -> Result<(), Interrupted> {
        let session = self.session.clone().ok_or(Interrupted::SignedOut)?;
        self.refresh(session).await.map(drop)
    }

    /// Fetches new tokens. Two tabs may do so at once: auth gives both the same.
    async fn refresh(&mut self, session: Session) -> Result<Session, Interrupted> {
        let body = json!({"refresh_token": session.refresh});
        match self.client.json(To::Auth, &Method::POST, "/auth/refresh", None, Some(&body)).await {
            Ok(tokens) => {
                let renewed = session_of(&tokens, session.locale)?;
                self.keep_session(renewed.clone());
                Ok(renewed)
            }
            Err(refusal) if refusal.status == 401 => Err(self.ended()),
            Err(refusal) => Err(Interrupted::Refused(refusal)),
        }
    }

    fn ended(&mut self) -> Interrupted {
        self.forget_session();
        Interrupted::Ended
    }

    /// Calls an operation as whoever is signed in, and gives whatever it answers.
    ///
    /// # Errors
    /// If nobody is signed in any more, or if there is no answer.
    pub async fn send(
        &mut self,
        to: To,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Interrupted> {
        let mut session = self.valid_session().await?;
        for is_again in [false, true] {
            let sent = self.client.send(to, &method, path, Some(&session.access), headers, body).await;
            let answer = sent.map_err(Interrupted::Refused)?;
            match accepted(&answer).err().unwrap_or_default().slug.as_str() {
                // The keys of access tokens may have changed before their time.
                "invalid-token" if !is_again => session = self.refresh(session).await?,
                "invalid-token" => break,
                _ => return Ok(answer),
            }
        }
        Err(self.ended())
    }

    /// Adds the cookies to a response.
    pub fn finish(&self, response: &mut Response) {
        for cookie in self.set_cookies.values() {
            if let Ok(value) = cookie.parse() {
                response.headers_mut().append("set-cookie", value);
            }
        }
    }
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_default().to_owned()
}

/// The session that auth has returned.
fn session_of(tokens: &Value, locale: Option<String>) -> Result<Session, Problem> {
    let expires_at = now() + tokens["expires_in"].as_i64().unwrap_or_default();
    let session = Session::of(text(tokens, "access_token"), text(tokens, "refresh_token"), expires_at, locale);
    session.ok_or_else(|| Problem::internal("auth has returned no tokens"))
}
