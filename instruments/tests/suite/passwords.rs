//! Passwords: every byte counts, and nobody ever sees what is kept of them.

use blackbox::app::TestApp;
use blackbox::people::{PASSWORD, sign_up_form};

/// Signs somebody up with a password; sees that it lets in and that others do not.
fn assert_significant(name: &str, password: &str, others: &[String]) {
    let app = TestApp::shared();
    let email = format!("{name}@passwords.example");
    let mut form = sign_up_form(&email);
    form["password"] = password.into();
    let _ = app.sign_up_with(&form);
    let _ = app.login(&email, password).expect(200);
    for other in others {
        let _ = app.login(&email, other).expect(401);
    }
}

#[test]
fn sixty_four_characters_of_four_bytes_count_to_the_last_byte() {
    let begin = format!("\u{1f510}{}", "\u{1f511}".repeat(62));
    let password = format!("{begin}\u{1f511}");
    let others = [format!("{begin}\u{1f510}"), begin.clone(), format!("{password}\u{1f511}"), begin[..72].to_owned()];
    assert_significant("four-bytes", &password, &others);
}

#[test]
fn what_comes_after_a_nul_counts() {
    let others = ["before".to_owned(), "before\0".to_owned(), "before\0afteR".to_owned(), "beforeafter".to_owned()];
    assert_significant("nul", "before\0after", &others);
}

#[test]
fn what_comes_after_seventy_two_bytes_counts() {
    let long = "x".repeat(1023);
    assert_significant("long", &format!("{long}y"), &[format!("{long}z"), long.clone(), "x".repeat(72)]);
}

#[test]
fn an_accent_is_the_same_however_it_was_typed() {
    let app = TestApp::shared();
    for (name, typed, retyped) in [
        ("composed", "caf\u{e9} au lait", "cafe\u{301} au lait"),
        ("decomposed", "cafe\u{301} au lait", "caf\u{e9} au lait"),
    ] {
        let email = format!("{name}@passwords.example");
        let mut form = sign_up_form(&email);
        form["password"] = typed.into();
        let _ = app.sign_up_with(&form);
        for password in [typed, retyped] {
            let _ = app.login(&email, password).expect(200);
        }
        let _ = app.login(&email, "cafe au lait").expect(401);
    }
}

#[test]
fn how_long_a_password_has_to_be_is_a_setting() {
    let _turn = blackbox::turn::together();
    let backend = blackbox::backend::Backend::new();
    let app = TestApp::on(&backend).variable("password_min_length", 15).start();
    let mut form = sign_up_form("long@passwords.example");
    form["password"] = "fourteen chars".into();
    let answer = app.post("/users-ms/users").json(&form).send().expect(422);
    assert_eq!(answer.problem(), "invalid-password");
    assert!(answer.text().contains("at least 15 characters"), "{}", answer.text());
    form["password"] = "fifteen letters".into();
    let path = format!("/users-ms/users/{}", app.sign_up_with(&form));
    let change = serde_json::json!({"password": "fourteen chars"});
    assert_eq!(app.patch(&path).json(&change).send().expect(422).problem(), "invalid-password");
}

#[test]
fn white_space_and_case_count() {
    let others = ["Pass word".to_owned(), " pass word ".to_owned(), " Pass word".to_owned()];
    assert_significant("space", " Pass word ", &others);
}

#[test]
fn a_hash_is_kept_with_its_scheme_and_a_salt_of_its_own() {
    let app = TestApp::shared();
    let ids = [app.sign_up("first@hash.example"), app.sign_up("second@hash.example")];
    let mut sql = app.backend.sql();
    let hashes = ids.map(|id| {
        let row = sql.query_one("SELECT password_hash FROM users WHERE id = $1", &[&id]).unwrap();
        row.get::<_, String>(0)
    });
    for hash in &hashes {
        assert!(hash.starts_with("v2:v1:$2b$04$"), "{hash}");
        assert!(!hash.contains(PASSWORD));
    }
    assert_ne!(hashes[0], hashes[1], "the same password has two hashes");
}

#[test]
fn no_answer_about_a_user_shows_the_password_or_its_hash() {
    let app = TestApp::shared();
    let email = "shown@hash.example";
    let created = app.post("/users-ms/users").json(&sign_up_form(email)).send().expect(201);
    let path = format!("/users-ms/users/{}", created.json()["id"]);
    let whole = serde_json::json!({"name": "A", "surname": "B", "email": email, "password": "another password"});
    let patch = serde_json::json!({"password": "yet another password"});
    let hash: String = {
        let row = app.backend.sql().query_one("SELECT password_hash FROM users WHERE email = $1", &[&email]).unwrap();
        row.get(0)
    };
    let answers = [
        created,
        app.get(&path).send(),
        app.get(&format!("/users-ms/users?email={email}")).send(),
        app.login(email, PASSWORD),
        app.put(&path).json(&whole).send(),
        app.patch(&path).json(&patch).send(),
        app.delete(&path).send(),
    ];
    for answer in answers {
        assert!(answer.status < 300, "{}", answer.shown());
        for secret in [&hash[13..], PASSWORD, "another password"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
    }
}

#[test]
fn what_everybody_would_try_first_is_refused() {
    let app = TestApp::shared();
    let mut form = blackbox::people::sign_up_form("common@passwords.example");
    for password in ["password1", "QwertyUiop", "iloveyou1", "lovelace1815", "common@passwords.example", "Concierge1!"]
    {
        form["password"] = password.into();
        let answer = app.post("/users-ms/users").json(&form).send().expect(422);
        assert_eq!((answer.problem(), answer.pointers()), ("invalid-password".into(), vec!["/password".into()]));
    }
    let path = format!("/users-ms/users/{}", app.sign_up("common@passwords.example"));
    let change = serde_json::json!({"password": "password1"});
    assert_eq!(app.patch(&path).json(&change).send().expect(422).problem(), "invalid-password");
}
