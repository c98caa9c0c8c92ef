//! Hashes that other systems made: verified as they are, renewed at the first sign-in, bounded, and not told apart by time.

use crate::import::{guarded, import, line, refusal};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::post_office::Office;
use blackbox::turn;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Of the password `correct horse`, by Python's crypt and hashlib, and argon2-cffi.
const HASHES: [(&str, &str); 6] = [
    ("php", "$2y$04$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau"),
    ("keycloak", "$argon2id$v=19$m=7168,t=5,p=1$c2FsdCBvZiBzaXh0ZWVuIQ$C8CqWQuweL4gpauSFitkNFnjdvIHOlbwikb9TAFR2AM"),
    ("owasp", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBzaXh0ZWVuIQ$0mpQ8MZUae8TPz6jpw629bSNLRBeCJ3Y0yuZBF//Hkc"),
    (
        "older-keycloak",
        "$pbkdf2-sha512$i=1000$c2FsdCBvZiBzaXh0ZWVuIQ$FtiCboYqPuiDXn4MdI5PUI9wiyF/DL43Ogqw9XyWf0NlqLioT6mUr0jNHv7+Ac4xkZ86SUrqRdTLdrJiGTknBQ",
    ),
    ("django", "pbkdf2_sha256$1000$q7bZxRdJ2sPw$fjpW/c1BTAubUEGqxc8BH18o1El6pyeWBQZiVkY+Z6k="),
    ("passlib", "$pbkdf2-sha256$1000$c2FsdCBvZiBzaXh0ZWVuIQ$EjlQpW.VG7BQI/7l7pxOf.HPkTn4K/l.MZTnSGtGOUk"),
];
const PASSWORD: &str = "correct horse";

fn stored(app: &TestApp, email: &str) -> String {
    let stored = "SELECT password_hash FROM users WHERE email = $1";
    app.backend.sql().query_one(stored, &[&email]).expect("the user is there").get(0)
}

#[test]
fn a_hash_of_another_system_opens_the_account_once_and_is_renewed_then() {
    let backend = Backend::new();
    let app = guarded(&backend);
    let root = app.admin("root@hashes.example");
    let address = |name: &str| format!("{name}@hashes.example");
    let lines: Vec<_> =
        HASHES.iter().map(|(name, hash)| line(&address(name), &json!({"password_hash": hash}))).collect();
    assert_eq!(import(&app, &root, &lines).expect(200).json()["created"], HASHES.len());
    for (name, hash) in HASHES {
        let email = address(name);
        let before = stored(&app, &email);
        assert!(before.starts_with("f:$"), "{name}: {before}");
        assert_eq!(refusal(&app.login(&email, "Correct horse")), (401, "invalid-credentials".into()), "{name}");
        assert_eq!(refusal(&app.login(&email, hash)), (401, "invalid-credentials".into()), "{name}");
        assert_eq!(stored(&app, &email), before, "a wrong password renews nothing");
        let _ = app.login(&email, PASSWORD).expect(200);
        let after = stored(&app, &email);
        assert!(after.starts_with("v2:v1:$2b$"), "{name}: {after}");
        let _ = app.login(&email, PASSWORD).expect(200);
        assert_eq!(stored(&app, &email), after);
        assert_eq!(app.login(&email, "Correct horse").status, 401);
    }
    // The current password is asked for as everywhere, also before the hash is renewed.
    let again = line("late@hashes.example", &json!({"password_hash": HASHES[1].1}));
    let id = import(&app, &root, &[again]).expect(200).json()["lines"][0]["id"].as_i64().expect("an id");
    let tokens = app.login("late@hashes.example", PASSWORD).expect(200).json();
    let foreign: String = format!("f:{}", HASHES[1].1);
    let back = "UPDATE users SET password_hash = $1 WHERE id = $2";
    assert_eq!(app.backend.sql().execute(back, &[&foreign, &id]).expect("it can be set"), 1);
    let change = json!({"password": "a better horse battery", "current_password": PASSWORD});
    let access = tokens["access_token"].as_str().expect("a token");
    let _ = app.patch(&format!("/users-ms/users/{id}")).bearer(access).json(&change).send().expect(200);
    let _ = app.login("late@hashes.example", "a better horse battery").expect(200);
}

#[test]
fn a_hash_that_costs_too_much_is_refused_and_the_text_says_what_to_do() {
    let backend = Backend::new();
    let app = guarded(&backend);
    let root = app.admin("root@costly.example");
    let argon2 = |m: u32, t: u32| {
        format!("$argon2id$v=19$m={m},t={t},p=1$c2FsdCBvZiBzaXh0ZWVuIQ$C8CqWQuweL4gpauSFitkNFnjdvIHOlbwikb9TAFR2AM")
    };
    let pbkdf2 = |i: u32| format!("pbkdf2_sha256${i}$q7bZxRdJ2sPw$fjpW/c1BTAubUEGqxc8BH18o1El6pyeWBQZiVkY+Z6k=");
    let bcrypt = HASHES[0].1;
    let cases = [
        (argon2(20_481, 1), Some("20 MiB")),
        (argon2(20_480, 12), None),
        (argon2(20_480, 13), Some("256 MiB times passes")),
        (pbkdf2(1_500_000), None),
        (pbkdf2(1_500_001), Some("1500000 iterations")),
        (bcrypt.replace("$04$", "$15$"), Some("cost above 14")),
        ("5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), Some("no bcrypt")),
        ("v2:gone:$2b$12$vZdO4DN1U2o5Qb71uiWY5ezlawMvzz1xxxkyGcPIjOYd9WU9.TsvK".to_owned(), Some("password_peppers")),
    ];
    let lines: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(n, (hash, _))| line(&format!("user-{n}@costly.example"), &json!({"password_hash": hash})))
        .collect();
    let answer = import(&app, &root, &lines).expect(200).json();
    for (n, (hash, part)) in cases.iter().enumerate() {
        let detail = answer["lines"][n]["problem"]["detail"].as_str();
        assert_eq!(detail.is_some(), part.is_some(), "{hash}: {detail:?}");
        assert!(detail.unwrap_or_default().contains(part.unwrap_or_default()), "{hash}: {detail:?}");
    }
    // The costliest that is accepted ends while its permit is held.
    for n in [1, 3] {
        let start = Instant::now();
        assert_eq!(app.login(&format!("user-{n}@costly.example"), "wrong horse").status, 401);
        println!("{}: {:?}", cases[n].0, start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    }
    // More memory where the operator says so.
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("import_hash_memory", 21).start();
    let root = app.admin("root@costly.example");
    assert_eq!(import(&app, &root, &lines[..1]).expect(200).json()["created"], 1);
}

#[test]
fn whoever_comes_without_a_password_sets_one_by_mail() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup.variable("authorization", "required"));
    let (app, email) = (&office.app, "ada@no-password.example");
    let _ = office.sign_up("root@no-password.example").expect(202);
    let make = "SELECT make_administrator('root@no-password.example')";
    app.backend.sql().query_one(make, &[]).expect("roles can be changed");
    let claims = office.claims("root@no-password.example");
    let id = claims["sub"].as_str().and_then(|sub| sub.parse().ok()).expect("an id");
    let root = app.sign_in(id, "root@no-password.example");
    let made = import(app, &root, &[line(email, &json!({"email_verified": true}))]).expect(200).json();
    assert_eq!(made["created"], 1);
    for password in ["", "password", "correct horse battery"] {
        assert_eq!(refusal(&app.login(email, password)), (401, "invalid-credentials".into()));
    }
    let _ = app.post("/users-ms/password-recovery").json(&json!({"email": email})).send().expect(202);
    let secrets = office.secrets_of("Choose a new password", "/users-ms/password-recovery/page", email, 1);
    let body = json!({"token": secrets.token, "password": "a better horse battery"});
    let _ = app.post("/users-ms/password-recovery/confirm").json(&body).send().expect(204);
    let _ = app.login(email, "a better horse battery").expect(200);
}

#[test]
fn who_was_imported_is_not_told_by_time() {
    const TRIES: usize = 60;
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("login_throttling", "off")
        .variable("bcrypt_cost", 6)
        .start();
    let root = app.admin("root@imported-medians.example");
    let _ = app.sign_up("known@imported-medians.example");
    let lines: Vec<Value> = (0..2)
        .map(|n| line(&format!("imported-{n}@imported-medians.example"), &json!({"password_hash": HASHES[1].1})))
        .collect();
    assert_eq!(import(&app, &root, &lines).expect(200).json()["created"], 2);
    let names = ["known", "unknown", "imported-0"].map(|name| format!("{name}@imported-medians.example"));
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut texts = Vec::new();
    for round in 0..TRIES {
        for place in (0..names.len()).map(|turn| (turn + round) % names.len()) {
            let start = Instant::now();
            let answer = app.login(&names[place], "incorrect horse").expect(401);
            times[place].push(start.elapsed());
            texts.push(answer.shown());
        }
    }
    let [known, unknown, imported] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    });
    println!("known {known:.6}, unknown {unknown:.6}, imported {imported:.6}");
    let is_alike = |one: f64, other: f64| (0.85..1.18).contains(&(one / other)) || (one - other).abs() < 0.001;
    assert!(is_alike(unknown, imported), "unknown: {unknown}, imported: {imported}");
    assert!(is_alike(known, imported), "known: {known}, imported: {imported}");
    assert!(texts.iter().all(|text| *text == texts[0]), "{}", texts[0]);
}
