//! What is broken in the overlay with RabbitMQ.

use super::mutation::Change::{Drop, Remove, Set};
use super::mutation::{Mutation, on};
use serde_json::json;

/// All of them.
pub(crate) fn mutations() -> Vec<Mutation> {
    let rabbitmq = |check, object, change| on(check, "rabbitmq", object, change);
    vec![
        rabbitmq("types", "RabbitmqCluster/rabbitmq", Set("/spec/replica", json!(3))),
        rabbitmq("types", "Queue/login-email-notification", Set("/spec/argument", json!({}))),
        rabbitmq("types", "Exchange/user-login-event", Remove("/spec/type")),
        rabbitmq("types", "Binding/login-email-notification", Remove("/spec/destination")),
        rabbitmq("types", "Permission/publisher", Remove("/spec/permissions/write")),
        rabbitmq("images", "RabbitmqCluster/rabbitmq", Set("/spec/image", json!("rabbitmq:latest"))),
        rabbitmq("images", "SpinAppExecutor/spin-with-amqp", Set("/spec/deploymentConfig/spinImage", json!("spin"))),
        rabbitmq("references", "User/publisher", Set("/spec/importCredentialsSecret/name", json!("publisher"))),
        rabbitmq("executor", "SpinAppExecutor/spin-with-amqp", Drop),
        rabbitmq("variables", "SpinApp/auth-ms", Set("/spec/variables/1/name", json!("redis_credentials"))),
        rabbitmq("network", "NetworkPolicy/publishers-to-rabbitmq", Drop),
        rabbitmq("network", "NetworkPolicy/notification-ms-to-rabbitmq", Remove("/spec/egress/0")),
        rabbitmq("network", "NetworkPolicy/rabbitmq", Remove("/spec/ingress/2")),
    ]
}
