//! Somebody who visits the pages of account or of the console in a browser without scripts: it keeps cookies, follows redirections and sends forms.

use crate::app::TestApp;
use crate::http::Answer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// What a form is sent as.
const FORM: &str = "application/x-www-form-urlencoded";
/// What the browser calls itself.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// How many redirections in a row it follows.
const MAX_REDIRECTIONS: usize = 5;

/// A browser without scripts.
#[derive(Debug)]
pub struct Visitor<'a> {
    app: &'a TestApp,
    cookies: RefCell<BTreeMap<String, String>>,
    /// The lines with which cookies were set, oldest first.
    set: RefCell<Vec<String>>,
    /// The token of the forms on the page that was shown last.
    form_token: RefCell<String>,
    headers: Vec<(String, String)>,
}

impl<'a> Visitor<'a> {
    /// Somebody who was never here.
    #[must_use]
    pub fn new(app: &'a TestApp) -> Self {
        Self {
            app,
            cookies: RefCell::default(),
            set: RefCell::default(),
            form_token: RefCell::default(),
            headers: Vec::new(),
        }
    }

    /// The same with a header in each request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another tab, or a copy of the browser's data: the same cookies.
    #[must_use]
    pub fn copy(&self) -> Visitor<'a> {
        Visitor {
            app: self.app,
            cookies: self.cookies.clone(),
            set: RefCell::default(),
            form_token: self.form_token.clone(),
            headers: self.headers.clone(),
        }
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    /// Changes a cookie.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// The lines with which cookies were set.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<String> {
        self.set.borrow().clone()
    }

    /// The token of the forms on the page that was shown last.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.form_token.borrow().clone()
    }

    /// Opens a page, wherever that leads.
    #[track_caller]
    pub fn open(&self, path: &str) -> Answer {
        let answer = self.get(path);
        self.follow(answer)
    }

    /// The answer to a GET, not followed.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        let request = self.app.get(path);
        self.keep(self.with_headers(request).send())
    }

    /// Sends a form of the page that was shown last, and goes where that leads.
    #[track_caller]
    pub fn submit(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post(action, fields);
        self.follow(answer)
    }

    /// The answer to a form of the page that was shown last, not followed.
    #[track_caller]
    pub fn post(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("form_token", self.form_token())];
        all.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let origin = self.app.app.url();
        self.post_from(action, &all, &[("origin", &origin), ("sec-fetch-site", "same-origin")])
    }

    /// Sends these fields with these headers.
    #[track_caller]
    pub fn post_from(&self, action: &str, fields: &[(&str, String)], headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = headers.iter().fold(self.app.post(action), |request, (name, value)| request.header(name, value));
        self.keep(self.with_headers(request).body(FORM, body).send())
    }

    fn with_headers<'b>(&self, request: crate::http::Request<'b>) -> crate::http::Request<'b> {
        let cookies: Vec<_> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("user-agent", USER_AGENT);
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies.join("; "));
        }
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Does with cookies as browsers do, and reads the token of the page's forms.
    fn keep(&self, answer: Answer) -> Answer {
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.set.borrow_mut().push(line.clone());
            let (name, rest) = line.split_once('=').expect("a cookie has a name");
            let value = rest.split(';').next().unwrap_or_default();
            if line.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        let text = answer.text();
        if let Some((_, rest)) = text.split_once("name=\"form_token\" value=\"") {
            *self.form_token.borrow_mut() = rest.split('"').next().unwrap_or_default().to_owned();
        }
        answer
    }

    #[track_caller]
    fn follow(&self, mut answer: Answer) -> Answer {
        for _ in 0..MAX_REDIRECTIONS {
            // Some pages go on by themselves.
            let refreshed = answer.header("refresh").and_then(|refresh| refresh.strip_prefix("0; url="));
            match answer.header("location").filter(|_| answer.status == 303).or(refreshed).map(str::to_owned) {
                Some(location) if location.starts_with('/') => answer = self.get(&location),
                _ => return answer,
            }
        }
        panic!("there is no end of redirections")
    }
}

/// The heading of a page.
#[must_use]
pub fn heading(page: &Answer) -> String {
    let text = page.text();
    let heading = text.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>")).map(|(heading, _)| heading);
    heading.unwrap_or_default().to_owned()
}

/// The value of a hidden field of a page.
///
/// # Panics
/// If it has none.
#[track_caller]
#[must_use]
pub fn hidden(page: &Answer, name: &str) -> String {
    let text = page.text();
    let start = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let value = text.split_once(&start).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value.to_owned());
    value.unwrap_or_else(|| panic!("there is no {name} in {text}")).replace("&quot;", "\"").replace("&amp;", "&")
}
