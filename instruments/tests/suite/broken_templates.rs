//! Templates of one's own, mounted in the place of those that are shipped, with a fault: readiness and log say which, no message is
//! lost, and each is sent once the file is right.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::folder::workspace;
use blackbox::mail_api::MailApi;
use blackbox::schedules::Schedules;
use blackbox::{folder, poll, turn};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
const A_WHILE: Duration = Duration::from_secs(2);
const WELCOME: &str = "welcome_email_notification";

/// A copy of the templates that are shipped.
fn copy() -> PathBuf {
    let copy = folder::fresh("messages");
    for entry in std::fs::read_dir(shipped()).expect("there are templates").flatten() {
        std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("a file can be copied");
    }
    copy
}

fn shipped() -> PathBuf {
    workspace().join("components/notification/messages")
}

fn restore(folder: &Path, file: &str) {
    std::fs::copy(shipped().join(file), folder.join(file)).expect("a file can be copied");
}

/// The file with this text in the place of another. Gives the line of the file in which that was.
fn spoil(folder: &Path, file: &str, text: &str, spoilt: &str) -> usize {
    let path = folder.join(file);
    let before = std::fs::read_to_string(&path).expect("a template can be read");
    let line = before.lines().position(|line| line.contains(text)).expect("the template says so") + 1;
    std::fs::write(path, before.replacen(text, spoilt, 1)).expect("a template can be written");
    line
}

/// Starts an app with this folder, in which `file` has a fault that the log names by `faults`, and signs somebody up who is to be welcomed. Nothing
/// is sent until the file is as it was.
fn a_fault_is_named_and_holds_messages_up(backend: &Arc<Backend>, folder: &Path, file: &str, faults: &[&str]) {
    let mail = MailApi::start();
    let app = TestApp::on(backend)
        .messages(folder)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_claim_ms", 12_000)
        .variable("notification_retry_ms", 200)
        .start();
    if backend.rabbit.is_some() {
        backend.wait_for_queues();
    }
    let _schedules = Schedules::start(&[&app], ROUND);
    // Readiness says that it is the configuration, and the log which file, section and line.
    let readiness = app.get("/notification-ms/readiness").send().expect(503).json();
    assert_eq!(readiness["checks"]["configuration"]["status"], "unavailable", "{readiness}");
    faults.iter().for_each(|fault| app.wait_for_log(fault));
    app.wait_for_log("correct the file and roll it out");
    // Nothing else stands still.
    for path in ["/users-ms/readiness", "/auth-ms/readiness", "/notification-ms/healthcheck"] {
        let _ = app.get(path).send().expect(200);
    }
    let to = "waits@templates.example";
    let _ = app.sign_up(to);
    backend.wait_until_published();
    // Each attempt says why it came to nothing.
    let is_logged = || {
        let log = app.log();
        log.lines().filter(|line| line.contains(WELCOME) && faults.iter().all(|fault| line.contains(fault))).count()
            >= 2
    };
    poll::until(SOON, "attempts are logged", is_logged);
    poll::throughout(A_WHILE, "nothing is sent", || mail.taken().is_empty());
    assert_eq!(backend.dead_letter_count(WELCOME), 0);
    restore(folder, file);
    poll::until(SOON * 2, "it is sent", || mail.taken().len() == 1);
    assert_eq!(mail.taken()[0].body["Subject"], "Welcome");
    let _ = app.get("/notification-ms/readiness").send().expect(200);
    poll::throughout(A_WHILE, "once", || mail.taken().len() == 1);
    assert_eq!(backend.dead_letter_count(WELCOME), 0);
}

/// A file that is corrected is read anew only where it is mounted and not copied.
fn is_mounted() -> bool {
    is_spindle("Spin copies files when it starts")
}

fn a_variable_that_is_unknown(backend: &Arc<Backend>) {
    if is_mounted() {
        let _turn = turn::together();
        let folder = copy();
        let text = "your {{ brand_name }} account is ready";
        let line = spoil(&folder, "en.txt", text, "your {{ brand }} account is ready");
        let faults = ["template en.txt [welcome]: ", &format!("--> en.txt:{line}:9")];
        a_fault_is_named_and_holds_messages_up(backend, &folder, "en.txt", &faults);
    }
}

#[test]
fn a_variable_that_is_unknown_holds_messages_up_on_redis() {
    a_variable_that_is_unknown(&Backend::new());
}

#[test]
fn a_variable_that_is_unknown_holds_messages_up_on_rabbitmq() {
    a_variable_that_is_unknown(&Backend::with_rabbitmq());
}

#[test]
fn a_fault_of_the_syntax_is_named_by_its_line() {
    if is_mounted() {
        let _turn = turn::together();
        let folder = copy();
        let text = "your {{ brand_name }} account is ready";
        let line = spoil(&folder, "en.txt", text, "your {{ brand_name account is ready");
        let faults = ["template en.txt [welcome]: ", &format!("--> en.txt:{line}:")];
        a_fault_is_named_and_holds_messages_up(&Backend::new(), &folder, "en.txt", &faults);
    }
}

#[test]
fn a_message_or_a_file_that_is_missing_holds_messages_up() {
    if is_mounted() {
        let _turn = turn::together();
        let folder = copy();
        let path = folder.join("en.txt");
        let text = std::fs::read_to_string(&path).expect("a template can be read");
        let (before, from) = text.split_once("[welcome]").expect("there is a welcome");
        let (_, after) = from.split_once("[account_locked]").expect("another message follows");
        std::fs::write(path, format!("{before}[account_locked]{after}")).expect("a template can be written");
        a_fault_is_named_and_holds_messages_up(
            &Backend::new(),
            &folder,
            "en.txt",
            &["template en.txt [welcome]: is missing"],
        );
        for file in ["layout.html", "en.txt"] {
            let folder = copy();
            std::fs::remove_file(folder.join(file)).expect("a file can be removed");
            let fault = format!("template {file}: cannot be read");
            a_fault_is_named_and_holds_messages_up(&Backend::new(), &folder, file, &[&fault]);
        }
    }
}

#[test]
fn a_fault_in_another_message_or_language_holds_up_none_that_is_right() {
    if !is_spindle("Spin copies files of the folder of its manifest alone") {
        return;
    }
    let _turn = turn::together();
    let (backend, mail) = (Backend::new(), MailApi::start());
    let folder = copy();
    let line =
        spoil(&folder, "de.txt", "Ihr Konto bei {{ brand_name }} ist bereit", "Ihr Konto bei {{ marke }} ist bereit");
    let app = TestApp::on(&backend)
        .messages(&folder)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_claim_ms", 12_000)
        .start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.get("/notification-ms/readiness").send().expect(503);
    // By file, section, line and column.
    app.wait_for_log("template de.txt [welcome]: ");
    app.wait_for_log(&format!("--> de.txt:{line}:"));
    let _ = app.sign_up("english@templates.example");
    poll::until(SOON, "the mail in English", || mail.taken().len() == 1);
    // Where nobody asks for readiness, the rest of the app works on; a rollout stops at the pod that is not ready.
    let _ = app.login("english@templates.example", blackbox::people::PASSWORD).expect(200);
    poll::until(SOON, "the mail about the sign-in", || mail.taken().len() == 2);
}
