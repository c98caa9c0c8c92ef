//! The way back to an address that somebody else has changed, who therefore knew the password.

use crate::email_change::{CHANGED, Moves, assert_refused, at_once, office_on};
use crate::sessions::refresh;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::post_office::{Office, link_in};
use blackbox::{poll, turn};
use serde_json::json;
use std::time::Duration;

const PAGE: &str = "/users-ms/email-return/page";
const RECOVER: &str = "/users-ms/password-recovery/page";
const FORM: &str = "application/x-www-form-urlencoded";
const NEW: &str = "a better horse battery";

fn office() -> Office {
    office_on(&Backend::new(), |setup| setup)
}

/// The secret in the mail that tells an address that it was changed.
fn way_back(office: &Office, email: &str) -> String {
    link_in(&office.mail(email, CHANGED, 1), PAGE)
}

fn take_back(office: &Office, token: &str) -> Answer {
    office.app.post("/users-ms/email-return/confirm").json(&json!({"token": token})).send()
}

/// Recovers the account by the mail that taking the address back has sent.
fn recover(office: &Office, email: &str) {
    let secrets = office.secrets_of("Choose a new password", RECOVER, email, 1);
    let body = json!({"token": secrets.token, "password": NEW});
    let _ = office.app.post("/users-ms/password-recovery/confirm").json(&body).send().expect(204);
    let _ = office.app.login(email, NEW).expect(200);
}

#[test]
fn the_old_address_is_taken_back_once_and_the_account_with_it() {
    let _turn = turn::together();
    let office = office();
    let (old, new) = ("ada@stolen.example", "thief@stolen.example");
    let ada = office.resident(old);
    let thief = office.again(&ada, old, PASSWORD);
    office.move_to(&thief, new);
    let token = way_back(&office, old);
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={token}")).send().expect(200);
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
        assert!(method == "HEAD" || page.text().contains(&token) && !page.text().contains("<script"));
    }
    let thief = office.again(&ada, new, PASSWORD);
    let _ = office.app.add_totp(&thief);
    // Nobody else gets the address meanwhile.
    let _ = office.sign_up(old).expect(202);
    let bob = office.resident("bob@stolen.example");
    let _ = office.ask(&bob, old).expect(202);
    let pressed = || office.app.post(PAGE).body(FORM, format!("token={token}")).send();
    assert!(pressed().expect(200).text().contains("yours again"));
    assert!(pressed().expect(403).text().contains("not valid"));
    assert_refused(&take_back(&office, &token));
    // The thief has neither a session nor a password, and the account no second factor of the thief's.
    assert_eq!(refresh(&office.app, &thief.refresh).expect(401).problem(), "invalid-token");
    for email in [old, new] {
        assert_eq!(office.app.login(email, PASSWORD).expect(401).problem(), "invalid-credentials");
    }
    recover(&office, old);
    assert!(office.mails(old, "Confirm your new email address").is_empty());
    office.app.wait_for_log("audit: email-returned: success");
}

#[test]
fn a_factor_that_was_added_shortly_before_the_change_goes_and_an_older_one_stays() {
    let _turn = turn::together();
    let office = office();
    for (name, hours, then) in [("young", 71, 200), ("old", 73, 403)] {
        let (old, new) = (format!("{name}@factors.example"), format!("thief-{name}@factors.example"));
        let ada = office.resident(&old);
        let thief = office.again(&ada, &old, PASSWORD);
        let _ = office.app.add_totp(&thief);
        let age = "UPDATE totp_factors f SET created_at = now() - make_interval(hours => $1)
            FROM users u WHERE u.id = f.user_id AND u.id = $2";
        let aged = office.app.backend.sql().execute(age, &[&hours, &ada.id]).expect("a factor can be aged");
        assert_eq!(aged, 1);
        office.move_to(&thief, &new);
        let _ = take_back(&office, &way_back(&office, &old)).expect(204);
        let secrets = office.secrets_of("Choose a new password", RECOVER, &old, 1);
        let body = json!({"token": secrets.token, "password": NEW});
        let _ = office.app.post("/users-ms/password-recovery/confirm").json(&body).send().expect(204);
        let _ = office.app.login(&old, NEW).expect(then);
    }
}

#[test]
fn the_way_back_stays_open_whatever_the_thief_changes_next_and_the_thief_has_none() {
    let _turn = turn::together();
    let office = office();
    let (old, first, second) = ("ada@chain.example", "one@thief.example", "two@thief.example");
    let ada = office.resident(old);
    office.move_to(&ada, first);
    let of_ada = way_back(&office, old);
    let password = json!({"password": "a thief's horse", "current_password": PASSWORD});
    let _ = office.app.patch(&ada.path()).bearer(&ada.access).json(&password).send().expect(200);
    let body = json!({"email": second, "current_password": "a thief's horse"});
    let _ = office.app.patch(&ada.path()).bearer(&ada.access).json(&body).send().expect(202);
    let _ = office.by_link(&office.secrets(second, 1)).expect(204);
    let of_thief = way_back(&office, first);
    // Going back one step does not close the way for those before.
    let _ = take_back(&office, &of_thief).expect(204);
    let _ = take_back(&office, &of_ada).expect(204);
    assert_refused(&take_back(&office, &of_thief));
    recover(&office, old);
}

#[test]
fn the_way_back_is_closed_after_its_time_and_while_the_account_is_suspended_or_gone() {
    let _turn = turn::together();
    let office = office();
    let changes = [
        ("late@closed.example", "UPDATE tickets SET expires_at = now() WHERE purpose = 'email_return' AND $1 <> ''"),
        ("held@closed.example", "UPDATE users SET suspended_at = now() WHERE email = $1"),
        ("gone@closed.example", "DELETE FROM users WHERE email = $1"),
    ];
    for (old, change) in changes {
        let new = format!("new-{old}");
        let person = office.resident(old);
        office.move_to(&person, &new);
        let token = way_back(&office, old);
        assert!(office.sql(change, &new) > 0);
        assert_refused(&take_back(&office, &token));
    }
    // After its time the address is anybody's again.
    let _ = office.resident("late@closed.example");
    // It is for one purpose.
    for path in ["email-change", "email-verification"] {
        let body = json!({"token": "x"});
        assert_refused(&office.app.post(&format!("/users-ms/{path}/confirm")).json(&body).send());
    }
}

#[test]
fn an_address_that_nobody_has_confirmed_has_no_way_back() {
    let _turn = turn::together();
    let office = office();
    let stranger = "stranger@typo.example";
    let ada = office.resident(stranger);
    // She has mistyped her address: whose it is has nothing to do with her.
    assert_eq!(office.sql("UPDATE users SET email_verified_at = NULL WHERE email = $1", stranger), 1);
    office.move_to(&ada, "ada@typo.example");
    poll::throughout(Duration::from_secs(1), "no mail", || office.mails(stranger, CHANGED).is_empty());
    let _ = office.resident(stranger);
}

#[test]
fn of_ten_who_take_an_address_back_at_once_one_does_and_only_under_a_permit() {
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("hash_permits", 4));
    let (old, new) = ("ada@permits.example", "thief@permits.example");
    let ada = office.resident(old);
    office.move_to(&ada, new);
    let token = way_back(&office, old);
    assert_eq!(office.app.backend.hold_permits(4), 4);
    assert_eq!(take_back(&office, &token).expect(503).problem(), "too-busy");
    let page = office.app.post(PAGE).body(FORM, format!("token={token}")).send().expect(503);
    assert_eq!(page.problem(), "too-busy");
    office.app.backend.free_permits();
    assert_eq!(at_once(10, |_| take_back(&office, &token)), [&[204][..], &[403; 9]].concat());
    recover(&office, old);
}
