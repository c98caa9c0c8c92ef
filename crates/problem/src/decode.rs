//! From a request body to a type, or to a [`Problem`] that says where the fault is.

use crate::{FieldError, Kind, Problem};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// The largest body that a route reads, in bytes. The largest valid one, a sign-up with a 1,024-byte password, needs
/// about a tenth of it.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Decodes a JSON body.
///
/// `T` should refuse unknown fields (`#[serde(deny_unknown_fields)]`) and be made of plain strings and options, so
/// that the *values* are judged by the domain, which can report all of their faults at once.
///
/// # Errors
/// `body-too-large`, `malformed-json`, `unknown-field`, `missing-field`, `duplicate-field`, `wrong-type` or
/// `invalid-value`; no detail repeats a value of the body.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.len() > MAX_BODY_BYTES {
        return Err(too_large(MAX_BODY_BYTES));
    }
    refuse_array(body)?;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| describe(&pointer(error.path()), error.inner()))?;
    deserializer.end().map_err(|error| describe("", &error))?;
    Ok(value)
}

/// serde takes the values of a struct from an array too, in the order of its fields; here a body is an object.
fn refuse_array(body: &[u8]) -> Result<(), Problem> {
    if body.trim_ascii_start().first() != Some(&b'[') {
        return Ok(());
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|error| describe("", &error))?;
    let detail = "This must be an object.";
    Err(Problem::new(Kind::WrongType, detail)
        .with_error(FieldError { pointer: String::new(), detail: detail.to_owned() }))
}

/// The problem for a body over the limit, wherever that is noticed.
fn too_large(max: usize) -> Problem {
    Problem::new(Kind::BodyTooLarge, format!("The body may have at most {max} bytes."))
}

impl Problem {
    /// The problem for a body over so many bytes.
    #[must_use]
    pub fn body_too_large(max: usize) -> Self {
        too_large(max)
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(FieldError::new(key, "").pointer),
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// serde_json's messages carry the offending value after `invalid type: ` and what was expected after `, expected `;
/// only the second half may be repeated.
fn describe(pointer: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    if error.classify() != Category::Data {
        return Problem::new(
            Kind::MalformedJson,
            format!("The body is not valid JSON (line {}, column {}).", error.line(), error.column()),
        );
    }
    let quoted = |message: &str| message.split('`').nth(1).unwrap_or_default().to_owned();
    let at = |kind: Kind, pointer: String, detail: String| {
        Problem::new(kind, detail.clone()).with_error(FieldError { pointer, detail })
    };
    if message.starts_with("unknown field") {
        let pointer = match pointer {
            "" => FieldError::new(&quoted(&message), "").pointer,
            known => known.to_owned(),
        };
        at(Kind::UnknownField, pointer, "Unknown field.".to_owned())
    } else if message.starts_with("missing field") {
        let name = quoted(&message);
        let pointer = format!("{pointer}{}", FieldError::new(&name, "").pointer);
        at(Kind::MissingField, pointer, format!("The field {name} is required."))
    } else if message.starts_with("duplicate field") {
        let pointer = match pointer {
            "" => FieldError::new(&quoted(&message), "").pointer,
            known => known.to_owned(),
        };
        at(Kind::DuplicateField, pointer, "Duplicate field.".to_owned())
    } else {
        let expected =
            message.rsplit_once(", expected ").map(|(_, rest)| rest.split(" at line ").next().unwrap_or(rest));
        let kind = if message.starts_with("invalid value") { Kind::InvalidValue } else { Kind::WrongType };
        let detail = match expected {
            Some(expected) => format!("This must be {}.", in_json(expected)),
            // Words of another crate's making: they may repeat the value.
            None => "This has a value that cannot be used.".to_owned(),
        };
        at(kind, pointer.to_owned(), detail)
    }
}

/// What was expected, in the words of JSON instead of Rust's.
fn in_json(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => "an integer",
        "f32" | "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "an array",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Login {
        username: String,
        #[serde(default)]
        remember: Option<bool>,
    }

    fn fails(body: &str) -> (Kind, serde_json::Value) {
        let problem = decode::<Login>(body.as_bytes()).unwrap_err();
        let json: serde_json::Value = serde_json::from_slice(&problem.to_json("r")).unwrap();
        (problem.kind(), json["errors"][0]["pointer"].clone())
    }

    #[test]
    fn a_good_body_is_decoded() {
        let login: Login = decode(br#"{"username": "ada"}"#).unwrap();
        assert_eq!(login, Login { username: "ada".into(), remember: None });
    }

    #[test]
    fn each_fault_has_a_kind_and_a_pointer() {
        assert_eq!(fails(r#"{"username": "ada""#).0, Kind::MalformedJson);
        assert_eq!(fails("").0, Kind::MalformedJson);
        assert_eq!(fails(r#"{"username": "ada"} x"#).0, Kind::MalformedJson);
        assert_eq!(fails(r#"{"usernam": "ada"}"#), (Kind::UnknownField, "/usernam".into()));
        assert_eq!(fails("{}"), (Kind::MissingField, "/username".into()));
        assert_eq!(fails(r#"{"username": "a", "username": "b"}"#), (Kind::DuplicateField, "/username".into()));
        assert_eq!(fails(r#"{"username": 7}"#), (Kind::WrongType, "/username".into()));
        assert_eq!(fails("[]").0, Kind::WrongType);
        assert_eq!(fails("null").0, Kind::WrongType);
    }

    #[test]
    fn an_array_of_the_right_values_is_no_object() {
        for body in [r#"["ada", true]"#, r#" [{"username": "ada"}]"#, "[]", "[[1]]"] {
            assert_eq!(fails(body), (Kind::WrongType, "".into()), "{body}");
        }
        assert_eq!(fails(r#"["ada""#).0, Kind::MalformedJson);
    }

    #[test]
    fn what_was_expected_is_said_in_the_words_of_json() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is the failures that are looked at")]
        struct Form {
            n: Option<i32>,
            x: Option<f64>,
            list: Option<Vec<u8>>,
            login: Option<Login>,
        }
        for (body, detail) in [
            (r#"{"n": "hello"}"#, "This must be an integer."),
            (r#"{"n": 99999999999}"#, "This must be an integer."),
            (r#"{"x": []}"#, "This must be a number."),
            (r#"{"list": 7}"#, "This must be an array."),
            (r#"{"login": 7}"#, "This must be an object."),
        ] {
            let problem = decode::<Form>(body.as_bytes()).unwrap_err();
            let json: serde_json::Value = serde_json::from_slice(&problem.to_json("r")).unwrap();
            assert_eq!(json["errors"][0]["detail"], detail, "{body}");
        }
    }

    #[test]
    fn no_message_repeats_a_value() {
        for body in [r#"{"username": ["hunter2"]}"#, r#"{"username": "x", "remember": "hunter2"}"#] {
            let problem = decode::<Login>(body.as_bytes()).unwrap_err();
            assert!(!String::from_utf8(problem.to_json("r")).unwrap().contains("hunter2"));
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused_unread() {
        let body = vec![b' '; MAX_BODY_BYTES + 1];
        assert_eq!(decode::<Login>(&body).unwrap_err().kind(), Kind::BodyTooLarge);
    }

    #[test]
    fn deep_nesting_is_refused() {
        let body = format!(r#"{{"username": {}}}"#, "[".repeat(10_000));
        let kind = decode::<Login>(body.as_bytes()).unwrap_err().kind();
        assert!(matches!(kind, Kind::MalformedJson | Kind::WrongType));
    }
}
