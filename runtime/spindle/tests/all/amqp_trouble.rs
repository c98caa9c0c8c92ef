//! The AMQP trigger when something is not as it should be.

use std::net::TcpListener;
use std::time::Duration;

use crate::rabbit::{Rabbit, header};
use crate::support::{App, Setup, until, within};

/// An app on an address where there is no broker, or not for us.
fn start_on(address: &str) -> App {
    Setup::default()
        .triggers(&format!(
            "[application.trigger.amqp]\naddress = {address:?}\n\
             [[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n\
             [[trigger.amqp]]\nqueue = \"q\"\ncomponent = \"guest\"\n"
        ))
        .start()
}

/// Waits for the line, and that it stays the only one for a while in which all else works.
#[track_caller]
fn says_once(app: &mut App, text: &str) -> String {
    let line = app.wait_for_output(text);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(app.output().matches(text).count(), 1, "{}", app.output());
    assert_eq!(app.text("/hello"), "hello");
    line
}

#[test]
fn what_makes_no_sense_stops_the_start() {
    let rabbit = "[application.trigger.amqp]\naddress = \"amqp://127.0.0.1\"\n";
    for (trigger, part) in [
        (format!("{rabbit}[[trigger.amqp]]\nqueue = \"q\"\ncomponent = \"guest\"\ncolour = 1\n"), "colour"),
        (format!("{rabbit}colour = 1\n[[trigger.amqp]]\nqueue = \"q\"\ncomponent = \"guest\"\n"), "colour"),
        (format!("{rabbit}[[trigger.amqp]]\nqueue = \"q\"\ncomponent = \"guest\"\nprefetch = 0\n"), "`prefetch` is 0"),
        ("[[trigger.amqp]]\nqueue = \"q\"\ncomponent = \"guest\"\n".to_owned(), "has no address"),
    ] {
        let error = Setup::default().triggers(&trigger).fail();
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn a_broker_that_is_not_there_is_waited_for() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut app = start_on(&format!("amqp://someone:hidden@127.0.0.1:{port}/%2f"));
    let line = says_once(&mut app, "cannot connect and keeps trying");
    assert!(line.contains("refused") && !line.contains("hidden"), "{line}");
    app.signal("TERM");
    assert_eq!(app.wait_for_end().code(), Some(0));
}

#[test]
fn something_else_that_listens_there_is_no_broker() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut app = start_on(&format!("amqp://{}/%2f", silent.local_addr().unwrap()));
    let line = says_once(&mut app, "cannot connect and keeps trying");
    assert!(line.contains("does not answer in time"), "{line}");
}

#[test]
fn a_wrong_password_and_a_wrong_vhost_are_told_of() {
    let rabbit = Rabbit::new();
    let mut app = start_on(&format!("amqp://concierge:hidden@{}/%2f", rabbit.server.host()));
    let line = says_once(&mut app, "cannot connect and keeps trying");
    assert!(line.contains("ACCESS_REFUSED") && !line.contains("hidden"), "{line}");
    let mut app = start_on(&rabbit.url().replace(&rabbit.vhost, "nowhere"));
    let line = says_once(&mut app, "cannot connect and keeps trying");
    assert!(line.contains("nowhere"), "{line}");
}

#[test]
fn a_queue_of_another_type_is_used_as_it_is_and_told_of_once() {
    let rabbit = Rabbit::new();
    rabbit.declare("q", "classic");
    let mut app = rabbit.start("");
    let line = says_once(&mut app, "a queue is there with other arguments and is used as it is");
    assert!(line.contains("for queue 'q'") && line.contains("counts no deliveries"), "{line}");
    rabbit.send(&["hello"]);
    app.wait_for_output("done hello");
    rabbit.api("DELETE", &rabbit.queue("q"), "");
    until(|| (app.output().matches("is connected").count() == 2).then_some(()));
    let declared = rabbit.api("GET", &rabbit.queue("q"), "");
    assert!(declared.contains("quorum"), "{declared}");
}

#[test]
fn an_exchange_of_another_kind_is_told_of_until_it_is_gone() {
    let rabbit = Rabbit::new();
    let exchange = format!("/api/exchanges/{}/e", rabbit.vhost);
    rabbit.api("PUT", &exchange, r#"{"type": "direct", "durable": true}"#);
    let mut app = rabbit.setup("exchange = \"e\"").start();
    let line = says_once(&mut app, "cannot use the broker as it is");
    assert!(line.contains("PRECONDITION_FAILED") && line.contains("queue=\"q\""), "{line}");
    rabbit.api("DELETE", &exchange, "");
    app.wait_for_output("is connected");
}

#[test]
fn nothing_is_declared_where_that_is_not_wanted() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.setup("declare = false").start();
    let line = says_once(&mut app, "cannot use the broker as it is");
    assert!(line.contains("NOT_FOUND"), "{line}");
    assert_eq!(rabbit.server.api("GET", &rabbit.queue("q"), "").unwrap().0, 404);
    // Declared by somebody else.
    drop(rabbit.start(""));
    app.wait_for_output("is connected");
    rabbit.send(&["hello"]);
    app.wait_for_output("done hello");
}

#[test]
fn a_queue_that_does_not_count_gives_a_message_one_more_chance() {
    let rabbit = Rabbit::new();
    drop(rabbit.start(""));
    rabbit.api("DELETE", &rabbit.queue("q"), "");
    rabbit.declare("q", "classic");
    let app = rabbit.start("declare = false");
    rabbit.send(&["fail"]);
    let letter = rabbit.take("q.dead");
    assert!(header(&letter, "x-dead-reason").contains("it is no quorum queue"), "{letter:?}");
    assert_eq!(app.output().matches("got fail").count(), 2);
}

#[test]
fn a_queue_that_is_deleted_is_made_anew() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("");
    rabbit.api("DELETE", &rabbit.queue("q"), "");
    app.wait_for_output("lost its connection");
    until(|| (app.output().matches("is connected").count() == 2).then_some(()));
    rabbit.send(&["hello"]);
    app.wait_for_output("done hello");
}

#[test]
fn a_dead_letter_that_cannot_be_kept_stays_until_it_can() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("prefetch = 2");
    rabbit.api("DELETE", &rabbit.queue("q.dead"), "");
    rabbit.send(&["unusable 1", "unusable 2", "unusable 3", "after"]);
    let line = says_once(&mut app, "a dead letter cannot be kept");
    assert!(line.contains("no queue is bound to the exchange q.dead"), "{line}");
    app.wait_for_output("done after");
    // Somebody declares it again.
    drop(rabbit.start(""));
    let letters: Vec<_> = (0..3).map(|_| rabbit.take("q.dead")).collect();
    assert!(letters.iter().all(|letter| header(letter, "x-dead-deliveries") == "1"), "{letters:?}");
    app.signal("TERM");
    app.wait_for_end();
    assert!(rabbit.try_take("q").is_none() && rabbit.try_take("q.dead").is_none(), "there is one copy of each");
    assert_eq!(app.output().matches("got unusable").count(), 3, "each was handled once");
}

#[test]
fn at_the_end_a_message_whose_dead_letter_is_not_safe_stays_in_its_queue() {
    let rabbit = Rabbit::new();
    let mut app = rabbit.start("");
    rabbit.api("DELETE", &rabbit.queue("q.dead"), "");
    rabbit.send(&["unusable"]);
    app.wait_for_output("a dead letter cannot be kept");
    app.signal("TERM");
    assert_eq!(app.wait_for_end().code(), Some(0));
    assert_eq!(until(|| rabbit.try_take("q")).data, b"unusable");
}

#[test]
fn after_a_crash_of_the_broker_all_goes_on() {
    /// The broker takes its time to start, and so does the end of patience with one that hangs.
    const LATER: Duration = Duration::from_secs(90);
    let dir = tempfile::tempdir().unwrap();
    let rabbit = Rabbit::private(dir.path());
    let mqtt = rabbit.server.mqtt_host();
    let mut app = rabbit
        .setup("exchange = \"happened\"\nsource = \"amq.topic\"")
        .hosts(&[&format!("mqtt://{mqtt}")])
        .variable("mqtt_url", &format!("mqtt://{mqtt}?client_id=x"))
        .variable("mqtt_user", &format!("{}:{}", rabbit.vhost, rabbit.server.user()))
        .variable("mqtt_password", rabbit.server.password())
        .start();
    app.wait_for_output("is connected");
    let publish = |app: &App, body: &str| app.post("/mqtt?topic=happened", body);
    assert_eq!(publish(&app, "sleep 4000").body, "published");
    app.wait_for_output("got sleep 4000");
    // RabbitMQ keeps the names of new quorum queues in memory for a moment; killed then, it loses the queues.
    std::thread::sleep(Duration::from_secs(2));
    rabbit.server.kill();
    app.wait_for_output("lost its connection");
    let failure = publish(&app, "lost");
    assert!(failure.status == 418 && failure.body.contains("ConnectionFailed"), "{failure:?}");
    rabbit.server.start_again().unwrap();
    within(LATER, || (app.output().matches("is connected").count() == 2).then_some(()));
    // It was being handled, and nobody knows how far that got.
    app.wait_for_output("got sleep 4000 (10 bytes), delivery 2 again");
    within(LATER, || (publish(&app, "after").body == "published").then_some(()));
    app.wait_for_output("done after");
    assert!(!app.output().contains("got lost"));

    // One that hangs is as good as gone; afterwards it is as if nothing had been.
    rabbit.server.pause();
    within(LATER, || (app.output().matches("lost its connection").count() == 2).then_some(()));
    let failure = publish(&app, "hangs");
    assert_eq!(failure.status, 418, "{failure:?}");
    rabbit.server.resume();
    within(LATER, || (app.output().matches("is connected").count() == 3).then_some(()));
    within(LATER, || (publish(&app, "resumed").body == "published").then_some(()));
    app.wait_for_output("done resumed");
}
