//! Random bytes from the host's cryptographic source.

use uuid::Uuid;

/// `N` random bytes.
///
/// # Panics
/// Outside of a component, if the system has no random source. That of WASI 0.2 cannot fail.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(size_of::<u64>()) {
        chunk.copy_from_slice(&word().to_le_bytes()[..chunk.len()]);
    }
    bytes
}

/// A random UUID (version 4, RFC 9562, 5.4).
#[must_use]
pub fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// From WASI 0.2 itself: by way of WASI 0.1, the host would have to write into memory that the component first allocates.
#[cfg(target_family = "wasm")]
fn word() -> u64 {
    wasi::random::random::get_random_u64()
}

#[cfg(not(target_family = "wasm"))]
fn word() -> u64 {
    use rand::TryRng;
    rand::rngs::SysRng.try_next_u64().expect("the system has a random source")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_random() {
        let all: Vec<[u8; 13]> = (0..64).map(|_| bytes()).collect();
        assert!((0..13).all(|at| all.iter().any(|bytes| bytes[at] != all[0][at])));
        assert_eq!(uuid().get_version_num(), 4);
        assert_ne!(uuid(), uuid());
    }
}
