//! The Redis trigger.

use dev_servers::redis::Redis;

use crate::support::{App, Setup, private_redis, until};

fn start(redis: &Redis, arguments: &[&str]) -> App {
    Setup::default()
        .triggers(&format!(
            "[application.trigger.redis]\naddress = \"{{{{ address }}}}\"\n\
             [variables]\naddress = {{ default = {:?} }}\n\
             [[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n\
             [[trigger.redis]]\nchannel = \"c\"\ncomponent = \"guest\"\n",
            redis.url()
        ))
        .hosts(&[&redis.url()])
        .component("key_value_stores = [\"default\"]\n")
        .variable("redis_url", &redis.url())
        .arguments(arguments)
        .start()
}

/// Publishes until somebody listens.
fn publish(app: &App, message: &str) {
    until(|| (app.post("/redis", &format!("PUBLISH c {message}")).body == ":1").then_some(()));
}

/// Publishes `sleep <ms>`. The guest's route splits its lines at blanks, so a script puts the blank in.
fn publish_sleep(app: &App, milliseconds: u32) {
    let script = format!("return(redis.call('PUBLISH','c','sleep'..string.char(32)..'{milliseconds}'))");
    until(|| (app.post("/redis", &format!("EVAL {script} 0")).body == ":1").then_some(()));
}

fn seen(app: &App) -> String {
    app.get("/kv?op=get&key=messages").body
}

#[test]
fn messages_are_handled_in_order_and_failures_are_dropped() {
    let (redis, _dir) = private_redis();
    let mut app = start(&redis, &[]);
    for message in ["one", "fail", "trap", "one", "two"] {
        publish(&app, message);
    }
    until(|| (seen(&app) == "one\none\ntwo\n").then_some(()));
    app.wait_for_output("a message handler answered with an error");
    app.wait_for_output("a message handler failed");
}

#[test]
fn a_lost_connection_is_made_again_and_http_goes_on() {
    let (redis, _dir) = private_redis();
    redis.stop();
    let mut app = start(&redis, &[]);
    app.wait_for_output("cannot connect and keeps trying");
    assert_eq!(app.text("/hello"), "hello");
    redis.start_again().unwrap();
    publish(&app, "one");
    redis.kill();
    app.wait_for_output("lost its connection");
    assert_eq!(app.text("/hello"), "hello");
    redis.start_again().unwrap();
    publish(&app, "two");
    until(|| (seen(&app) == "one\ntwo\n").then_some(()));
}

#[test]
fn a_message_in_hand_is_finished_at_the_end() {
    let (redis, _dir) = private_redis();
    let mut app = start(&redis, &["--state-dir", "kept"]);
    publish_sleep(&app, 700);
    app.wait_for_output("message sleep 700");
    app.signal("TERM");
    assert_eq!(app.wait_for_end().code(), Some(0));
    let database = rusqlite::Connection::open(app.dir().join("kept/sqlite_key_value.db")).unwrap();
    let value: Vec<u8> =
        database.query_row("SELECT value FROM spin_key_value WHERE key = 'messages'", [], |row| row.get(0)).unwrap();
    assert_eq!(value, b"sleep 700\n");
}

#[test]
fn a_message_that_takes_too_long_is_given_up() {
    let (redis, _dir) = private_redis();
    let mut app = start(&redis, &["--message-deadline", "100ms"]);
    publish_sleep(&app, 9000);
    app.wait_for_output("a message handler took too long");
    publish(&app, "next");
    until(|| (seen(&app) == "next\n").then_some(()));
}
