//! The metrics of the runtime itself.

use std::io::Write;
use std::net::TcpStream;

use dev_servers::ports::free_port;

use crate::rabbit::Rabbit;
use crate::support::{App, Response, SOON, Setup, read_response, shared_postgres, until};

/// A port for metrics, and the arguments that ask for them there.
fn with_metrics(setup: Setup) -> (App, u16) {
    let port = free_port().unwrap();
    (setup.arguments(&["--metrics-listen", &format!("127.0.0.1:{port}")]).start(), port)
}

fn ask(port: u16, method: &str, path: &str) -> Response {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: metrics\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read_response(stream)
}

fn scrape(port: u16) -> String {
    let response = ask(port, "GET", "/metrics");
    assert_eq!(response.status, 200);
    assert!(response.headers.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(response.body.ends_with("# EOF\n"));
    response.body
}

/// The value of a time series; nothing if it is not there.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn requests_are_counted_by_component_method_and_class_whatever_their_paths() {
    let (app, port) = with_metrics(Setup::default());
    for n in 0..5 {
        assert_eq!(app.text(&format!("/hello?{n}")), "hello");
    }
    assert_eq!(app.get("/trap").status, 500);
    app.request("BREW /hello HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    assert_eq!(app.get("/.well-known/spin/health").status, 200);
    let text = scrape(port);
    let requests = |labels: &str| value(&text, &format!("spindle_requests_total{{{labels}}}")).unwrap_or_default();
    let of_guest = |method: &str, class: &str| {
        requests(&format!("component=\"guest\",source=\"client\",method=\"{method}\",class=\"{class}\""))
    };
    assert!((of_guest("GET", "2xx") - 5.0).abs() < f64::EPSILON, "{text}");
    assert!((of_guest("GET", "5xx") - 1.0).abs() < f64::EPSILON, "{text}");
    assert!(text.contains("component=\"guest\",source=\"client\",method=\"other\""), "{text}");
    let own = requests("component=\"spindle\",source=\"client\",method=\"GET\",class=\"2xx\"");
    assert!((own - 1.0).abs() < f64::EPSILON, "{text}");
    assert_eq!(value(&text, "spindle_call_failures_total{component=\"guest\",cause=\"trap\"}"), Some(1.0), "{text}");
    assert_eq!(value(&text, "spindle_request_duration_seconds_count{component=\"guest\"}"), Some(7.0), "{text}");
    assert_eq!(value(&text, "spindle_requests_in_flight{component=\"guest\"}"), Some(0.0), "{text}");
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
    assert!(value(&text, "process_cpu_seconds_total").unwrap() > 0.0);
    assert!(!text.contains("hello") && !text.contains("BREW"), "what clients say is in no label: {text}");
}

#[test]
fn instances_and_places_are_those_of_the_moment() {
    let (app, port) = with_metrics(Setup::default());
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(app.text("/sleep?ms=1500"), "slept"));
        until(|| (value(&scrape(port), "spindle_instances{component=\"guest\"}") == Some(1.0)).then_some(()));
        let text = scrape(port);
        assert_eq!(value(&text, "spindle_places_in_use"), Some(1.0), "{text}");
        assert_eq!(value(&text, "spindle_requests_in_flight{component=\"guest\"}"), Some(1.0), "{text}");
        assert_eq!(value(&text, "spindle_instances_limit"), Some(1000.0), "{text}");
    });
    until(|| (value(&scrape(port), "spindle_instances{component=\"guest\"}") == Some(0.0)).then_some(()));
}

#[test]
fn metrics_have_a_listener_of_their_own_or_none() {
    let (app, port) = with_metrics(Setup::default());
    assert!(!app.get("/metrics").body.contains("spindle_"), "who may use the app does not read them");
    assert_eq!(ask(port, "GET", "/hello").status, 404);
    assert_eq!(ask(port, "POST", "/metrics").status, 405);
    let head = ask(port, "HEAD", "/metrics");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let taken = Setup::default().arguments(&["--metrics-listen", &format!("127.0.0.1:{port}")]).fail();
    assert!(taken.contains("--metrics-listen"), "{taken}");
    assert!(!Setup::default().start().output().contains("metrics at"), "nobody has asked for them");
}

#[test]
fn statements_and_connections_of_a_component_are_counted() {
    let postgres = shared_postgres();
    let setup =
        Setup::default().hosts(&[&format!("postgres://{}", postgres.0.host())]).variable("pg_url", &postgres.0.url());
    let (app, port) = with_metrics(setup);
    assert_eq!(app.post("/pg", "SELECT 1\nSELECT 2").status, 200);
    let text = scrape(port);
    let of = |name: &str| value(&text, &format!("spindle_{name}{{component=\"guest\",kind=\"postgres\"}}"));
    assert_eq!(of("outbound_calls_total"), Some(2.0), "{text}");
    assert_eq!((of("pool_connections_used"), of("pool_connections_idle")), (Some(0.0), Some(1.0)), "{text}");
    assert_eq!(of("pool_waits_total"), Some(0.0), "{text}");
}

#[test]
fn messages_are_counted_by_what_became_of_them() {
    let rabbit = Rabbit::new();
    let (mut app, port) = with_metrics(rabbit.setup("max_deliveries = 2\nretry_delay_ms = 100"));
    app.wait_for_output("the amqp trigger is connected");
    rabbit.send(&["well", "fail always"]);
    app.wait_for_output("message dead-lettered");
    let of = |text: &str, name: &str| value(text, &format!("spindle_amqp_{name}{{queue=\"q\"}}"));
    until(|| (of(&scrape(port), "messages_acknowledged_total") == Some(1.0)).then_some(()));
    let text = scrape(port);
    assert_eq!(of(&text, "messages_delivered_total"), Some(3.0), "{text}");
    assert_eq!(of(&text, "messages_requeued_total"), Some(1.0), "{text}");
    assert_eq!(of(&text, "messages_dead_lettered_total"), Some(1.0), "{text}");
    assert_eq!((of(&text, "sessions_total"), of(&text, "messages_in_hand")), (Some(1.0), Some(0.0)), "{text}");
}
