//! Variables, environment and key-value stores.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{Setup, private_redis};

const TWO: &str = "[variables]\none = { default = \"default\" }\ntwo = { default = \"default\" }\n";

fn two() -> Setup {
    Setup::default().manifest(TWO).variable("a", "{{ one }}").variable("b", "<{{ two }}>")
}

#[test]
fn variables_have_an_order_of_precedence() {
    let app = two().start();
    assert_eq!(app.text("/var?name=b"), "<default>");
    let app = two().env("SPIN_VARIABLE_ONE", "env").start();
    assert_eq!(app.text("/var?name=a"), "env");
    let provider = "[[variables_provider]]\ntype = \"static\"\nvalues = { one = \"static\" }\n";
    let app = two().env("SPIN_VARIABLE_ONE", "env").runtime(provider).start();
    assert_eq!(app.text("/var?name=a"), "static");
    let app = two().runtime(provider).arguments(&["--variable", "one=given"]).start();
    assert_eq!(app.text("/var?name=a"), "given");
    let provider = "[[config_provider]]\ntype = \"env\"\nprefix = \"OTHER\"\n";
    let app = two().env("OTHER_TWO", "prefixed").runtime(provider).start();
    assert_eq!(app.text("/var?name=b"), "<prefixed>");
}

#[test]
fn a_guest_sees_its_own_variables_only() {
    let app = two().start();
    assert!(app.get("/var?name=one").body.contains("Undefined"));
    assert!(app.get("/var?name=No").body.contains("InvalidName"));
}

#[test]
fn the_environment_is_the_manifests() {
    let app = Setup::default().env("SECRET_OF_THE_HOST", "x").component("environment = { GIVEN = \"y\" }\n").start();
    assert_eq!(app.text("/env?name=GIVEN"), "y");
    assert_eq!(app.get("/env?name=SECRET_OF_THE_HOST").status, 418);
}

#[test]
fn a_store_keeps_what_is_set() {
    let app = Setup::default().component("key_value_stores = [\"default\"]\n").start();
    assert_eq!(app.text("/kv?op=get&key=k"), "none");
    app.text("/kv?op=set&key=k&value=v");
    assert_eq!(app.text("/kv?op=get&key=k"), "v");
    assert_eq!(app.text("/kv?op=exists&key=k"), "true");
    assert_eq!(app.text("/kv?op=keys"), "k");
    app.text("/kv?op=delete&key=k");
    assert_eq!(app.text("/kv?op=get&key=k"), "none");
    assert!(app.dir().join(".spin/sqlite_key_value.db").exists());
}

#[test]
fn a_store_that_was_not_granted_is_denied() {
    let mut app = Setup::default().component("key_value_stores = [\"default\"]\n").start();
    assert!(app.get("/kv?op=keys&store=other").body.contains("AccessDenied"));
    app.wait_for_output("it is not in key_value_stores");
}

#[test]
fn pairs_are_set_at_start() {
    let app =
        Setup::default().component("key_value_stores = [\"default\"]\n").arguments(&["--key-value", "k=v=w"]).start();
    assert_eq!(app.text("/kv?op=get&key=k"), "v=w");
}

#[test]
fn a_store_can_live_in_redis() {
    let (redis, _dir) = private_redis();
    let app = Setup::default()
        .hosts(&[&redis.url()])
        .component("key_value_stores = [\"default\"]\n")
        .runtime(&format!("[key_value_store.default]\ntype = \"redis\"\nurl = {:?}\n", redis.url()))
        .variable("redis_url", &redis.url())
        .start();
    app.text("/kv?op=set&key=k&value=v");
    assert_eq!(app.post("/redis", "GET k").body, "v");
    assert_eq!(app.text("/kv?op=keys"), "k");
    redis.stop();
    redis.start_again().unwrap();
    assert_eq!(app.get("/kv?op=exists&key=nope").body, "false");
}

#[test]
fn callers_of_a_store_whose_redis_does_not_answer_wait_together() {
    // A queue that is full takes no further connection, and does not refuse it either.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&silent, 0).unwrap();
    let (address, short) = (silent.local_addr().unwrap(), Duration::from_millis(200));
    let waiting: Vec<_> = (0..9).map_while(|_| TcpStream::connect_timeout(&address, short).ok()).collect();
    assert!(waiting.len() < 9, "the queue takes all");
    let store = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://{address}\"\n");
    let app = Setup::default().component("key_value_stores = [\"default\"]\n").runtime(&store).start();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let response = app.get("/kv?op=get&key=a");
                assert!(response.body.contains("no answer in time"), "{response:?}");
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
