//! Overview and messages in the console: what they show and what they do, on both brokers, and who cannot.

use crate::console_sign_in::{Admin, SESSION};
use blackbox::app::{COOKIE_KEYS, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, WELCOME};
use blackbox::http::Answer;
use blackbox::mail_api::MailApi;
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use blackbox::visitor::{Visitor, heading};
use browser::{Sealed, Session};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const DEAD: &str = "/console/messages/dead/login-email-notification";

#[test]
fn the_overview_shows_numbers_to_administrators_alone() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@overview.example");
    let visitor = admin.enter(&app);
    let page = visitor.open("/console").expect(200);
    assert_eq!(heading(&page), "Overview");
    let text = page.text();
    for part in [
        "Sign-ins",
        "Hashing permits in use",
        "login_email_notification",
        "data-live=\"/console/live\"",
        "<svg",
        "<table",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("style=") && !text.contains("<script>"), "nothing is in line: {text}");
    // The part that is fetched again and again is that part alone.
    let live = visitor.get("/console/live").expect(200).text();
    assert!(live.starts_with("<div data-live") && !live.contains("<html") && live.contains("Sign-ins"), "{live}");
    // Nobody else has it: not without a session, and not with an administrator's password alone.
    for path in ["/console/live", "/console/messages", DEAD] {
        assert_eq!(Visitor::new(&app).get(path).status, 303, "{path}");
    }
    let bare = app.admin("bare@overview.example");
    let one_factor = Visitor::new(&app);
    let refused = crate::console_sign_in::sign_in(&one_factor, &bare.email, PASSWORD).expect(403);
    assert_eq!(heading(&refused), "A second factor is needed");
    assert_eq!(one_factor.get("/console/live").status, 303);
    // Experiments are not there, and nothing leads to them.
    assert!(!text.contains("/console/experiments"), "{text}");
    for path in ["/console/experiments", "/console/experiments/live", "/console/experiments/split/plot"] {
        let _ = visitor.get(path).expect(404);
    }
    let _ = visitor.post("/console/experiments", &[("name", "split")]).expect(404);
    for path in ["/console/messages/dead/Queue", "/console/messages/dead/x/y/drop", "/console/messages/dead/x/all/eat"]
    {
        let _ = visitor.get(path).expect(404);
    }
}

#[test]
fn a_service_that_is_away_leaves_the_rest_of_the_overview() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend)
        .variable("authorization", "required")
        .variable("notification_url", "http://127.0.0.1:9")
        .start();
    let visitor = Admin::new(&app, "grace@away.example").enter(&app);
    let page = visitor.open("/console").expect(200).text();
    assert!(
        page.contains("No numbers from notification.") && page.contains("Look at /notification-ms/readiness"),
        "{page}"
    );
    assert!(page.contains("Hashing permits in use"), "{page}");
    let page = visitor.open("/console/messages");
    assert_eq!((page.status, heading(&page).as_str()), (503, "Messages"));
    assert!(page.text().contains("A service does not answer."), "{}", page.text());
}

fn rows(page: &Answer) -> usize {
    page.text().matches("/redrive\">Redrive<").count()
}

fn dead_letters_are_found_redriven_and_dropped(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let mail = MailApi::start();
    let app = TestApp::on(backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("login_notice", "always")
        .start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let admin = Admin::new(&app, "grace@console-letters.example");
    let ada = app.person("ada@console-letters.example");
    let visitor = admin.enter(&app);
    poll::until(SOON, "the mails are sent", || app.deliveries_to(&ada.email).len() >= 2);
    // From the overview: type the address, press the button.
    let overview = visitor.open("/console").expect(200).text();
    assert!(overview.contains("action=\"/console/messages\"") && overview.contains("name=\"to\""), "{overview}");
    let found = visitor.open("/console/messages?to=ADA%40console-letters.example").expect(200);
    assert!(
        found.text().contains("Welcome") || found.text().contains("welcome_email_notification"),
        "{}",
        found.text()
    );
    let of_queue = visitor
        .open(&format!("/console/messages?to=ada%40console-letters.example&queue={LOGIN_EMAIL}"))
        .expect(200)
        .text();
    let delivered = of_queue.split("By queue and state").next().unwrap_or_default();
    assert!(
        delivered.contains("<td>login_email_notification</td>") && !delivered.contains("<td>welcome_email"),
        "{of_queue}"
    );
    let nobody = visitor.open("/console/messages?to=nobody%40console-letters.example").expect(200).text();
    assert!(nobody.contains("Nothing was delivered to nobody@console-letters.example"), "{nobody}");
    let odd = visitor.open("/console/messages?to=%3Cb%3Ex&queue=nothing");
    assert!(odd.status == 400 && !odd.text().contains("<b>x"), "{}", odd.text());
    // What cannot be sent.
    let count = |count: u64| poll::until(SOON, "dead letters", || backend.dead_letter_count(LOGIN_EMAIL) == count);
    mail.answer(422);
    for _ in 0..3 {
        let _ = app.login(&ada.email, PASSWORD).expect(200);
    }
    count(3);
    poll::until(SOON, "it is said on the overview", || {
        visitor.get("/console/live").text().contains("3 dead letters in login_email_notification")
    });
    let page = visitor.open(DEAD).expect(200);
    assert_eq!((heading(&page).as_str(), rows(&page)), ("Dead letters", 3), "{}", page.text());
    assert!(
        page.text().contains("the API answered with status 422") && !page.text().contains(&ada.email),
        "{}",
        page.text()
    );
    // By person, queue and state together; of all queues, or of one.
    let dead = |parameters: &str| {
        let page = visitor.open(&format!("/console/messages?state=dead{parameters}")).expect(200);
        rows(&page)
    };
    let both = |to: &str, queue: &str| dead(&format!("&to={to}%40console-letters.example&queue={queue}"));
    assert_eq!((both("Ada", LOGIN_EMAIL), both("nobody", LOGIN_EMAIL)), (3, 0));
    assert_eq!((both("ada", WELCOME), dead(&format!("&queue={LOGIN_EMAIL}"))), (0, 3));
    poll::until(SOON, "all queues", || (both("ada", ""), both("nobody", ""), dead("")) == (3, 0, 3));
    let path = format!("/notification-ms/internal/queues/{LOGIN_EMAIL}/dead?limit=2&to=ada%40console-letters.example");
    let letters = |cursor: &str| app.get(&format!("{path}{cursor}")).bearer(app.operator()).send().expect(200).json();
    let first = letters("");
    let second = letters(&format!("&cursor={}", first["next_cursor"].as_str().expect("there are more")));
    let count_of = |page: &Value| page["items"].as_array().map(Vec::len);
    assert_eq!((count_of(&first), count_of(&second), &second["next_cursor"]), (Some(2), Some(1), &json!(null)));
    assert!(!first.to_string().contains(&ada.email), "{first}");
    assert_eq!(visitor.get("/console/messages?state=waiting").status, 404);
    let id = page.text().split_once(&format!("href=\"{DEAD}/")).expect("a letter has a link").1.to_owned();
    let id = id.split('/').next().expect("an id").to_owned();
    // A page of elsewhere does neither.
    let own = app.app.url();
    for action in ["redrive", "drop"] {
        for letter in [id.as_str(), "all"] {
            let path = format!("{DEAD}/{letter}/{action}");
            let _ = visitor.open(&path).expect(200);
            let token = [("form_token", visitor.form_token())];
            for headers in [
                [("origin", "https://evil.example")].as_slice(),
                &[("origin", "null")],
                &[("origin", &own), ("sec-fetch-site", "same-site")],
            ] {
                let _ = visitor.post_from(&path, &token, headers).expect(403);
            }
            let _ = visitor.post_from(&path, &[("form_token", "x".to_owned())], &[("origin", &own)]).expect(403);
        }
    }
    count(3);
    // Eleven minutes after the sign-in the password is asked for, and then it is done.
    let late = "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE user_id = $1";
    assert!(backend.sql().execute(late, &[&admin.person.id]).expect("time can pass") >= 1);
    let drop_one = format!("{DEAD}/{id}/drop");
    // A token that is issued now tells of it.
    let keys = sealing::SealingKeys::parse(COOKIE_KEYS).expect("they are keys").expect("there is one");
    let session = Session::open(&keys, "console", &visitor.cookie(SESSION).expect("a session")).expect("it opens");
    let body = json!({"refresh_token": session.refresh});
    let tokens = app.post("/auth-ms/auth/refresh").json(&body).send().expect(200).json();
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    let session =
        Session::of(text("access_token"), text("refresh_token"), i64::MAX / 2, None).expect("these are tokens");
    visitor.set_cookie(SESSION, &session.cookie(&keys, "console", [1; 24], [2; 24]));
    let _ = visitor.open(&drop_one).expect(200);
    let confirm = visitor.submit(&drop_one, &[]).expect(200);
    assert!(confirm.text().contains("name=\"current_password\""), "{}", confirm.text());
    let password =
        [("username", admin.person.email.as_str()), ("current_password", PASSWORD), ("next", drop_one.as_str())];
    let asked = visitor.submit("/console/confirm", &password).expect(200);
    assert_eq!(heading(&asked), "Drop a dead letter", "{}", asked.text());
    let dropped = visitor.submit(&drop_one, &[]).expect(200);
    assert!(dropped.text().contains("Dropped.") && heading(&dropped) == "Dead letters", "{}", dropped.text());
    poll::until(SOON, "two are left", || rows(&visitor.open(DEAD)) == 2);
    // The same again, as from another tab.
    let _ = visitor.open(&drop_one).expect(200);
    let again = visitor.submit(&drop_one, &[]).expect(404);
    assert!(again.text().contains("There is no such dead letter any more"), "{}", again.text());
    mail.answer(0);
    let before = mail.taken().len();
    let _ = visitor.open(&format!("{DEAD}/all/redrive")).expect(200);
    let redriven = visitor.submit(&format!("{DEAD}/all/redrive"), &[]).expect(200);
    assert!(redriven.text().contains("Back in the queue."), "{}", redriven.text());
    poll::until(SOON, "they are sent", || mail.taken().len() == before + 2);
    poll::until(SOON, "none is left", || visitor.open(DEAD).text().contains("There are none."));
    app.wait_for_log("audit: dead-letters: dropped");
}

#[test]
fn dead_letters_are_found_redriven_and_dropped_on_redis() {
    dead_letters_are_found_redriven_and_dropped(&Backend::new());
}

#[test]
fn dead_letters_are_found_redriven_and_dropped_on_rabbitmq() {
    dead_letters_are_found_redriven_and_dropped(&Backend::with_rabbitmq());
}
