//! Settings: a service with one that cannot be used is not ready, and its log says which.

use crate::probes::assert_readiness;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::turn;

/// Settings that cannot be used, the service whose readiness says so, and the variable that the log names.
const UNUSABLE: [(&str, &str, &str); 19] = [
    ("auth_credential", "thirty-one characters, too few!", "auth_credential"),
    ("scheduler_credential", "", "scheduler_credential"),
    ("operator_credential", "thirty-one characters, too few!", "operator_credential"),
    ("password_pepper", "thirty-one characters, too few!", "password_pepper"),
    ("bcrypt_cost", "99", "bcrypt_cost"),
    ("password_min_length", "7", "password_min_length"),
    ("hashing_places", "0", "hashing_places"),
    ("login_throttling", "maybe", "login_throttling"),
    ("trusted_proxies", "everybody", "trusted_proxies"),
    ("authorization", "maybe", "authorization"),
    ("load_test", "maybe", "load_test"),
    ("token_signing_key", "x", "token_signing_key"),
    ("refresh_token_key", "thirty-one characters, too few!", "refresh_token_key"),
    ("token_public_keys", "x", "token_public_keys"),
    ("notification_sender", "pigeon", "sender"),
    ("password_peppers", "new=short", "password_peppers"),
    ("token_issuer", " ", "token_issuer"),
    ("notification_claim_ms", "510", "claim_ms"),
    ("notification_send_ms", "500", "claim_ms"),
];

#[test]
fn a_service_is_not_ready_with_a_setting_that_cannot_be_used_and_the_log_names_it() {
    let _turn = turn::together();
    let backend = Backend::new();
    // The last ones are read after others of the same kind, which would hide them; a message could be taken over by another
    // consumer while it is still being sent.
    for unusable in [&UNUSABLE[..15], &UNUSABLE[15..]] {
        let setup = TestApp::on(&backend);
        let app = unusable.iter().fold(setup, |setup, (name, value, _)| setup.variable(name, value)).start();
        for service in ["users-ms", "auth-ms", "notification-ms"] {
            let answer = app.get(&format!("/{service}/readiness")).send().expect(503);
            assert_eq!(answer.json()["checks"]["configuration"]["status"], "unavailable", "{service}");
            for (name, value, _) in unusable {
                assert!(!answer.text().contains(name), "{}", answer.text());
                assert!(value.len() < 4 || !answer.text().contains(value), "{}", answer.text());
            }
            let _ = app.get(&format!("/{service}/healthcheck")).send().expect(200);
        }
        for (_, value, named) in unusable {
            app.wait_for_log(&format!("the variable {named} "));
            assert!(value.len() < 8 || !app.log().contains(value), "a value is logged");
        }
    }
}

#[test]
fn a_pepper_of_thirty_one_bytes_is_one_setting_that_cannot_be_used() {
    let _turn = turn::together();
    let short = "thirty-one characters, too few!";
    let app = TestApp::on(&Backend::new()).variable("password_pepper", short).only(&["users"]).start();
    assert_readiness(&app, "users-ms", &[("configuration", "unavailable"), ("database", "ok")]);
    app.wait_for_log("the variable password_pepper has under 32 bytes");
    let app = TestApp::on(&Backend::new()).variable("password_pepper", format!("{short}!")).only(&["users"]).start();
    assert_readiness(&app, "users-ms", &[("configuration", "ok"), ("database", "ok")]);
}
