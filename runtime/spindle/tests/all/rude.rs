//! Slow and rude clients. Beside each there is a polite one, whose requests have to stay quick, and what Spindle remembers of
//! them all has to stay small.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::h2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, H2, HEADERS, INITIAL_WINDOW, PREFACE, RST_STREAM, head,
};
use crate::support::{App, SOON, Setup, read_response, within};

/// Shorter times, so that the tests are.
const LIMITS: &str = r#"
[limits]
head_time = "1s"
idle_time = "1s"
body_time = "2s"
body_pause = "1s"
write_time = "1s"
"#;

/// What may be added to memory by what clients leave lying about.
const MEMORY: u64 = 300;

/// What is polite.
const QUICK: Duration = Duration::from_millis(100);

/// One test at a time: each measures.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection from one of the addresses of this machine.
fn connect_from(app: &App, last: u8) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
    rustix::net::connect(&socket, &app.address().parse::<SocketAddrV4>().unwrap()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn rude(app: &App) -> TcpStream {
    connect_from(app, 1)
}

/// Whether everything else still works, and quickly. Other programs may be in the way, so it has three tries.
#[track_caller]
fn assert_polite_clients_are_served(app: &App) {
    let mut p99 = Duration::MAX;
    for _ in 0..3 {
        let mut times: Vec<_> = (0..150)
            .map(|_| {
                let start = Instant::now();
                let mut stream = connect_from(app, 200);
                stream.write_all(b"GET /hello HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
                let response = read_response(stream);
                assert_eq!((response.status, response.body.as_str()), (200, "hello"));
                start.elapsed()
            })
            .collect();
        times.sort();
        p99 = p99.min(times[times.len() * 99 / 100]);
        if p99 < QUICK {
            break;
        }
    }
    assert!(p99 < QUICK, "p99 {p99:?}");
    let memory = memory(app);
    assert!(memory < MEMORY, "{memory} MB");
}

/// Resident memory in megabytes.
fn memory(app: &App) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Waits until a connection is closed, whatever comes before.
#[track_caller]
fn assert_is_closed(mut stream: TcpStream, time: Duration) {
    let end = Instant::now() + time;
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut bytes = [0; 65536];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        assert!(Instant::now() < end, "it is still open");
    }
}

#[test]
fn heads_that_never_end_are_cut_off() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let beginnings: [&[u8]; 6] =
        [b"", b"P", &PREFACE[..23], PREFACE, b"GET / HT", b"POST /echo HTTP/1.1\r\nhost: test\r\nx: "];
    let mut rude_ones = Vec::new();
    for beginning in beginnings {
        for _ in 0..20 {
            let mut stream = rude(&app);
            stream.write_all(beginning).unwrap();
            rude_ones.push(stream);
        }
    }
    let start = Instant::now();
    // A head that comes byte by byte has no more time than another, on a connection that was used before as well.
    let mut slow: Vec<_> = (0..20).map(|_| rude(&app)).collect();
    for stream in &mut slow[10..] {
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    }
    let (mut closed, mut sent) = (0, 0);
    while closed < slow.len() && start.elapsed() < Duration::from_secs(5) {
        let byte = b"GET /hello HTTP/1.1\r\nx: y"[sent.min(24)];
        closed = slow.iter_mut().filter_map(|stream| stream.write_all(&[byte]).err()).count();
        sent += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(closed, slow.len());
    assert_polite_clients_are_served(&app);
    rude_ones.into_iter().for_each(|stream| assert_is_closed(stream, Duration::from_secs(3)));
}

#[test]
fn bodies_that_stop_take_no_places_and_are_answered_with_408() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    raise_descriptors();
    let mut http1: Vec<_> = (0..600)
        .map(|_| {
            let mut stream = rude(&app);
            stream.write_all(b"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{").unwrap();
            stream
        })
        .collect();
    let mut http2: Vec<_> = (0..3)
        .map(|_| {
            let mut client = H2::start(rude(&app), &[]);
            (0..100).for_each(|n| assert!(client.request(2 * n + 1, "POST", "/echo", 0)));
            client
        })
        .collect();
    assert_polite_clients_are_served(&app);
    let response = read_response(http1.pop().unwrap());
    assert_eq!(response.status, 408, "{response:?}");
    assert!(response.headers.contains("content-type: application/problem+json"), "{response:?}");
    assert!(response.body.contains(r#""status":408"#), "{response:?}");
    assert_eq!(http2[0].status(), Some(408));
    // Nobody has to look at that.
    assert!(!app.output().contains("ERROR"), "{}", app.output());
}

#[test]
fn answers_that_are_never_read_are_given_up() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let rude_ones: Vec<_> = (0..12)
        .map(|_| {
            let mut stream = rude(&app);
            stream.write_all(b"GET /bytes?kb=8192 HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    assert_polite_clients_are_served(&app);
    // The server has closed them, which is seen as soon as what it had sent is read.
    std::thread::sleep(Duration::from_millis(1500));
    for mut stream in rude_ones {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        assert!(all.len() < 8 << 20, "{}", all.len());
    }
    assert_polite_clients_are_served(&app);
}

#[test]
fn streams_whose_window_stays_shut_are_reset() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let mut rude_ones: Vec<_> = (0..5)
        .map(|_| {
            let mut client = H2::start(rude(&app), &[(INITIAL_WINDOW, 0)]);
            (0..90).for_each(|n| assert!(client.request(2 * n + 1, "GET", "/bytes?kb=64", END_STREAM)));
            client
        })
        .collect();
    assert_polite_clients_are_served(&app);
    // It goes on answering pings and settings.
    let reset = within(SOON, || rude_ones[0].read().map(|frame| frame.kind).filter(|kind| *kind == RST_STREAM));
    assert_eq!(reset, RST_STREAM);
}

#[test]
fn idle_http2_is_closed_though_it_answers() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let mut client = H2::start(rude(&app), &[]);
    assert!(client.request(1, "GET", "/hello", END_STREAM));
    assert_eq!(client.status(), Some(200));
    let start = Instant::now();
    let mut is_told = false;
    while let Some(frame) = client.read() {
        is_told |= frame.kind == GOAWAY;
    }
    assert!(is_told && start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn rapid_resets_end_the_connection() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let mut client = H2::start(rude(&app), &[]);
    let reading = client.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut sent = 0_u32;
            // HTTP/2 has no more streams than this.
            while sent < 500_000
                && client.request(2 * sent + 1, "GET", "/sleep?ms=50", END_STREAM)
                && client.send(RST_STREAM, 0, 2 * sent + 1, &8_u32.to_be_bytes())
            {
                sent += 1;
            }
            sent
        });
        assert_polite_clients_are_served(&app);
        assert_is_closed(reading, SOON);
        assert!(flood.join().unwrap() < 500_000);
    });
}

#[test]
fn floods_of_continuations_end_the_connection() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let mut client = H2::start(rude(&app), &[]);
            std::thread::spawn(move || {
                assert!(client.send(HEADERS, 0, 1, &head("GET", "/hello", &[])));
                let more = head("", "", &[("x", &"y".repeat(16_000))]).split_off(48);
                (0..10_000).take_while(|_| client.send(CONTINUATION, 0, 1, &more)).count()
            })
        })
        .collect();
    assert_polite_clients_are_served(&app);
    assert!(floods.into_iter().all(|flood| flood.join().unwrap() < 10_000));
}

#[test]
fn many_streams_of_one_client_leave_places_to_others() {
    let _turn = turn();
    let app = Setup::default().runtime(LIMITS).start();
    let mut rude_ones: Vec<_> = (0..10)
        .map(|_| {
            let mut client = H2::start(rude(&app), &[]);
            (0..100).for_each(|n| assert!(client.request(2 * n + 1, "GET", "/sleep?ms=2000", END_STREAM)));
            client
        })
        .collect();
    assert_polite_clients_are_served(&app);
    // Some have their turn, others are told to come back.
    let is_served = std::iter::from_fn(|| rude_ones[0].read()).any(|frame| frame.status() == Some(200));
    assert!(is_served);
}

#[test]
fn four_thousand_connections_are_no_burden() {
    let _turn = turn();
    raise_descriptors();
    let app = Setup::default().runtime("[limits]\nhead_time = \"5s\"").start();
    let rude_ones: Vec<_> = (0..4000_u16)
        .map(|n| {
            let mut stream = connect_from(&app, 2 + u8::try_from(n % 4).unwrap());
            stream.write_all(b"P").unwrap();
            stream
        })
        .collect();
    assert_polite_clients_are_served(&app);
    drop(rude_ones);
}

#[test]
fn one_address_has_its_share_of_the_connections() {
    let _turn = turn();
    let mut app = Setup::default().runtime("[limits]\nconnections = 8").start();
    let mut held: Vec<_> = (0..4).map(|_| rude(&app)).collect();
    // They are accepted in their order.
    assert_is_closed(rude(&app), SOON);
    app.wait_for_output("an address has its share of the connections");
    assert_polite_clients_are_served(&app);
    held.pop();
    within(SOON, || {
        let mut stream = rude(&app);
        let _ = stream.write_all(b"GET /hello HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        (read_response(stream).status == 200).then_some(())
    });
}

#[test]
fn who_waits_too_long_is_told_to_come_back() {
    let _turn = turn();
    let limits = "[limits]\nrequests = 2\nwaiting_requests = 4\nqueue_time = \"300ms\"";
    let app = Setup::default().runtime(limits).arguments(&["--probe-path", "/authority"]).start();
    let request = |path: &str| {
        let mut stream = rude(&app);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        stream
    };
    let busy: Vec<_> = (0..6).map(|_| request("/sleep?ms=1500")).collect();
    let answers = busy.into_iter().map(read_response);
    // Probes do not wait meanwhile, and another address has places too.
    assert_eq!(read_response(request("/authority")).body, "test");
    assert_eq!(app.get("/.well-known/spin/health").body, "OK");
    assert_polite_clients_are_served(&app);
    let answers: Vec<_> = answers.collect();
    let refused = answers.iter().filter(|answer| answer.status == 503).collect::<Vec<_>>();
    assert_eq!(refused.len(), 5, "{answers:?}");
    assert!(refused.iter().all(|answer| answer.headers.contains("retry-after: 1")), "{refused:?}");
    assert!(refused.iter().all(|answer| answer.body.contains(r#""status":503"#)), "{refused:?}");
}

#[test]
fn what_is_too_large_is_told_by_http2_too() {
    let app = Setup::default().arguments(&["--max-request-body", "1000"]).start();
    let mut client = H2::start(rude(&app), &[]);
    assert!(client.request(1, "POST", "/echo", 0));
    assert!(client.send(DATA, END_STREAM, 1, &[b'x'; 1001]));
    assert_eq!(client.status(), Some(413));
    let mut client = H2::start(rude(&app), &[]);
    let block = head("GET", "/hello", &[("x", &"y".repeat(70_000))]);
    let parts: Vec<_> = block.chunks(16_000).collect();
    for (index, part) in parts.iter().enumerate() {
        let kind = if index == 0 { HEADERS } else { CONTINUATION };
        let last = if index + 1 == parts.len() { END_HEADERS } else { 0 };
        let end = if index == 0 { END_STREAM } else { 0 };
        assert!(client.send(kind, last | end, 1, part));
    }
    assert_eq!(client.status(), Some(431));
}

/// As many open files as the system allows: the tests are the other end of thousands of connections.
fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
