//! What a node answers: whether it is ready, and its management API.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Ports, USER};

/// For one attempt to reach it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);
/// For one request to its management API.
const REQUEST_SECONDS: u64 = 10;

/// It is when AMQP, MQTT and the management all answer.
pub(super) fn is_ready(ports: Ports, password: &str) -> std::result::Result<(), String> {
    for port in [ports.amqp, ports.mqtt] {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpStream::connect_timeout(&address, CONNECT_DEADLINE).map_err(|error| error.to_string())?;
    }
    match api(ports, password, "GET", "/api/overview", "").map_err(|error| error.to_string())? {
        (200, _) => Ok(()),
        (status, body) => Err(format!("the management answers {status}: {body}")),
    }
}

/// Asks the management API: a method, a path and a body.
pub(super) fn api(
    ports: Ports,
    password: &str,
    method: &str,
    path: &str,
    body: &str,
) -> std::result::Result<(u16, String), minreq::Error> {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{USER}:{password}")));
    let method = minreq::Method::Custom(method.to_owned());
    let response = minreq::Request::new(method, format!("http://127.0.0.1:{}{path}", ports.management))
        .with_header("authorization", authorization)
        .with_header("content-type", "application/json")
        .with_body(body)
        .with_timeout(REQUEST_SECONDS)
        .send()?;
    Ok((response.status_code, String::from_utf8_lossy(response.as_bytes()).into_owned()))
}
