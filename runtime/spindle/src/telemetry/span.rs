//! Spans, and where the next ones belong. Both are empty where nothing is recorded.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Request};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span as SdkSpan;

use super::start::tracer;

/// The header of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// The recorded span that further ones are parts of, if there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Option<Box<SpanContext>>);

/// A span that is recorded, from its making to its end, or none.
#[derive(Debug, Default)]
pub(crate) struct Span(Option<Box<SdkSpan>>);

/// What a span says. It is asked for only if the span is recorded.
pub(super) struct Described {
    pub(super) name: Cow<'static, str>,
    pub(super) attributes: Vec<KeyValue>,
}

/// What a message or a request says about its trace.
struct Said<'a>(Option<&'a str>);

impl Extractor for Said<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

impl Trace {
    /// A span that is a part of this one.
    pub(super) fn span(&self, kind: SpanKind, described: impl FnOnce() -> Described) -> Span {
        let Some(parent) = &self.0 else { return Span(None) };
        begin(&Context::new().with_remote_span_context(SpanContext::clone(parent)), kind, described)
    }

    /// The value of `traceparent` for whoever is called.
    fn traceparent(&self) -> Option<HeaderValue> {
        let context = self.0.as_deref()?;
        let flags = context.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()).parse().ok()
    }

    /// The same as text.
    pub(crate) fn as_text(&self) -> Option<String> {
        self.traceparent()?.to_str().ok().map(str::to_owned)
    }

    /// Tells whoever gets a request that it is a part of this span.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Some(value) = self.traceparent() {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Whether a request says a trace already.
    pub(crate) fn is_told(headers: &HeaderMap) -> bool {
        headers.contains_key(TRACEPARENT)
    }

    /// Gives a request within the process its trace along.
    pub(crate) fn send_along<B>(self, request: &mut Request<B>) {
        if self.0.is_some() {
            request.extensions_mut().insert(self);
        }
    }

    /// The trace that a request within the process was given.
    pub(crate) fn of<B>(request: &mut Request<B>) -> Self {
        // Looking for it in what is empty costs nothing.
        request.extensions_mut().remove().unwrap_or_default()
    }
}

impl Span {
    /// A span that begins in this process: a part of what a `traceparent` says, or of nothing.
    pub(super) fn incoming<'t>(
        kind: SpanKind,
        traceparent: impl FnOnce() -> Option<Cow<'t, str>>,
        described: impl FnOnce() -> Described,
    ) -> Self {
        if tracer().is_none() {
            return Self(None);
        }
        let said = traceparent();
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Said(said.as_deref()));
        begin(&parent, kind, described)
    }

    /// What is part of this span.
    pub(crate) fn trace(&self) -> Trace {
        Trace(self.0.as_ref().map(|span| Box::new(span.span_context().clone())))
    }

    /// Adds an attribute.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says that what was done has failed. The reason is one of few, and names nobody.
    pub(crate) fn fail(&mut self, reason: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(reason));
        }
    }

    /// The same, if it has.
    pub(crate) fn end<T, E>(mut self, result: &Result<T, E>, reason: &'static str) {
        if result.is_err() {
            self.fail(reason);
        }
    }
}

/// Begins a span, unless its trace is not recorded.
fn begin(parent: &Context, kind: SpanKind, described: impl FnOnce() -> Described) -> Span {
    let Some(tracer) = tracer() else { return Span(None) };
    // Most are not recorded, so it is decided before anything is put together.
    let mut span = tracer.build_with_context(tracer.span_builder("").with_kind(kind), parent);
    if !span.is_recording() {
        return Span(None);
    }
    let Described { name, attributes } = described();
    span.update_name(name);
    span.set_attributes(attributes);
    Span(Some(Box::new(span)))
}

/// What a header says, if it is text.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    headers.get(TRACEPARENT)?.to_str().ok().map(Cow::Borrowed)
}
