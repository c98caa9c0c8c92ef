//! The Job that makes an administrator.

use crate::stage::{Stage, words};
use dev_servers::migrations;
use k8s_checks::app::workspace;
use serde_json::{Value, json};

#[test]
fn an_administrator_is_made_once_and_nobody_is_refused() {
    let Some(stage) = Stage::set() else { return };
    migrations::run(&stage.url, &workspace().join("migrations")).expect("the migrations apply");
    stage.sql(
        "INSERT INTO users (name, surname, email, email_key, password_hash)
         VALUES ('Grace', 'Hopper', 'Grace.O''Hopper@example.org', 'grace.o''hopper@example.org', 'v1:$2b$04$x')",
    );
    let make = |address: &str| {
        stage.run_as_superuser("components/administrator/make-administrator.sh", &[address], "/nowhere")
    };
    let nobody = make("nobody@example.org");
    assert!(!nobody.status.success() && words(&nobody).contains("nobody has signed up"), "{}", words(&nobody));
    for result in ["success", "unchanged"] {
        let made = make("grace.o'hopper@example.org");
        assert!(made.status.success(), "{}", words(&made));
        let line: Value = serde_json::from_slice(&made.stdout).expect("a line of the audit log");
        assert_eq!((&line["audit"], &line["result"]), (&json!("role-changed"), &json!(result)));
    }
    stage.sql("SELECT 1 / (role = 'admin' AND version = 3 AND credentials_epoch = 2)::int FROM users");
}
