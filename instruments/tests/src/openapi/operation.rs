//! Operations of an OpenAPI file: what a method of a path is answered with.

use super::{Node, files};
use std::sync::OnceLock;

/// Where a file says what every path may answer, whatever is described for it.
pub const GENERAL: &str = "x-general-responses";
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "patch", "trace"];

/// A method of a path.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// The path with its parameters in braces.
    pub path: &'a str,
    /// The method in capital letters.
    pub method: String,
    /// What is said about it.
    pub node: Node<'a>,
    parameters: Vec<Node<'a>>,
}

/// What an operation may answer.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// What is said about it.
    pub node: Node<'a>,
}

/// All operations of all files, in the order of their paths.
#[must_use]
pub fn operations() -> &'static [Operation<'static>] {
    static OPERATIONS: OnceLock<Vec<Operation<'static>>> = OnceLock::new();
    OPERATIONS.get_or_init(|| {
        let paths =
            files().iter().flat_map(|file| file.root().get("paths").map(|paths| paths.members()).unwrap_or_default());
        paths.flat_map(|(path, item)| Operation::of_path(path, &item)).collect()
    })
}

impl<'a> Operation<'a> {
    fn of_path(path: &'a str, item: &Node<'a>) -> Vec<Self> {
        let known = METHODS.iter().filter_map(|method| Some((method, item.get(method)?)));
        known
            .map(|(method, node)| Self {
                path,
                method: method.to_ascii_uppercase(),
                parameters: [item.items("parameters"), node.items("parameters")].concat(),
                node,
            })
            .collect()
    }

    /// Its name, unique in its file.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.node.text("operationId")
    }

    /// Its parameters, those of its path among them.
    #[must_use]
    pub fn parameters(&self) -> &[Node<'a>] {
        &self.parameters
    }

    /// All that it may answer.
    #[must_use]
    pub fn responses(&self) -> Vec<Response<'a>> {
        self.node.get("responses").map(|responses| Response::all(&responses)).unwrap_or_default()
    }

    /// Its request body: media types and what is said about each.
    #[must_use]
    pub fn request_bodies(&self) -> Vec<(&'a str, Node<'a>)> {
        self.node.get("requestBody").and_then(|body| body.get("content")).map(|all| all.members()).unwrap_or_default()
    }
}

impl<'a> Response<'a> {
    fn all(responses: &Node<'a>) -> Vec<Self> {
        let members = responses.members().into_iter();
        members
            .map(|(status, node)| {
                let status = status.parse().unwrap_or_else(|_| panic!("{} is no status", node.pointer));
                Self { status, node }
            })
            .collect()
    }

    /// The media types of its bodies, and what is said about each; none if it has no body.
    #[must_use]
    pub fn bodies(&self) -> Vec<(&'a str, Node<'a>)> {
        self.node.get("content").map(|content| content.members()).unwrap_or_default()
    }

    /// The types of the problems that it may be.
    #[must_use]
    pub fn problems(&self) -> Vec<&'a str> {
        let schemas = self.bodies().into_iter().filter_map(|(_, body)| body.get("schema"));
        let types = schemas
            .flat_map(|schema| schema.items("allOf"))
            .filter_map(|part| part.get("properties")?.get("type")?.get("enum"));
        types.flat_map(|list| list.value.as_array().into_iter().flatten()).filter_map(|slug| slug.as_str()).collect()
    }
}

/// What the files say about a path.
#[derive(Debug)]
pub(super) enum Found {
    /// The path is described, and so is the method.
    Operation(&'static Operation<'static>),
    /// The path or the method is not described, but its service is. This is what may be answered to anybody.
    General(Vec<Response<'static>>),
    /// It is of no service.
    Elsewhere,
}

/// Finds a method of a path, as it was requested, without its query. What answers to GET answers to HEAD.
pub(super) fn find(method: &str, path: &str) -> Found {
    let method = if method == "HEAD" { "GET" } else { method };
    let segments: Vec<_> = path.split('/').skip(1).collect();
    let candidates = operations().iter().filter(|operation| operation.method == method);
    let matching = candidates.filter_map(|operation| Some((literal_segments(operation.path, &segments)?, operation)));
    // The more is said word by word, the closer it is.
    if let Some((_, operation)) = matching.max_by_key(|(literal, _)| *literal) {
        return Found::Operation(operation);
    }
    let of_service = |operation: &&Operation<'_>| operation.path.split('/').nth(1) == segments.first().copied();
    match operations().iter().find(of_service).and_then(|known| known.node.file.root().get(GENERAL)) {
        Some(general) => Found::General(Response::all(&general)),
        None => Found::Elsewhere,
    }
}

/// How many segments of a path are there word by word, if all of them fit.
fn literal_segments(template: &str, segments: &[&str]) -> Option<usize> {
    let template: Vec<_> = template.split('/').skip(1).collect();
    let is_parameter = |part: &str| part.starts_with('{');
    let fits = template.len() == segments.len()
        && template.iter().zip(segments).all(|(part, segment)| is_parameter(part) || part == segment);
    fits.then(|| template.iter().filter(|part| !is_parameter(part)).count())
}
