//! What only a reader of the API needs to know about an operation. Most of it follows from the operation itself.

pub(crate) mod header;
pub(crate) mod preamble;

use crate::route::{Parameter, Route};
use header::Header;
use problem::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a page begins.
const PAGE: &str = "<!doctype html><html lang=\"en\">...</html>";

pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;
pub(crate) type PathSchemas = fn(&mut SchemaGenerator) -> Vec<(&'static [Kind], Schema)>;

/// A service, as its file introduces it.
pub(crate) struct Info {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// The paragraphs of its description.
    pub(crate) description: Vec<&'static str>,
    /// The groups of operations, each with what it is about.
    pub(crate) tags: &'static [(&'static str, &'static str)],
}

/// What an operation says of itself.
pub(crate) struct Facts {
    pub(crate) route: Route,
    pub(crate) schemes: &'static [&'static str],
    pub(crate) path_parameters: PathSchemas,
    pub(crate) media_types: &'static [&'static str],
    pub(crate) body: SchemaOf,
    pub(crate) reply: SchemaOf,
}

/// An operation, described.
#[derive(Debug)]
pub struct Description {
    pub(crate) id: String,
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) tag: &'static str,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) schemes: &'static [&'static str],
    pub(crate) path_parameters: PathSchemas,
    pub(crate) query: &'static [Parameter],
    /// The headers that it reads, each with examples that replace its own.
    pub(crate) headers: Vec<(Parameter, Vec<(&'static str, Value)>)>,
    pub(crate) media_types: &'static [&'static str],
    pub(crate) body: SchemaOf,
    pub(crate) body_examples: Vec<(&'static str, Value)>,
    pub(crate) reply: SchemaOf,
    pub(crate) replies: Vec<Reply>,
    pub(crate) problems: BTreeSet<Kind>,
    pub(crate) details: BTreeMap<Kind, &'static str>,
}

/// A success.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    /// The schema of its body, where it is not that of the operation.
    pub(crate) schema: Option<SchemaOf>,
    /// The media type of its body.
    pub(crate) media_type: &'static str,
    pub(crate) examples: Vec<(&'static str, Value)>,
    pub(crate) headers: Vec<Header>,
    pub(crate) links: Vec<Link>,
}

/// What to call next.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) name: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) description: &'static str,
    pub(crate) member: &'static str,
    pub(crate) values: Vec<(&'static str, Value)>,
}

impl Description {
    /// What follows from an operation itself. The first paragraph of its docs is its summary, the rest its description.
    pub(crate) fn new(name: &str, docs: &[&str], facts: Facts) -> Self {
        let Facts { route, schemes, path_parameters, media_types, body, reply } = facts;
        let mut problems = BTreeSet::new();
        if route.query.is_some() {
            problems.extend([Kind::InvalidQuery, Kind::Internal]);
        }
        if schemes.contains(&"accessToken") || schemes.contains(&"clientToken") {
            problems.insert(Kind::InvalidToken);
        } else if !schemes.is_empty() {
            problems.insert(Kind::InvalidServiceToken);
        }
        if let Some(media_type) = media_types.first() {
            problems.extend([Kind::MalformedJson, Kind::BodyTooLarge, Kind::UnsupportedMediaType]);
            // Of a list of lines each is judged by itself.
            if media_type.ends_with("json") && !media_type.ends_with("ndjson") {
                problems.extend([Kind::UnknownField, Kind::MissingField, Kind::DuplicateField, Kind::WrongType]);
            }
        }
        let joined = |lines: &[&str]| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let mut paragraphs = docs.split(|line| line.trim().is_empty()).map(joined);
        Self {
            id: snake_case(name),
            method: route.method,
            path: route.path.to_owned(),
            tag: "",
            summary: paragraphs.next().unwrap_or_default(),
            description: paragraphs.collect::<Vec<_>>().join("\n\n"),
            schemes,
            path_parameters,
            query: route.query.unwrap_or_default(),
            headers: Vec::new(),
            media_types,
            body,
            body_examples: Vec::new(),
            reply,
            replies: Vec::new(),
            problems,
            details: BTreeMap::new(),
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The group that it is in.
    pub(crate) fn tag(self, tag: &'static str) -> Self {
        Self { tag, ..self }
    }

    /// A header that it reads.
    pub(crate) fn header(mut self, header: Parameter) -> Self {
        self.headers.push((header, Vec::new()));
        self.fails(&[Kind::InvalidHeader])
    }

    /// A header that it reads, and never refuses: what cannot be used is left out.
    pub(crate) fn heeds(mut self, header: Parameter) -> Self {
        self.headers.push((header, Vec::new()));
        self
    }

    /// Query parameters that it reads; it ignores others.
    pub(crate) fn reads(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    /// No field of its body is required.
    pub(crate) fn requires_no_field(mut self) -> Self {
        self.problems.remove(&Kind::MissingField);
        self
    }

    /// An example of the last header, for the example of the body with this name.
    pub(crate) fn header_example(mut self, name: &'static str, example: &'static str) -> Self {
        let (_, examples) = self.headers.last_mut().expect("a header comes before its examples");
        examples.push((name, example.into()));
        self
    }

    /// An example of its body.
    pub(crate) fn body(mut self, name: &'static str, example: Value) -> Self {
        self.body_examples.push((name, example));
        self
    }

    /// Problems that it can end in, beside those that follow from its access, its path, its query and its body.
    pub(crate) fn fails(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds);
        self
    }

    /// A problem that it can end in, with the words that it has here.
    pub(crate) fn fails_with(mut self, kind: Kind, detail: &'static str) -> Self {
        self.details.insert(kind, detail);
        self.fails(&[kind])
    }

    /// A success. What follows (examples, headers, links) belongs to it.
    pub(crate) fn replies(mut self, status: u16, description: &'static str) -> Self {
        let (examples, headers, links) = (Vec::new(), Vec::new(), Vec::new());
        let (schema, media_type) = (None, "application/json");
        self.replies.push(Reply { status, description, schema, media_type, examples, headers, links });
        self
    }

    /// Another description of the success with this status.
    pub(crate) fn replaces(mut self, status: u16, description: &'static str) -> Self {
        self.replies
            .iter_mut()
            .filter(|reply| reply.status == status)
            .for_each(|reply| reply.description = description);
        self
    }

    /// It never answers with these problems, but in its own form.
    pub(crate) fn without(mut self, kinds: &[Kind]) -> Self {
        self.problems.retain(|kind| !kinds.contains(kind));
        self
    }

    /// It reads no variable, so that a fault of the configuration is not one of its answers.
    pub(crate) fn needs_no_configuration(mut self) -> Self {
        self.problems.remove(&Kind::Internal);
        self
    }

    /// The last success has a body of this type, and not that of the operation.
    pub(crate) fn of<T: JsonSchema>(mut self) -> Self {
        self.last().schema = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// The last reply is a page for people.
    pub(crate) fn page(mut self) -> Self {
        self.last().media_type = "text/html";
        let headers = [header::CONTENT_SECURITY_POLICY, header::REFERRER_POLICY];
        self.of::<crate::schema::HtmlPage>().sends(headers[0]).sends(headers[1]).example("page", PAGE.into())
    }

    /// The last reply is a page for people whose form says where it is from.
    pub(crate) fn form_page(mut self) -> Self {
        self.last().media_type = "text/html";
        let headers = [header::CONTENT_SECURITY_POLICY, header::SAME_ORIGIN_REFERRER];
        self.of::<crate::schema::HtmlPage>().sends(headers[0]).sends(headers[1]).example("page", PAGE.into())
    }

    /// It shows metrics, to what collects them.
    pub(crate) fn metrics(self, example: &'static str) -> Self {
        let mut it = self.tag("internal").replies(200, "The metrics.");
        it.last().media_type = "application/openmetrics-text";
        it.of::<crate::schema::MetricsText>().example("metrics", example.into())
    }

    /// The last success has a line for each item.
    pub(crate) fn lines(mut self) -> Self {
        self.last().media_type = "application/x-ndjson";
        self
    }

    /// An example of the last success. A success without any has no body.
    pub(crate) fn example(mut self, name: &'static str, example: Value) -> Self {
        self.last().examples.push((name, example));
        self
    }

    /// A header of the last success.
    pub(crate) fn sends(mut self, header: Header) -> Self {
        self.last().headers.push(header);
        self
    }

    /// A link of the last success, to an operation with these parameters.
    pub(crate) fn link(
        self,
        name: &'static str,
        operation: &'static str,
        description: &'static str,
        parameters: &[(&'static str, &'static str)],
    ) -> Self {
        self.any_link(name, operation, description, "parameters", parameters)
    }

    /// A link of the last success, to an operation with this body.
    pub(crate) fn link_body(
        self,
        name: &'static str,
        operation: &'static str,
        description: &'static str,
        body: &[(&'static str, &'static str)],
    ) -> Self {
        self.any_link(name, operation, description, "requestBody", body)
    }

    fn any_link(
        mut self,
        name: &'static str,
        operation: &'static str,
        description: &'static str,
        member: &'static str,
        values: &[(&'static str, &'static str)],
    ) -> Self {
        let value = |text: &str| text.parse::<u32>().map_or_else(|_| text.into(), Value::from);
        let values = values.iter().map(|(name, text)| (*name, value(text))).collect();
        self.last().links.push(Link { name, operation, description, member, values });
        self
    }

    fn last(&mut self) -> &mut Reply {
        self.replies.last_mut().expect("a success comes before what belongs to it")
    }

    /// The redirection from `path` to this operation.
    pub(crate) fn redirected_from(&self, path: String, location: Header) -> Self {
        let reply = Reply {
            status: 308,
            description: "The same resource at its path. Method and body stay the same (RFC 9110, 15.4.9).",
            schema: None,
            media_type: "application/json",
            examples: Vec::new(),
            headers: vec![location],
            links: Vec::new(),
        };
        Self {
            id: format!("redirect_{}", self.id),
            method: self.method.clone(),
            path,
            tag: "other spelling",
            summary: "Redirect to the path with `-ms`".to_owned(),
            description: String::new(),
            schemes: &[],
            path_parameters: self.path_parameters,
            query: &[],
            headers: Vec::new(),
            media_types: &[],
            body: self.body,
            body_examples: Vec::new(),
            reply: self.reply,
            replies: vec![reply],
            problems: BTreeSet::new(),
            details: BTreeMap::new(),
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
