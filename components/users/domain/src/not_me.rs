//! "This was not me": the link in a mail about a sign-in, or about a change of how one signs in.
//!
//! Such a mail goes out at every sign-in on a new device, so nothing is stored about its link: it is signed, says what it is about, and is
//! good for 72 hours. That it was used is stored until then.

use crate::ticket::EMAIL_RETURN_SECONDS;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Peppers, UserId};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// For how many seconds a link is valid: three days, as long as an address can be taken back.
pub const NOT_ME_SECONDS: i64 = EMAIL_RETURN_SECONDS as i64;
/// The pages that it leads to: the plain one, and that of account.
pub const NOT_ME_PAGES: [&str; 2] = ["/users-ms/not-me/page", "/account/not-me"];

/// The kind of token and its version.
const TYPE: &str = "nm1";
/// The longest text that is looked at, in bytes: a token has about 140.
const MAX_BYTES: usize = 256;

/// What the owner of an account says that it was not they.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disowned {
    /// A sign-in, which has begun this session.
    Session(Uuid),
    /// A change of password, second factor or passkeys; random bytes tell two of the same moment apart.
    Change([u8; 8]),
}

/// The secret of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMe {
    /// Whose account it is.
    pub user_id: UserId,
    /// What it is about.
    pub disowned: Disowned,
    /// When it was made, in seconds since 1970.
    pub issued_at: i64,
}

impl NotMe {
    /// The secret as it stands in the link.
    #[must_use]
    pub fn sign(&self, peppers: &Peppers) -> String {
        let payload = self.payload();
        let signature = signature(&payload, peppers);
        format!("{payload}.{signature}")
    }

    /// The secret that somebody shows, if it is ours and has not expired.
    #[must_use]
    pub fn verify(text: &str, peppers: &Peppers, now: i64) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= MAX_BYTES)?;
        let (payload, signed) = text.rsplit_once('.')?;
        let mut parts = payload.split('.');
        let (kind, user, issued, about) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if kind != TYPE || parts.next().is_some() {
            return None;
        }
        let about = URL_SAFE_NO_PAD.decode(about).ok()?;
        let disowned = match about.as_slice().try_into() {
            Ok(random) => Disowned::Change(random),
            Err(_) => Disowned::Session(Uuid::from_slice(&about).ok()?),
        };
        let not_me = Self { user_id: UserId::parse(user).ok()?, disowned, issued_at: issued.parse().ok()? };
        let is_ours = bool::from(signature(payload, peppers).as_bytes().ct_eq(signed.as_bytes()));
        (is_ours && not_me.expires_at() > now).then_some(not_me)
    }

    /// When it expires, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.issued_at.saturating_add(NOT_ME_SECONDS)
    }

    /// The digest that it is remembered by once it was used.
    #[must_use]
    pub fn digest(&self, peppers: &Peppers) -> String {
        peppers.digest("link that was used", self.payload())
    }

    fn payload(&self) -> String {
        let about = match self.disowned {
            Disowned::Session(id) => URL_SAFE_NO_PAD.encode(id),
            Disowned::Change(random) => URL_SAFE_NO_PAD.encode(random),
        };
        format!("{TYPE}.{}.{}.{about}", self.user_id, self.issued_at)
    }
}

fn signature(payload: &str, peppers: &Peppers) -> String {
    peppers.digest("link that disowns", payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    fn not_me(disowned: Disowned) -> NotMe {
        NotMe { user_id: UserId::try_from(7).unwrap(), disowned, issued_at: NOW }
    }

    #[test]
    fn a_link_says_what_it_is_about_for_three_days() {
        for disowned in [Disowned::Change([7; 8]), Disowned::Session(Uuid::from_u128(5))] {
            let text = not_me(disowned).sign(&peppers());
            assert!(text.len() < 150, "{text}");
            for (now, is_good) in [(NOW, true), (NOW + 259_199, true), (NOW + 259_200, false)] {
                assert_eq!(NotMe::verify(&text, &peppers(), now), is_good.then(|| not_me(disowned)));
            }
        }
    }

    #[test]
    fn nobody_else_makes_or_changes_one() {
        let text = not_me(Disowned::Change([7; 8])).sign(&peppers());
        let verify = |text: &str| NotMe::verify(text, &peppers(), NOW);
        for odd in [
            text.replacen(".7.", ".8.", 1),
            text.replacen("nm1", "nm2", 1),
            text.replacen(".BwcHBwcHBwc.", ".BQ.", 1),
            format!("{text}0"),
            text[..text.len() - 1].to_owned(),
            "nm1.7.1800000000..".to_owned(),
            "x".repeat(300),
            String::new(),
        ] {
            assert_eq!(verify(&odd), None, "{odd}");
        }
        let others = Peppers::new("another pepper that is long enough").unwrap();
        assert_eq!(NotMe::verify(&text, &others, NOW), None);
        let digests =
            [Disowned::Change([7; 8]), Disowned::Change([8; 8])].map(|about| not_me(about).digest(&peppers()));
        assert_ne!(digests[0], digests[1]);
    }
}
