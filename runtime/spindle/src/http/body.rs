//! Bodies: a limit on what comes in, and short ones that go out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// A request's body that ends with an error once it is longer than it may be.
#[derive(Debug)]
pub(super) struct Limited<B> {
    body: B,
    left: u64,
}

impl<B> Limited<B> {
    pub(super) fn new(body: B, limit: u64) -> Self {
        Self { body, left: limit }
    }
}

impl<B> Body for Limited<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(Into::into)?;
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            match self.left.checked_sub(length) {
                Some(left) => {
                    self.left = left;
                    Ok(frame)
                }
                None => Err(Error::HttpRequestBodySize(None)),
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body of fixed bytes.
pub(super) fn full(bytes: impl Into<Bytes>) -> HyperOutgoingBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response<HyperOutgoingBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_cut_where_it_gets_too_long() {
        let fits = Limited::new(full("12345"), 5).collect().await.unwrap().to_bytes();
        assert_eq!(fits, "12345");
        let error = Limited::new(full("123456"), 5).collect().await.unwrap_err();
        assert!(matches!(error, Error::HttpRequestBodySize(_)));
    }
}
