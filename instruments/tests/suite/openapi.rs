//! The OpenAPI files themselves: whole, in order, and with examples that are what they are examples of.

use blackbox::openapi::{File, GENERAL, Node, Operation, Response, files, operations};
use problem::{Kind, TYPE_PREFIX};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The members that may be there (OpenAPI 3.1.1, section 4.8), so that a slip of the pen is not taken for an extension.
const OF_FILE: &[&str] = &["openapi", "info", "servers", "tags", "paths", "components", GENERAL];
const OF_PATH: &[&str] =
    &["summary", "description", "parameters", "get", "put", "post", "delete", "options", "patch", "trace"];
const OF_OPERATION: &[&str] =
    &["operationId", "tags", "summary", "description", "security", "parameters", "requestBody", "responses"];
const OF_PARAMETER: &[&str] = &["name", "in", "description", "required", "schema", "example", "examples"];
const OF_HEADER: &[&str] = &["description", "required", "schema", "example", "examples"];
const OF_BODY: &[&str] = &["description", "required", "content"];
const OF_MEDIA_TYPE: &[&str] = &["schema", "example", "examples"];
const OF_RESPONSE: &[&str] = &["description", "headers", "content", "links"];
const OF_COMPONENTS: &[&str] = &["securitySchemes", "parameters", "headers", "responses", "schemas"];
/// What every answer has.
const EVERYWHERE: &[&str] = &["cache-control", "x-content-type-options", "x-request-id"];

#[track_caller]
fn assert_members(node: &Node<'_>, known: &[&str], required: &[&str]) {
    let place = format!("{}#{}", node.file.service, node.pointer);
    let members: Vec<_> = node.members().into_iter().map(|(name, _)| name).collect();
    let unknown: Vec<_> = members.iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "{place} has {unknown:?}");
    let missing: Vec<_> = required.iter().filter(|name| !members.contains(name)).collect();
    assert!(missing.is_empty(), "{place} has no {missing:?}");
}

fn members<'a>(node: &Node<'a>, name: &str) -> Vec<(&'a str, Node<'a>)> {
    node.get(name).map(|found| found.members()).unwrap_or_default()
}

/// All responses of a file, with the operation that they are of; those that every path may give among them.
fn responses(file: &'static File) -> Vec<(String, Response<'static>)> {
    let of_file = operations().iter().filter(|operation| operation.node.file.service == file.service);
    let described = of_file
        .flat_map(|operation| operation.responses().into_iter().map(|response| (operation.id().to_owned(), response)));
    let general = members(&file.root(), GENERAL).into_iter().map(|(status, node)| {
        let status = status.parse().expect("a status is a number");
        (GENERAL.to_owned(), Response { status, node })
    });
    described.chain(general).collect()
}

/// Everything in the files, place by place, without following references.
fn each_value(value: &'static Value, act: &mut dyn FnMut(&'static Value)) {
    act(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_value(item, act)),
        Value::Object(members) => members.values().for_each(|member| each_value(member, act)),
        _ => {}
    }
}

#[test]
fn each_service_has_a_file_of_openapi_3_1() {
    let services: Vec<_> = files().iter().map(|file| file.service.as_str()).collect();
    assert_eq!(services, ["auth", "notification", "users"]);
    for file in files() {
        let root = file.root();
        assert_members(&root, OF_FILE, OF_FILE);
        assert!(root.text("openapi").starts_with("3.1."), "{}", file.service);
        assert_members(&root.get("components").expect("it is there"), OF_COMPONENTS, OF_COMPONENTS);
        let info = root.get("info").expect("it is there");
        assert_eq!((info.text("title"), info.text("version")), (file.service.as_str(), env!("CARGO_PKG_VERSION")));
        for (path, item) in members(&root, "paths") {
            assert!(path.starts_with('/'), "{path}");
            assert_members(&item, OF_PATH, &["parameters"]);
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_everything_that_is_shared_is_referred_to() {
    for file in files() {
        let mut used = BTreeSet::new();
        each_value(&file.document, &mut |value| used.extend(value.get("$ref").and_then(Value::as_str)));
        for reference in &used {
            let pointer = reference.strip_prefix('#').expect("a reference stays in its file");
            assert!(file.document.pointer(pointer).is_some(), "{}: {reference}", file.service);
        }
        let components = file.document["components"].as_object().expect("it is there");
        for (kind, parts) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
            for name in parts.as_object().into_iter().flatten().map(|(name, _)| name) {
                assert!(used.contains(format!("#/components/{kind}/{name}").as_str()), "{}: {name}", file.service);
            }
        }
    }
}

#[test]
fn every_operation_says_what_it_is_and_who_may() {
    let mut ids = BTreeSet::new();
    for operation in operations() {
        let Operation { node, path, .. } = operation;
        assert_members(node, OF_OPERATION, &["operationId", "tags", "summary", "security", "responses"]);
        assert!(ids.insert((&node.file.service, operation.id())), "{} is there twice", operation.id());
        let declared: Vec<_> = node.file.root().items("tags").iter().map(|tag| tag.text("name")).collect();
        let tags = node.items("tags");
        assert!(!tags.is_empty() && !node.text("summary").is_empty(), "{}", operation.id());
        for tag in tags {
            assert!(declared.contains(&tag.value.as_str().unwrap_or_default()), "{}", operation.id());
        }
        let schemes = node.file.document["components"]["securitySchemes"].as_object().expect("it is there");
        assert!(operation.tokens().iter().all(|token| schemes.contains_key(*token)), "{}", operation.id());
        // Whoever is asked for a token may show a bad one; who is not, is refused for what is in the body alone.
        let statuses: Vec<_> = operation.responses().iter().map(|response| response.status).collect();
        let checks_a_body = ["login", "refresh", "issue_tokens", "revoke_token"].contains(&operation.id());
        assert_eq!(statuses.contains(&401), !operation.tokens().is_empty() || checks_a_body, "{}", operation.id());
        assert!(
            path.contains("/internal/")
                || !operation.tokens().first().is_some_and(|token| token.ends_with("Credential"))
                || operation.id() == "introspect"
        );
        for (_, body) in operation.request_bodies() {
            assert_members(&body, OF_MEDIA_TYPE, &["schema"]);
        }
        if let Some(body) = node.get("requestBody") {
            assert_members(&body, OF_BODY, &["required", "content"]);
        }
    }
}

#[test]
fn every_parameter_of_a_path_is_described_and_has_an_example() {
    for operation in operations() {
        let mut names = BTreeSet::new();
        for parameter in operation.parameters() {
            assert_members(parameter, OF_PARAMETER, &["name", "in", "schema"]);
            assert!(names.insert((parameter.text("in"), parameter.text("name"))), "{}", operation.id());
            assert!(!parameter.examples().is_empty(), "{}: {}", operation.id(), parameter.text("name"));
        }
        let in_path: BTreeSet<_> =
            operation.path.split(['{', '}']).skip(1).step_by(2).map(|name| ("path", name)).collect();
        let described: BTreeSet<_> = names.into_iter().filter(|(place, _)| *place == "path").collect();
        assert_eq!(in_path, described, "{}", operation.path);
    }
}

#[test]
fn every_response_has_the_headers_that_go_with_it() {
    for file in files() {
        for (id, Response { status, node }) in responses(file) {
            assert_members(&node, OF_RESPONSE, &["description", "headers"]);
            let headers: BTreeMap<_, _> = members(&node, "headers").into_iter().collect();
            let is_problem = members(&node, "content").iter().any(|(media_type, _)| *media_type == problem::MEDIA_TYPE);
            let with_status: &[&str] = match status {
                201 => &["location"],
                308 => &["location"],
                304 => &["etag"],
                401 => &["www-authenticate"],
                405 => &["allow"],
                429 => &["retry-after"],
                503 if is_problem => &["retry-after"],
                _ => &[],
            };
            for name in EVERYWHERE.iter().chain(with_status) {
                let header = headers.get(name).unwrap_or_else(|| panic!("{id} {status} has no {name}"));
                assert_eq!(header.value["required"], true, "{id} {status}: {name}");
            }
            for (name, header) in headers {
                assert_members(&header, OF_HEADER, &["description", "schema"]);
                assert!(!header.examples().is_empty(), "{id} {status}: {name}");
            }
        }
    }
}

#[test]
fn every_example_is_what_it_is_an_example_of() {
    let check = |place: &str, node: &Node<'_>| {
        let schema = node.get("schema").unwrap_or_else(|| panic!("{place} has no schema"));
        let examples = node.examples();
        assert!(!examples.is_empty(), "{place} has no example");
        for example in examples {
            let faults = schema.faults(example.value);
            assert!(faults.is_empty(), "{place}: {} is none: {faults:?}", example.value);
        }
    };
    for operation in operations() {
        let id = operation.id();
        operation.parameters().iter().for_each(|parameter| check(id, parameter));
        operation.request_bodies().iter().for_each(|(_, body)| check(id, body));
    }
    for file in files() {
        for (id, response) in responses(file) {
            response.bodies().iter().for_each(|(_, body)| check(&id, body));
            members(&response.node, "headers").iter().for_each(|(_, header)| check(&id, header));
        }
        let components = file.root().get("components").expect("it is there");
        for (name, schema) in members(&components, "schemas") {
            for example in schema.items("examples") {
                assert_eq!(schema.faults(example.value), Vec::<String>::new(), "{name}");
            }
        }
    }
}

#[test]
fn every_problem_type_is_documented_with_an_example_and_no_other_is() {
    let kinds: BTreeMap<_, _> = Kind::ALL.iter().map(|kind| (format!("{TYPE_PREFIX}{}", kind.slug()), kind)).collect();
    let mut documented = BTreeSet::new();
    for file in files() {
        for (id, response) in responses(file) {
            let problems = response.problems();
            let is_problem = response.bodies().iter().any(|(media_type, _)| *media_type == problem::MEDIA_TYPE);
            assert_eq!(is_problem, !problems.is_empty(), "{id} {}", response.status);
            let bodies = response.bodies();
            let examples: Vec<_> = bodies.iter().flat_map(|(_, body)| body.examples()).map(|node| node.value).collect();
            for slug in problems {
                let kind = kinds.get(slug).unwrap_or_else(|| panic!("{id}: {slug} is no problem"));
                assert_eq!(kind.status(), response.status, "{id}: {slug}");
                let shown: Vec<_> = examples.iter().filter(|example| example["type"] == slug).collect();
                assert!(!shown.is_empty(), "{id}: {slug} has no example");
                for example in shown {
                    assert_eq!((&example["title"], &example["status"]), (&kind.title().into(), &kind.status().into()));
                }
                documented.insert(slug.to_owned());
            }
        }
    }
    let undocumented: Vec<_> = kinds.keys().filter(|slug| !documented.contains(*slug)).collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

#[test]
fn every_link_leads_to_an_operation() {
    for file in files() {
        let here = operations().iter().filter(|operation| operation.node.file.service == file.service);
        let ids: BTreeSet<_> = here.map(|operation| operation.id()).collect();
        for (id, response) in responses(file) {
            for (name, link) in members(&response.node, "links") {
                assert!(ids.contains(link.text("operationId")), "{id}: {name}");
            }
        }
    }
}
