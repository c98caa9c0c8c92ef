//! Floods: somebody asks for more than there is, from one address or from many. Others are served meanwhile, and the log
//! stays bounded, whatever a caller sends.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::http::Request;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::turn;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many connections flood.
const CONNECTIONS: usize = 48;
/// For how long.
const LENGTH: Duration = Duration::from_secs(5);
/// How many requests one connection sends at most.
const MOST: usize = 20_000;
/// What somebody is served in who has nothing to do with it.
const SIGN_IN: Duration = Duration::from_secs(3);
/// Where the person who is served meanwhile is.
const ELSEWHERE: &str = "192.0.2.1";

fn app() -> Setup {
    app_on(&Backend::new())
}

fn app_on(backend: &Arc<Backend>) -> Setup {
    TestApp::on(backend).variable("login_throttling", "on").variable("trusted_proxies", "127.0.0.0/8")
}

/// Signs in from elsewhere, with the device's token if there is one.
fn sign_in(app: &TestApp, device: Option<&str>) -> String {
    let form = json!({"username": "person@floods.example", "password": PASSWORD, "device_token": device});
    let answer = app.post("/auth-ms/auth/login").header("x-forwarded-for", ELSEWHERE).json(&form).send().expect(200);
    answer.json()["device_token"].as_str().expect("a login gives a device token").to_owned()
}

/// Floods the app by `request`, which is given the connection and a number, and meanwhile signs a person in from
/// elsewhere, has one user shown, and asks whether users is alive.
fn flood<'a>(name: &str, app: &'a TestApp, with_device: bool, request: impl Fn(usize, usize) -> Request<'a> + Sync) {
    let id = app.sign_up("person@floods.example");
    let device = sign_in(app, None);
    let device = with_device.then_some(device.as_str());
    let lines_before = app.log().lines().count();
    let (is_over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut sign_ins, mut reads, mut probes) = (Vec::new(), Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (is_over, sent, request) = (&is_over, &sent, &request);
            scope.spawn(move || {
                for number in 0..MOST {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    if request(connection, number).send_unchecked().is_ok() {
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let start = Instant::now();
            std::thread::sleep(Duration::from_millis(500));
            while start.elapsed() < LENGTH {
                let time = |what: &dyn Fn()| {
                    let start = Instant::now();
                    what();
                    start.elapsed()
                };
                sign_ins.push(time(&|| drop(sign_in(app, device))));
                reads.push(time(&|| drop(app.get(&format!("/users-ms/users/{id}")).send().expect(200))));
                probes.push(time(&|| drop(app.get("/users-ms/healthcheck").send().expect(200))));
            }
        }));
        is_over.store(true, Ordering::SeqCst);
        if let Err(panic) = served {
            std::panic::resume_unwind(panic);
        }
    });
    let slowest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    let lines = app.log().lines().count() - lines_before;
    let sent = sent.into_inner();
    println!(
        "{name}: {sent} requests, {lines} lines of the log; {} sign-ins from elsewhere, the slowest {:?}; one user {:?}, healthcheck {:?}",
        sign_ins.len(),
        slowest(&sign_ins),
        slowest(&reads),
        slowest(&probes)
    );
    // All of them, so the 99th percentile too.
    assert!(slowest(&sign_ins) < SIGN_IN, "{name}: {sign_ins:?}");
    assert!(slowest(&reads) < SIGN_IN && slowest(&probes) < SIGN_IN, "{name}: {reads:?}, {probes:?}");
    assert!(sent > CONNECTIONS, "{name}: {sent}");
    // A line or two for what was hashed, and one a second for what was not.
    assert!(lines < 500, "{name}: {lines} lines for {sent} requests");
}

fn one_address(_: usize, _: usize) -> String {
    "203.0.113.1".to_owned()
}

fn many_addresses(connection: usize, number: usize) -> String {
    format!("10.{connection}.{}.{}", number / 250, number % 250)
}

fn sign_up<'a>(
    app: &'a TestApp,
    address: impl Fn(usize, usize) -> String + Sync,
) -> impl Fn(usize, usize) -> Request<'a> + Sync {
    move |connection, number| {
        let form = sign_up_form(&format!("flood-{connection}-{number}@floods.example"));
        app.post("/users-ms/users").header("x-forwarded-for", &address(connection, number)).json(&form)
    }
}

fn guess<'a>(
    app: &'a TestApp,
    address: impl Fn(usize, usize) -> String + Sync,
) -> impl Fn(usize, usize) -> Request<'a> + Sync {
    move |connection, number| {
        let form =
            json!({"username": format!("flood-{connection}-{number}@floods.example"), "password": "wrong horse"});
        app.post("/auth-ms/auth/login").header("x-forwarded-for", &address(connection, number)).json(&form)
    }
}

#[test]
fn while_one_address_signs_up_all_the_time_others_sign_in() {
    let _turn = turn::alone();
    let app = app().variable("bcrypt_cost", 12).start();
    flood("sign-ups from one address", &app, false, sign_up(&app, one_address));
}

#[test]
fn while_many_addresses_sign_up_all_the_time_others_sign_in() {
    let _turn = turn::alone();
    let app = app().variable("bcrypt_cost", 10).start();
    flood("sign-ups from many addresses", &app, false, sign_up(&app, many_addresses));
}

#[test]
fn while_many_addresses_sign_up_all_the_time_where_nobody_may_the_log_stays_short() {
    let _turn = turn::alone();
    let backend = Backend::new();
    let open = app_on(&backend).start();
    let _ = open.sign_up("person@floods.example");
    drop(open);
    let app = app_on(&backend).variable("sign_up", "invite").start();
    let before = app.log().lines().count();
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let request = sign_up(&app, many_addresses);
            scope.spawn(move || (0..40).for_each(|number| drop(request(connection, number).send().expect(403))));
        }
    });
    let _ = sign_in(&app, None);
    let lines = app.log().lines().count() - before;
    assert!(lines < 100, "{lines} lines for {} requests", 40 * CONNECTIONS);
}

#[test]
fn while_one_address_guesses_passwords_all_the_time_others_sign_in() {
    let _turn = turn::alone();
    let app = app().variable("bcrypt_cost", 12).start();
    flood("sign-ins from one address", &app, false, guess(&app, one_address));
}

#[test]
fn while_many_addresses_guess_passwords_all_the_time_known_devices_sign_in() {
    let _turn = turn::alone();
    let app = app().variable("bcrypt_cost", 10).start();
    flood("sign-ins from many addresses", &app, true, guess(&app, many_addresses));
}

#[test]
fn while_somebody_refreshes_with_tokens_that_are_none_others_are_served() {
    let _turn = turn::alone();
    let app = app().start();
    flood("refreshes", &app, false, |connection, number| {
        let token = format!("{:A>96}", format!("{connection}x{number}"));
        let address = many_addresses(connection, number);
        app.post("/auth-ms/auth/refresh").header("x-forwarded-for", &address).json(&json!({"refresh_token": token}))
    });
}

/// Dead letters, each of which every export looks at.
const DEAD_LETTERS: usize = 20_000;

/// Makes people who may have an export each, and much for the exports to look through.
fn people_with_much_to_export(app: &TestApp, people: usize) -> Vec<i64> {
    let sql = "INSERT INTO users (email, email_key, name, surname, password_hash)
        SELECT e, e, 'Ada', 'Lovelace', (SELECT password_hash FROM users LIMIT 1)
        FROM (SELECT 'export-' || n || '@floods.example' AS e FROM generate_series(1, $1::int8) n) AS emails RETURNING id";
    let _ = app.sign_up("first@floods.example");
    let rows = app.backend.sql().query(sql, &[&(people as i64)]).expect("users can be made");
    let script = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'event', '{}', 'reason', 'none') end";
    let mut connection =
        redis::Client::open(app.backend.redis.url()).and_then(|client| client.get_connection()).expect("Redis answers");
    let mut fill = redis::cmd("EVAL");
    let _: () = fill
        .arg(script)
        .arg(1)
        .arg("welcome_email_notification.dead")
        .arg(DEAD_LETTERS)
        .query(&mut connection)
        .expect("dead letters can be made");
    rows.iter().map(|row| row.get(0)).collect()
}

fn export<'a>(app: &'a TestApp, id: i64, address: &str) -> Request<'a> {
    app.get(&format!("/users-ms/users/{id}/export")).header("x-forwarded-for", address)
}

#[test]
fn while_one_address_exports_all_the_time_others_are_served() {
    let _turn = turn::alone();
    let app = app().start();
    let ids = people_with_much_to_export(&app, 1);
    flood("exports by one person", &app, false, |_, _| export(&app, ids[0], "203.0.113.1"));
}

#[test]
fn while_many_people_export_at_once_others_are_served() {
    let _turn = turn::alone();
    let app = app().start();
    // So many that each asks once.
    let ids = people_with_much_to_export(&app, CONNECTIONS * 2_000);
    flood("exports by many people", &app, false, |connection, number| {
        export(&app, ids[(connection * 2_000 + number) % ids.len()], &many_addresses(connection, number))
    });
}
