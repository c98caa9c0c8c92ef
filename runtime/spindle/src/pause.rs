//! Pauses between attempts to connect.

use std::time::Duration;

/// A pause of `time` at most and half of it at least: many that have lost the same server do not come back at the same moment.
pub(crate) async fn up_to(time: Duration) {
    tokio::time::sleep(time.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn a_pause_is_between_half_and_whole() {
        let start = Instant::now();
        up_to(Duration::from_millis(100)).await;
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(2), "{took:?}");
    }
}
