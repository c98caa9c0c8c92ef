//! An app that sends mails with links and codes, and the post office where they arrive.

use crate::app::{Setup, TestApp};
use crate::backend::Backend;
use crate::http::Answer;
use crate::mail_api::MailApi;
use crate::people::{PASSWORD, sign_up_form};
use crate::poll;
use crate::schedules::Schedules;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

/// An app that asks people to confirm their addresses, and the post office.
#[derive(Debug)]
pub struct Office {
    /// The app.
    pub app: TestApp,
    /// Where its mails go.
    pub mail: MailApi,
    _schedules: Schedules,
}

/// The secret of a mail's link, and its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The secret.
    pub token: String,
    /// The code.
    pub code: String,
}

impl Secrets {
    /// A code that is another one.
    #[must_use]
    pub fn wrong_code(&self) -> &'static str {
        if self.code == "000000" { "000001" } else { "000000" }
    }
}

impl Office {
    /// An app on this backend, set up further by `set`.
    #[must_use]
    pub fn new(backend: &Arc<Backend>, set: impl FnOnce(Setup) -> Setup) -> Self {
        let mail = MailApi::start();
        let setup = TestApp::on(backend)
            .variable("email_verification", "encouraged")
            .variable("public_url", "https://concierge.example/")
            .variable("notification_sender", "http")
            .variable("mail_api_url", mail.url())
            .variable("notification_claim_ms", 12_000);
        let app = set(setup).start();
        let schedules = Schedules::start(&[&app], ROUND);
        Self { app, mail, _schedules: schedules }
    }

    /// Signs somebody up.
    #[track_caller]
    #[must_use]
    pub fn sign_up(&self, email: &str) -> Answer {
        self.app.post("/users-ms/users").json(&sign_up_form(email)).send()
    }

    /// The claims of the access token of a new sign-in.
    #[track_caller]
    #[must_use]
    pub fn claims(&self, email: &str) -> Value {
        claims(&self.app.login(email, PASSWORD).expect(200).json())
    }

    /// The texts of the mails to an address with this subject, oldest first.
    ///
    /// # Panics
    /// If one has no text.
    #[must_use]
    pub fn mails(&self, to: &str, subject: &str) -> Vec<String> {
        let taken = self.mail.taken();
        let of_them = taken.iter().filter(|posted| posted.to() == to && posted.body["Subject"] == subject);
        of_them.map(|posted| posted.body["Text"].as_str().expect("a mail has a text").to_owned()).collect()
    }

    /// Waits for the mail number `number` to an address with this subject.
    #[track_caller]
    #[must_use]
    pub fn mail(&self, to: &str, subject: &str, number: usize) -> String {
        poll::eventually(SOON, subject, || self.mails(to, subject).get(number - 1).cloned())
    }

    /// The secrets of that mail, whose link leads to the page at this path.
    ///
    /// # Panics
    /// If it has none.
    #[track_caller]
    #[must_use]
    pub fn secrets_of(&self, subject: &str, page: &str, to: &str, number: usize) -> Secrets {
        let text = self.mail(to, subject, number);
        let token = link_in(&text, page);
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit());
        let code = text.lines().find(is_code).expect("the code has a line");
        Secrets { token, code: code.to_owned() }
    }

    /// The id of whoever has this address.
    ///
    /// # Panics
    /// If nobody has it.
    #[must_use]
    pub fn id(&self, email: &str) -> i64 {
        let row = self.app.backend.sql().query_one("SELECT id FROM users WHERE email = $1", &[&email]);
        row.expect("somebody has it").get(0)
    }

    /// Executes a statement about the address `$1`.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn sql(&self, statement: &str, email: &str) -> u64 {
        self.app.backend.sql().execute(statement, &[&email]).expect("the test is made so")
    }

    /// Lets whoever has this address confirm a phone number and allow an application what it asks for.
    ///
    /// # Panics
    /// If nobody has it.
    pub fn confirm_and_allow(&self, email: &str) {
        assert_eq!(self.sql("UPDATE users SET phone = '+39021234567' WHERE email = $1", email), 1);
        self.app.confirm_phone(email);
        let client = self.app.public_client();
        let consent = format!(
            "INSERT INTO oauth_consents (user_id, client_id, scopes) SELECT id, '{}', '{{openid}}' FROM users WHERE email = $1",
            client.id
        );
        assert_eq!(self.sql(&consent, email), 1);
    }

    /// Whether the phone number is confirmed of whoever has this address, and how many applications are allowed something.
    ///
    /// # Panics
    /// If nobody has it.
    #[must_use]
    pub fn confirmed_and_allowed(&self, email: &str) -> (bool, i64) {
        const ASK: &str =
            "SELECT phone_verified_at IS NOT NULL, (SELECT count(*) FROM oauth_consents WHERE user_id = id)
            FROM users WHERE email = $1";
        let row = self.app.backend.sql().query_one(ASK, &[&email]).expect("there is one");
        (row.get(0), row.get(1))
    }
}

/// The secret of the link in a mail, which leads to the page at this path.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn link_in(text: &str, page: &str) -> String {
    let start = format!("https://concierge.example{page}?token=");
    let token = text.lines().find_map(|line| line.strip_prefix(start.as_str())).expect("the link has a line");
    assert_eq!(token.len(), 43, "{text}");
    token.to_owned()
}

/// The claims of an access token.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn claims(tokens: &Value) -> Value {
    let payload =
        tokens["access_token"].as_str().and_then(|token| token.split('.').nth(1)).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("it is Base64")).expect("it is JSON")
}

/// Asserts that answers about somebody who has an account and about somebody who has none are the same, also in their median
/// time. `addresses` are those that an answer may repeat.
///
/// # Panics
/// If they are not.
#[track_caller]
pub fn assert_alike(
    what: &str,
    status: u16,
    of_known: &dyn Fn() -> Answer,
    of_unknown: &dyn Fn(usize) -> Answer,
    addresses: impl Fn(usize) -> Vec<String>,
) {
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let timed = |act: &dyn Fn() -> Answer| {
        let start = Instant::now();
        let answer = act();
        (start.elapsed(), answer)
    };
    // Alternating, so that other load on the machine affects both.
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for number in 0..21 {
        let (time, first) = timed(of_known);
        one.push(time);
        let (time, second) = timed(&|| of_unknown(number));
        other.push(time);
        assert_eq!((first.status, second.status), (status, status), "{what}");
        let without_address = |answer: &Answer| {
            addresses(number).iter().fold(answer.shown(), |shown, address| shown.replace(address.as_str(), ""))
        };
        assert_eq!(without_address(&first), without_address(&second), "{what}");
    }
    let (one, other) = (median(one), median(other));
    assert!((0.7..1.4).contains(&(one / other)), "{what}: {one} s, and {other} s");
}
