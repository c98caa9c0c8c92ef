//! The component that Spindle's tests run: each route does one thing that a test looks at.

#![expect(unsafe_code, reason = "the macros of the SDK make the functions that the host calls")]

mod amqp;
mod elder;
mod routes;

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::SinkExt;
use spin_sdk::http::{Headers, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::{http_component, redis_component};
use url::Url;

/// A request, read as far as the routes need it.
struct Call {
    path: String,
    query: HashMap<String, String>,
    headers: Vec<(String, String)>,
    request: IncomingRequest,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> anyhow::Result<&str> {
        self.query.get(name).map(String::as_str).ok_or_else(|| anyhow::anyhow!("?{name}= is missing"))
    }

    pub(crate) async fn body(self) -> anyhow::Result<Vec<u8>> {
        self.request.into_body().await.map_err(|error| anyhow::anyhow!("body: {error:?}"))
    }
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let Ok(url) = Url::parse(&format!("http://guest{target}")) else { return };
    let headers = request.headers().entries();
    let call = Call {
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect(),
        request,
    };
    if call.path == "/stream" {
        let traps = call.query.contains_key("trap");
        return stream(out, traps).await;
    }
    if call.path == "/after" {
        // Answers, and has something to do afterwards.
        out.set(OutgoingResponse::new(Headers::new()));
        routes::sleep(300);
        println!("done after the response");
        return;
    }
    let (status, body) = match routes::answer(call).await {
        Ok(body) => (200, body),
        Err(error) => (418, format!("{error:#}").into_bytes()),
    };
    let response = OutgoingResponse::new(Headers::new());
    // 200 and 418 are statuses.
    let _ = response.set_status_code(status);
    let _ = out.set_with_body(response, body).await;
}

/// Sends a response in two parts with a pause between them, or traps in place of the second.
async fn stream(out: ResponseOutparam, traps: bool) {
    let response = OutgoingResponse::new(Headers::new());
    let mut body = response.take_body();
    out.set(response);
    let _ = body.send(b"first\n".to_vec()).await;
    if traps {
        routes::sleep(50);
        panic!("as told");
    }
    routes::sleep(300);
    let _ = body.send(b"second\n".to_vec()).await;
}

/// Does what the message says: `fail`, `trap`, `sleep <ms>`, or nothing; then counts it in the default store.
#[redis_component]
fn on_message(message: Bytes) -> anyhow::Result<()> {
    let text = std::str::from_utf8(&message)?;
    println!("message {text}");
    if text == "fail" {
        anyhow::bail!("as told");
    }
    assert_ne!(text, "trap", "as told");
    if let Some(milliseconds) = text.strip_prefix("sleep ") {
        routes::sleep(milliseconds.parse()?);
    }
    let store = spin_sdk::key_value::Store::open_default()?;
    let mut seen = store.get("messages")?.unwrap_or_default();
    seen.extend_from_slice(text.as_bytes());
    seen.push(b'\n');
    store.set("messages", &seen)?;
    Ok(())
}

fn debug(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}
