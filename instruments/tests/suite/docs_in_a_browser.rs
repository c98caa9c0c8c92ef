//! The documentation in a browser: somebody reads it, authorizes and tries requests.

use blackbox::app::TestApp;
use blackbox::browser::Browser;
use blackbox::poll;
use std::time::Duration;

/// Where the page shows an answer that has come.
const ANSWER: &str = ".live-responses-table tr.response";

/// Opens an operation and gets it ready to be tried.
fn try_out(browser: &Browser, operation: &str) {
    browser.find(&format!("[id$='-{operation}'] .opblock-summary-control")).click();
    browser.find(&format!("[id$='-{operation}'] .try-out__btn")).click();
}

/// Sends it, and gives the answer that the page shows: status, body, headers.
fn execute(browser: &Browser, operation: &str) -> String {
    browser.find(&format!("[id$='-{operation}'] .execute")).click();
    browser.find(&format!("[id$='-{operation}'] {ANSWER}")).text()
}

#[test]
fn the_page_lets_a_person_authorize_and_try_requests_and_loads_nothing_from_elsewhere() {
    let app = TestApp::guarded();
    let Some(browser) = Browser::start() else { return };
    let person = app.person("reader@browser.example");
    let sessions = app.get("/auth-ms/auth/sessions").bearer(&person.access).send().expect(200).json();
    let session = sessions["items"][0]["id"].as_str().expect("the login has begun a session").to_owned();

    browser.open(&format!("{}/docs/?service=auth", app.app.url()));
    browser.find("button.authorize").click();
    let container =
        "[...document.querySelectorAll('.auth-container')].find(c => c.textContent.includes('accessToken'))";
    browser.find_by(&format!("return {container}?.querySelector('input')")).type_in(&person.access);
    browser.find_by(&format!("return {container}?.querySelector('button[type=submit]')")).click();
    browser.find(".btn-done").click();

    try_out(&browser, "list_sessions");
    let shown = execute(&browser, "list_sessions");
    assert!(shown.starts_with("200") && shown.contains(&session), "{shown}");

    // The token is of use in the other service too. What need not be sent is left empty.
    browser.find("#service option:first-child").click();
    try_out(&browser, "get_user");
    assert_eq!(browser.script("return document.querySelector('[placeholder=if-none-match]').value"), "");
    browser.find("[id$='-get_user'] input[placeholder=id]").type_in(&person.id.to_string());
    let shown = execute(&browser, "get_user");
    assert!(shown.starts_with("200") && shown.contains("reader@browser.example"), "{shown}");
    let _ = browser.script("document.querySelector('[id^=operations-tag-users]').scrollIntoView()");
    browser.screenshot("swagger-ui.png");

    assert_eq!(browser.console(), Vec::<String>::new());
    let requests = browser.requests();
    assert!(requests.len() >= 8, "{requests:?}");
    let own = [app.app.url(), "data:".to_owned()];
    let elsewhere: Vec<_> = requests.iter().filter(|url| !own.iter().any(|own| url.starts_with(own))).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");

    // The policy, and not luck: whatever tried to would be stopped, and would be seen here.
    for attempt in [
        "document.body.setAttribute('style', 'color: red')",
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title = 1'}))",
        "document.body.append(Object.assign(document.createElement('script'), {src: 'https://elsewhere.example/'}))",
        "document.body.append(Object.assign(document.createElement('iframe'), {src: '/docs/'}))",
        "Object.assign(new Image(), {src: 'https://elsewhere.example/'})",
        "fetch('https://elsewhere.example/').catch(() => {})",
    ] {
        let _ = browser.script(attempt);
        poll::eventually(Duration::from_secs(5), attempt, || {
            browser.console().into_iter().find(|line| line.contains("Content Security Policy"))
        });
    }
}
