//! Which public metadata access tokens have.

use serde_json::{Map, Value};

/// How many keys there are at most.
const MAX_KEYS: usize = 16;
/// How long a key is at most, in characters.
const MAX_KEY: usize = 64;
/// How much of them a token has at most, in bytes of JSON.
const MAX_TOKEN_METADATA: usize = 1024;

/// The keys of public metadata that become claims, in the order in which they matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenMetadata(Vec<String>);

impl TokenMetadata {
    /// Reads the variable `token_metadata`: keys, separated by commas, or nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        let is_key = |key: &str| {
            (1..=MAX_KEY).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        let keys: Vec<_> = text.split(',').map(|key| key.trim().to_owned()).collect();
        (keys.len() <= MAX_KEYS && keys.iter().all(|key| is_key(key))).then_some(Self(keys))
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// What a token gets of these, and the keys for which it has no room.
    #[must_use]
    pub fn select(&self, mut public: Map<String, Value>) -> (Map<String, Value>, Vec<&str>) {
        let (mut selected, mut left_out) = (Map::new(), Vec::new());
        for key in &self.0 {
            let Some(value) = public.remove(key) else { continue };
            selected.insert(key.clone(), value);
            if serde_json::to_string(&selected).map_or(usize::MAX, |json| json.len()) > MAX_TOKEN_METADATA {
                selected.remove(key);
                left_out.push(key.as_str());
            }
        }
        (selected, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn select(keys: &str, public: &Value) -> (Value, Vec<String>) {
        let keys = TokenMetadata::parse(keys).unwrap();
        let (selected, left_out) = keys.select(public.as_object().cloned().unwrap());
        (selected.into(), left_out.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn only_what_is_listed_is_selected() {
        let public = json!({"plan": "gold", "seats": 3, "note": "x"});
        assert_eq!(select("plan, seats,none", &public), (json!({"plan": "gold", "seats": 3}), vec![]));
        assert_eq!(select("", &public), (json!({}), vec![]));
    }

    #[test]
    fn what_does_not_fit_is_left_out_as_a_whole() {
        let long = |bytes: usize| "x".repeat(bytes - r#"{"a":""}"#.len());
        assert_eq!(select("a", &json!({"a": long(1024)})).1, [""; 0]);
        let (selected, left_out) = select("b,a,c", &json!({"a": long(1024), "b": 1, "c": 2}));
        assert_eq!((selected, left_out), (json!({"b": 1, "c": 2}), vec!["a".to_owned()]));
    }

    #[test]
    fn keys_are_few_and_plain() {
        for text in ["a,", ",", "a b", "a,\u{e9}", &"x".repeat(65), &["a"; 17].join(",")] {
            assert_eq!(TokenMetadata::parse(text), None, "{text}");
        }
        assert_eq!(TokenMetadata::parse(&["a"; 16].join(",")).unwrap().keys().len(), 16);
    }
}
