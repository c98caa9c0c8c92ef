//! bcrypt that can be stopped between two rounds and resumed.
//!
//! A hash takes a quarter of a second. A runtime that does not preempt its guests cannot run anything else on that
//! thread meanwhile, so hashing yields the thread now and then. This is bcrypt's own loop (Provos and
//! Mazières, "A Future-Adaptable Password Scheme", figure 3) by the primitives of the `blowfish` crate, and nothing more:
//! the `bcrypt` crate reads and writes the format, and the tests hold every output to it.

use blowfish::Blowfish;
use std::num::NonZeroU32;

/// The length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;

/// What bcrypt reads of a key, its final NUL included.
const MAX_KEY_BYTES: usize = 72;
/// "OrpheanBeholderScryDoubt", which is encrypted in the end.
const MAGIC: [u32; 6] = [0x4f72_7068, 0x6561_6e42, 0x6568_6f6c, 0x6465_7253, 0x6372_7944, 0x6f75_6274];
/// How often it is encrypted.
const ENCRYPTIONS: usize = 64;
/// What is kept of the result; the last byte never was.
pub(crate) const OUTPUT_BYTES: usize = 23;

/// Decides how many rounds of a hash run at a time, and gives the thread away between them.
pub trait Pacer {
    /// Called before each slice of rounds: pauses, if it is time to, and says how many rounds to run now.
    fn pace(&mut self) -> NonZeroU32;
}

/// Runs all rounds at once: for native programs, whose threads are preempted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpaced;

impl Pacer for Unpaced {
    fn pace(&mut self) -> NonZeroU32 {
        NonZeroU32::MAX
    }
}

/// A hash under way.
pub(crate) struct BcryptRounds {
    state: Blowfish,
    key: [u8; MAX_KEY_BYTES],
    key_bytes: usize,
    salt: [u8; SALT_BYTES],
    rounds_left: u64,
}

impl BcryptRounds {
    /// Begins a hash of `password`: of its first 72 bytes, as everywhere.
    pub(crate) fn new(cost: u32, salt: [u8; SALT_BYTES], password: &[u8]) -> Self {
        let mut key = [0; MAX_KEY_BYTES];
        let copied = password.len().min(MAX_KEY_BYTES);
        key[..copied].copy_from_slice(&password[..copied]);
        let key_bytes = (copied + 1).min(MAX_KEY_BYTES);
        let mut state = Blowfish::bc_init_state();
        state.salted_expand_key(&salt, &key[..key_bytes]);
        Self { state, key, key_bytes, salt, rounds_left: 1 << cost }
    }

    /// Runs up to `rounds` more; true when none is left.
    pub(crate) fn step(&mut self, rounds: NonZeroU32) -> bool {
        let rounds = self.rounds_left.min(rounds.get().into());
        for _ in 0..rounds {
            self.state.bc_expand_key(&self.key[..self.key_bytes]);
            self.state.bc_expand_key(&self.salt);
        }
        self.rounds_left -= rounds;
        self.rounds_left == 0
    }

    /// Runs all rounds as `pacer` says, and gives the hash.
    pub(crate) fn run(mut self, pacer: &mut impl Pacer) -> [u8; OUTPUT_BYTES] {
        while !self.step(pacer.pace()) {}
        self.output()
    }

    /// The hash, once no round is left.
    fn output(&self) -> [u8; OUTPUT_BYTES] {
        let mut text = MAGIC;
        for pair in text.chunks_exact_mut(2) {
            for _ in 0..ENCRYPTIONS {
                let encrypted = self.state.bc_encrypt([pair[0], pair[1]]);
                pair.copy_from_slice(&encrypted);
            }
        }
        let mut output = [0; OUTPUT_BYTES];
        output.iter_mut().zip(text.iter().flat_map(|word| word.to_be_bytes())).for_each(|(to, from)| *to = from);
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Bytes that are the same in each run.
    fn bytes(seed: usize, length: usize) -> Vec<u8> {
        (0_u32..).flat_map(|block| Sha256::digest(format!("{seed}/{block}"))).take(length).collect()
    }

    /// So many rounds at a time, in turn.
    struct Slices(Vec<u32>, usize);

    impl Pacer for Slices {
        fn pace(&mut self) -> NonZeroU32 {
            self.1 += 1;
            NonZeroU32::new(self.0[self.1 % self.0.len()]).unwrap()
        }
    }

    fn theirs(cost: u32, salt: [u8; SALT_BYTES], password: &[u8]) -> String {
        bcrypt::hash_with_salt(password, cost, salt).unwrap().format_for_version(bcrypt::Version::TwoB)
    }

    fn ours(cost: u32, salt: [u8; SALT_BYTES], password: &[u8], pacer: &mut impl Pacer) -> String {
        use base64::Engine;
        let output = BcryptRounds::new(cost, salt, password).run(pacer);
        format!("$2b${cost:02}${}{}", bcrypt::BASE_64.encode(salt), bcrypt::BASE_64.encode(output))
    }

    #[test]
    fn every_hash_is_the_one_of_the_bcrypt_crate() {
        // All lengths around the limit of 72 bytes, and that of the pre-hash's text, 64.
        for length in (0..=80).chain([128, 1024]) {
            let (salt, password) = (bytes(length, 16).try_into().unwrap(), bytes(1000 + length, length));
            assert_eq!(ours(4, salt, &password, &mut Unpaced), theirs(4, salt, &password), "{length} bytes");
        }
        for cost in 4..=8 {
            for seed in 0..8 {
                let (salt, password) = (bytes(seed, 16).try_into().unwrap(), bytes(2000 + seed, 64));
                assert_eq!(ours(cost, salt, &password, &mut Unpaced), theirs(cost, salt, &password), "cost {cost}");
            }
        }
    }

    #[test]
    fn a_password_with_nul_bytes_is_hashed_as_the_bcrypt_crate_does() {
        for password in [&b""[..], b"\0", b"\0\0\0", b"before\0after", b"before\0"] {
            assert_eq!(ours(4, [7; 16], password, &mut Unpaced), theirs(4, [7; 16], password), "{password:?}");
        }
    }

    #[test]
    fn where_it_pauses_makes_no_difference() {
        let salt = bytes(1, 16).try_into().unwrap();
        let whole = theirs(7, salt, b"correct horse battery");
        for slices in [vec![1], vec![127], vec![128], vec![129], vec![3, 50, 1, 7], vec![u32::MAX]] {
            let described = format!("{slices:?}");
            assert_eq!(ours(7, salt, b"correct horse battery", &mut Slices(slices, 0)), whole, "{described}");
        }
    }

    #[test]
    fn it_runs_as_many_rounds_as_it_is_told() {
        let mut rounds = BcryptRounds::new(4, [0; 16], b"password");
        let five = NonZeroU32::new(5).unwrap();
        assert_eq!(
            [rounds.step(five), rounds.step(five), rounds.step(five), rounds.step(five)],
            [false, false, false, true]
        );
    }
}
