//! HTTP/2 by its frames (RFC 9113), for clients that no library would be.

use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// `SETTINGS_INITIAL_WINDOW_SIZE`
pub(crate) const INITIAL_WINDOW: u16 = 4;

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The status, if this is the head of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        let first = *self.payload.first().filter(|_| self.kind == HEADERS)?;
        match first {
            // The static table (RFC 7541, appendix A).
            0x88 => Some(200),
            0x89 => Some(204),
            0x8c => Some(400),
            0x8d => Some(404),
            0x8e => Some(500),
            _ => {
                let length = self.payload.get(1)?;
                let value = self.payload.get(2..2 + usize::from(length & 0x7f))?;
                if length & 0x80 == 0 { std::str::from_utf8(value).ok()?.parse().ok() } else { digits(value) }
            }
        }
    }
}

/// Three digits in Huffman's code (RFC 7541, appendix B).
fn digits(bytes: &[u8]) -> Option<u16> {
    let mut bits =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect::<Vec<_>>().into_iter();
    let mut take = |count: usize| (0..count).try_fold(0_u16, |value, _| Some(value << 1 | u16::from(bits.next()?)));
    (0..3).try_fold(0, |number, _| {
        let short = take(5)?;
        let digit = if short < 3 { short } else { (short << 1 | take(1)?).checked_sub(0b01_1001)? + 3 };
        Some(number * 10 + digit)
    })
}

/// A connection.
pub(crate) struct H2 {
    pub(crate) stream: TcpStream,
}

impl H2 {
    /// Begins a connection with some settings.
    pub(crate) fn start(mut stream: TcpStream, settings: &[(u16, u32)]) -> Self {
        stream.write_all(PREFACE).unwrap();
        let mut client = Self { stream };
        let settings: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        client.send(SETTINGS, 0, 0, &settings);
        client
    }

    /// Sends a frame; the server may have closed the connection.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame).is_ok()
    }

    /// Sends the head of a request.
    pub(crate) fn request(&mut self, stream: u32, method: &str, path: &str, flags: u8) -> bool {
        self.send(HEADERS, flags | END_HEADERS, stream, &head(method, path, &[]))
    }

    /// The next frame; none at the end of the connection. Answers to pings and settings are given on the way.
    pub(crate) fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).ok()?;
        let frame = Frame { kind: head[3], flags: head[4], payload };
        if frame.flags & ACK == 0 {
            match frame.kind {
                SETTINGS => drop(self.send(SETTINGS, ACK, 0, &[])),
                PING => drop(self.send(PING, ACK, 0, &frame.payload)),
                _ => {}
            }
        }
        Some(frame)
    }

    /// The status of the next response.
    pub(crate) fn status(&mut self) -> Option<u16> {
        loop {
            if let Some(status) = self.read()?.status() {
                return Some(status);
            }
        }
    }
}

/// The head of a request, with names and values as they are (RFC 7541, section 6.2.2).
pub(crate) fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")];
    for (name, value) in fields.iter().chain(more) {
        block.push(0);
        for text in [name, value] {
            // An integer with a prefix of seven bits (RFC 7541, section 5.1).
            let mut length = text.len();
            if length < 127 {
                block.push(u8::try_from(length).unwrap());
            } else {
                block.push(127);
                length -= 127;
                while length >= 128 {
                    block.push(u8::try_from(length % 128).unwrap() | 128);
                    length /= 128;
                }
                block.push(u8::try_from(length).unwrap());
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}
