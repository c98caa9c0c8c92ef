//! What the OpenAPI files describe and no test has seen: there must be nothing. `cargo xtask test` runs this after the
//! suite.

use blackbox::app::is_spindle;
use blackbox::openapi::answers::{self, Given};
use blackbox::openapi::operations;

#[test]
fn every_documented_response_was_given_to_some_test() {
    let Some(noted) = answers::noted() else {
        println!("skipped: nothing says what the suite was answered; cargo xtask test runs this after it");
        return;
    };
    if !is_spindle("some tests are about Spindle alone") {
        return;
    }
    let mut missing = Vec::new();
    for operation in operations() {
        for response in operation.responses() {
            let problems = response.problems();
            let expected = if problems.is_empty() { vec![""] } else { problems };
            let expected = expected.into_iter().map(|problem| Given {
                method: operation.method.clone(),
                path: operation.path.to_owned(),
                status: response.status,
                problem: problem.to_owned(),
            });
            missing.extend(expected.filter(|given| !noted.contains(given)));
        }
    }
    let lines: Vec<_> = missing
        .iter()
        .map(|Given { method, path, status, problem }| format!("{method} {path} -> {status} {problem}"))
        .collect();
    assert!(lines.is_empty(), "{} documented responses were given to no test:\n{}", lines.len(), lines.join("\n"));
}
