//! PostgreSQL's `numeric` between its wire form and decimal text, without loss of digits.
//!
//! The wire form is a list of digits in base 10000, the exponent of the first, a sign and the number of decimal places.

use bytes::{BufMut, BytesMut};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NOT_A_NUMBER: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// More digits than this are refused; PostgreSQL itself stops at 131072 before the point and 16383 after it.
const MAX_DIGITS: usize = 16_383;

/// Writes a decimal text in wire form.
///
/// # Errors
/// When the text is no decimal number.
pub(super) fn encode(text: &str, out: &mut BytesMut) -> Result<(), String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (POSITIVE, text.strip_prefix('+').unwrap_or(text)),
    };
    if text.eq_ignore_ascii_case("nan") {
        [0, 0, NOT_A_NUMBER, 0].into_iter().for_each(|word| out.put_u16(word));
        return Ok(());
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(format!("{text:?} is not a decimal number"));
    }
    if whole.len() > MAX_DIGITS || fraction.len() > MAX_DIGITS {
        return Err("a decimal number has too many digits".to_owned());
    }
    let whole = whole.trim_start_matches('0');
    // Both sides are filled up to whole groups of four, counted from the point.
    let mut padded = "0".repeat((4 - whole.len() % 4) % 4);
    padded.push_str(whole);
    let before = padded.len() / 4;
    padded.push_str(fraction);
    padded.push_str(&"0".repeat((4 - fraction.len() % 4) % 4));
    let groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|group| group.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups[leading..].iter().rev().take_while(|group| **group == 0).count();
    let significant = &groups[leading..groups.len() - trailing];
    let count = |n: usize| i16::try_from(n).map_err(|e| e.to_string());
    out.put_i16(count(significant.len())?);
    out.put_i16(if significant.is_empty() { 0 } else { count(before)? - count(leading)? - 1 });
    out.put_u16(if significant.is_empty() { POSITIVE } else { sign });
    out.put_i16(count(fraction.len())?);
    significant.iter().for_each(|group| out.put_u16(*group));
    Ok(())
}

/// Reads the wire form.
///
/// # Errors
/// When it is cut short.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, scale, groups @ ..] = words.as_slice() else {
        return Err("a numeric is cut short".to_owned());
    };
    if groups.len() != usize::from(*count) {
        return Err("a numeric is cut short".to_owned());
    }
    match *sign {
        NOT_A_NUMBER => return Ok("NaN".to_owned()),
        INFINITY => return Ok("Infinity".to_owned()),
        MINUS_INFINITY => return Ok("-Infinity".to_owned()),
        _ => {}
    }
    let weight = i32::from(weight.cast_signed());
    let group = |position: i32| {
        usize::try_from(weight - position).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0)
    };
    let mut text = String::new();
    if *sign == NEGATIVE {
        text.push('-');
    }
    text.push_str(&group(weight.max(0)).to_string());
    for position in (0..weight.max(0)).rev() {
        text.push_str(&format!("{:04}", group(position)));
    }
    let scale = usize::from(*scale);
    if scale > 0 {
        let mut fraction = String::new();
        let mut position = -1;
        while fraction.len() < scale {
            fraction.push_str(&format!("{:04}", group(position)));
            position -= 1;
        }
        fraction.truncate(scale);
        text.push('.');
        text.push_str(&fraction);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(text: &str) -> String {
        let mut wire = BytesMut::new();
        encode(text, &mut wire).unwrap();
        decode(&wire).unwrap()
    }

    #[test]
    fn numbers_survive() {
        for text in [
            "0",
            "1",
            "-1",
            "10000",
            "12345678.9",
            "0.0001",
            "-0.00010000",
            "99999999999999999999999999999999.5",
            "123.4500",
            "NaN",
        ] {
            assert_eq!(there_and_back(text), text);
        }
        assert_eq!(there_and_back("007"), "7");
        assert_eq!(there_and_back("-0"), "0");
        assert_eq!(there_and_back(".5"), "0.5");
    }

    #[test]
    fn the_wire_form_is_postgresqls() {
        let mut wire = BytesMut::new();
        encode("-12345.678", &mut wire).unwrap();
        assert_eq!(&wire[..], [0, 3, 0, 1, 0x40, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1A, 0x7C]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1e5", "0x1", "1.2.3", "--1", "١"] {
            assert!(encode(text, &mut BytesMut::new()).is_err(), "{text}");
        }
        assert!(decode(&[0, 1]).is_err());
    }

    #[test]
    fn all_numbers_survive_and_no_wire_form_is_too_strange() {
        use crate::fuzz::{fuzz, text};
        const PIECES: [&str; 12] = ["0", "00", "1", "9999", "10000", "5", ".", "-", "+", "1234567", "e", "NaN"];
        fuzz(|random| {
            let number = text(random, &PIECES, 8)?;
            let mut wire = BytesMut::new();
            if encode(&number, &mut wire).is_ok() {
                let plain = number.trim_start_matches(['-', '+']);
                let (whole, fraction) = plain.split_once('.').map_or((plain, None), |(w, f)| (w, Some(f)));
                let whole = whole.trim_start_matches('0');
                let mut wanted = if whole.is_empty() { "0" } else { whole }.to_owned();
                if let Some(fraction) = fraction.filter(|fraction| !fraction.is_empty()) {
                    wanted = format!("{wanted}.{fraction}");
                }
                if number.starts_with('-') && wanted.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
                    wanted.insert(0, '-');
                }
                let is_number = !plain.eq_ignore_ascii_case("nan");
                assert_eq!(decode(&wire).unwrap(), if is_number { wanted } else { "NaN".to_owned() }, "{number:?}");
            }
            let length = random.int_in_range(0..=24)?;
            let _ = decode(random.bytes(length)?);
            Ok(())
        });
    }
}
