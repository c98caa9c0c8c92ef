//! GET /users-ms/load-test: CPU load for experiments.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::turn;
use insta::assert_snapshot;

#[test]
fn there_is_no_load_test_unless_it_is_on() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/load-test?n=10").send().shown(), @"");
}

#[test]
fn a_load_test_computes_a_fibonacci_number() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "on").start();
    assert_snapshot!(app.get("/users-ms/load-test?n=20").send().shown(), @"");
    assert_eq!(app.get("/users-ms/load-test").send().json()["n"], 35);
    for n in ["46", "-1", "ten", "", "99999999999999999999"] {
        let answer = app.get(&format!("/users-ms/load-test?n={n}")).send();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-query"), "{n}");
    }
}

#[test]
fn a_switch_that_is_neither_on_nor_off_is_a_fault_of_the_configuration() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "yes").start();
    assert_snapshot!(app.get("/users-ms/load-test").send().shown(), @"");
    assert!(app.log().contains("the variable load_test must be on or off"), "{}", app.log());
}
