//! The value of the header `traceparent` (W3C Trace Context, section 3.2).

use std::fmt;

/// How long a value of version 00 is.
const LENGTH: usize = 55;
/// Where its parts are.
const TRACE_ID: std::ops::Range<usize> = 3..35;
const PARENT_ID: std::ops::Range<usize> = 36..52;
const FLAGS: std::ops::Range<usize> = 53..55;

/// A trace, and the span in it that whatever comes next is a child of.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext(String);

impl TraceContext {
    /// Reads a header's value. One of a later version is read as one of version 00, which its beginning is. `None` if it is
    /// none, or has an id of zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let known = text.get(..LENGTH)?;
        let (version, rest) = (&known[..2], &text[LENGTH..]);
        let is_whole = match version {
            "00" => rest.is_empty(),
            "ff" => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let has_dashes = [2, 35, 52].into_iter().all(|at| known.as_bytes()[at] == b'-');
        let parts = [version, &known[TRACE_ID], &known[PARENT_ID], &known[FLAGS]];
        let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
        let is_valid = is_whole
            && has_dashes
            && parts.into_iter().all(is_hex)
            && !is_zero(&known[TRACE_ID])
            && !is_zero(&known[PARENT_ID]);
        is_valid.then(|| Self(format!("00{}", &known[2..])))
    }

    /// A trace with these ids, or `None` if one of them is zero.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, is_sampled: bool) -> Option<Self> {
        let is_valid = trace_id != 0 && span_id != 0;
        is_valid.then(|| Self(format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(is_sampled))))
    }

    /// The same trace, with another span as the parent of what comes next; `None` if its id is zero.
    #[must_use]
    pub fn with_span(&self, span_id: u64) -> Option<Self> {
        (span_id != 0).then(|| Self(format!("00-{}-{span_id:016x}-{}", self.trace_id(), &self.0[FLAGS])))
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.0[TRACE_ID]
    }

    /// The parent's id: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> &str {
        &self.0[PARENT_ID]
    }

    /// Whether spans of the trace are recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(&self.0[FLAGS], 16).is_ok_and(|flags| flags & 1 == 1)
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_value_is_kept() {
        let context = TraceContext::parse(VALID).unwrap();
        assert_eq!(context.as_str(), VALID);
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.span_id(), "b7ad6b7169203331");
        assert!(context.is_sampled());
        assert!(!TraceContext::parse(&VALID.replace("-01", "-00")).unwrap().is_sampled());
    }

    #[test]
    fn a_later_version_is_read_by_its_beginning() {
        let later = VALID.replace("00-0af", "cc-0af");
        assert_eq!(TraceContext::parse(&later).unwrap().as_str(), VALID);
        assert_eq!(TraceContext::parse(&format!("{later}-more")).unwrap().as_str(), VALID);
        assert_eq!(TraceContext::parse(&format!("{later}.more")), None);
    }

    #[test]
    fn what_is_no_trace_context_is_refused() {
        let wrong = [
            String::new(),
            "00".to_owned(),
            VALID[..54].to_owned(),
            format!("{VALID}-more"),
            format!(" {VALID}"),
            VALID.replace("00-0af", "ff-0af"),
            VALID.replace("0af7", "0AF7"),
            VALID.replace("0af7", "0ag7"),
            VALID.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            VALID.replace("b7ad6b7169203331", &"0".repeat(16)),
            VALID.replace("-b7ad", "_b7ad"),
            VALID.replace("-01", "-0x"),
            VALID.replace("0af7", "0ä7"),
            "ä".repeat(55),
        ];
        for text in wrong {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_new_one_has_ids_that_are_not_zero() {
        let context = TraceContext::new(7, 8, false).unwrap();
        assert_eq!(context.as_str(), "00-00000000000000000000000000000007-0000000000000008-00");
        assert_eq!(context.with_span(9).unwrap().as_str(), "00-00000000000000000000000000000007-0000000000000009-00");
        assert_eq!((TraceContext::new(0, 1, true), TraceContext::new(1, 0, true)), (None, None));
        assert_eq!(context.with_span(0), None);
    }
}
