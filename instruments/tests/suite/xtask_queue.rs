//! `cargo xtask queue`: what an operator does about dead letters, at a running app.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_SMS, LOGINS, QUEUES};
use blackbox::folder::workspace;
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
/// For one command; xtask may have to be compiled first.
const COMMAND: Duration = Duration::from_secs(300);

/// Runs `cargo xtask queue`, and ends it if it takes too long.
fn queue(url: &str, credential: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "xtask", "--", "queue", "--url", url]).args(arguments);
    command.current_dir(workspace()).env("CONCIERGE_OPERATOR_CREDENTIAL", credential);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo can be started");
    let start = Instant::now();
    while child.try_wait().expect("a child can be waited for").is_none() {
        if start.elapsed() > COMMAND {
            child.kill().expect("a child can be ended");
            panic!("cargo xtask queue {arguments:?} takes longer than {COMMAND:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().expect("a child has an output")
}

/// What a command that succeeds prints.
fn printed(app: &TestApp, arguments: &[&str]) -> String {
    let output = queue(&app.app.url(), app.operator(), arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo xtask queue {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("xtask prints UTF-8")
}

/// How a queue is listed.
fn state(app: &TestApp) -> String {
    let all = printed(app, &["list"]);
    assert!(QUEUES.iter().all(|queue| all.lines().any(|line| line.starts_with(&format!("{queue}: ")))), "{all}");
    let line = all.lines().find(|line| line.starts_with(&format!("{LOGIN_SMS}: ")));
    line.unwrap_or_else(|| panic!("{LOGIN_SMS} is not listed: {all}")).to_owned()
}

#[test]
fn dead_letters_are_listed_redriven_and_dropped() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["notification"]).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let mut broker = backend.broker();
    for message in ["one", "two", "three"] {
        broker.add(LOGINS, message);
    }
    poll::until(SOON, "all are dead", || broker.dead_letters(LOGIN_SMS).len() == 3);
    assert!(state(&app).contains(" 3 dead"), "{}", state(&app));

    let listed = printed(&app, &["list", LOGIN_SMS]);
    let reason = "the message is not CloudEvents 1.0 JSON";
    assert!(listed.lines().count() == 3 && listed.lines().all(|line| line.ends_with(reason)), "{listed}");
    let ids: Vec<_> = listed.lines().filter_map(|line| line.split(' ').next()).collect();

    assert_eq!(printed(&app, &["drop", LOGIN_SMS, "--id", ids[0]]), "1 dropped\n");
    let left = printed(&app, &["list", LOGIN_SMS]);
    assert!(!left.contains(ids[0]) && left.lines().count() == 2, "{left}");

    // What is redriven is tried again, and cannot be handled this time either.
    assert_eq!(printed(&app, &["redrive", LOGIN_SMS, "--id", ids[1]]), "1 redriven\n");
    let has_returned = |listed: &str| !listed.contains(ids[1]) && listed.lines().count() == 2;
    poll::until(SOON, "the redriven one is dead again", || has_returned(&printed(&app, &["list", LOGIN_SMS])));
    assert_eq!(printed(&app, &["redrive", LOGIN_SMS, "--all"]), "2 redriven\n");
    poll::until(SOON, "both are dead again", || broker.dead_letters(LOGIN_SMS).len() == 2);

    assert_eq!(printed(&app, &["drop", LOGIN_SMS, "--all"]), "2 dropped\n");
    assert_eq!(printed(&app, &["list", LOGIN_SMS]), "");
    assert!(state(&app).contains(" 0 dead"), "{}", state(&app));
}

#[test]
fn what_the_app_refuses_is_reported_in_its_words() {
    let app = TestApp::shared();
    let errors = |credential: &str, arguments: &[&str]| {
        let output = queue(&app.app.url(), credential, arguments);
        assert!(!output.status.success(), "cargo xtask queue {arguments:?} succeeds");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let unknown = errors(app.operator(), &["list", "no_such_queue"]);
    assert!(unknown.contains(" returned 404: "), "{unknown}");
    let stranger = errors(app.scheduler(), &["list"]);
    assert!(stranger.contains(" returned 401: "), "{stranger}");
    // Which dead letters are meant has to be said.
    let unsaid = errors(app.operator(), &["drop", LOGIN_SMS]);
    assert!(unsaid.contains("--id"), "{unsaid}");
}
