//! Times, which pages show in UTC and say so.

/// A time of a service as people read it: to the second.
#[must_use]
pub fn when(time: &str) -> String {
    match (time.get(..10), time.get(11..19)) {
        (Some(day), Some(second)) => format!("{day} {second}"),
        _ => time.to_owned(),
    }
}

/// What a field for a time has (`2026-05-04T09:30`, or with seconds) as services read it. `None` if it is no such time.
#[must_use]
pub fn in_utc(typed: &str) -> Option<String> {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_like = |pattern: &str| {
        typed.len() == pattern.len()
            && typed
                .bytes()
                .zip(pattern.bytes())
                .all(|(byte, like)| if like == b'0' { is_digit(byte) } else { byte == like })
    };
    if is_like("0000-00-00T00:00") {
        Some(format!("{typed}:00Z"))
    } else if is_like("0000-00-00T00:00:00") {
        Some(format!("{typed}Z"))
    } else if is_like("0000-00-00") {
        Some(format!("{typed}T00:00:00Z"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_second() {
        assert_eq!(when("2026-05-04T09:30:02.123456Z"), "2026-05-04 09:30:02");
        assert_eq!(when("soon"), "soon");
        assert_eq!(when("ééééééééééé"), "ééééééééééé");
    }

    #[test]
    fn what_is_typed_in_is_utc() {
        assert_eq!(in_utc("2026-05-04T09:30").as_deref(), Some("2026-05-04T09:30:00Z"));
        assert_eq!(in_utc("2026-05-04T09:30:01").as_deref(), Some("2026-05-04T09:30:01Z"));
        assert_eq!(in_utc("2026-05-04").as_deref(), Some("2026-05-04T00:00:00Z"));
        for wrong in ["", "yesterday", "2026-05-04 09:30", "2026-05-04T09:30Z", "2026-05-04T09:30&x=1"] {
            assert_eq!(in_utc(wrong), None, "{wrong}");
        }
    }
}
