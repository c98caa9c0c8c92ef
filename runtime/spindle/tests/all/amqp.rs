//! The AMQP trigger: what becomes of messages.

use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::rabbit::{Rabbit, header};
use crate::support::{App, SOON, until};

/// How often something was said.
fn count(app: &App, text: &str) -> usize {
    app.output().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_message_arrives_with_all_that_is_said_about_it_and_is_acknowledged() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("exchange = \"e\"\nexchange_type = \"topic\"\nrouting_key = \"a.*\"");
    let mut headers = FieldTable::default();
    headers.insert("colour".into(), AMQPValue::LongString("red".into()));
    headers.insert("raw".into(), AMQPValue::LongString(vec![0xff, 0xfe].into()));
    headers.insert("size".into(), AMQPValue::LongInt(-3));
    let properties = BasicProperties::default()
        .with_message_id("id-1".into())
        .with_content_type("text/plain".into())
        .with_timestamp(7)
        .with_headers(headers);
    rabbit.publish("e", "a.b", b"headers", properties);
    let line = app.wait_for_output("got headers");
    assert!(
        line.contains(
            "(7 bytes), delivery 1 from q by e/a.b, id Some(\"id-1\"), type Some(\"text/plain\"), time Some(7)"
        ),
        "{line}"
    );
    app.wait_for_output("done headers");
    assert!(app.output().contains("header colour: HeaderValue::Text(\"red\")"), "{}", app.output());
    assert!(app.output().contains("header raw: HeaderValue::Bytes([255, 254])"), "{}", app.output());
    assert!(app.output().contains("header size: HeaderValue::Integer(-3)"), "{}", app.output());
    app.signal("TERM");
    app.wait_for_end();
    assert!(rabbit.try_take("q").is_none(), "it was acknowledged");
}

#[test]
fn a_poisoned_message_waits_longer_each_time_and_is_dead_after_the_last_delivery_while_others_flow() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("max_deliveries = 4\nretry_delay_ms = 300");
    let properties = BasicProperties::default().with_message_id("poison".into()).with_expiration("60000".into());
    rabbit.publish("", "q", b"fail always", properties);
    let mut times = Vec::new();
    for delivery in 1..=4 {
        app.wait_for_output(&format!("got fail always (11 bytes), delivery {delivery}"));
        times.push(Instant::now());
        rabbit.send(&[&format!("well {delivery}")]);
        let start = Instant::now();
        app.wait_for_output(&format!("done well {delivery}"));
        assert!(start.elapsed() < Duration::from_millis(1500), "the others wait: {:?}", start.elapsed());
    }
    for (pair, least) in times.windows(2).zip([300, 600, 1200]) {
        let pause = pair[1] - pair[0];
        // The first look may have come late.
        assert!(pause > Duration::from_millis(least * 9 / 10 - 50), "{pause:?} instead of {least} ms");
        assert!(pause < Duration::from_millis(least + 1500), "{pause:?} instead of {least} ms");
    }
    let letter = rabbit.take("q.dead");
    assert_eq!(letter.data, b"fail always");
    assert_eq!(letter.properties.message_id().as_ref().map(|id| id.as_str()), Some("poison"));
    assert_eq!(letter.properties.expiration(), &None);
    assert_eq!(
        (header(&letter, "x-dead-reason").as_str(), header(&letter, "x-dead-deliveries").as_str()),
        ("as told", "4")
    );
    assert_eq!((header(&letter, "x-dead-queue").as_str(), header(&letter, "x-dead-routing-key").as_str()), ("q", "q"));
    app.wait_for_output("message dead-lettered");
    assert_eq!((count(&app, "got fail always"), count(&app, "message will be retried")), (4, 3));
    app.signal("TERM");
    app.wait_for_end();
    assert!(rabbit.try_take("q").is_none() && rabbit.try_take("q.dead").is_none(), "there is one copy");
}

#[test]
fn a_message_that_fails_is_delivered_for_its_time_and_a_trap_five_times() {
    let rabbit = Rabbit::new();
    let app = rabbit.start("max_deliveries = 0\nretry_for = 4\nretry_delay_ms = 100");
    let start = Instant::now();
    rabbit.send(&["fail always", "trap"]);
    let mut letters = [rabbit.take("q.dead"), rabbit.take("q.dead")];
    letters.sort_by_key(|letter| letter.data.clone());
    let deliveries = |number: usize| header(&letters[number], "x-dead-deliveries");
    // After 100, 200, 400, 800, 1600 and what is left, 900 ms.
    assert_eq!((letters[0].data.as_slice(), deliveries(0).as_str()), (&b"fail always"[..], "7"));
    assert_eq!((letters[1].data.as_slice(), deliveries(1).as_str()), (&b"trap"[..], "5"));
    assert!(start.elapsed() >= Duration::from_millis(3900), "{:?}", start.elapsed());
    assert_eq!((count(&app, "got fail always"), count(&app, "got trap")), (7, 5));
}

#[test]
fn a_queue_pauses_after_failures_in_a_row_and_goes_on_with_a_probe() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("pause_after = 2\nmax_deliveries = 0\nretry_for = 600\nretry_delay_ms = 60000");
    rabbit.send(&["fail first", "fail second"]);
    app.wait_for_output("queue paused");
    let start = Instant::now();
    rabbit.send(&["well"]);
    app.wait_for_output("done well");
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(9), "{waited:?}");
    rabbit.send(&["well again"]);
    app.wait_for_output("done well again");
    assert!(start.elapsed() < waited + Duration::from_secs(2), "it goes on");
}

#[test]
fn a_queue_that_was_declared_with_other_arguments_is_used_as_it_is() {
    let rabbit = Rabbit::new();
    let arguments = r#"{"durable": true, "arguments": {
        "x-queue-type": "quorum", "x-delivery-limit": 9, "x-dead-letter-exchange": "q.dead",
        "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"
    }}"#;
    rabbit.api("PUT", &rabbit.queue("q"), arguments);
    let mut app = rabbit.start("exchange = \"e\"");
    let line = app.wait_for_output("a queue is there with other arguments and is used as it is");
    assert!(line.contains("'x-delivery-limit' for queue 'q'") && line.contains("current is '9'"), "{line}");
    rabbit.publish("e", "", b"through the binding", BasicProperties::default());
    app.wait_for_output("done through the binding");
}

#[test]
fn headers_that_are_nested_too_deep_are_dead_letters_and_hurt_nobody() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("");
    // By management: lapin overflows its stack when it sends such headers as well.
    let publish = |depth: usize, body: &str| {
        let deep = format!("{}7{}", "{\"k\":".repeat(depth), "}".repeat(depth));
        let message = format!(
            r#"{{"properties": {{"headers": {{"deep": {deep}}}}}, "routing_key": "q", "payload": "{body}", "payload_encoding": "string"}}"#
        );
        let answer = rabbit.api("POST", &format!("/api/exchanges/{}/amq.default/publish", rabbit.vhost), &message);
        assert!(answer.contains("true"), "{answer}");
    };
    publish(32, "headers");
    app.wait_for_output("done headers");
    assert!(app.output().contains(r#"header deep: HeaderValue::Json("{\"k\":{\"k\":"#), "{}", app.output());
    publish(33, "deeper");
    let letter = rabbit.take("q.dead");
    assert_eq!(letter.data, b"deeper");
    assert_eq!(header(&letter, "x-dead-reason"), "its headers are nested deeper than 32 levels");
    publish(10_000, "deepest");
    rabbit.send(&["after"]);
    app.wait_for_output("done after");
    let letter = rabbit.take("q.dead");
    assert_eq!(letter.data, b"deepest");
    assert_eq!(header(&letter, "x-dead-reason"), "its headers are nested deeper than 32 levels");
    assert!(!app.output().contains("lost its connection") && !app.output().contains("got deep"), "{}", app.output());
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn traps_and_deadlines_count_as_errors() {
    let rabbit = Rabbit::new();
    let app = rabbit.setup("max_deliveries = 2").arguments(&["--message-deadline", "400ms"]).start();
    until(|| app.output().contains("is connected").then_some(()));
    for (body, reason) in
        [("trap", "a trap: "), ("loop", "it took longer than 0.4 s"), ("sleep 9000", "it took longer than 0.4 s")]
    {
        rabbit.send(&[body]);
        let letter = rabbit.take("q.dead");
        assert_eq!(letter.data, body.as_bytes());
        assert!(header(&letter, "x-dead-reason").starts_with(reason), "{}", header(&letter, "x-dead-reason"));
        assert_eq!(count(&app, &format!("got {body}")), 2);
    }
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn a_message_that_is_unusable_is_dead_at_once() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("dead_letter = \"grave\"");
    rabbit.send(&["unusable", "after"]);
    let letter = rabbit.take("grave");
    assert_eq!((letter.data.as_slice(), header(&letter, "x-dead-deliveries").as_str()), (&b"unusable"[..], "1"));
    app.wait_for_output("done after");
    assert_eq!(count(&app, "got unusable"), 1);
}

#[test]
fn as_many_messages_are_handled_at_once_as_are_prefetched() {
    let rabbit = Rabbit::new();
    let app = rabbit.start("prefetch = 3");
    let bodies: Vec<_> = (0..9).map(|number| format!("sleep 300 {number}")).collect();
    rabbit.send(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    until(|| (count(&app, "done sleep") == 9).then_some(()));
    let (mut now, mut most) = (0_usize, 0);
    for line in app.output().lines() {
        now += usize::from(line.contains("got sleep"));
        most = most.max(now);
        now -= usize::from(line.contains("done sleep"));
    }
    assert_eq!(most, 3);
}

#[test]
fn at_the_end_what_runs_is_finished_and_the_rest_is_left_alone() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("max_deliveries = 9\nretry_delay_ms = 60000");
    rabbit.send(&["fail and wait"]);
    app.wait_for_output("message will be retried");
    rabbit.send(&["sleep 700 first", "second"]);
    app.wait_for_output("got sleep 700 first");
    app.signal("TERM");
    assert_eq!(app.wait_for_end().code(), Some(0));
    assert!(app.output().contains("done sleep 700 first"), "{}", app.output());
    assert!(!app.output().contains("got second"), "{}", app.output());
    let mut left: Vec<_> = std::iter::from_fn(|| rabbit.try_take("q")).map(|delivery| delivery.data).collect();
    left.sort();
    assert_eq!(left, [b"fail and wait".to_vec(), b"second".to_vec()]);
}

#[test]
fn a_message_outlives_its_consumer_and_is_dead_when_none_survives_it() {
    let rabbit = Rabbit::new();
    let further = "max_deliveries = 2";
    for delivery in ["delivery 1 from", "delivery 2 again from"] {
        let mut app = rabbit.start(further);
        if delivery.contains('1') {
            rabbit.send(&["sleep 60000"]);
        }
        let line = app.wait_for_output("got sleep 60000");
        assert!(line.contains(delivery), "{line}");
        app.signal("KILL");
        app.wait_for_end();
    }
    let letter = rabbit.take("q.dead");
    assert_eq!(letter.data, b"sleep 60000");
    assert!(header(&letter, "x-first-death-reason").contains("delivery_limit"), "{letter:?}");
}

#[test]
fn large_messages_and_odd_bytes_are_messages() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("max_deliveries = 1");
    rabbit.publish("", "q", &vec![b'x'; 10 << 20], BasicProperties::default());
    app.wait_for_output("(10485760 bytes)");
    rabbit.publish("", "q", &[0xff, 0x00, 0xc3, 0x28], BasicProperties::default());
    app.wait_for_output("(4 bytes)");
    rabbit.send(&[""]);
    app.wait_for_output("(0 bytes)");
    let mut large = b"fail ".to_vec();
    large.resize(10 << 20, b'x');
    rabbit.publish("", "q", &large, BasicProperties::default());
    assert_eq!(rabbit.take("q.dead").data.len(), 10 << 20);
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn an_exchange_can_be_fed_from_another() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("exchange = \"happened\"\nsource = \"amq.topic\"");
    rabbit.publish("amq.topic", "happened", b"hello", BasicProperties::default());
    let line = app.wait_for_output("got hello");
    assert!(line.contains("by amq.topic/happened"), "{line}");
}

#[test]
fn two_apps_share_a_queue() {
    let rabbit = Rabbit::new();
    let apps = [rabbit.start(""), rabbit.start("")];
    let bodies: Vec<_> = (0..20).map(|number| format!("sleep 20 {number}")).collect();
    rabbit.send(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Instant::now();
    let handled = || apps.each_ref().map(|app| count(app, "done sleep"));
    while handled().iter().sum::<usize>() < 20 {
        assert!(start.elapsed() < SOON, "{:?}", handled());
        std::thread::sleep(Duration::from_millis(20));
    }
    let handled = handled();
    assert_eq!(handled.iter().sum::<usize>(), 20);
    assert!(handled.iter().all(|count| (7..=13).contains(count)), "{handled:?}");
}
