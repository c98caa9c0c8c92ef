//! The `http` triggers of an app: which route leads where.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Deserialize;

use super::error::HttpTriggerError;
use super::route::{Route, Table};
use crate::app::App;
use crate::component::Component;
use crate::trigger;

/// The trigger's type in a manifest.
pub(crate) const TRIGGER_TYPE: &str = "http";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerConfig {
    route: RouteConfig,
    component: Option<String>,
    static_response: Option<StaticResponse>,
    executor: Option<ExecutorConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RouteConfig {
    Path(String),
    Private { private: bool },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecutorConfig {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StaticResponse {
    #[serde(default = "ok")]
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

fn ok() -> u16 {
    200
}

/// What a route leads to.
pub(super) enum Target {
    /// A component with an HTTP handler.
    Component(Arc<Component>),
    /// The same response every time.
    Static(Box<Response<String>>),
}

/// Reads the app's `http` triggers.
///
/// # Errors
/// When one is malformed, or two have the same route.
pub(super) fn routes(app: &App) -> Result<Table<Target>, HttpTriggerError> {
    let mut routes = Table::default();
    for trigger in trigger::tables::<TriggerConfig>(&app.locked, TRIGGER_TYPE)? {
        if let Some(executor) = trigger.table.executor.as_ref().filter(|executor| executor.kind != "http") {
            return Err(trigger
                .error(format!(
                    "executor `{}` is not supported by Spindle: build the component for `wasi:http`",
                    executor.kind
                ))
                .into());
        }
        let target = match (&trigger.table.component, &trigger.table.static_response) {
            (Some(id), None) => {
                let component =
                    app.component(id).ok_or_else(|| trigger.error(format!("there is no component `{id}`")))?;
                if component.http.is_none() {
                    let reason = format!("component `{id}` does not export wasi:http/incoming-handler@0.2");
                    return Err(trigger.error(reason).into());
                }
                Target::Component(component)
            }
            (None, Some(response)) => {
                Target::Static(Box::new(response.build().map_err(|reason| trigger.error(reason))?))
            }
            _ => return Err(trigger.error("either `component` or `static_response` must be there").into()),
        };
        match &trigger.table.route {
            RouteConfig::Path(path) => routes.add(Route::parse(path)?, target)?,
            RouteConfig::Private { private: true } => {}
            RouteConfig::Private { private: false } => {
                return Err(trigger.error("route = { private = false } says nothing").into());
            }
        }
    }
    Ok(routes)
}

impl StaticResponse {
    fn build(&self) -> Result<Response<String>, String> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = StatusCode::from_u16(self.status_code).map_err(|e| e.to_string())?;
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|e| format!("header {name:?}: {e}"))?;
            let value = HeaderValue::try_from(value.as_str()).map_err(|e| format!("header `{name}`: {e}"))?;
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }
}
