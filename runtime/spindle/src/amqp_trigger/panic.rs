//! Panics, which are bugs of ours: one must not have a queue no longer consumed while the process looks alive.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Does the work; a panic is logged and becomes an error, which says what it was.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        let reason = text.unwrap_or("no reason given");
        tracing::error!(reason, "the amqp trigger has failed, which is a bug in it, and begins a new session");
        format!("a part of the trigger has failed: {reason}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_end_of_nothing_else() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        let failed = caught(async {
            let nothing: Option<()> = std::hint::black_box(None);
            nothing.expect("as told");
        });
        assert_eq!(failed.await, Err("a part of the trigger has failed: as told".to_owned()));
    }
}
