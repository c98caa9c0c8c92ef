//! Frames of AMQP, made safe for lapin before it parses them.
//!
//! lapin parses tables by recursion, on a thread with a stack of 2 MiB: some thousand tables in one another, which fit into
//! 10 KB of headers, overflow it, and that aborts the process. It also ends the connection at a short string that is not
//! UTF-8, such as the name of a header, so that one message would keep a queue from being consumed. RabbitMQ passes both
//! on, and whoever may publish can send them. So each frame of methods and of headers is looked through on its way: what is
//! nested too deep becomes an array of bytes, and bytes that are not UTF-8 become question marks. No length changes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::limits::{AMQP_FRAME, AMQP_HEADER_DEPTH};

/// How deep tables and lists are when lapin sees them: one level more than is handled, by which a message that was nested too
/// deep is recognised. A header that is a table of plain values has a depth of one.
const PASSED_DEPTH: usize = AMQP_HEADER_DEPTH + 1;

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// What is before and after the payload of a frame: type, channel and size; the end.
const HEAD: usize = 7;
const END: usize = 1;

/// What a broker says in place of a frame if it does not speak this version: `AMQP` and four bytes.
const PROTOCOL_HEADER: usize = 8;

/// A connection whose frames are looked through.
#[derive(Debug)]
pub(super) struct FrameFilter<S> {
    inner: S,
    held: Vec<u8>,
    /// What of `held` the reader has.
    taken: usize,
    /// What of `held` it may have.
    passed: usize,
    /// What is still to come of a frame that is passed on as it is.
    body: usize,
}

impl<S> FrameFilter<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, held: Vec::new(), taken: 0, passed: 0, body: 0 }
    }

    /// Looks through all that is there.
    fn inspect(&mut self) -> io::Result<()> {
        loop {
            let here = self.held.len() - self.passed;
            let step = self.body.min(here);
            self.passed += step;
            self.body -= step;
            let Some(frame) = self.held.get_mut(self.passed..).filter(|frame| self.body == 0 && !frame.is_empty())
            else {
                return Ok(());
            };
            if frame[0] == b'A' {
                self.body = PROTOCOL_HEADER;
                continue;
            }
            let Some(&[kind, _, _, a, b, c, d]) = frame.first_chunk::<HEAD>() else { return Ok(()) };
            let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(io::Error::other)?;
            let whole = HEAD + size + END;
            match kind {
                1 | 2 if size > AMQP_FRAME.0 => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the broker sent a frame that is too large",
                    ));
                }
                1 | 2 => {
                    let Some(payload) = frame.get_mut(HEAD..whole).map(|rest| &mut rest[..size]) else { return Ok(()) };
                    let payload = Payload { bytes: payload, at: 0 };
                    // One that ends too soon is an error to lapin as well.
                    let _ = if kind == 1 { method(payload) } else { content_header(payload) };
                    self.passed += whole;
                }
                3 | 8 => self.body = whole,
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "the broker sent no frame of AMQP")),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameFilter<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.taken == this.passed {
            this.held.drain(..this.taken);
            (this.taken, this.passed) = (0, 0);
            let before = this.held.len();
            this.held.resize(before + CHUNK, 0);
            let read = Pin::new(&mut this.inner).poll_read(cx, &mut this.held[before..]);
            let count = if let Poll::Ready(Ok(count)) = &read { *count } else { 0 };
            this.held.truncate(before + count);
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(0));
            }
            this.inspect()?;
        }
        let count = out.len().min(this.passed - this.taken);
        out[..count].copy_from_slice(&this.held[this.taken..this.taken + count]);
        this.taken += count;
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameFilter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// The payload of a frame, and how far it has been looked through. `None` is the end of it.
struct Payload<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Payload<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn take(&mut self, count: usize) -> Option<&mut [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get_mut(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn long(&mut self) -> Option<usize> {
        self.take(4)?.first_chunk().and_then(|bytes| u32::from_be_bytes(*bytes).try_into().ok())
    }

    /// A text of at most 255 bytes.
    fn short_string(&mut self) -> Option<()> {
        let length = self.take(1)?[0];
        let text = self.take(length.into())?;
        // All valid parts are left as they are.
        while let Err(error) = std::str::from_utf8(text) {
            let start = error.valid_up_to();
            let end = error.error_len().map_or(text.len(), |length| start + length);
            text[start..end].fill(b'?');
        }
        Some(())
    }

    /// A table and all that is in it.
    fn table(&mut self) -> Option<()> {
        // The ends of the tables and lists in which we are, and whether what is in them has names.
        let mut open = vec![(self.long()?.checked_add(self.at)?, true)];
        while let Some(&(end, named)) = open.last() {
            if self.at >= end {
                open.pop();
                continue;
            }
            if named {
                self.short_string()?;
            }
            let kind = &mut self.take(1)?[0];
            let size = match kind {
                b'V' => 0,
                b't' | b'b' | b'B' => 1,
                b's' | b'U' | b'u' => 2,
                b'I' | b'i' | b'f' => 4,
                b'D' => 5,
                b'L' | b'l' | b'd' | b'T' => 8,
                b'F' | b'A' if open.len() <= PASSED_DEPTH => {
                    let named = *kind == b'F';
                    open.push((self.long()?.checked_add(self.at)?, named));
                    continue;
                }
                b'F' | b'A' => {
                    *kind = b'x';
                    self.long()?
                }
                b'S' | b'x' => self.long()?,
                _ => return None,
            };
            self.skip(size)?;
        }
        Some(())
    }
}

/// A method. Of those that a broker sends, these have texts of others, or tables.
fn method(mut payload: Payload<'_>) -> Option<()> {
    match (payload.short()?, payload.short()?) {
        // connection.start: version, properties of the server
        (10, 10) => payload.skip(2).and_then(|()| payload.table()),
        // basic.return: code, text, exchange, routing key
        (60, 50) => payload.skip(2).and_then(|()| (0..3).try_for_each(|_| payload.short_string())),
        // basic.deliver: consumer, number, whether again, exchange, routing key
        (60, 60) => {
            payload.short_string()?;
            payload.skip(8 + 1)?;
            payload.short_string()?;
            payload.short_string()
        }
        _ => Some(()),
    }
}

/// The header of a content: class, weight, size of the body, then the properties that the flags name.
fn content_header(mut payload: Payload<'_>) -> Option<()> {
    payload.skip(2 + 2 + 8)?;
    let flags = payload.short()?;
    for (bit, property) in (0..16).map(|bit| 15 - bit).zip("sstoosssslssss".chars()) {
        if flags & (1 << bit) != 0 {
            match property {
                't' => payload.table(),
                'o' => payload.skip(1),
                'l' => payload.skip(8),
                _ => payload.short_string(),
            }?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use futures_util::{AsyncReadExt as _, FutureExt as _, io::Cursor};

    use super::*;

    /// The header frame of a message whose headers are these bytes, and a correlation id.
    fn header_frame(table: &[u8], correlation_id: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        payload.extend((1_u16 << 13 | 1 << 12 | 1 << 10).to_be_bytes());
        payload.extend(prefixed(table));
        payload.push(2);
        payload.push(correlation_id.len().try_into().unwrap());
        payload.extend(correlation_id);
        frame(2, &payload)
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        [&[kind, 0, 1], prefixed(payload).as_slice(), &[0xce]].concat()
    }

    fn prefixed(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    /// The entries of a table with so many tables and lists in one another, around a number.
    fn nested(depth: usize) -> Vec<u8> {
        let mut value = vec![b'I', 0, 0, 0, 7];
        for level in (0..depth).rev() {
            let (kind, inside) =
                if level % 2 == 0 { (b'F', [&[1, b'k'], value.as_slice()].concat()) } else { (b'A', value) };
            value = [&[kind], prefixed(&inside).as_slice()].concat();
        }
        [&[1, b'k'], value.as_slice()].concat()
    }

    /// What comes out, if so many bytes are there at once.
    fn filtered(bytes: &[u8], at_once: usize) -> Vec<u8> {
        let chunks = bytes.chunks(at_once).map(|chunk| Ok::<_, io::Error>(chunk.to_vec()));
        let mut filter =
            FrameFilter::new(futures_util::TryStreamExt::into_async_read(futures_util::stream::iter(chunks)));
        let mut out = Vec::new();
        filter.read_to_end(&mut out).now_or_never().unwrap().unwrap();
        out
    }

    #[test]
    fn what_is_well_formed_passes_as_it_is_however_it_is_cut() {
        let deliver = [&[0, 60, 0, 60, 1, b'c'][..], &[0; 9], &[1, b'e', 3, b'a', 0xc3, 0xa9]].concat();
        let all_kinds = [
            &b"\x01aV\x01bt\x01\x01cb\x01\x01dB\x01\x01es\0\x01\x01fU\0\x01\x01gu\0\x01\x01hI\0\0\0\x01"[..],
            b"\x01ii\0\0\0\x01\x01jf\0\0\0\0\x01kD\0\0\0\0\x01\x01lL\0\0\0\0\0\0\0\x01\x01ml\0\0\0\0\0\0\0\x01",
            b"\x01nd\0\0\0\0\0\0\0\0\x01oT\0\0\0\0\0\0\0\x01\x01pS\0\0\0\x02\xff\xfe\x01qx\0\0\0\x01\xff",
            &nested(PASSED_DEPTH),
        ]
        .concat();
        let bytes = [
            b"AMQP\0\0\x09\x01".to_vec(),
            frame(1, &deliver),
            header_frame(&all_kinds, b"id"),
            frame(3, &[0xff; 1000]),
            frame(8, b""),
            frame(3, b""),
            header_frame(b"", b""),
        ]
        .concat();
        for at_once in [1, 2, 3, 7, 8, 100, bytes.len()] {
            assert_eq!(filtered(&bytes, at_once), bytes, "{at_once} at once");
        }
    }

    #[test]
    fn what_is_nested_too_deep_becomes_bytes_and_no_length_changes() {
        for depth in [PASSED_DEPTH + 1, 5000, 15_000] {
            let before = header_frame(&nested(depth), b"id");
            let after = filtered(&before, before.len());
            let changed: Vec<_> = std::iter::zip(&before, &after).filter(|(before, after)| before != after).collect();
            assert_eq!(after.len(), before.len());
            assert_eq!(changed.len(), 1, "one kind of value is another");
            assert_eq!(*changed[0].1, b'x');
        }
    }

    #[test]
    fn texts_that_are_not_utf8_become_question_marks() {
        let before = header_frame(b"\x04a\xff\xffbV", "\u{e9}\u{e9}".as_bytes());
        let after = filtered(&before, before.len());
        assert!(after.windows(5).any(|part| part == b"\x04a??b"), "{after:?}");
        assert!(after.ends_with(b"\x04\xc3\xa9\xc3\xa9\xce"));
        let deliver = |key| frame(1, &[&[0, 60, 0, 60, 1, b'c'][..], &[0; 9], &[1, b'e', 2, b'a', key]].concat());
        assert_eq!(filtered(&deliver(0xc3), 5), deliver(b'?'));
        let returned = |text| frame(1, &[0, 60, 0, 50, 1, 56, 1, text, 1, b'e', 1, b'k']);
        assert_eq!(filtered(&returned(0x80), 5), returned(b'?'));
    }

    #[test]
    fn the_properties_of_a_server_are_looked_through_as_well() {
        let start = |table: &[u8]| frame(1, &[&[0, 10, 0, 10, 0, 9], prefixed(table).as_slice()].concat());
        let deep = start(&nested(5000));
        assert_ne!(filtered(&deep, deep.len()), deep);
    }

    #[test]
    fn what_lies_about_its_length_is_no_trouble() {
        for table in [&b"\x01kF\xff\xff\xff\xff"[..], b"\x01kS\xff\xff\xff\xff", b"\xff", b"\x01k", b"\x01k?"] {
            let bytes = header_frame(table, b"id");
            assert_eq!(filtered(&bytes, bytes.len()), bytes);
        }
        for bytes in [&[2, 0, 1, 0xff, 0, 0, 0][..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let mut filter = FrameFilter::new(Cursor::new(bytes.to_vec()));
            let error = filter.read_to_end(&mut Vec::new()).now_or_never().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
