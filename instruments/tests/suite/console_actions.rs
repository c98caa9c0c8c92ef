//! What administrators do to accounts in the console: each with a page that asks, in their own name, and not over a change of somebody
//! else's.

use crate::console_sign_in::{Admin, sign_in};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::turn;
use blackbox::visitor::{Visitor, heading, hidden};
use serde_json::json;

fn path(person: &Person, action: &str) -> String {
    format!("/console/people/{}/{action}", person.id)
}

/// Opens the page that asks, and says yes.
#[track_caller]
fn act(visitor: &Visitor<'_>, person: &Person, action: &str, more: &[(&str, &str)]) -> Answer {
    let page = visitor.open(&path(person, action)).expect(200);
    let version = hidden(&page, "version");
    let mut fields = vec![("version", version.as_str())];
    fields.extend(more);
    visitor.submit(&path(person, action), &fields)
}

/// Who did what to somebody, as the audit log has it.
fn actor_of(app: &TestApp, person: &Person, action: &str) -> Vec<(String, Option<i64>)> {
    let statement = "SELECT actor_kind::text, actor_id FROM audit_log WHERE user_id = $1 AND action = $2";
    let rows = app.backend.sql().query(statement, &[&person.id, &action]).expect("the log can be read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn every_action_is_done_in_the_name_of_the_administrator() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@actions.example");
    let visitor = admin.enter(&app);
    let ada = app.person("ada@actions.example");
    let login = || app.login(&ada.email, PASSWORD).status;
    let steps: [(&str, &str, &str); 5] = [
        ("suspend", "The user is suspended.", "user-suspended"),
        ("lift-suspension", "The suspension is lifted.", "suspension-lifted"),
        ("sign-out", "The user is signed out everywhere.", "sessions-ended"),
        ("require-password", "The user has to choose a new password.", "password-reset-required"),
        ("accept-password", "The old password is accepted again.", "password-reset-withdrawn"),
    ];
    let expected = [403, 200, 200, 403, 200];
    for ((action, said, audited), status) in steps.into_iter().zip(expected) {
        let page = act(&visitor, &ada, action, &[]).expect(200);
        assert!(page.text().contains(said), "{action}: {}", page.text());
        assert_eq!(heading(&page), "Ada Lovelace");
        assert_eq!(login(), status, "{action}");
        assert_eq!(actor_of(&app, &ada, audited), [("administrator".to_owned(), Some(admin.person.id))], "{action}");
    }
    // Factors: the app and the passkeys.
    let ada = app.sign_in(ada.id, &ada.email);
    let _authenticator = app.add_totp(&ada);
    let _device = app.add_passkey(&ada);
    let page = act(&visitor, &ada, "reset-factors", &[]).expect(200);
    assert!(page.text().contains("With the password alone."), "{}", page.text());
    assert_eq!(login(), 200);
    // Roles.
    let page = act(&visitor, &ada, "roles", &[("roles", "support, billing")]).expect(200);
    assert!(page.text().contains("The roles are changed.") && page.text().contains(">billing<"), "{}", page.text());
    let wrong = act(&visitor, &ada, "roles", &[("roles", "No Role!")]);
    assert!(wrong.status >= 400 && wrong.text().contains("value=\"No Role!\""), "{}", wrong.text());
    let none = act(&visitor, &ada, "roles", &[("roles", "")]).expect(200);
    assert!(!none.text().contains(">billing<"));
}

#[test]
fn a_page_that_asks_changes_nothing_and_an_action_that_is_none_is_not_found() {
    let app = TestApp::guarded();
    let visitor = Admin::new(&app, "grace@asks.example").enter(&app);
    let ada = app.person("ada@asks.example");
    for action in ["suspend", "sign-out", "require-password", "reset-factors", "roles", "unlock"] {
        let page = visitor.open(&path(&ada, action)).expect(200);
        assert!(page.text().contains("Back, and change nothing"), "{action}");
    }
    assert_eq!(app.get(&ada.path()).bearer(&ada.access).send().expect(200).json()["version"], 1);
    let _ = visitor.open(&path(&ada, "remove")).expect(404);
    assert_eq!(visitor.post(&path(&ada, "remove"), &[]).status, 404);
    let _ = visitor.open("/console/people/999999999/suspend").expect(404);
}

#[test]
fn a_change_in_between_is_told_and_nothing_is_overwritten() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@between.example");
    let visitor = admin.enter(&app);
    let ada = app.person("ada@between.example");
    for (action, fields) in [("roles", vec![("roles", "support")]), ("suspend", vec![])] {
        let page = visitor.open(&path(&ada, action)).expect(200);
        let version = hidden(&page, "version");
        let roles = json!({"roles": [format!("role-before-{action}")]});
        let _ = app.patch(&ada.path()).bearer(&admin.person.access).json(&roles).send().expect(200);
        let mut all = vec![("version", version.as_str())];
        all.extend(fields);
        let page = visitor.submit(&path(&ada, action), &all).expect(412);
        assert!(page.text().contains("This user has changed since the page was shown"), "{}", page.text());
        assert!(page.text().contains(&format!("role-before-{action}")), "it shows what there is now: {}", page.text());
        let now = app.get(&ada.path()).bearer(&admin.person.access).send().expect(200).json();
        assert_eq!(now["roles"], roles["roles"]);
    }
    // Without a version, or with one that is none, nothing is done.
    for version in ["", "*", "\"1.1\""] {
        assert_eq!(visitor.submit(&path(&ada, "suspend"), &[("version", version)]).status, 412);
    }
    assert_eq!(app.login(&ada.email, PASSWORD).status, 200);
    // Now that it was seen.
    assert!(act(&visitor, &ada, "suspend", &[]).expect(200).text().contains("The user is suspended."));
}

#[test]
fn an_action_needs_a_recent_sign_in_and_comes_back() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@console-recent.example");
    let visitor = admin.enter(&app);
    let ada = app.person("ada@console-recent.example");
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    let _ = app.backend.sql().execute(age, &[&admin.person.id]).expect("sessions can be aged");
    let asked = act(&visitor, &ada, "suspend", &[]).expect(200);
    assert_eq!(heading(&asked), "Confirm that it is you");
    assert_eq!(app.login(&ada.email, PASSWORD).status, 200, "nothing was done");
    assert_eq!(hidden(&asked, "next"), path(&ada, "suspend"));
    let wrong = [("current_password", "a wrong password"), ("next", "/console/people"), ("username", "x")];
    let page = visitor.submit("/console/confirm", &wrong).expect(403);
    assert!(page.text().contains("The current password is incorrect."), "{}", page.text());
    let next = path(&ada, "suspend");
    let right = [("current_password", PASSWORD), ("next", next.as_str()), ("username", "x")];
    let back = visitor.submit("/console/confirm", &right).expect(200);
    assert_eq!(heading(&back), "Suspend?");
    assert!(back.text().contains("Now repeat what you were about to do."));
    assert!(act(&visitor, &ada, "suspend", &[]).expect(200).text().contains("The user is suspended."));
}

#[test]
fn an_account_is_unlocked_and_the_last_administrator_stays_one() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("login_throttling", "on")
        .variable("console_second_factor", "optional")
        .only(&["console", "auth", "users", "notification"])
        .start();
    let root = app.admin("root@last.example");
    let visitor = Visitor::new(&app);
    let _ = sign_in(&visitor, &root.email, PASSWORD).expect(200);
    let ada = app.person("ada@last.example");
    let _ = app.login(&ada.email, "a wrong password").expect(401);
    let person = format!("/console/people/{}", ada.id);
    let offers = |page: &Answer, action: &str| page.text().contains(&format!("{}\"", path(&ada, action)));
    let page = visitor.open(&person).expect(200);
    assert!(!page.text().contains("locked") && !offers(&page, "unlock"), "{}", page.text());
    let lock = "UPDATE attempts SET failures_in_a_row = 100, failures = 0 WHERE failures_in_a_row > 0";
    assert_eq!(app.backend.sql().execute(lock, &[]).expect("attempts can be changed"), 1);
    let page = visitor.open(&person).expect(200);
    assert!(page.text().contains(">locked<") && offers(&page, "unlock"), "{}", page.text());
    let page = act(&visitor, &ada, "unlock", &[]).expect(200);
    assert!(page.text().contains("The account is unlocked.") && !offers(&page, "unlock"), "{}", page.text());
    // The same with a new password.
    assert!(offers(&page, "require-password") && !offers(&page, "accept-password"));
    let page = act(&visitor, &ada, "require-password", &[]).expect(200);
    assert!(page.text().contains(">new password required<"), "{}", page.text());
    assert!(!offers(&page, "require-password") && offers(&page, "accept-password"));
    let page = act(&visitor, &ada, "accept-password", &[]).expect(200);
    assert!(!page.text().contains(">new password required<"), "{}", page.text());
    assert_eq!(actor_of(&app, &ada, "account-unlocked"), [("administrator".to_owned(), Some(root.id))]);
    for (action, fields) in [("roles", vec![("roles", "support")]), ("suspend", vec![])] {
        let page = act(&visitor, &root, action, &fields).expect(409);
        assert!(page.text().contains("This is the last administrator."), "{action}: {}", page.text());
    }
    assert_eq!(heading(&visitor.open("/console/people").expect(200)), "People");
}
