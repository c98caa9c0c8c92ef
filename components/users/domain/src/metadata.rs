//! Metadata of users: JSON objects that applications keep, of bounded size.

use api::users::MetadataChange;
use problem::{FieldError, Kind, Problem};
use serde_json::{Map, Value};

/// The largest object, in bytes of JSON without whitespace.
pub const MAX_METADATA: usize = 4 * 1024;
/// The largest magnitude of a number: PostgreSQL writes it with all its digits, and not every reader of JSON, Spin's among them,
/// takes those of the very largest ones.
pub(crate) const LARGEST_NUMBER: f64 = 1e300;

/// Validated metadata, as JSON; `None` stays as it is.
#[derive(Debug, PartialEq, Eq)]
pub struct ValidatedMetadata {
    /// What the user sees too.
    pub public: Option<String>,
    /// What only administrators see.
    pub private: Option<String>,
}

impl TryFrom<MetadataChange> for ValidatedMetadata {
    type Error = Problem;

    /// Fails with `invalid-value`, or `validation-failed` for both.
    fn try_from(change: MetadataChange) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut read = |name: &str, object: Option<Map<String, Value>>| match object.map(|object| to_json(&object)) {
            Some(Err(detail)) => {
                errors.push(FieldError { pointer: format!("/{name}"), detail });
                None
            }
            Some(Ok(json)) => Some(json),
            None => None,
        };
        let (public, private) = (read("public", change.public), read("private", change.private));
        let Some(first) = errors.first() else { return Ok(Self { public, private }) };
        let problem = match errors.len() {
            1 => Problem::new(Kind::InvalidValue, first.detail.clone()),
            _ => Problem::of(Kind::ValidationFailed),
        };
        Err(errors.into_iter().fold(problem, Problem::with_error))
    }
}

fn to_json(object: &Map<String, Value>) -> Result<String, String> {
    let json = serde_json::to_string(object).map_err(|error| error.to_string())?;
    if json.len() > MAX_METADATA {
        return Err(format!("This may have at most {MAX_METADATA} bytes."));
    }
    match object_fault(object) {
        Some(fault) => Err(fault.to_owned()),
        None => Ok(json),
    }
}

/// What is wrong with something in an object.
fn object_fault(object: &Map<String, Value>) -> Option<&'static str> {
    object.iter().find_map(|(name, value)| text_fault(name).or_else(|| fault(value)))
}

fn fault(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(text) => text_fault(text),
        Value::Number(number) => {
            let is_large = number.as_f64().is_some_and(|number| number.abs() > LARGEST_NUMBER);
            is_large.then_some("No number in this may be larger than 1e300, or smaller than -1e300.")
        }
        Value::Array(items) => items.iter().find_map(fault),
        Value::Object(object) => object_fault(object),
        Value::Null | Value::Bool(_) => None,
    }
}

/// PostgreSQL has no NUL in texts.
fn text_fault(text: &str) -> Option<&'static str> {
    text.contains('\0').then_some("No text in this may have the character NUL.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<ValidatedMetadata, Problem> {
        serde_json::from_value::<MetadataChange>(body.clone()).unwrap().try_into()
    }

    #[test]
    fn what_is_absent_stays() {
        let metadata = read(&json!({"public": {"plan": "gold", "tags": [1, null, {"a": true}]}})).unwrap();
        assert_eq!(metadata.public.as_deref(), Some(r#"{"plan":"gold","tags":[1,null,{"a":true}]}"#));
        assert_eq!(metadata.private, None);
        assert_eq!(read(&json!({"public": null})).unwrap(), ValidatedMetadata { public: None, private: None });
    }

    #[test]
    fn an_object_has_four_kibibytes() {
        let of = |bytes: usize| json!({"private": {"a": "x".repeat(bytes - r#"{"a":""}"#.len())}});
        assert!(read(&of(MAX_METADATA)).is_ok());
        assert_eq!(read(&of(MAX_METADATA + 1)).unwrap_err().kind(), Kind::InvalidValue);
        let both = json!({"public": of(MAX_METADATA + 1), "private": {"a\0": 1}});
        assert_eq!(read(&both).unwrap_err().kind(), Kind::ValidationFailed);
    }

    #[test]
    fn a_number_has_a_bound() {
        assert!(read(&json!({"public": {"a": [1e300, -1e300, u64::MAX, 5e-324]}})).is_ok());
        for number in [f64::MAX, -1.1e300] {
            assert_eq!(read(&json!({"public": {"a": [{"b": number}]}})).unwrap_err().kind(), Kind::InvalidValue);
        }
    }

    #[test]
    fn a_text_has_no_nul() {
        for object in [json!({"a": "\0"}), json!({"a\0": 1}), json!({"a": [{"b": "c\0"}]})] {
            assert_eq!(read(&json!({"public": object})).unwrap_err().kind(), Kind::InvalidValue);
        }
    }
}
