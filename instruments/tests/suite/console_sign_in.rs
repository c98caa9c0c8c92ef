//! The console's sign-in: administrators whose sign-in used a second factor, and nobody else; and what ends their session.

use blackbox::app::{COOKIE_KEYS, TestApp};
use blackbox::authenticator::Authenticator;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::turn;
use blackbox::visitor::{Visitor, heading};
use browser::{Sealed, Session};
use serde_json::json;

pub(crate) const SESSION: &str = "__Host-console-session";

/// An administrator with a second factor.
pub(crate) struct Admin {
    pub(crate) person: Person,
    pub(crate) app: Authenticator,
}

impl Admin {
    /// Makes one.
    #[track_caller]
    pub(crate) fn new(app: &TestApp, email: &str) -> Self {
        let person = app.admin(email);
        let authenticator = app.add_totp(&person);
        Self { person, app: authenticator }
    }

    /// Signs in at the console, with a code.
    #[track_caller]
    pub(crate) fn enter<'a>(&self, app: &'a TestApp) -> Visitor<'a> {
        let visitor = Visitor::new(app);
        let page = sign_in(&visitor, &self.person.email, PASSWORD).expect(200);
        assert_eq!(heading(&page), "Enter your code", "{}", page.text());
        app.forget_steps(&self.person);
        let page = visitor.submit("/console/sign-in/code", &[("code", &self.app.code())]).expect(200);
        assert_eq!(heading(&page), "Overview", "{}", page.text());
        visitor
    }
}

/// Sends a password to the console.
#[track_caller]
pub(crate) fn sign_in(visitor: &Visitor<'_>, email: &str, password: &str) -> Answer {
    let _ = visitor.open("/console/sign-in").expect(200);
    visitor.submit("/console/sign-in", &[("email", email), ("password", password)])
}

fn sessions(app: &TestApp, person: &Person) -> i64 {
    let count = "SELECT count(*) FROM sessions WHERE user_id = $1";
    app.backend.sql().query_one(count, &[&person.id]).expect("sessions can be counted").get(0)
}

#[test]
fn an_administrator_signs_in_with_a_second_factor_and_out() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@console.example");
    let visitor = Visitor::new(&app);
    // To the page that was asked for, by way of the sign-in.
    let page = visitor.open("/console/audit").expect(200);
    assert_eq!(heading(&page), "Sign in to Concierge console");
    assert!(page.text().contains("name=\"next\" value=\"/console/audit\"") && !page.text().contains("<nav"));
    let fields = [("email", admin.person.email.as_str()), ("password", PASSWORD), ("next", "/console/audit")];
    assert_eq!(heading(&visitor.submit("/console/sign-in", &fields).expect(200)), "Enter your code");
    assert_eq!(visitor.cookie(SESSION), None, "a password alone lets nobody in");
    let wrong = visitor.submit("/console/sign-in/code", &[("code", &admin.app.wrong_code())]).expect(403);
    assert!(wrong.text().contains("The code is not valid"), "{}", wrong.text());
    app.forget_steps(&admin.person);
    let page = visitor.submit("/console/sign-in/code", &[("code", &admin.app.code())]).expect(200);
    assert_eq!(heading(&page), "Audit");
    for section in ["/console/people", "/console/audit"] {
        assert!(page.text().contains(&format!("href=\"{section}\"")), "{}", page.text());
    }
    let out = visitor.submit("/console/sign-out", &[]).expect(200);
    assert!(heading(&out).starts_with("Sign in") && out.text().contains("You are signed out."));
    assert_eq!(visitor.cookie(SESSION), None);
    // A recovery code does as well.
    let _ = sign_in(&visitor, &admin.person.email, PASSWORD);
    let code = admin.app.recovery_codes.first().expect("there are some");
    assert_eq!(heading(&visitor.submit("/console/sign-in/code", &[("code", code)]).expect(200)), "Overview");
}

#[test]
fn a_wrong_password_and_an_unknown_address_are_told_the_same() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@same-console.example");
    for email in [admin.person.email.as_str(), "nobody@same-console.example"] {
        let visitor = Visitor::new(&app);
        let page = sign_in(&visitor, email, "a wrong password").expect(401);
        assert!(page.text().contains("Incorrect email address or password."), "{}", page.text());
        assert!(!page.text().contains("a wrong password"), "what was typed as a password is not sent back");
        assert_eq!(visitor.cookie(SESSION), None);
    }
    // Without a sign-in that has begun there is nothing to enter a code for.
    let visitor = Visitor::new(&app);
    assert!(heading(&visitor.open("/console/sign-in/code")).starts_with("Sign in"));
    let page = visitor.submit("/console/sign-in/code", &[("code", "000000")]).expect(200);
    assert!(heading(&page).starts_with("Sign in"));
}

#[test]
fn whoever_is_no_administrator_is_told_so_and_has_no_session() {
    let app = TestApp::guarded();
    let ada = app.person("ada@no-console.example");
    let before = sessions(&app, &ada);
    let visitor = Visitor::new(&app);
    let page = sign_in(&visitor, &ada.email, PASSWORD).expect(403);
    assert_eq!(heading(&page), "You are not let in");
    assert!(page.text().contains("ask an administrator to give you the role admin") && !page.text().contains("<nav"));
    assert_eq!(visitor.cookie(SESSION), None);
    assert_eq!(sessions(&app, &ada), before, "the session that was begun has ended");
    // Nor with a second factor.
    let authenticator = app.add_totp(&ada);
    let _ = sign_in(&visitor, &ada.email, PASSWORD);
    app.forget_steps(&ada);
    let page = visitor.submit("/console/sign-in/code", &[("code", &authenticator.code())]).expect(403);
    assert_eq!(heading(&page), "You are not let in");
    assert!(heading(&visitor.open("/console/people")).starts_with("Sign in"));
}

#[test]
fn a_password_alone_is_not_enough_unless_the_operator_says_so() {
    let guarded = TestApp::guarded();
    let grace = guarded.admin("grace@one-factor.example");
    let visitor = Visitor::new(&guarded);
    let page = sign_in(&visitor, &grace.email, PASSWORD).expect(403);
    assert_eq!(heading(&page), "A second factor is needed");
    assert!(page.text().contains("href=\"/account/second-factor\""), "{}", page.text());
    assert_eq!(visitor.cookie(SESSION), None);
    drop(guarded);
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("console_second_factor", "optional")
        .only(&["console", "auth", "users", "notification"])
        .start();
    let root = app.admin("root@optional.example");
    assert_eq!(heading(&sign_in(&Visitor::new(&app), &root.email, PASSWORD).expect(200)), "Overview");
    let ada = app.person("ada@optional.example");
    assert_eq!(heading(&sign_in(&Visitor::new(&app), &ada.email, PASSWORD).expect(403)), "You are not let in");
}

#[test]
fn who_has_lost_the_role_or_is_suspended_is_out_at_once() {
    let app = TestApp::guarded();
    let root = app.admin("root@out.example");
    type Deed = fn(&TestApp, &Person, &Person) -> Answer;
    let deeds: [(&str, Deed); 3] = [
        ("role", |app, root, other| {
            app.patch(&other.path()).bearer(&root.access).json(&json!({"role": "user"})).send()
        }),
        ("suspended", |app, root, other| app.put(&format!("{}/suspension", other.path())).bearer(&root.access).send()),
        ("sessions", |app, root, other| {
            app.delete(&format!("/auth-ms/auth/sessions?user_id={}", other.id)).bearer(&root.access).send()
        }),
    ];
    for (name, deed) in deeds {
        let admin = Admin::new(&app, &format!("{name}@out.example"));
        let visitor = admin.enter(&app);
        let answer = deed(&app, &root, &admin.person);
        assert!((200..300).contains(&answer.status), "{name}: {}", answer.text());
        let page = visitor.open("/console/audit").expect(200);
        assert!(page.text().contains("Your session has ended"), "{name}: {}", page.text());
        assert_eq!(visitor.cookie(SESSION), None, "{name}");
    }
}

/// The cookie as if its access token had ended at this time.
fn ended_at(cookie: &str, expires_at: i64) -> String {
    let keys = sealing::SealingKeys::parse(COOKIE_KEYS).expect("they are keys").expect("there is one");
    let session = Session::open(&keys, "console", cookie).expect("it is ours");
    Session { expires_at, ..session }.seal(&keys, "console", [7; 24])
}

#[test]
fn a_session_is_renewed_while_it_is_used_and_ends_after_half_a_day() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@renewed-console.example");
    let visitor = admin.enter(&app);
    let cookie = visitor.cookie(SESSION).expect("somebody is signed in");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    let now = i64::try_from(now.as_secs()).expect("it is before the year 292277026596");
    let an_hour_ago = ended_at(&cookie, now - 3600);
    // Two tabs at once.
    let tabs = [visitor.copy(), visitor.copy()];
    for tab in &tabs {
        tab.set_cookie(SESSION, &an_hour_ago);
        assert_eq!(heading(&tab.open("/console/people").expect(200)), "People");
        assert_ne!(tab.cookie(SESSION).as_deref(), Some(an_hour_ago.as_str()));
    }
    let before = sessions(&app, &admin.person);
    let late = visitor.copy();
    late.set_cookie(SESSION, &ended_at(&tabs[0].cookie(SESSION).expect("it is renewed"), now - 13 * 3600));
    let page = late.open("/console/people").expect(200);
    assert!(page.text().contains("Your session has ended"), "{}", page.text());
    assert_eq!(sessions(&app, &admin.person), before - 1, "it has ended for everybody who has it");
}
