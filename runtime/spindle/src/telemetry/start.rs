//! Whether there are traces, by the variables that OpenTelemetry has for it, and their end.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use super::collector::Collector;

/// What makes spans; nothing where there are no traces. It is the process's: whatever runs in it is in one trace or another.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Where the collector is; one of these turns traces on.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// Turns them off again.
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// How it is spoken to.
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
/// The protocol that there is.
const PROTOCOL: &str = "http/protobuf";
/// How long one request to the collector may take, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of the process waits for the last spans to be sent.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What makes spans, if there are traces.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// The traces of this process.
pub(crate) struct Traces(SdkTracerProvider);

/// Starts traces, if the environment asks for them. `service` is what they are called unless it says a name. What it says
/// that cannot be done is in the log, and the app runs without.
pub(crate) fn start(service: &'static str, runtime: &Handle) -> Option<Traces> {
    if first(&[DISABLED]).is_some() || first(&ENDPOINTS).is_none() {
        return None;
    }
    if let Some(protocol) = first(&PROTOCOLS).filter(|protocol| protocol != PROTOCOL) {
        tracing::warn!(protocol, "there are no traces: Spindle speaks {PROTOCOL} to collectors, and nothing else");
        return None;
    }
    let timeout = first(&TIMEOUTS).and_then(|text| text.parse().ok()).map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    let client = Collector::new(runtime.clone(), timeout);
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
    let exporter = exporter.inspect_err(|error| tracing::warn!(%error, "there are no traces")).ok()?;
    let mut resource = Resource::builder();
    // The SDK's own default is `unknown_service`.
    let names_itself = std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| all.contains("service.name="));
    if first(&["OTEL_SERVICE_NAME"]).is_none() && !names_itself {
        resource = resource.with_service_name(service);
    }
    let provider = SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
    // A second start in one process keeps the first.
    let _ = TRACER.set(provider.tracer("spindle"));
    Some(Traces(provider))
}

impl Traces {
    /// Sends what has not been sent yet, but not for long.
    pub(crate) async fn stop(self) {
        // Its error is that the collector was away, which is in the log.
        let _ = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_SPANS)).await;
    }
}

/// The first of these variables that is not empty.
fn first(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}
