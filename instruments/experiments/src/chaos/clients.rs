//! Who uses the services meanwhile. Each request begins when it is due, whatever became of those before: people do not wait for
//! each other.

use super::judge::{Kind, Sample};
use super::setting::{Setting, visitor};
use anyhow::{Context as _, Result, ensure};
use blackbox::app::TestApp;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, with_phone};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// How many people stay signed in, who read and refresh their tokens.
const SESSIONS: usize = 30;

/// Between two requests of a kind.
fn gap(kind: Kind) -> Duration {
    Duration::from_millis(match kind {
        Kind::Read | Kind::Keys => 100,
        Kind::Refresh => 200,
        Kind::SignIn => 250,
        Kind::SignUp => 500,
    })
}

/// A session: who reads by it, and its refresh token.
struct Session {
    reader: Arc<Reader>,
    refresh: String,
}

/// Who reads.
struct Reader {
    path: String,
    access: Mutex<String>,
    /// Whether the session has ended.
    has_left: AtomicBool,
}

/// All who use the services.
pub(super) struct Clients<'a> {
    setting: &'a Setting,
    start: Instant,
    readers: Vec<Arc<Reader>>,
    sessions: Mutex<VecDeque<Session>>,
    /// Those that got no answer.
    unanswered: Mutex<VecDeque<Session>>,
    count: [AtomicUsize; Kind::ALL.len()],
    samples: Mutex<Vec<Sample>>,
    /// When each request began that is not answered yet, in milliseconds since the beginning, and how many began then.
    under_way: Mutex<BTreeMap<u128, usize>>,
    is_over: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Clients<'a> {
    /// Signs people up and in.
    ///
    /// # Errors
    /// If somebody is refused.
    pub(super) fn begin(setting: &'a Setting, start: Instant) -> Result<Self> {
        let (mut readers, mut sessions) = (Vec::new(), VecDeque::new());
        for number in 0..SESSIONS {
            let email = format!("stays-{number}@chaos.example");
            let id = setting.doors.sign_up(&email);
            let answer = sign_in(&setting.doors, &email, number).map_err(anyhow::Error::msg)?;
            ensure!(answer.status == 200, "a sign-in was answered with {}", answer.status);
            let tokens = answer.json();
            let text = |name: &str| tokens[name].as_str().map(str::to_owned).context("a sign-in has tokens");
            let reader = Reader {
                path: format!("/users-ms/users/{id}"),
                access: Mutex::new(text("access_token")?),
                has_left: AtomicBool::new(false),
            };
            readers.push(Arc::new(reader));
            sessions.push_back(Session { reader: Arc::clone(&readers[number]), refresh: text("refresh_token")? });
        }
        Ok(Self {
            setting,
            start,
            readers,
            sessions: Mutex::new(sessions),
            unanswered: Mutex::default(),
            count: Default::default(),
            samples: Mutex::default(),
            under_way: Mutex::default(),
            is_over: AtomicBool::new(false),
        })
    }

    /// Has them do what they do, until [`end`](Self::end).
    pub(super) fn spawn<'scope, 'env>(&'env self, scope: &'scope Scope<'scope, 'env>) {
        for kind in Kind::ALL {
            scope.spawn(move || {
                let mut due = Instant::now();
                while !self.is_over.load(Ordering::SeqCst) {
                    scope.spawn(move || {
                        let begun = self.start.elapsed().as_millis();
                        *locked(&self.under_way).entry(begun).or_default() += 1;
                        self.act(kind);
                        let mut under_way = locked(&self.under_way);
                        if let Some(count) = under_way.get_mut(&begun) {
                            *count -= 1;
                        }
                        under_way.retain(|_, count| *count > 0);
                    });
                    due += gap(kind);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            });
        }
    }

    /// Has them come to an end.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// What they have done so far.
    pub(super) fn samples(&self) -> Vec<Sample> {
        locked(&self.samples).clone()
    }

    /// For how long the request waits for its answer that has waited the longest.
    pub(super) fn longest_wait(&self) -> Duration {
        let oldest = locked(&self.under_way).keys().next().copied().and_then(|begun| u64::try_from(begun).ok());
        oldest.map_or(Duration::ZERO, |begun| self.start.elapsed().saturating_sub(Duration::from_millis(begun)))
    }

    fn act(&self, kind: Kind) {
        let number = self.count[kind as usize].fetch_add(1, Ordering::SeqCst);
        let (at, begun, doors) = (self.start.elapsed().as_secs_f64(), Instant::now(), &self.setting.doors);
        let mut to = None;
        let answer = match kind {
            Kind::Read => {
                let there = || self.readers.iter().filter(|reader| !reader.has_left.load(Ordering::SeqCst));
                let count = there().count().max(1);
                let Some(reader) = there().nth(number % count) else { return };
                let access = locked(&reader.access).clone();
                doors.get(&reader.path).bearer(&access).send_unchecked()
            }
            Kind::Keys => doors.get("/auth-ms/.well-known/jwks.json").send_unchecked(),
            Kind::Refresh => match self.rotate() {
                Some(answer) => answer,
                None => return,
            },
            Kind::SignIn => {
                let email = to.insert(visitor(number));
                sign_in(doors, email, number)
            }
            Kind::SignUp => {
                let email = to.insert(format!("new-{number}@chaos.example"));
                doors
                    .post("/users-ms/users")
                    .header("x-forwarded-for", &address(number))
                    .json(&with_phone(email))
                    .send_unchecked()
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        let sample = Sample { kind, at, seconds, to, status: 0, says_when: false, problem: String::new() };
        locked(&self.samples).push(match answer {
            Ok(answer) => Sample {
                status: answer.status,
                says_when: answer.header("retry-after").is_some(),
                problem: if answer.status < 400 { String::new() } else { problem(&answer) },
                ..sample
            },
            Err(error) => Sample { problem: error, ..sample },
        });
    }

    /// Rotates a token. Whoever got no answer asks again before the others, as people do; whose session has ended does not come
    /// again. Nothing is done while all of them wait for an answer.
    fn rotate(&self) -> Option<Result<Answer, String>> {
        let unanswered = locked(&self.unanswered).pop_front();
        let mut session = unanswered.or_else(|| locked(&self.sessions).pop_front())?;
        let body = json!({"refresh_token": session.refresh});
        let answer = self.setting.doors.post("/auth-ms/auth/refresh").json(&body).send_unchecked();
        match &answer {
            Ok(answer) if answer.status == 200 => {
                let tokens = answer.json();
                for (name, place) in
                    [("access_token", &mut *locked(&session.reader.access)), ("refresh_token", &mut session.refresh)]
                {
                    if let Some(token) = tokens[name].as_str() {
                        token.clone_into(place);
                    }
                }
                locked(&self.sessions).push_back(session);
            }
            Ok(answer) if answer.status == 401 => session.reader.has_left.store(true, Ordering::SeqCst),
            _ => locked(&self.unanswered).push_back(session),
        }
        Some(answer)
    }
}

/// What an answer says was wrong.
fn problem(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let name = body["type"].as_str().and_then(|name| name.rsplit(':').next()).unwrap_or("no problem document");
    format!("{} {name}", answer.status)
}

/// An address of one's own.
fn address(number: usize) -> String {
    format!("198.{}.{}.{}", 18 + number / 62_500 % 2, number / 250 % 250, 1 + number % 250)
}

fn sign_in(app: &TestApp, email: &str, number: usize) -> Result<Answer, String> {
    let body = json!({"username": email, "password": PASSWORD});
    app.post("/auth-ms/auth/login").header("x-forwarded-for", &address(number)).json(&body).send_unchecked()
}
