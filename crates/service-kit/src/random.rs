//! Random bytes from the host's cryptographic source.

use rand::TryRng;
use rand::rngs::SysRng;

/// `N` random bytes.
///
/// # Panics
/// If the host has no random source, which WASI 0.2 does not allow: its `get-random-bytes` cannot fail.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the host has a random source");
    bytes
}
