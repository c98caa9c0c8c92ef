//! Publishing by MQTT.

use crate::rabbit::Rabbit;
use crate::support::{App, Setup, until};

fn setup(rabbit: &Rabbit) -> Setup {
    let host = rabbit.server.mqtt_host();
    Setup::default()
        .hosts(&[&format!("mqtt://{host}")])
        .variable("mqtt_url", &format!("mqtt://{host}?client_id=guest"))
        .variable("mqtt_user", &format!("{}:{}", rabbit.vhost, rabbit.server.user()))
        .variable("mqtt_password", rabbit.server.password())
}

/// A queue that gets what is published on the topic `happened/here`.
fn bind(rabbit: &Rabbit) {
    rabbit.declare("q", "quorum");
    let path = format!("/api/bindings/{}/e/amq.topic/q/q", rabbit.vhost);
    rabbit.api("POST", &path, r#"{"routing_key": "happened.here"}"#);
}

fn publish(app: &App, query: &str, body: &str) -> String {
    app.post(&format!("/mqtt?topic=happened/here{query}"), body).body
}

#[test]
fn what_is_published_at_least_once_is_in_the_queue_when_publish_returns() {
    let rabbit = Rabbit::new();
    bind(&rabbit);
    let app = setup(&rabbit).start();
    for qos in ["&qos=1", "&qos=2"] {
        assert_eq!(publish(&app, qos, "hello"), "published");
        let delivery = rabbit.try_take("q").expect("it is there");
        assert_eq!((delivery.data.as_slice(), delivery.routing_key.as_str()), (&b"hello"[..], "happened.here"));
        assert_eq!(delivery.properties.delivery_mode(), &Some(2), "it survives a restart");
    }
    assert_eq!(publish(&app, "&qos=0", "at most once"), "published");
    assert_eq!(rabbit.take("q").data, b"at most once");
    let large = "x".repeat(3 << 20);
    assert_eq!(publish(&app, "", &large), "published");
    assert_eq!(rabbit.take("q").data.len(), 3 << 20);
}

#[test]
fn connections_are_used_again_and_one_client_id_is_enough_for_all() {
    let rabbit = Rabbit::new();
    bind(&rabbit);
    let app = setup(&rabbit).start();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| publish(&app, "&times=50", "x"))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), "published");
        }
    });
    let mut count = 0;
    while rabbit.try_take("q").is_some() {
        count += 1;
        if count == 20 {
            break;
        }
    }
    assert_eq!(count, 20);
    // The management notices a little later; what it says then includes all that were made and not closed.
    let connections = || rabbit.api("GET", &format!("/api/vhosts/{}/connections", rabbit.vhost), "");
    let open = until(|| Some(connections().matches("\"protocol\":\"MQTT ").count()).filter(|open| *open > 0));
    assert!(open <= 4, "{open} connections: {}", connections());
}

#[test]
fn what_cannot_be_reached_is_an_error() {
    let rabbit = Rabbit::new();
    let host = rabbit.server.mqtt_host();
    let mut app = setup(&rabbit).start();
    let refused = publish(&app, "&password=wrong", "x");
    assert!(refused.contains("ConnectionFailed") && refused.contains("refuses"), "{refused}");
    let denied = publish(&app, "&address=mqtt://127.0.0.1:1?client_id=x", "x");
    assert!(denied.contains("ConnectionFailed") && denied.contains("is not permitted"), "{denied}");
    app.wait_for_output("it is not in allowed_outbound_hosts");
    let nameless = publish(&app, &format!("&address=mqtt://{host}"), "x");
    assert!(nameless.contains("InvalidAddress"), "{nameless}");
    let wild = app.post("/mqtt?topic=happened/%23", "x").body;
    assert!(wild.contains("not a topic"), "{wild}");
    let nobody = setup(&rabbit).hosts(&["mqtt://127.0.0.1:1"]).start();
    let gone = publish(&nobody, "&address=mqtt://127.0.0.1:1?client_id=x", "x");
    assert!(gone.contains("ConnectionFailed") && gone.contains("cannot connect"), "{gone}");
}
