//! The console under many: browsers that poll at once, and services that hang.

use crate::console_sign_in::Admin;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::visitor::{Visitor, heading};
use blackbox::{poll, turn};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const OF_QUEUES: &str = "/notification-ms/internal/statistics";
const OF_USERS: &str = "/users-ms/statistics";

#[test]
fn a_hundred_consoles_that_poll_leave_the_api_to_others() {
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let visitor = Admin::new(&app, "grace@crowd.example").enter(&app);
    let ada = app.person("ada@crowd.example");
    let (is_over, polls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let cookie = visitor.copy();
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            let (app, is_over, polls) = (&app, &is_over, &polls);
            let session = cookie.cookie(crate::console_sign_in::SESSION).expect("a session");
            // As the script does: the next one two seconds after the answer.
            scope.spawn(move || {
                let browser = Visitor::new(app);
                browser.set_cookie(crate::console_sign_in::SESSION, &session);
                while !is_over.load(Ordering::SeqCst) {
                    let page = browser.get("/console/live").expect(200);
                    assert!(page.text().contains("Hashing permits in use"), "{}", page.text());
                    polls.fetch_add(1, Ordering::SeqCst);
                    let next = Instant::now() + Duration::from_secs(2);
                    while Instant::now() < next && !is_over.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
        let start = Instant::now();
        while polls.load(Ordering::SeqCst) < 200 && start.elapsed() < Duration::from_secs(20) {
            let begun = Instant::now();
            let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
            times.push(begun.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert!(polls.load(Ordering::SeqCst) >= 200, "{} polls", polls.load(Ordering::SeqCst));
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!("{} reads beside 100 consoles: p50 {:?}, p99 {p99:?}", times.len(), times[times.len() / 2]);
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
}

/// Passes connections on to the server behind it, and counts the requests for its queues.
fn counting_proxy(behind: &str) -> (String, Arc<AtomicUsize>) {
    let behind = behind.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&behind) else { continue };
            let count = Arc::clone(&counted);
            let pass = |mut from: TcpStream, mut to: TcpStream, count: Option<Arc<AtomicUsize>>| {
                std::thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(length @ 1..) = from.read(&mut buffer) {
                        let text = String::from_utf8_lossy(&buffer[..length]);
                        if let Some(count) = &count {
                            count.fetch_add(text.matches("GET /api/queues/").count(), Ordering::SeqCst);
                        }
                        if to.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
            };
            if let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) {
                pass(from_client, server, Some(count));
                pass(from_server, client, None);
            }
        }
    });
    (url, count)
}

#[test]
fn of_many_who_ask_for_statistics_one_asks_rabbitmq() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let management = backend.rabbit.as_ref().expect("there is one").server.management_url();
    let (url, asked) = counting_proxy(&management);
    let app = TestApp::on(&backend).variable("rabbitmq_management_url", &url).start();
    let begun = Instant::now();
    for _ in 0..4 {
        std::thread::scope(|scope| {
            for _ in 0..30 {
                let app = &app;
                scope.spawn(move || {
                    let answer = app.get(OF_QUEUES).bearer(app.operator()).send().expect(200);
                    assert_eq!(answer.json()["broker"], "rabbitmq");
                });
            }
        });
    }
    let most = 2 + begun.elapsed().as_secs() / 2;
    let asked = asked.load(Ordering::SeqCst) as u64;
    assert!((1..=most).contains(&asked), "it was asked {asked} times, and {most} would do");
}

#[test]
fn a_service_that_hangs_takes_nothing_else_of_the_console_with_it() {
    let _turn = turn::alone();
    let backend = Backend::new();
    let notification = TestApp::on(&backend).only(&["notification"]).start();
    let app = TestApp::on(&backend)
        .variable("authorization", "required")
        .variable("notification_url", notification.app.url())
        .only(&["console", "auth", "users"])
        .start();
    let admin = Admin::new(&app, "grace@hangs.example");
    let visitor = admin.enter(&app);
    let overview = |limit: u64, says: &str| {
        let begun = Instant::now();
        let page = visitor.get("/console/live").expect(200).text();
        assert!(page.contains(says) && page.contains("Hashing permits in use"), "{page}");
        assert!(begun.elapsed() < Duration::from_secs(limit), "{:?}", begun.elapsed());
    };
    overview(3, "login_email_notification");
    notification.app.pause();
    overview(4, "No numbers from notification.");
    // Many who wait for it keep nobody else.
    std::thread::scope(|scope| {
        for _ in 0..30 {
            let waiting = visitor.copy();
            scope.spawn(move || waiting.get("/console/live").expect(200));
        }
        for path in ["/console/people", "/console/audit"] {
            let begun = Instant::now();
            let page = visitor.open(path).expect(200);
            assert!(!heading(&page).is_empty());
            assert!(begun.elapsed() < Duration::from_secs(2), "{path}: {:?}", begun.elapsed());
        }
        let _ = app.get(OF_USERS).bearer(&admin.person.access).send().expect(200);
    });
    notification.app.resume();
    poll::until(Duration::from_secs(10), "it is there again", || {
        visitor.get("/console/live").text().contains("login_email_notification")
    });
}
