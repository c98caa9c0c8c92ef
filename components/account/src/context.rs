//! A request with what its browser keeps for us: session, sign-in that is under way, device; and the response's cookies.

use crate::assets;
use crate::client::{Client, To, accepted};
use crate::respond::{Stop, html, see_other};
use crate::settings;
use account_domain::pages::{self, View};
use account_domain::{
    Applications, Binding, Device, FLOW_SECONDS, Faults, Flow, Origins, ROOT, Refusal, Sealed, Session, Texts, cookies,
    form_token, is_valid_form_token, refusal_text,
};
use problem::Problem;
use sealing::SealingKeys;
use serde_json::{Value, json};
use service_kit::client::Answer;
use service_kit::{Method, Request, Response, StatusCode, config, now, random};
use std::collections::BTreeMap;

/// How long a browser keeps a session's cookie: as long as auth keeps a session that is not used.
const SESSION_SECONDS: i64 = 14 * 24 * 60 * 60;
/// How long it keeps that somebody has signed in here: the longest that browsers do.
const DEVICE_SECONDS: i64 = 400 * 24 * 60 * 60;

/// A request and what is known of its browser.
pub(crate) struct Context<'r> {
    pub(crate) request: &'r Request,
    pub(crate) t: Texts,
    pub(crate) client: Client,
    pub(crate) applications: Applications,
    pub(crate) public_url: String,
    keys: SealingKeys,
    brand: String,
    session: Option<Session>,
    flow: Flow,
    browser: String,
    set_cookies: BTreeMap<&'static str, String>,
    notice: Option<&'static str>,
}

/// The fields of a form that was sent.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// The value of a field; nothing if it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The value of a field that is not empty.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }
}

impl<'r> Context<'r> {
    /// Reads settings and cookies.
    pub(crate) fn of(request: &'r Request) -> Result<Self, Problem> {
        let keys = settings::keys()?;
        let header = request.header("cookie").unwrap_or_default();
        let cookie = |name| cookies::find(header, name);
        let session = cookie(cookies::SESSION).and_then(|value| Session::open(&keys, value));
        let flow = cookie(cookies::FLOW).and_then(|value| Flow::open(&keys, value)).filter(|flow| flow.until >= now());
        let mut set_cookies = BTreeMap::new();
        let browser = match cookie(cookies::BROWSER).filter(|value| value.len() == 32) {
            Some(value) => value.to_owned(),
            None => {
                let value = random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                set_cookies.insert(cookies::BROWSER, cookies::set(cookies::BROWSER, &value, None));
                value
            }
        };
        let locale = session.as_ref().and_then(|session| session.locale.as_deref());
        let t = Texts::of(locale, request.header("accept-language"), &settings::default_locale()?);
        let done = request.raw_query().split('&').find_map(|pair| pair.strip_prefix("done="));
        Ok(Self {
            notice: done.and_then(|done| notice(done, &t)),
            request,
            t,
            client: Client::of(request)?,
            applications: settings::applications()?,
            public_url: settings::public_url()?,
            keys,
            brand: config::word("brand_name")?,
            session,
            flow: flow.unwrap_or_default(),
            browser,
            set_cookies,
        })
    }

    /// What pages are shown with.
    pub(crate) fn view(&self) -> Result<View<'_>, Stop> {
        Ok(View {
            t: &self.t,
            brand: &self.brand,
            form_token: form_token(&self.keys, self.binding(), now(), random::bytes()),
            is_signed_in: self.session.is_some(),
            assets: assets::addresses()?,
            notice: self.notice,
        })
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

    fn binding(&self) -> Binding<'_> {
        Binding { browser: &self.browser, session: self.session.as_ref().map(|session| session.session_id.as_str()) }
    }

    /// The form that was sent, with these fields, if one of our own pages has sent it.
    pub(crate) fn form(&self, fields: &[&str]) -> Result<Form, Stop> {
        let forged = || self.problem_page(StatusCode::FORBIDDEN, self.t.forged_title, self.t.forged);
        let header = |name| self.request.header(name);
        let origins = Origins {
            origin: header("origin"),
            site: header("sec-fetch-site"),
            host: self.request.authority.as_deref(),
            public_url: &self.public_url,
        };
        if !origins.are_ours() {
            return Err(forged());
        }
        let mut known = fields.to_vec();
        known.push("form_token");
        let form = Form(self.request.form(&["application/x-www-form-urlencoded"], &known)?);
        if is_valid_form_token(&self.keys, self.binding(), now(), form.get("form_token")) {
            Ok(form)
        } else {
            Err(forged())
        }
    }

    /// What a sign-in or a sign-up continues with.
    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Keeps what it continues with.
    pub(crate) fn keep(&mut self, flow: Flow) {
        self.flow = Flow { until: now() + FLOW_SECONDS, ..flow };
        let value = self.flow.seal(&self.keys, random::bytes());
        self.set_cookies.insert(cookies::FLOW, cookies::set(cookies::FLOW, &value, Some(FLOW_SECONDS)));
    }

    /// Forgets it.
    pub(crate) fn end_flow(&mut self) {
        self.flow = Flow::default();
        self.set_cookies.insert(cookies::FLOW, cookies::remove(cookies::FLOW));
    }

    /// The device token of the last sign-in here.
    pub(crate) fn device_token(&self) -> Option<String> {
        let value = cookies::find(self.request.header("cookie").unwrap_or_default(), cookies::DEVICE)?;
        Some(Device::open(&self.keys, value)?.token)
    }

    /// Keeps the tokens of a sign-in, and ends the session that there was.
    pub(crate) async fn begin_session(&mut self, tokens: &Value) -> Result<(), Stop> {
        let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
        let expires_at = now() + tokens["expires_in"].as_i64().unwrap_or_default();
        let session = Session::of(text("access_token"), text("refresh_token"), expires_at, None);
        let mut session = session.ok_or_else(|| Stop::from(Problem::internal("auth has returned no tokens")))?;
        if let Some(before) = self.session.take() {
            let body = json!({"refresh_token": before.refresh});
            // It ends by itself, if not now.
            let _ = self.client.json(To::Auth, &Method::POST, "/auth/logout", None, Some(&body)).await;
        }
        let path = format!("/users/{}", session.user_id);
        let user = self.client.json(To::Users, &Method::GET, &path, Some(&session.access), None).await;
        session.locale = user.ok().and_then(|user| user["locale"].as_str().map(str::to_owned));
        let device = Device { token: text("device_token") }.seal(&self.keys, random::bytes());
        self.set_cookies.insert(cookies::DEVICE, cookies::set(cookies::DEVICE, &device, Some(DEVICE_SECONDS)));
        self.end_flow();
        self.keep_session(session);
        Ok(())
    }

    fn keep_session(&mut self, session: Session) {
        let value = session.cookie(&self.keys, random::bytes(), random::bytes());
        self.set_cookies.insert(cookies::SESSION, cookies::set(cookies::SESSION, &value, Some(SESSION_SECONDS)));
        self.session = Some(session);
    }

    /// Keeps the language that the user has chosen, in which pages are from now on.
    pub(crate) fn keep_locale(&mut self, locale: Option<String>) {
        if let Some(session) = self.session.take() {
            self.keep_session(Session { locale, ..session });
        }
    }

    /// Forgets the session.
    pub(crate) fn forget_session(&mut self) {
        self.session = None;
        self.set_cookies.insert(cookies::SESSION, cookies::remove(cookies::SESSION));
    }

    /// Whether somebody is signed in, as far as the cookie says.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.session.is_some()
    }

    /// Ends the session, if there is one.
    pub(crate) async fn sign_out(&mut self) -> Result<(), Stop> {
        if let Some(session) = &self.session {
            let body = json!({"refresh_token": session.refresh});
            let ended = self.client.json(To::Auth, &Method::POST, "/auth/logout", None, Some(&body)).await;
            ended.map_err(|refusal| self.refused(&refusal))?;
        }
        self.forget_session();
        Ok(())
    }

    /// The id of whoever is signed in; to the sign-in and back, if nobody is.
    pub(crate) async fn user_id(&mut self) -> Result<String, Stop> {
        match &self.session {
            Some(session) if !session.needs_refresh(now()) => Ok(session.user_id.clone()),
            Some(session) => {
                let session = session.clone();
                self.refresh(session).await.map(|session| session.user_id)
            }
            None => Err(self.to_sign_in(None)),
        }
    }

    /// Fetches new tokens. Two tabs may do so at once: auth gives both the same.
    async fn refresh(&mut self, session: Session) -> Result<Session, Stop> {
        let body = json!({"refresh_token": session.refresh});
        let answer = self.client.json(To::Auth, &Method::POST, "/auth/refresh", None, Some(&body)).await;
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(refusal) if refusal.status == 401 => return Err(self.ended()),
            Err(refusal) => return Err(self.refused(&refusal)),
        };
        let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
        let expires_at = now() + tokens["expires_in"].as_i64().unwrap_or_default();
        let renewed = Session::of(text("access_token"), text("refresh_token"), expires_at, session.locale);
        let renewed = renewed.ok_or_else(|| Stop::from(Problem::internal("auth has returned no tokens")))?;
        self.keep_session(renewed.clone());
        Ok(renewed)
    }

    /// To the sign-in, since the session has ended.
    fn ended(&mut self) -> Stop {
        self.forget_session();
        self.to_sign_in(Some("ended"))
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
        self.user_id().await?;
        for is_again in [false, true] {
            let Some(session) = self.session.clone() else { break };
            let answer = self.client.send(to, &method, path, Some(&session.access), body).await;
            let answer = answer.map_err(|refusal| self.refused(&refusal))?;
            let refusal = accepted(&answer).err().unwrap_or_default();
            match refusal.slug.as_str() {
                // The keys of access tokens may have changed before their time.
                "invalid-token" if !is_again => {
                    self.refresh(session).await?;
                }
                "invalid-token" => break,
                _ => return Ok(answer),
            }
        }
        Err(self.ended())
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
                Err(Stop::with(see_other(&self.confirm_path())))
            }
            answer => Ok(answer),
        }
    }

    /// The page that asks for the password, and comes back.
    pub(crate) fn confirm_path(&self) -> String {
        format!("{ROOT}/confirm?next={}", self.page())
    }

    /// What an operation answers that refuses nothing but what no form can help.
    pub(crate) async fn get(&mut self, to: To, path: &str) -> Result<Value, Stop> {
        self.call(to, Method::GET, path, None).await?.map_err(|refusal| self.refused(&refusal))
    }

    /// Adds the cookies to a response.
    pub(crate) fn finish(&self, response: &mut Response) {
        for cookie in self.set_cookies.values() {
            if let Ok(value) = cookie.parse() {
                response.headers_mut().append("set-cookie", value);
            }
        }
    }
}

/// What has just been done, by the word in the address.
fn notice(done: &str, t: &Texts) -> Option<&'static str> {
    Some(match done {
        "saved" => t.done_saved,
        "verified" => t.done_verified,
        "sent" => t.done_sent,
        "phone-sent" => t.done_phone_sent,
        "phone" => t.done_phone,
        "recovered" => t.done_recovered,
        "email" => t.done_email,
        "email-sent" => t.done_email_sent,
        "returned" => t.done_returned,
        "accepted" => t.done_accepted,
        "password" => t.done_password,
        "confirmed" => t.done_confirmed,
        "signed-out" => t.done_signed_out,
        "ended" => t.done_ended,
        "session-ended" => t.done_session_ended,
        "removed" => t.done_removed,
        "added" => t.done_added,
        "verify-first" => t.verify_first,
        "recover-first" => t.recover_first,
        _ => return None,
    })
}
