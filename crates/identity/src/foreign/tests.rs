//! Hashes that other implementations made: Python's hashlib and crypt, and argon2-cffi.

use super::*;
use crate::bcrypt_rounds::Unpaced;

const PASSWORD: &str = "correct horse";
const SALT: &str = "c2FsdCBvZiBzaXh0ZWVuIQ";
const OUTPUT: &str = "EjlQpW+VG7BQI/7l7pxOf+HPkTn4K/l+MZTnSGtGOUk";
const GOOD: &[&str] = &[
    "$2y$04$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau",
    "$2a$04$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau",
    "$argon2id$v=19$m=1024,t=2,p=1$c2FsdCBvZiBzaXh0ZWVuIQ$4Qk6Or8Y0ZyHJYCrc21/XnTwspvAwxHxRI/b0Wc8D5I",
    "argon2$argon2id$v=19$m=64,t=3,p=2$c2FsdCBvZiBzaXh0ZWVuIQ$YP34Bv4iVWQGIDxcZu8iZAMiNKApE/VI",
    "$pbkdf2-sha256$i=1000,l=32$c2FsdCBvZiBzaXh0ZWVuIQ$EjlQpW+VG7BQI/7l7pxOf+HPkTn4K/l+MZTnSGtGOUk",
    "$pbkdf2-sha256$1000$c2FsdCBvZiBzaXh0ZWVuIQ$EjlQpW.VG7BQI/7l7pxOf.HPkTn4K/l.MZTnSGtGOUk",
    "$pbkdf2-sha256$i=1000$c2FsdCBvZiBzaXh0ZWVuIQ==$EjlQpW+VG7BQI/7l7pxOf+HPkTn4K/l+MZTnSGtGOUn7MoNt/xv5VFwZZ2LPHekD2/9rPlXkSluCtfRZ657p3A==",
    "$pbkdf2-sha512$i=1000$c2FsdCBvZiBzaXh0ZWVuIQ$FtiCboYqPuiDXn4MdI5PUI9wiyF/DL43Ogqw9XyWf0NlqLioT6mUr0jNHv7+Ac4xkZ86SUrqRdTLdrJiGTknBQ",
    "pbkdf2_sha256$1000$q7bZxRdJ2sPw$fjpW/c1BTAubUEGqxc8BH18o1El6pyeWBQZiVkY+Z6k=",
];

#[test]
fn what_others_made_verifies_and_nothing_else_does() {
    for text in GOOD {
        let hash = ForeignHash::parse(text).expect(text);
        assert!(hash.verify(PASSWORD, &mut Unpaced), "{text}");
        for other in ["", "correct hors", "Correct horse", "correct horse "] {
            assert!(!hash.verify(other, &mut Unpaced), "{text} {other:?}");
        }
        assert_eq!(ForeignHash::parse(&hash.to_string()), Ok(hash.clone()), "what is stored reads back");
        let decoy = hash.to_decoy();
        assert!(!decoy.verify(PASSWORD, &mut Unpaced), "{text}");
        assert_eq!(ForeignHash::parse(&decoy.to_string()), Ok(decoy), "{text}");
        assert_eq!(format!("{hash:?}"), "ForeignHash(..)");
    }
}

#[test]
fn what_is_no_hash_is_refused() {
    let refused = |text: &str| ForeignHash::parse(text).expect_err(text);
    for text in [
        "",
        "correct horse",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2x$04$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau",
        "$argon2i$v=19$m=64,t=3,p=2$c2FsdCBvZiBzaXh0ZWVuIQ$YP34Bv4iVWQGIDxcZu8iZAMiNKApE/VI",
        "$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA",
        "$6$salt$hash",
        "bcrypt_sha256$$2b$12$x",
        "$pbkdf2-sha1$i=1000$c2FsdA$EjlQpW",
        "pbkdf2_sha1$1000$salt$EjlQpW",
    ] {
        assert_eq!(refused(text), ForeignHashError::UnknownScheme, "{text}");
    }
    for text in [
        "$2y$04$short".to_owned(),
        "$2y$04$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYauX".to_owned(),
        "$2y$03$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau".to_owned(),
        format!("$argon2id$v=18$m=64,t=3,p=2${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=64,t=3${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=64,m=64,t=3,p=2${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=64,t=3,p=2,keyid=x${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=64,t=0,p=2${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=7,t=3,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=64,t=3,p=2$c2FsdA${OUTPUT}"),
        format!("$argon2id$v=19$m=64,t=3,p=2${SALT}${OUTPUT}$x"),
        format!("$pbkdf2-sha256$i=0${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=-1${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000,l=31${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000${SALT}$short"),
        format!("$pbkdf2-sha256$i=1000$${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000${SALT}"),
        "pbkdf2_sha256$1000$salt".to_owned(),
        format!("pbkdf2_sha256$1000${}${OUTPUT}", "x".repeat(65)),
        format!("pbkdf2_sha256$1000${}${OUTPUT}", "x".repeat(512)),
    ] {
        assert_eq!(refused(&text), ForeignHashError::Malformed, "{text}");
    }
}

#[test]
fn what_costs_too_much_is_refused() {
    let parse = |text: String| ForeignHash::parse(&text).map(drop);
    let bcrypt = |cost| parse(format!("$2b${cost}$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau"));
    assert_eq!((bcrypt(14), bcrypt(15)), (Ok(()), Err(ForeignHashError::BcryptCost)));
    let argon2 = |m, t, p| parse(format!("$argon2id$v=19$m={m},t={t},p={p}${SALT}${OUTPUT}"));
    assert_eq!(argon2(131_072, 2, 16), Ok(()));
    assert_eq!(argon2(131_073, 1, 1), Err(ForeignHashError::Memory(128)));
    assert_eq!(argon2(131_072, 3, 1), Err(ForeignHashError::Argon2Work));
    assert_eq!(argon2(1024, 1, 17), Err(ForeignHashError::Argon2Work));
    assert_eq!(argon2(4_294_967_295_u32, 4_294_967_295_u32, 1), Err(ForeignHashError::Memory(128)));
    let pbkdf2 = |iterations| parse(format!("$pbkdf2-sha256$i={iterations}${SALT}${OUTPUT}"));
    assert_eq!((pbkdf2(1_500_000), pbkdf2(1_500_001)), (Ok(()), Err(ForeignHashError::Pbkdf2Work)));
    let two_blocks = format!("$pbkdf2-sha256$i=750001${SALT}${OUTPUT}AAAA");
    assert_eq!(parse(two_blocks), Err(ForeignHashError::Pbkdf2Work));
    let hash = ForeignHash::parse(&format!("$argon2id$v=19$m=20481,t=1,p=1${SALT}${OUTPUT}")).expect("it is bounded");
    assert_eq!(hash.refuse_memory_above(20), Err(ForeignHashError::Memory(20)));
    assert_eq!(hash.refuse_memory_above(21), Ok(()));
}

#[test]
fn a_paced_hash_is_the_same() {
    struct Slices(u32);

    impl Pacer for Slices {
        fn pace(&mut self) -> std::num::NonZeroU32 {
            self.0 += 1;
            std::num::NonZeroU32::MIN
        }
    }

    let mut slices = Slices(0);
    assert!(ForeignHash::parse(GOOD[4]).expect("it is good").verify(PASSWORD, &mut slices));
    assert_eq!(slices.0, 16, "of 64 iterations each");
}
