//! The way to the collector: one request at a time, each with a deadline.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

use crate::tls;

/// The longest answer that is read, in bytes: it says how many spans were refused.
const MAX_ANSWER: usize = 64 * 1024;

/// The client of the collector.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Requests are made on it: whoever sends is a thread outside.
    runtime: Handle,
    limit: Duration,
    /// Whether it is in the log already that the collector is away.
    is_reported: AtomicBool,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl Collector {
    pub(super) fn new(runtime: Handle, limit: Duration) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls::client()).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, runtime, limit, is_reported: AtomicBool::new(false) }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, limit) = (self.client.clone(), self.limit);
        let exchange = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        self.runtime.spawn(async move { tokio::time::timeout(limit, exchange).await? }).await?
    }

    /// Logs once that spans are lost, and once that they are not any more.
    fn report(&self, result: &Result<Response<Bytes>, HttpError>) {
        let failure = match result {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("status {}", answer.status().as_u16())),
            Err(error) => Some(error.to_string()),
        };
        match (failure, self.is_reported.load(Ordering::Relaxed)) {
            (Some(error), false) => tracing::warn!(error, "the collector of traces takes no spans; they are dropped"),
            (None, true) => tracing::info!("the collector of traces takes spans again"),
            (Some(_), true) | (None, false) => return,
        }
        self.is_reported.fetch_xor(true, Ordering::Relaxed);
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let result = self.send(request).await;
            self.report(&result);
            result
        })
    }
}
