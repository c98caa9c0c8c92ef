//! Bodies: of requests, which are read before a component is called, and of answers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::activity::Open;
use super::admission::Held;
use super::streams;

/// The largest piece of an answer that HTTP/2 gets at once: what it has, it keeps until the client takes it.
const PIECE: usize = 16 * 1024;

/// How long a body may take and be.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Bytes.
    pub(super) length: usize,
    /// Time for all of it.
    pub(super) time: Duration,
    /// Time for the next part of it.
    pub(super) pause: Duration,
}

/// Why a request's body cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// It is longer than it may be.
    TooLarge,
    /// It does not come in time.
    TooSlow,
    /// There is no memory left for bodies.
    NoRoom,
}

/// The body of a request: all of it, or what had come when it broke off. What that means, the component says, as on Spin.
#[derive(Debug, Default)]
pub(super) struct Received {
    data: Bytes,
    trailers: Option<HeaderMap>,
    /// Whether it is malformed behind the data, so that reading ends with an error.
    is_broken: bool,
    /// The room that it takes.
    _room: Option<Held>,
}

impl Received {
    /// Reads a body to its end. `room` grows with what has come.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub(super) async fn read<B>(mut body: B, mut room: Held, limits: BodyLimits) -> Result<Self, BodyFault>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if body.is_end_stream() {
            return Ok(Self::default());
        }
        let end = Instant::now() + limits.time;
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        let (mut trailers, mut is_broken) = (None, false);
        loop {
            let next = end.min(Instant::now() + limits.pause);
            let frame = match timeout_at(next, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break,
                Ok(Some(Err(_))) => {
                    is_broken = true;
                    break;
                }
                Err(_) => return Err(BodyFault::TooSlow),
            };
            match frame.into_data() {
                Ok(data) => {
                    let length = first.len() + more.len() + data.len();
                    if length > limits.length {
                        return Err(BodyFault::TooLarge);
                    }
                    if !room.grow(data.len()) {
                        return Err(BodyFault::NoRoom);
                    }
                    // Most bodies come in one piece. Others are copied: tiny pieces keep the large buffers that they came in.
                    if first.is_empty() && more.is_empty() {
                        first = data;
                    } else {
                        more.extend_from_slice(&std::mem::take(&mut first));
                        more.extend_from_slice(&data);
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let data = if more.is_empty() { first } else { more.freeze() };
        Ok(Self { data, trailers, is_broken, _room: Some(room) })
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let data = std::mem::take(&mut self.data);
        if !data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if std::mem::take(&mut self.is_broken) {
            return Poll::Ready(Some(Err(Error::HttpProtocolError)));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none() && !self.is_broken
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_broken { SizeHint::default() } else { SizeHint::with_exact(self.data.len() as u64) }
    }
}

/// Whether a component has failed after its answer began.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome(Arc<AtomicBool>);

impl Outcome {
    /// The component has failed when what is returned is dropped, unless that is forgotten.
    pub(super) fn unless_done(&self) -> Unfinished {
        Unfinished { outcome: self.clone(), is_done: false }
    }

    fn is_failure(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The work of a component that is not done.
#[derive(Debug)]
pub(super) struct Unfinished {
    outcome: Outcome,
    is_done: bool,
}

impl Unfinished {
    /// The component has come to its end.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_done {
            self.outcome.0.store(true, Ordering::Release);
        }
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Outgoing {
    content: Content,
    /// The largest piece of it that is given out at once.
    piece: usize,
    /// The request stays open for as long as its answer.
    _open: Option<(Open, Held)>,
}

#[derive(Debug)]
enum Content {
    Fixed(Bytes),
    Component {
        body: HyperOutgoingBody,
        outcome: Outcome,
        /// What is left of the last part.
        rest: Bytes,
    },
}

impl Outgoing {
    /// A body of fixed bytes.
    pub(super) fn fixed(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Fixed(bytes.into()), piece: usize::MAX, _open: None }
    }

    /// What a component sends. If it fails before the end, the body ends with an error: a client must be able to tell that a part is
    /// missing.
    pub(super) fn of_component(body: HyperOutgoingBody, outcome: Outcome) -> Self {
        Self { content: Content::Component { body, outcome, rest: Bytes::new() }, piece: usize::MAX, _open: None }
    }

    /// Keeps a request open until the answer has been sent.
    pub(super) fn keep_open(&mut self, open: Open, held: Held, is_http2: bool) {
        self._open = Some((open, held));
        if is_http2 {
            self.piece = PIECE;
        }
    }
}

/// Takes a piece off the front.
fn take(bytes: &mut Bytes, longest: usize) -> Frame<Bytes> {
    Frame::data(bytes.split_to(bytes.len().min(longest)))
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = self.piece;
        match &mut self.content {
            Content::Fixed(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Fixed(bytes) => {
                streams::wait_for_client();
                Poll::Ready(Some(Ok(take(bytes, piece))))
            }
            Content::Component { body, outcome, rest } => {
                if rest.is_empty() {
                    streams::wait_for_component();
                    let frame = ready!(Pin::new(body).poll_frame(context));
                    streams::wait_for_client();
                    match frame {
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(data) => *rest = data,
                            Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                        },
                        // The end of the body and that of an instance that was given up look the same from here.
                        None if outcome.is_failure() => return Poll::Ready(Some(Err(Error::HttpProtocolError))),
                        end => return Poll::Ready(end),
                    }
                }
                Poll::Ready(Some(Ok(take(rest, piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Fixed(bytes) => bytes.is_empty(),
            Content::Component { body, outcome, rest } => {
                rest.is_empty() && body.is_end_stream() && !outcome.is_failure()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Fixed(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Component { body, rest, .. } if rest.is_empty() => body.size_hint(),
            Content::Component { .. } => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::http::admission::{Admission, Kind};
    use crate::limits::Limits;

    const LIMITS: BodyLimits =
        BodyLimits { length: 5, time: Duration::from_millis(300), pause: Duration::from_millis(200) };

    fn room() -> Held {
        let admission = Admission::new(&Limits::default());
        admission.peer([127, 0, 0, 1].into()).take(Kind::Bodies, 0).unwrap()
    }

    fn parts(parts: &[(u64, &'static str)]) -> impl Body<Data = Bytes, Error = Error> + Unpin + use<> {
        let parts = parts.to_vec();
        let stream = futures_util::stream::unfold(parts.into_iter(), |mut parts| async {
            let (wait, part) = parts.next()?;
            tokio::time::sleep(Duration::from_millis(wait)).await;
            Some((Ok(Frame::data(Bytes::from_static(part.as_bytes()))), parts))
        });
        StreamBody::new(Box::pin(stream))
    }

    async fn read(body: impl Body<Data = Bytes, Error = Error> + Unpin) -> Result<String, BodyFault> {
        let received = Received::read(body, room(), LIMITS).await?;
        let bytes = received.collect().await.unwrap().to_bytes();
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_body_is_read_within_its_limits() {
        assert_eq!(read(parts(&[(5, "12"), (5, "34"), (5, "5")])).await.unwrap(), "12345");
        assert_eq!(read(parts(&[(0, "1234"), (0, "56")])).await, Err(BodyFault::TooLarge));
        assert_eq!(read(parts(&[(0, "1"), (10_000, "2")])).await, Err(BodyFault::TooSlow));
        assert_eq!(read(parts(&[(90, "1"), (90, "2"), (90, "3"), (90, "4")])).await, Err(BodyFault::TooSlow));
    }

    #[tokio::test]
    async fn what_came_before_a_body_broke_off_is_read_and_then_an_error() {
        let frames = [Ok(Frame::data(Bytes::from_static(b"12"))), Err(Error::HttpProtocolError)];
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let mut received = Received::read(body, room(), LIMITS).await.unwrap();
        let data = received.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((&*data, received.is_end_stream()), (&b"12"[..], false));
        assert!(received.frame().await.unwrap().is_err());
        assert!(received.frame().await.is_none() && received.is_end_stream());
    }

    #[tokio::test]
    async fn bodies_have_so_much_room_in_all() {
        let limits = Limits { bodies: crate::limits::Bytes(8), ..Limits::default() };
        let admission = Admission::new(&limits);
        let peer = admission.peer([127, 0, 0, 1].into());
        let body = || Full::new(Bytes::from_static(b"123"));
        let room = || peer.take(Kind::Bodies, 0).unwrap();
        let first = Received::read(body(), room(), LIMITS).await.unwrap();
        assert_eq!(Received::read(body(), room(), LIMITS).await.unwrap_err(), BodyFault::NoRoom);
        drop(first);
        Received::read(body(), room(), LIMITS).await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_whose_component_failed_ends_with_an_error() {
        let inner = || Full::new(Bytes::from_static(b"part")).map_err(|never| match never {}).boxed_unsync();
        let outcome = Outcome::default();
        let answer = Outgoing::of_component(inner(), outcome.clone());
        let work = outcome.unless_done();
        work.done();
        assert_eq!(answer.collect().await.unwrap().to_bytes(), "part");
        let answer = Outgoing::of_component(inner(), outcome.clone());
        drop(outcome.unless_done());
        assert!(answer.collect().await.is_err());
    }
}
