//! Least privilege: each component reaches what it needs and nothing else.

use std::collections::BTreeMap;
use toml::{Table, Value};

/// The app on each of the brokers.
fn manifests() -> [(&'static str, Table); 2] {
    [
        ("redis", include_str!("../../../spin.toml").parse().expect("spin.toml is TOML")),
        ("rabbitmq", include_str!("../../../spin.rabbitmq.toml").parse().expect("spin.rabbitmq.toml is TOML")),
    ]
}

fn components(manifest: &Table) -> BTreeMap<String, Table> {
    let components = manifest["component"].as_table().expect("components are a table");
    components.iter().map(|(name, value)| (name.clone(), value.as_table().expect("a table").clone())).collect()
}

/// The components of both manifests.
fn all_components() -> impl Iterator<Item = (String, Table)> {
    manifests().into_iter().flat_map(|(_, manifest)| components(&manifest))
}

/// The variables of both manifests.
fn variables() -> impl Iterator<Item = (String, Value)> {
    manifests().into_iter().flat_map(|(_, mut manifest)| match manifest.remove("variables") {
        Some(Value::Table(variables)) => variables,
        _ => panic!("variables are a table"),
    })
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn each_component_reaches_only_what_it_needs() {
    let on_redis = [
        ("account", vec!["{{ users_url }}", "{{ auth_url }}", "http://self"]),
        ("auth", vec!["{{ users_url }}", "http://self", "{{ redis_scheme }}://{{ redis_host }}"]),
        (
            "console",
            vec![
                "{{ users_url }}",
                "{{ auth_url }}",
                "{{ notification_url }}",
                "{{ console_experiments_url }}",
                "{{ console_metrics_url }}",
                "http://self",
            ],
        ),
        ("docs", vec![]),
        (
            "notification",
            vec![
                "{{ redis_scheme }}://{{ redis_host }}",
                "{{ mail_api_url }}",
                "{{ sms_api_url }}",
                "{{ webhook_host_a }}",
                "{{ webhook_host_b }}",
                "{{ webhook_host_c }}",
                "{{ webhook_host_d }}",
            ],
        ),
        (
            "users",
            vec![
                "postgres://{{ db_host }}",
                "postgres://{{ db_read_host }}",
                "{{ redis_scheme }}://{{ redis_host }}",
                "{{ breached_passwords_url }}",
            ],
        ),
    ];
    let on_rabbitmq = [
        ("account", vec!["{{ users_url }}", "{{ auth_url }}", "http://self"]),
        ("auth", vec!["{{ users_url }}", "http://self", "{{ mqtt_scheme }}://{{ mqtt_host }}"]),
        (
            "console",
            vec![
                "{{ users_url }}",
                "{{ auth_url }}",
                "{{ notification_url }}",
                "{{ console_experiments_url }}",
                "{{ console_metrics_url }}",
                "http://self",
            ],
        ),
        ("docs", vec![]),
        (
            "notification",
            vec![
                "{{ redis_scheme }}://{{ redis_host }}",
                "{{ mail_api_url }}",
                "{{ sms_api_url }}",
                "{{ webhook_host_a }}",
                "{{ webhook_host_b }}",
                "{{ webhook_host_c }}",
                "{{ webhook_host_d }}",
                "{{ rabbitmq_management_url }}",
            ],
        ),
        (
            "users",
            vec![
                "postgres://{{ db_host }}",
                "postgres://{{ db_read_host }}",
                "{{ mqtt_scheme }}://{{ mqtt_host }}",
                "{{ redis_scheme }}://{{ redis_host }}",
                "{{ breached_passwords_url }}",
            ],
        ),
    ];
    for ((_, manifest), expected) in manifests().iter().zip([on_redis, on_rabbitmq]) {
        let components = components(manifest);
        let hosts: Vec<_> =
            components.iter().map(|(name, c)| (name.as_str(), texts(c.get("allowed_outbound_hosts")))).collect();
        assert_eq!(hosts, expected);
    }
}

#[test]
fn the_two_manifests_differ_in_the_broker_alone() {
    // What a manifest says without what it says about its broker.
    let rest = |mut manifest: Table| {
        const OF_A_BROKER: [&str; 14] = [
            "amqp_url",
            "management_url",
            "broker",
            "redis_url",
            "redis_replicas",
            "mqtt_url",
            "mqtt_user",
            "mqtt_password",
            "claim_ms",
            "retry_ms",
            "retry_for",
            "max_attempts",
            "pause_after",
            "concurrency",
        ];
        let about_brokers =
            |name: &str| ["redis_", "mqtt_", "amqp_", "rabbitmq_"].iter().any(|part| name.starts_with(part));
        let table = |value: &mut Value| value.as_table_mut().expect("a table").clone();
        let mut variables = table(&mut manifest["variables"]);
        variables.retain(|name, _| !about_brokers(name) && name != "notification_claim_ms");
        manifest.insert("variables".to_owned(), variables.into());
        for (_, component) in manifest["component"].as_table_mut().expect("a table").iter_mut() {
            let component = component.as_table_mut().expect("a table");
            component.remove("allowed_outbound_hosts");
            if let Some(variables) = component.get_mut("variables").and_then(Value::as_table_mut) {
                variables.retain(|name, _| !OF_A_BROKER.contains(&name));
            }
        }
        manifest["application"].as_table_mut().expect("a table").remove("trigger");
        let http = manifest["trigger"]["http"].clone();
        manifest.insert("trigger".to_owned(), http);
        manifest
    };
    let [(_, redis), (_, rabbitmq)] = manifests();
    assert_eq!(rest(redis), rest(rabbitmq));
}

#[test]
fn each_component_that_has_to_do_with_the_broker_is_told_which_it_is() {
    for (broker, manifest) in manifests() {
        for (name, component) in components(&manifest) {
            let told = component.get("variables").and_then(|table| table.get("broker")).and_then(Value::as_str);
            assert_eq!(told, (!matches!(name.as_str(), "account" | "console" | "docs")).then_some(broker), "{name}");
        }
    }
}

#[test]
fn only_users_knows_the_database() {
    for (name, component) in all_components() {
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
    for (name, component) in all_components() {
        let has_pepper = component
            .get("variables")
            .and_then(Value::as_table)
            .is_some_and(|table| table.contains_key("password_pepper"));
        assert_eq!(has_pepper, matches!(name.as_str(), "users" | "auth"), "{name}");
    }
}

#[test]
fn secrets_are_marked_and_have_no_default_that_opens_a_door() {
    for (name, variable) in variables() {
        let is_named_so = [
            "password",
            "pepper",
            "credential",
            "signing_key",
            "refresh_token",
            "totp_keys",
            "cookie_keys",
            "amqp_url",
            "redis_url",
        ]
        .iter()
        .any(|word| name.contains(word))
            || name.ends_with("_token")
            || name.ends_with("_secrets");
        let is_named_so = is_named_so && name != "password_min_length" && !name.starts_with("breached_passwords");
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
    for (name, _) in variables() {
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
