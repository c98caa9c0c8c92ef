//! Spans, wherever they come from: what a collector would have.

use serde_json::Value;
use std::collections::BTreeMap;

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Which trace it is of: 32 hexadecimal digits.
    pub trace_id: String,
    /// Which span it is: 16 hexadecimal digits.
    pub span_id: String,
    /// The span that it is a part of; empty if there is none.
    pub parent_id: String,
    /// Who has recorded it.
    pub service: String,
    /// What was done.
    pub name: String,
    /// When it began and when it ended, in nanoseconds since 1970.
    pub from: u64,
    /// See `from`.
    pub to: u64,
    /// What else it says.
    pub attributes: BTreeMap<String, String>,
}

/// The spans in lines of a log, as a collector that reads the log has them.
#[must_use]
pub fn logged(log: &str) -> Vec<Span> {
    let lines = log.lines().filter_map(|line| line.get(line.find("{\"resourceSpans\":[")?..));
    lines.filter_map(|line| serde_json::from_str(line).ok()).flat_map(|line: Value| of_otlp(&line)).collect()
}

/// The spans of OTLP's JSON.
fn of_otlp(otlp: &Value) -> Vec<Span> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut spans = Vec::new();
    for resource in list(&otlp["resourceSpans"]) {
        let of_resource = attributes(&resource["resource"]["attributes"]);
        let service = of_resource.get("service.name").cloned().unwrap_or_default();
        for span in list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"])) {
            let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
            let time = |name: &str| text(name).parse().unwrap_or_default();
            spans.push(Span {
                trace_id: text("traceId"),
                span_id: text("spanId"),
                parent_id: text("parentSpanId"),
                service: service.clone(),
                name: text("name"),
                from: time("startTimeUnixNano"),
                to: time("endTimeUnixNano"),
                attributes: attributes(&span["attributes"]),
            });
        }
    }
    spans
}

fn attributes(list: &Value) -> BTreeMap<String, String> {
    let pair = |pair: &Value| {
        let value = pair["value"].as_object()?.values().next()?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((pair["key"].as_str()?.to_owned(), value))
    };
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// The spans of one trace, each below the one that it is a part of.
#[derive(Debug)]
pub struct Tree(Vec<Span>);

impl Tree {
    /// The spans of this trace.
    #[must_use]
    pub fn of(trace_id: &str, spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<_> = spans.into_iter().filter(|span| span.trace_id == trace_id).collect();
        spans.sort_by_key(|span| span.from);
        Self(spans)
    }

    /// All spans, by when they began.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// The first span whose name begins so.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Span> {
        self.0.iter().find(|span| span.name.trim_start().starts_with(name))
    }

    /// How a span is reached: its name after those of all that it is a part of, each up to its first line's end.
    #[must_use]
    pub fn path(&self, span: &Span) -> Vec<String> {
        let mut path = Vec::new();
        let mut next = Some(span);
        while let Some(span) = next.filter(|_| path.len() < 64) {
            path.push(span.name.trim().lines().next().unwrap_or_default().trim().to_owned());
            next = self.0.iter().find(|other| other.span_id == span.parent_id);
        }
        path.reverse();
        path
    }

    /// Whether a span is reached exactly so; names may go on behind what is given.
    #[must_use]
    pub fn has(&self, path: &[&str]) -> bool {
        self.0.iter().any(|span| {
            let found = self.path(span);
            found.len() == path.len() && found.iter().zip(path).all(|(name, begin)| name.starts_with(begin))
        })
    }

    /// All paths, a line each, for whoever reads what a test has found.
    #[must_use]
    pub fn shown(&self) -> String {
        let lines = self.0.iter().map(|span| format!("[{}] {}", span.service, self.path(span).join(" > ")));
        lines.collect::<Vec<_>>().join("\n")
    }
}
