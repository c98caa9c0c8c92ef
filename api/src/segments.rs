//! What the parameters of a path say.

use identity::UserId;
use problem::{Kind, Problem};
use uuid::Uuid;

/// One parameter of a path.
pub trait PathParameter: Sized {
    /// The problems that it can be.
    const KINDS: &'static [Kind];

    /// Reads it.
    ///
    /// # Errors
    /// One of [`Self::KINDS`].
    fn parse(text: &str) -> Result<Self, Problem>;

    /// Its schema.
    #[cfg(feature = "openapi")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema;
}

/// All parameters of a path, in their order.
pub trait PathParameters: Sized {
    /// Reads them.
    ///
    /// # Errors
    /// As each of them.
    fn parse(segments: &[&str]) -> Result<Self, Problem>;

    /// The problems that they can be, and the schema of each.
    #[cfg(feature = "openapi")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static [Kind], schemars::Schema)>;
}

impl PathParameter for UserId {
    const KINDS: &'static [Kind] = &[Kind::InvalidId, Kind::UserNotFound];

    fn parse(text: &str) -> Result<Self, Problem> {
        Self::parse(text).map_err(|error| match is_respelt(text) {
            true => Problem::of(Kind::UserNotFound),
            false => Problem::field(Kind::InvalidId, "id", error.to_string()),
        })
    }

    #[cfg(feature = "openapi")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<crate::schema::UserId>()
    }
}

/// Whether a text is an id, but for zeros before it or a fraction of zeros: an id has one spelling, and by another one nobody is
/// found.
fn is_respelt(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_zeros = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    is_zeros && UserId::parse(whole.trim_start_matches('0')).is_ok()
}

impl PathParameter for Uuid {
    const KINDS: &'static [Kind] = &[Kind::InvalidId];

    fn parse(text: &str) -> Result<Self, Problem> {
        // The form of RFC 9562, and neither a URN nor one in braces or without hyphens: an id has one spelling.
        let is_plain = text.len() == uuid::fmt::Hyphenated::LENGTH;
        let id = Self::try_parse(text).ok().filter(|_| is_plain);
        id.ok_or_else(|| Problem::field(Kind::InvalidId, "id", "This id is a UUID."))
    }

    #[cfg(feature = "openapi")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<crate::schema::UuidInPath>()
    }
}

impl PathParameter for String {
    const KINDS: &'static [Kind] = &[];

    fn parse(text: &str) -> Result<Self, Problem> {
        Ok(text.to_owned())
    }

    #[cfg(feature = "openapi")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<String>()
    }
}

impl PathParameters for () {
    fn parse(_: &[&str]) -> Result<Self, Problem> {
        Ok(())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &mut schemars::SchemaGenerator) -> Vec<(&'static [Kind], schemars::Schema)> {
        vec![]
    }
}

impl<A: PathParameter> PathParameters for A {
    fn parse(segments: &[&str]) -> Result<Self, Problem> {
        A::parse(segment(segments, 0))
    }

    #[cfg(feature = "openapi")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static [Kind], schemars::Schema)> {
        vec![(A::KINDS, A::schema(generator))]
    }
}

impl<A: PathParameter, B: PathParameter> PathParameters for (A, B) {
    fn parse(segments: &[&str]) -> Result<Self, Problem> {
        Ok((A::parse(segment(segments, 0))?, B::parse(segment(segments, 1))?))
    }

    #[cfg(feature = "openapi")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static [Kind], schemars::Schema)> {
        vec![(A::KINDS, A::schema(generator)), (B::KINDS, B::schema(generator))]
    }
}

fn segment<'s>(segments: &[&'s str], index: usize) -> &'s str {
    segments.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let kind = |text| <UserId as PathParameters>::parse(&[text]).map_err(|problem| problem.kind());
        assert_eq!(kind("12").unwrap().get(), 12);
        for text in ["0012", "12.0", "012.00"] {
            assert_eq!(kind(text), Err(Kind::UserNotFound), "{text}");
        }
        for text in ["", "0", "00", "0.0", "1.5", "12.", "+1", "-1", "x", "99999999999999999999"] {
            assert_eq!(kind(text), Err(Kind::InvalidId), "{text}");
        }
    }
}
