//! Settings: a service with one that cannot be used is not ready, and its log says which.

use crate::probes::assert_readiness;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::turn;
use std::collections::{BTreeMap, BTreeSet};

const SHORT: &str = "thirty-one characters, too few!";

/// Values that cannot be used, in four rounds: a setting may hide another that is read after it.
const UNUSABLE: [&[(&str, &str)]; 4] = [
    &[
        ("auth_credential", SHORT),
        ("scheduler_credential", ""),
        ("operator_credential", SHORT),
        ("metrics_credential", SHORT),
        ("users_url", "ftp://127.0.0.1:21"),
        ("password_pepper", SHORT),
        ("password_min_length", "7"),
        ("breached_passwords", "maybe"),
        ("breached_passwords_url", "ftp://127.0.0.1:21"),
        ("bcrypt_cost", "99"),
        ("hash_permits", "0"),
        ("hash_permits_per_client", "0"),
        ("hash_permits_for_sign_ins", "few"),
        ("sign_ups_per_hour", "many"),
        ("email_verification", "maybe"),
        ("sign_up", "maybe"),
        ("sign_in_by_mail", "maybe"),
        ("sign_in_page", "nowhere"),
        ("audit_retention", "0"),
        ("redis_replicas", "many"),
        ("sms_per_day", "1001"),
        ("import_hash_memory", "129"),
        ("token_metadata", "plan,"),
        ("public_url", "nowhere"),
        ("mail_links", "nowhere"),
        ("auth_url", "ftp://127.0.0.1:21"),
        ("notification_url", "ftp://127.0.0.1:21"),
        ("account_cookie_keys", "2026:short"),
        ("console_cookie_keys", "2026:short"),
        ("console_second_factor", "maybe"),
        ("console_experiments_url", "ftp://127.0.0.1:21"),
        ("console_metrics_url", "ftp://127.0.0.1:21"),
        ("account_colour", "#ffff00"),
        ("account_return_to", "shop.example/login"),
        ("totp_keys", "2026:short"),
        ("mfa_required_for", "maybe"),
        ("oauth_provider", "maybe"),
        ("login_throttling", "maybe"),
        ("trusted_proxies", "everybody"),
        ("allowed_origins", "app.example/login"),
        ("authorization", "maybe"),
        ("load_test", "maybe"),
        ("token_signing_key", "x"),
        ("token_public_keys", "x"),
        ("refresh_token_key", SHORT),
        ("consumer_name", " "),
        ("notification_sender", "pigeon"),
        ("notification_retry_ms", "soon"),
        ("notification_retry_for", "long"),
        ("notification_max_attempts", "few"),
        ("notification_pause_after", "some"),
        ("notification_concurrency", "65"),
        ("mail_api_url", "ftp://127.0.0.1:21"),
        ("mail_api_token", "two words"),
        ("mail_from", "nobody"),
        ("mail_reply_to", "nobody"),
        ("brand_name", "Bell <sons>"),
        ("default_locale", "English"),
        ("login_notice", "sometimes"),
        ("webhook_endpoints", "crm=http://crm.example/hook"),
        ("sms_api_token", "two words"),
    ],
    &[
        ("mfa_required_for", "all"),
        // Without a token.
        ("console_experiments_url", "http://127.0.0.1:9"),
        ("account_colour", "blue"),
        ("password_peppers", "new=short"),
        ("token_public_keys", "x"),
        ("refresh_token_accepted_key", SHORT),
        ("notification_send_ms", "quick"),
        ("sms_api", "twilio"),
        ("sms_api_url", "ftp://127.0.0.1:21"),
        ("webhook_secrets", "crm=whsec_short"),
    ],
    &[
        ("passkey_rp_id", "10.0.0.7"),
        ("account_cookie_keys", ""),
        ("console_cookie_keys", ""),
        ("token_issuer", "somebody"),
        ("notification_claim_ms", "510"),
        ("notification_send_ms", "500"),
        ("mail_api", "pigeon"),
        ("sms_api", "pigeon"),
    ],
    &[
        ("token_audience", " "),
        ("brand_name", " "),
        ("mail_from", ""),
        ("sms_api", "twilio"),
        ("sms_api_token", "AC1:auth-token"),
        ("sms_from", ""),
        ("webhook_host_b", "ftp://127.0.0.1:21"),
    ],
];

/// Variables that are put together out of others which the runtime reads too: with parts that cannot be used it does not
/// start. What is no address is refused by the same code as others are.
const READ_BY_THE_RUNTIME: [&str; 3] = ["db_url", "db_read_url", "redis_url"];

/// What RabbitMQ's manifest has beside, all read by the code that reads the others; its trigger does not start without.
const OF_RABBITMQ: [&str; 5] = ["mqtt_url", "mqtt_user", "mqtt_password", "amqp_url", "management_url"];

/// The variables of a component that depend on one of the application.
fn variables_of(manifest: &str, component: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let variables = manifest["component"][component]["variables"].as_table().expect("a component has variables");
    let depend = variables.iter().filter(|(_, value)| value.as_str().is_some_and(|value| value.contains("{{")));
    depend.map(|(name, _)| name.clone()).collect()
}

/// What the paths of a component begin with.
fn root_of(component: &str) -> String {
    if matches!(component, "account" | "console") { format!("/{component}") } else { format!("/{component}-ms") }
}

/// The names in the log after `before` bytes. A request without a credential, which is logged in one way or another, shows
/// how far it is to be read.
fn named(app: &TestApp, component: &str, before: usize) -> BTreeSet<String> {
    let internal = match component {
        "users" => app.post("/users-ms/internal/outbox/sweep"),
        "auth" => app.post("/auth-ms/auth/introspect"),
        "account" => app.get("/account/sign-in"),
        "console" => app.get("/console/sign-in"),
        _ => app.post("/notification-ms/internal/consumers/wake"),
    };
    let mark = format!("mark-{component}-{before}");
    let _ = internal.header("x-request-id", &mark).send_unchecked().expect("there is an answer");
    app.wait_for_log(&mark);
    let log = app.log();
    let lines = log[before..].lines().filter(|line| line.contains("the variable "));
    lines.flat_map(|line| line.split(|c: char| !c.is_ascii_lowercase() && c != '_')).map(str::to_owned).collect()
}

#[test]
fn every_variable_of_a_component_is_judged_by_its_readiness_and_named_in_the_log() {
    let _turn = turn::together();
    let backend = Backend::new();
    let components = ["users", "auth", "notification", "account", "console"];
    let mut judged = BTreeMap::<&str, BTreeSet<String>>::new();
    for unusable in UNUSABLE {
        let setup = TestApp::on(&backend);
        let app = unusable.iter().fold(setup, |setup, (name, value)| setup.variable(name, value)).start();
        for component in components {
            let before = app.log().len();
            let answer = app.get(&format!("{}/readiness", root_of(component))).send().expect(503);
            assert_eq!(answer.json()["checks"]["configuration"]["status"], "unavailable", "{component}");
            for (name, value) in unusable {
                assert!(!answer.text().contains(name), "{}", answer.text());
                assert!(value.len() < 4 || !answer.text().contains(value), "{}", answer.text());
            }
            let _ = app.get(&format!("{}/healthcheck", root_of(component))).send().expect(200);
            judged.entry(component).or_default().extend(named(&app, component, before));
        }
        for (_, value) in unusable {
            assert!(value.len() < 8 || !app.log().contains(value), "a value is logged");
        }
    }
    for component in components {
        let on_redis = variables_of(include_str!("../../../spin.toml"), component);
        let judged = &judged[component];
        let unjudged: Vec<_> = on_redis
            .iter()
            .filter(|name| !judged.contains(*name) && !READ_BY_THE_RUNTIME.contains(&name.as_str()))
            .collect();
        assert!(unjudged.is_empty(), "readiness of {component} does not judge {unjudged:?}");
        let on_rabbitmq = variables_of(include_str!("../../../spin.rabbitmq.toml"), component);
        let others: Vec<_> =
            on_rabbitmq.difference(&on_redis).filter(|name| !OF_RABBITMQ.contains(&name.as_str())).collect();
        assert!(others.is_empty(), "readiness of {component} does not judge {others:?}");
    }
}

#[test]
fn a_pepper_of_thirty_one_bytes_is_one_setting_that_cannot_be_used() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("password_pepper", SHORT).only(&["users"]).start();
    assert_readiness(&app, "users-ms", &[("configuration", "unavailable"), ("database", "ok")]);
    app.wait_for_log("the variable password_pepper has under 32 bytes");
    let app = TestApp::on(&Backend::new()).variable("password_pepper", format!("{SHORT}!")).only(&["users"]).start();
    assert_readiness(&app, "users-ms", &[("configuration", "ok"), ("database", "ok")]);
}
