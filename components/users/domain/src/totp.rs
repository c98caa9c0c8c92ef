//! Time-based one-time passwords (RFC 6238): what an authenticator app shows, with the parameters that all of them know: SHA-1,
//! six digits, 30 seconds.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use sha1::Sha1;
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The length of a secret: as long as the hash, as RFC 4226 recommends (section 4).
pub const SECRET_BYTES: usize = 20;
/// How many digits a code has.
pub(crate) const DIGITS: usize = 6;
/// For how many seconds a code is shown.
const STEP_SECONDS: i64 = 30;
/// How many steps a code may be early or late: clocks differ, and people type.
const WINDOW: i64 = 1;

/// A secret that a person's app and this service share.
#[derive(Clone)]
pub struct TotpSecret([u8; SECRET_BYTES]);

impl TotpSecret {
    /// The secret of these random bytes.
    #[must_use]
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as people type it into an app.
    #[must_use]
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// The address that an app reads from a QR code. `issuer` and `account` are what the app shows beside the code.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (issuer, account) = (encode(issuer), encode(account));
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            self.base32()
        )
    }

    /// The step that a code belongs to at the time `now`, in seconds since 1970; `None` if it is wrong. It takes the same time
    /// whether and where the code fits.
    #[must_use]
    pub fn matching_step(&self, code: &str, now: i64) -> Option<i64> {
        let current = now.div_euclid(STEP_SECONDS);
        let mut found = -1_i64;
        for step in current - WINDOW..=current + WINDOW {
            let fits = self.code(step).as_bytes().ct_eq(code.as_bytes());
            found.conditional_assign(&step, fits);
        }
        (found >= 0).then_some(found)
    }

    fn code(&self, step: i64) -> String {
        hotp(&self.0, step.unsigned_abs(), DIGITS)
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

/// A QR code of an address, as an SVG.
#[must_use]
pub fn qr_code(uri: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(uri, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

/// The one-time password of a counter (RFC 4226, 5.3).
fn hotp(key: &[u8], counter: u64, digits: usize) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(&counter.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[hash.len() - 1] & 0x0f);
    let part = [hash[offset], hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    let number = u64::from(u32::from_be_bytes(part) & 0x7fff_ffff) % 10_u64.pow(u32::try_from(digits).unwrap_or(9));
    format!("{number:0digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8; 20] = b"12345678901234567890";

    #[test]
    fn the_test_vectors_of_rfc_6238_fit() {
        for (time, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000_u64, "65353130"),
        ] {
            assert_eq!(hotp(KEY, time / 30, 8), code);
        }
    }

    #[test]
    fn the_test_vectors_of_rfc_4226_fit() {
        let codes =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, code) in codes.iter().enumerate() {
            assert_eq!(&hotp(KEY, counter as u64, 6), code);
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after_its_own() {
        let secret = TotpSecret::new(*KEY);
        let (step, code) = (59 / 30, "287082");
        for now in [0, 29, 30, 59, 60, 89] {
            assert_eq!(secret.matching_step(code, now), Some(step), "{now}");
        }
        for now in [90, 1_111_111_109] {
            assert_eq!(secret.matching_step(code, now), None, "{now}");
        }
    }

    #[test]
    fn anything_but_six_digits_is_wrong() {
        let secret = TotpSecret::new(*KEY);
        for code in ["", "28708", "2870820", "94287082", " 287082", "２８７０８２", "287082\0"] {
            assert_eq!(secret.matching_step(code, 59), None, "{code:?}");
        }
    }

    #[test]
    fn an_app_reads_the_secret_from_its_address() {
        let secret = TotpSecret::new(*KEY);
        assert_eq!(secret.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            secret.uri("accounts.example.org", "ada+x@example.org"),
            "otpauth://totp/accounts%2Eexample%2Eorg:ada%2Bx%40example%2Eorg?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=accounts%2Eexample%2Eorg&algorithm=SHA1&digits=6&period=30"
        );
        let svg = qr_code(&secret.uri("accounts.example.org", &"x".repeat(254))).unwrap();
        assert!(svg.contains("<svg") && svg.len() < 64 << 10, "{}", svg.len());
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", TotpSecret::new(*KEY)), "TotpSecret(..)");
    }
}
