//! Integers as JSON has them: `7.0` is one, however it is written (JSON Schema, Core 6.3).

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::str::FromStr;

/// Above this, two integers can be one floating-point number, and nobody could say which was meant.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Decodes an integer, for `#[serde(deserialize_with = "problem::integer")]`. JSON has one kind of number, so one
/// without a fraction is an integer.
///
/// # Errors
/// If it is no number, has a fraction, or does not fit `T`.
pub fn integer<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<T, D::Error> {
    let number = deserializer.deserialize_any(Integer)?;
    T::try_from(number).map_err(|_| D::Error::invalid_value(Unexpected::Signed(number), &"a smaller integer"))
}

/// Reads an integer out of a path or a query: decimal digits, and after them at most a fraction of zeros, for a client
/// that knows numbers of one kind alone writes `7.0`. No sign, no exponent, no space.
#[must_use]
pub fn integer_in_text<T: FromStr>(text: &str) -> Option<T> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_integer = is_digits(whole) && is_digits(fraction) && fraction.bytes().all(|byte| byte == b'0');
    if is_integer { whole.parse().ok() } else { None }
}

struct Integer;

impl Visitor<'_> for Integer {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &"a smaller integer"))
    }

    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is in the range of exact integers")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() == 0.0 && number.abs() <= MAX_EXACT {
            return Ok(number as i64);
        }
        let is_large = number.fract() == 0.0;
        let expected = if is_large { "a smaller integer" } else { "an integer" };
        Err(E::invalid_value(Unexpected::Float(number), &expected))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Kind, decode};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Form {
        #[serde(deserialize_with = "super::integer")]
        n: i32,
    }

    #[test]
    fn an_integer_is_one_however_it_is_written() {
        for (text, number) in
            [("7", 7), ("7.0", 7), ("-7.000", -7), ("7e0", 7), ("70e-1", 7), ("2E2", 200), ("-0.0", 0)]
        {
            let form: Form = decode(format!("{{\"n\": {text}}}").as_bytes()).unwrap();
            assert_eq!(form.n, number, "{text}");
        }
    }

    #[test]
    fn text_has_integers_too() {
        for (text, number) in [("7", 7), ("7.0", 7), ("7.000", 7), ("007", 7), ("0", 0), ("255", 255)] {
            assert_eq!(super::integer_in_text::<u8>(text), Some(number), "{text}");
        }
        for text in ["", ".", "7.", ".0", "7.5", "7.0.0", "256", "-7", "+7", " 7", "7 ", "7e0", "0x7", "7,0", "٧"] {
            assert_eq!(super::integer_in_text::<u8>(text), None, "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_in_the_words_of_json() {
        let fault = |text: &str| {
            let problem = decode::<Form>(format!("{{\"n\": {text}}}").as_bytes()).unwrap_err();
            let json: serde_json::Value = serde_json::from_slice(&problem.to_json("r")).unwrap();
            (problem.kind(), json["errors"][0]["detail"].as_str().unwrap().to_owned())
        };
        for (text, kind, detail) in [
            ("7.5", Kind::InvalidValue, "This must be an integer."),
            ("\"7\"", Kind::WrongType, "This must be an integer."),
            ("null", Kind::WrongType, "This must be an integer."),
            ("2147483648", Kind::InvalidValue, "This must be a smaller integer."),
            ("18446744073709551615", Kind::InvalidValue, "This must be a smaller integer."),
            ("9007199254740994.0", Kind::InvalidValue, "This must be a smaller integer."),
            ("1e300", Kind::InvalidValue, "This must be a smaller integer."),
        ] {
            assert_eq!(fault(text), (kind, detail.to_owned()), "{text}");
        }
    }
}
