//! A whole file.

use super::problems::{self, Words};
use super::yaml;
use crate::description::header::{self, Header};
use crate::description::{Description, Info, Reply};
use problem::Kind;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The text of a service's file.
pub(super) fn write(info: &Info, descriptions: &[Description]) -> String {
    let mut document = Document::new();
    let mut paths = Map::new();
    for description in descriptions {
        let operation = document.operation(description);
        let path = paths
            .entry(description.path.clone())
            .or_insert_with(|| json!({"parameters": [{"$ref": "#/components/parameters/RequestId"}]}));
        path[description.method.as_str().to_ascii_lowercase()] = operation;
    }
    let general: Map<_, _> = [Kind::NoSuchRoute, Kind::MethodNotAllowed]
        .into_iter()
        .map(|kind| (kind.status().to_string(), document.general(kind)))
        .collect();
    let tags: Vec<_> =
        info.tags.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    let schemes: Map<_, _> = SCHEMES
        .iter()
        .filter(|(name, ..)| descriptions.iter().any(|description| description.schemes.contains(name)))
        .map(|(name, format, description)| {
            let mut scheme = json!({"type": "http", "scheme": "bearer", "description": description});
            if !format.is_empty() {
                scheme["bearerFormat"] = (*format).into();
            }
            ((*name).to_owned(), scheme)
        })
        .collect();
    let (headers, responses, schemas) = document.finish(&mut paths);
    let whole = json!({
        "openapi": "3.1.0",
        "info": {
            "title": info.name,
            "version": env!("CARGO_PKG_VERSION"),
            "summary": info.summary,
            "description": info.description.join("\n\n"),
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this file comes from"}],
        "tags": tags,
        "x-general-responses": general,
        "paths": paths,
        "components": {
            "securitySchemes": schemes,
            "parameters": {"RequestId": request_id()},
            "headers": headers,
            "responses": responses,
            "schemas": schemas,
        },
    });
    let paths: Vec<_> = descriptions.iter().map(Description::path).collect();
    yaml::write(&whole, &paths)
}

const SCHEMES: &[(&str, &str, &str)] = &[
    (
        "accessToken",
        "JWT",
        "An access token from a login or a refresh at auth: a JWT signed with Ed25519 (`EdDSA`), of type `at+jwt`, valid for 15 minutes.",
    ),
    (
        "clientToken",
        "JWT",
        "An access token that an application has got at `/auth-ms/oauth/token`: a JWT of type `at+jwt`, valid for 15 minutes.",
    ),
    ("authCredential", "", "The credential of auth."),
    ("schedulerCredential", "", "The credential of the schedules."),
    ("operatorCredential", "", "The credential of operators."),
    ("metricsCredential", "", "The credential of what collects metrics."),
];

fn request_id() -> Value {
    json!({
        "name": "x-request-id",
        "in": "header",
        "required": false,
        "description": "An id for this request. A valid one (1 to 64 characters of `A-Z a-z 0-9 - _ . :`) returns in the response, in \
                        its problem and in the log; any other is replaced, not refused.",
        "schema": {"type": "string"},
        "example": "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e10",
    })
}

/// What the operations of a file share.
struct Document {
    /// The schemas of what callers send.
    sent: SchemaGenerator,
    /// The schemas of what they get.
    received: SchemaGenerator,
    headers: BTreeMap<&'static str, Value>,
    /// Problem responses, each with its name and how often it is used.
    responses: Vec<(String, Value, usize)>,
}

impl Document {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self {
            sent: settings.clone().for_deserialize().into_generator(),
            received: settings.for_serialize().into_generator(),
            headers: BTreeMap::new(),
            responses: Vec::new(),
        }
    }

    fn operation(&mut self, description: &Description) -> Value {
        let security: Vec<_> = description.schemes.iter().map(|scheme| json!({*scheme: []})).collect();
        let mut problems = description.problems.clone();
        let mut parameters = Vec::new();
        let names = description.path.split(['{', '}']).skip(1).step_by(2);
        for (name, (kinds, schema)) in names.zip((description.path_parameters)(&mut self.sent)) {
            problems.extend(kinds);
            parameters.push(path_parameter(name, &description.path, schema.to_value()));
        }
        let query = description.query.iter().map(|parameter| ("query", parameter, [].as_slice()));
        let headers = description.headers.iter().map(|(header, examples)| ("header", header, examples.as_slice()));
        for (place, parameter, examples) in query.chain(headers) {
            let schema = (parameter.schema)(&mut self.sent).to_value();
            let mut json =
                json!({"name": parameter.name, "in": place, "description": parameter.description, "schema": schema});
            if examples.is_empty() {
                json["example"] = serde_json::from_str(parameter.example).unwrap_or_else(|_| parameter.example.into());
            } else {
                json["examples"] = named(examples);
            }
            parameters.push(json);
        }
        let mut operation = json!({
            "operationId": description.id,
            "tags": [description.tag],
            "summary": description.summary,
            "security": security,
        });
        if !description.description.is_empty() {
            operation["description"] = description.description.as_str().into();
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        let mut first_field = None;
        if !description.media_types.is_empty() {
            let schema = (description.body)(&mut self.sent).to_value();
            first_field = self.first_required(&schema);
            let examples = named(&description.body_examples);
            let content: Map<_, _> = description
                .media_types
                .iter()
                .map(|media_type| ((*media_type).to_owned(), json!({"schema": schema, "examples": examples})))
                .collect();
            operation["requestBody"] = json!({"required": true, "content": content});
        }
        let mut responses = Map::new();
        for reply in &description.replies {
            responses.insert(reply.status.to_string(), self.reply(reply, description));
        }
        let words = Words {
            query: description.query.iter().map(|parameter| parameter.name).collect(),
            first_field: first_field.as_deref(),
            media_types: description.media_types,
            own: &|kind| description.details.get(&kind).copied(),
        };
        let problems: Vec<_> = problems.into_iter().collect();
        for kinds in problems.chunk_by(|one, other| one.status() == other.status()) {
            let response = self.problem(kinds, &description.method, &words);
            responses.insert(kinds[0].status().to_string(), response);
        }
        operation["responses"] = responses.into();
        operation
    }

    /// The first field that a body must have.
    fn first_required(&self, schema: &Value) -> Option<String> {
        let name = schema["$ref"].as_str()?.rsplit('/').next()?;
        let required = self.sent.definitions().get(name)?.get("required")?;
        required.get(0)?.as_str().map(str::to_owned)
    }

    fn reply(&mut self, reply: &Reply, description: &Description) -> Value {
        let mut response = json!({"description": reply.description, "headers": self.headers(&reply.headers)});
        if !reply.examples.is_empty() {
            let schema = reply.schema.unwrap_or(description.reply)(&mut self.received).to_value();
            response["content"] = json!({reply.media_type: {"schema": schema, "examples": named(&reply.examples)}});
        }
        if !reply.links.is_empty() {
            let links: Map<_, _> = reply
                .links
                .iter()
                .map(|link| {
                    let values: Map<_, _> =
                        link.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                    let link_json =
                        json!({"operationId": link.operation, "description": link.description, link.member: values});
                    (link.name.to_owned(), link_json)
                })
                .collect();
            response["links"] = links.into();
        }
        response
    }

    /// A reference to the problem response of these kinds.
    fn problem(&mut self, kinds: &[Kind], method: &http::Method, words: &Words<'_>) -> Value {
        let status = kinds[0].status();
        let (headers, mut response) = problems::response(status, kinds, method, words);
        response["headers"] = self.headers(&headers);
        if let Some((name, _, count)) = self.responses.iter_mut().find(|(_, known, _)| *known == response) {
            *count += 1;
            return reference(name);
        }
        let base = match kinds {
            [one] => format!("{one:?}"),
            [one, other] => format!("{one:?}Or{other:?}"),
            _ => format!("Problem{status}"),
        };
        let taken = self.responses.iter().filter(|(name, ..)| name.split("No").next() == Some(&base)).count();
        let name = if taken == 0 { base } else { format!("{base}No{}", taken + 1) };
        let reference = reference(&name);
        self.responses.push((name, response, 1));
        reference
    }

    /// The response that every path may give.
    fn general(&mut self, kind: Kind) -> Value {
        let words = Words { query: Vec::new(), first_field: None, media_types: &[], own: &|_| None };
        self.problem(&[kind], &http::Method::GET, &words)
    }

    /// References to headers, those that every response has among them.
    fn headers(&mut self, own: &[Header]) -> Value {
        let common = [header::REQUEST_ID, header::CACHE_CONTROL, header::CONTENT_TYPE_OPTIONS];
        let common = common.into_iter().filter(|header| own.iter().all(|own| own.name != header.name));
        let mut headers = Map::new();
        for header in common.chain(own.iter().copied()) {
            self.headers.insert(header.key, header.to_json());
            headers.insert(header.name.to_owned(), json!({"$ref": format!("#/components/headers/{}", header.key)}));
        }
        headers.into()
    }

    /// Shared headers, responses and schemas. A response that is used once stands where it is used.
    fn finish(mut self, paths: &mut Map<String, Value>) -> (Value, Value, Value) {
        let mut schemas: BTreeMap<String, Value> =
            problems::schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        let sent = self.sent.take_definitions(true);
        let mut received = self.received.take_definitions(true);
        received.values_mut().for_each(close);
        for (name, mut schema) in sent.into_iter().chain(received) {
            tidy(&mut schema);
            let known = schemas.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(*known, schema, "the schema {name} is two");
        }
        let (once, shared): (Vec<_>, Vec<_>) = self
            .responses
            .into_iter()
            .partition(|(name, _, count)| *count == 1 && !["NoSuchRoute", "MethodNotAllowed"].contains(&name.as_str()));
        let once: BTreeMap<_, _> = once.into_iter().map(|(name, response, _)| (name, response)).collect();
        for response in paths
            .values_mut()
            .flat_map(|path| path.as_object_mut().into_iter().flat_map(|path| path.values_mut()))
            .filter_map(|operation| operation.get_mut("responses")?.as_object_mut())
            .flat_map(|responses| responses.values_mut())
        {
            let name = response["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            if let Some(single) = name.and_then(|name| once.get(name)) {
                *response = single.clone();
            }
        }
        let responses: BTreeMap<_, _> = shared.into_iter().map(|(name, response, _)| (name, response)).collect();
        (json!(self.headers), json!(responses), json!(schemas))
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

fn named(examples: &[(&'static str, Value)]) -> Value {
    let examples = examples.iter().map(|(name, value)| ((*name).to_owned(), json!({"value": value})));
    Value::Object(examples.collect())
}

fn path_parameter(name: &str, path: &str, schema: Value) -> Value {
    let (description, example) = match name {
        "queue" => ("The name of the queue.", json!("login_email_notification")),
        "event_id" => ("The id of the event.", json!("0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e11")),
        "client_id" => ("The id of the client.", json!("6f1e2d3c-4b5a-4697-8877-665544332211")),
        "id" if path.contains("/dead/") => ("The id of the dead letter, as in the list.", json!("1795405395602-0")),
        "id" if path.contains("/users") => ("The id of the user, in decimal digits.", json!(7)),
        _ => ("The id of the session.", json!("6f1e2d3c-4b5a-4697-8877-665544332211")),
    };
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema, "example": example})
}

/// Says of an object that callers get that it has no other properties.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut()
        && object.contains_key("properties")
    {
        object.entry("additionalProperties").or_insert(false.into());
    }
    match schema {
        Value::Object(object) => object.values_mut().for_each(close),
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Takes away what a derived schema says needlessly, and puts its description into one line.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.retain(|name, value| !(name == "default" && value.is_null()));
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
