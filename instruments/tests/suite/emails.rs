//! Addresses: those of every script are accepted, and one mailbox is one account, however it is typed.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::turn;
use serde_json::json;

#[test]
fn addresses_of_every_script_sign_up_and_in() {
    let app = TestApp::shared();
    for email in ["नितिन@निक्सी.भारत", "น้ำใส@ตัวอย่าง.ไทย", "தமிழ்@emails.example", "почт\u{430}@emails.example"]
    {
        let answer = app.post("/users-ms/users").json(&sign_up_form(email)).send().expect(201);
        assert_eq!(answer.json()["email"], email);
        let _ = app.login(email, PASSWORD).expect(200);
    }
}

#[test]
fn one_mailbox_is_one_account_however_it_is_typed() {
    let app = TestApp::shared();
    for (first, others) in [
        ("t@bücher.example", vec!["t@xn--bcher-kva.example", "T@BÜCHER.example", "t@bu\u{308}cher.example"]),
        ("jörg@emails.example", vec!["jo\u{308}rg@emails.example", "JÖRG@emails.example"]),
        ("kate@emails.example", vec!["\u{212a}ate@emails.example", "\u{ff4b}ate@emails.example"]),
        ("οδος@emails.example", vec!["ΟΔΟΣ@emails.example", "οδοσ@emails.example"]),
    ] {
        let id = app.sign_up(first);
        for other in others {
            let taken = app.post("/users-ms/users").json(&sign_up_form(other)).send().expect(409);
            assert_eq!(taken.problem(), "email-taken", "{other}");
            let _ = app.login(other, PASSWORD).expect(200);
        }
        assert_eq!(
            app.get(&format!("/users-ms/users/{id}")).send().json()["email"],
            first,
            "it is kept as it was typed"
        );
    }
}

/// Keeps a user under the key that its address had before keys were made as they are now.
fn keep_as_before(backend: &Backend, id: i64, key: &str) {
    let kept = backend.sql().execute("UPDATE users SET email_key = $2 WHERE id = $1", &[&id, &key]);
    assert_eq!(kept.expect("it can be kept"), 1);
}

#[test]
fn who_signed_up_before_keys_were_made_as_they_are_now_is_not_lost() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let id = app.sign_up("T@bücher.example");
    keep_as_before(&backend, id, "t@bücher.example");
    for typed in ["t@bücher.example", "T@BÜCHER.example", "t@xn--bcher-kva.example", "t@bu\u{308}cher.example"] {
        let _ = app.login(typed, PASSWORD).expect(200);
        let taken = app.post("/users-ms/users").json(&sign_up_form(typed)).send().expect(409);
        assert_eq!(taken.problem(), "email-taken", "{typed}");
    }
    let other = format!("/users-ms/users/{}", app.sign_up("other@emails.example"));
    let change = json!({"email": "t@xn--bcher-kva.example"});
    assert_eq!(app.patch(&other).json(&change).send().expect(409).problem(), "email-taken");
    // The owner may: then it is kept as it is now.
    let _ = app.patch(&format!("/users-ms/users/{id}")).json(&change).send().expect(200);
    let _ = app.login("t@bücher.example", PASSWORD).expect(200);
}

#[test]
fn of_two_who_signed_up_with_one_mailbox_before_each_finds_the_own_account() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let first = app.sign_up("t@bücher.example");
    keep_as_before(&backend, first, "t@bücher.example");
    let mut form = sign_up_form("another@emails.example");
    form["password"] = "another good password".into();
    let second = app.sign_up_with(&form);
    let sql = "UPDATE users SET email = 't@xn--bcher-kva.example', email_key = 't@xn--bcher-kva.example' WHERE id = $1";
    assert_eq!(backend.sql().execute(sql, &[&second]).expect("it can be kept"), 1);
    let _ = app.login("t@bücher.example", PASSWORD).expect(200);
    let _ = app.login("t@xn--bcher-kva.example", "another good password").expect(200);
    let _ = app.login("t@xn--bcher-kva.example", PASSWORD).expect(401);
}

#[test]
fn a_letter_that_looks_like_another_is_another_mailbox() {
    let app = TestApp::shared();
    let _ = app.sign_up("ada@alike.example");
    let _ = app.sign_up("\u{430}da@alike.example");
}
