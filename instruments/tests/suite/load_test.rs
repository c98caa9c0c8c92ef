//! GET /users-ms/load-test: CPU load for experiments.

use blackbox::app::{TestApp, is_spindle, runtime};
use blackbox::backend::Backend;
use blackbox::turn;
use dev_servers::app::RuntimeKind;
use insta::assert_snapshot;

#[test]
fn there_is_no_load_test_unless_it_is_on() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/load-test?n=10").send().shown(), @r#"
    404
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Not found. See the OpenAPI document.",
      "instance": "[uuid]",
      "status": 404,
      "title": "No such route",
      "type": "urn:concierge:problem:no-such-route"
    }
    "#);
}

#[test]
fn a_load_test_computes_a_fibonacci_number() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "on").start();
    assert_snapshot!(app.get("/users-ms/load-test?n=20").send().shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "fibonacci": 6765,
      "n": 20
    }
    "#);
    assert_eq!(app.get("/users-ms/load-test").send().json()["n"], 35);
    for query in ["n=46", "n=-1", "n=ten", "n=", "n=99999999999999999999", "n=1&trap=1", "n=1&trap="] {
        let answer = app.get(&format!("/users-ms/load-test?{query}")).send();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-query"), "{query}");
    }
}

#[test]
fn a_trap_costs_one_request() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "on").start();
    std::thread::scope(|scope| {
        let others =
            scope.spawn(|| (0..20).map(|_| app.get("/users-ms/load-test?n=25").send().status).collect::<Vec<_>>());
        for _ in 0..20 {
            let answer = app.get("/users-ms/load-test?n=5&trap=true").send_unchecked().unwrap();
            let is_as_it_should_be = match runtime() {
                RuntimeKind::Spindle => answer.is_of_the_runtime(),
                RuntimeKind::Spin => answer.text().is_empty(),
            };
            assert!(answer.status == 500 && is_as_it_should_be, "{answer:?}");
        }
        assert_eq!(others.join().unwrap(), [200; 20]);
    });
    assert_eq!(app.get("/users-ms/load-test?n=5&trap=false").send().json()["fibonacci"], 5);
}

#[test]
fn a_trap_is_in_the_log() {
    if !is_spindle("Spin logs a trap at a level that it does not show by default") {
        return;
    }
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "on").start();
    let _ = app.get("/users-ms/load-test?n=5&trap=true").send_unchecked().unwrap();
    app.wait_for_log("an HTTP handler failed");
}

#[test]
fn a_switch_that_is_neither_on_nor_off_is_a_fault_of_the_configuration() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "yes").start();
    assert_snapshot!(app.get("/users-ms/load-test").send().shown(), @r#"
    500
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Internal error. Quote the request id when you report it.",
      "instance": "[uuid]",
      "status": 500,
      "title": "Internal error",
      "type": "urn:concierge:problem:internal-error"
    }
    "#);
    app.wait_for_log("the variable load_test must be on or off");
}
