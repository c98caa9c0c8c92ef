//! Forms that are sent twice: by a double click, or again because the first answer was lost.

/// The key (`idempotency-key`) under which what a form asks for is done once: the form as it was shown, by its token, with what is asked.
/// The same form with other fields, after a look back, is another request.
#[must_use]
pub fn idempotency_key(form_token: &str, body: &str) -> String {
    // FNV-1a. The service compares the whole body; this only tells the next attempt from this one.
    let hash = body
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let token: String = form_token.chars().filter(char::is_ascii_graphic).take(200).collect();
    format!("{token}-{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::idempotency_key;

    #[test]
    fn a_key_is_that_of_a_form_as_shown_and_of_what_it_asks() {
        let key = idempotency_key("k:token", "{}");
        assert_eq!(key, idempotency_key("k:token", "{}"));
        assert!(key != idempotency_key("k:token", "{ }") && key != idempotency_key("k:other", "{}"));
        assert!(idempotency_key(&"x".repeat(1000), "{}").len() <= 255);
    }
}
