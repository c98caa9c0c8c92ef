//! Least privilege: each component reaches what it needs and nothing else.

use std::collections::BTreeMap;
use toml::{Table, Value};

fn manifest() -> Table {
    include_str!("../../spin.toml").parse().expect("spin.toml is TOML")
}

fn components() -> BTreeMap<String, Table> {
    let table = manifest();
    let components = table["component"].as_table().expect("components are a table");
    components.iter().map(|(name, value)| (name.clone(), value.as_table().expect("a table").clone())).collect()
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn each_component_reaches_only_what_it_needs() {
    let components = components();
    let hosts: Vec<_> =
        components.iter().map(|(name, c)| (name.as_str(), texts(c.get("allowed_outbound_hosts")))).collect();
    let expected = [
        ("auth", vec!["{{ users_url }}", "redis://{{ redis_host }}"]),
        ("docs", vec![]),
        ("notification", vec!["redis://{{ redis_host }}", "{{ mail_api_url }}"]),
        ("users", vec!["postgres://{{ db_host }}", "redis://{{ redis_host }}"]),
    ];
    assert_eq!(hosts, expected);
}

#[test]
fn only_users_knows_the_database() {
    for (name, component) in components() {
        let variables = component.get("variables").and_then(Value::as_table);
        let knows = variables.into_iter().flatten().any(|(key, value)| {
            let value = value.as_str().expect("a variable is a text");
            key.starts_with("db_") || value.contains("db_") || value.contains("postgres")
        });
        assert_eq!(knows, name == "users", "{name}");
    }
}

#[test]
fn only_those_who_handle_passwords_have_the_pepper() {
    for (name, component) in components() {
        let has_pepper = component
            .get("variables")
            .and_then(Value::as_table)
            .is_some_and(|table| table.contains_key("password_pepper"));
        assert_eq!(has_pepper, matches!(name.as_str(), "users" | "auth"), "{name}");
    }
}

#[test]
fn secrets_are_marked_and_have_no_default_that_opens_a_door() {
    let table = manifest();
    for (name, variable) in table["variables"].as_table().expect("variables are a table") {
        let is_named_so = ["password", "pepper", "credentials", "signing_key"].iter().any(|word| name.contains(word))
            || name.ends_with("_token");
        let is_secret = variable.get("secret").and_then(Value::as_bool).unwrap_or(false);
        assert_eq!(is_secret, is_named_so, "{name}");
        if is_secret {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
            assert_eq!(default, "", "{name}");
        }
    }
}

#[test]
fn no_variable_can_be_taken_for_a_service_link_of_kubernetes() {
    let table = manifest();
    for name in table["variables"].as_table().expect("variables are a table").keys() {
        let is_link = name.ends_with("_port") || name.ends_with("_service_host") || name.contains("_port_");
        assert!(!is_link && !["hostname", "path", "home"].contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_role_of_users_may_not_change_the_schema() {
    let backend = blackbox::backend::Backend::new();
    let mut sql = backend.sql();
    for statement in [
        "CREATE TABLE stolen (id int)",
        "ALTER TABLE users ADD COLUMN plain text",
        "DROP TABLE sessions",
        "CREATE FUNCTION user_json(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COPY users TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/hostname')",
    ] {
        let tried = sql.batch_execute(&format!("SET ROLE concierge_users; {statement}"));
        let code = tried.expect_err(statement).code().cloned();
        assert_eq!(code, Some(postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        sql.batch_execute("ROLLBACK; RESET ROLE").expect("the superuser goes on");
    }
    let mut rows = |statement: &str| sql.batch_execute(&format!("SET ROLE concierge_users; {statement}; RESET ROLE"));
    rows("SELECT count(*) FROM users").expect("rows may be read");
}
