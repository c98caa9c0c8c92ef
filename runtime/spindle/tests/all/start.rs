//! What keeps an app from starting, and what Spindle says then.

use std::net::TcpListener;

use crate::support::Setup;

/// Checks that a failure names all of these.
#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn an_import_that_spindle_does_not_have_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.wat");
    for (import, remedy) in [
        ("odd:thing/does@1.0.0", "run the app on a runtime that has it"),
        ("fermyon:spin/llm@2.0.0", "run the app on Spin"),
        ("fermyon:spin/mysql@2.0.0", "use PostgreSQL"),
        ("wasi:http/handler@0.3.0-rc-2026-01-06", "build it with spin-sdk 5"),
    ] {
        let text = format!(r#"(component (import "{import}" (instance (export "it" (func)))))"#);
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        says(&Setup::default().source(&path).fail(), &["`guest`", import, "Spindle does not have", remedy]);
    }
}

#[test]
fn code_that_is_not_built_says_how_to_build_it() {
    let setup = Setup::default()
        .source("nowhere.wasm".as_ref())
        .manifest("[component.guest.build]\ncommand = \"make guest\"\n");
    says(&setup.fail(), &["nowhere.wasm does not exist", "make guest"]);
}

#[test]
fn files_that_are_not_there_say_what_may_make_them() {
    let setup = Setup::default()
        .component("files = [{ source = \"nowhere\", destination = \"/files\" }]\n")
        .manifest("[component.guest.build]\ncommand = \"make files\"\n");
    says(&setup.fail(), &["nowhere is not a directory or a file", "make files"]);
}

#[test]
fn code_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text.wasm");
    std::fs::write(&path, "no code").unwrap();
    says(&Setup::default().source(&path).fail(), &["`guest`", "not a WebAssembly"]);
}

#[test]
fn a_component_without_the_handler_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.wasm");
    std::fs::write(&path, wat::parse_str("(component)").unwrap()).unwrap();
    says(&Setup::default().source(&path).fail(), &["`guest`", "does not export wasi:http/incoming-handler"]);
}

#[test]
fn unknown_keys_are_named() {
    says(&Setup::default().component("colour = 1\n").fail(), &["colour"]);
    says(&Setup::default().runtime("colour = 1\n").fail(), &["colour"]);
    let trigger = "[[trigger.http]]\nroute = \"/\"\ncomponent = \"guest\"\ncolour = 1\n";
    says(&Setup::default().triggers(trigger).fail(), &["colour"]);
}

#[test]
fn unknown_triggers_are_named() {
    let trigger = "[[trigger.sqs]]\nqueue_url = \"q\"\ncomponent = \"guest\"\n";
    says(&Setup::default().triggers(trigger).fail(), &["`sqs`", "http, redis, amqp"]);
}

#[test]
fn options_of_spins_that_spindle_does_not_have_are_refused_with_what_to_do() {
    for (option, remedy) in [
        ("--from-registry=ghcr.io/a/b:1", "apps of this machine"),
        ("-k", "--insecure"),
        ("--request-timeout=2s", "--http-deadline"),
        ("--experimental-wasi-otel", "run the app on Spin"),
    ] {
        says(&Setup::default().arguments(&[option]).fail(), &["Spindle does not have --", remedy]);
    }
    let both = Setup::default().arguments(&["--insecure", "--max-instance-reuse-count", "2"]).fail();
    says(&both, &["--insecure", "; --max-instance-reuse-count"]);
}

#[test]
fn the_same_route_twice_is_refused() {
    let trigger = "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"guest\"\n".repeat(2);
    says(&Setup::default().triggers(&trigger).fail(), &["/a", "the same"]);
}

#[test]
fn a_required_variable_says_how_to_give_it() {
    let setup = Setup::default().manifest("[variables]\ntoken = { required = true }\n");
    says(&setup.fail(), &["SPIN_VARIABLE_TOKEN", "--variable token="]);
}

#[test]
fn a_store_without_a_place_is_refused() {
    says(&Setup::default().component("key_value_stores = [\"far\"]\n").fail(), &["`far`", "[key_value_store.far]"]);
}

#[test]
fn a_bad_host_is_refused() {
    says(&Setup::default().hosts(&["*"]).fail(), &["`guest`", "allowed_outbound_hosts", "*://*:*"]);
}

#[test]
fn tls_that_spindle_does_not_have_is_refused_with_what_to_do() {
    let host = Setup::default().hosts(&["mqtts://broker.example:8883"]);
    says(&host.fail(), &["`guest`", "mqtts://broker.example:8883", "no TLS client", "tunnel"]);
    let mut app = Setup::default().variable("broker", "mqtts://broker.example?client_id=a").start();
    app.wait_for_output("no TLS client");
}

#[test]
fn a_message_deadline_beyond_the_brokers_is_refused() {
    let setup = Setup::default().arguments(&["--message-deadline", "21m"]);
    says(&setup.fail(), &["message deadline of 21 min", "consumer_timeout", "20m"]);
    let setup = Setup::default().runtime("[limits]\nmessage_deadline = \"2000s\"\n");
    says(&setup.fail(), &["message deadline", "consumer_timeout"]);
}

#[test]
fn a_port_in_use_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    says(&Setup::default().arguments(&["--listen", &address]).fail(), &[&address, "--find-free-port"]);
    let app = Setup::default().arguments(&["--listen", &address, "--find-free-port"]).start();
    assert_ne!(app.address(), address);
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn a_missing_manifest_says_what_to_do() {
    says(&Setup::default().arguments(&["--from", "nowhere"]).fail(), &["nowhere", "--from"]);
}
