//! Cookies: read from a request, and written so that only this host gets them, only over TLS, and no script ever.

use std::fmt::Write as _;

/// A cookie of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cookie {
    /// The tokens of whoever has signed in, sealed.
    Session,
    /// What ties forms to a browser: random, so that nobody else can make a form that is accepted.
    Browser,
    /// What a sign-in or sign-up continues with, sealed.
    Flow,
    /// That somebody has signed in here before, sealed.
    Device,
}

impl Cookie {
    /// Its name: `__Host-account-session` for a component of the name `account`.
    #[must_use]
    pub fn name(self, component: &str) -> String {
        let what = match self {
            Cookie::Session => "session",
            Cookie::Browser => "browser",
            Cookie::Flow => "flow",
            Cookie::Device => "device",
        };
        format!("__Host-{component}-{what}")
    }
}

/// The longest value of a cookie: browsers keep 4096 bytes with name and attributes.
pub const MAX_VALUE: usize = 3800;

/// The value of a cookie in the header `cookie`. Of several with the name the first counts.
#[must_use]
pub fn find<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    // Lines of the header were merged by commas, which no value of ours has.
    let mut pairs = header.split([';', ',']).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The header `set-cookie`. `__Host-` makes browsers refuse it without `Secure` and `Path=/`, and with a `Domain`. `Lax`: a link in
/// a mail opens the page of whoever is signed in, and no form of another site is sent with it.
#[must_use]
pub fn set(name: &str, value: &str, max_age: Option<i64>) -> String {
    let mut cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax");
    if let Some(seconds) = max_age {
        let _ = write!(cookie, "; Max-Age={seconds}");
    }
    cookie
}

/// The header `set-cookie` that removes a cookie.
#[must_use]
pub fn remove(name: &str) -> String {
    set(name, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let header = "a=1; __Host-account-session=k:AB+/; x__Host-account-flow=2, __Host-account-flow=3";
        assert_eq!(find(header, &Cookie::Session.name("account")), Some("k:AB+/"));
        assert_eq!(find(header, &Cookie::Flow.name("account")), Some("3"));
        assert_eq!(find(header, &Cookie::Browser.name("account")), None);
        assert_eq!(find("", &Cookie::Session.name("account")), None);
    }

    #[test]
    fn a_cookie_is_for_this_host_over_tls_and_for_no_script() {
        let cookie = set(&Cookie::Session.name("account"), "value", Some(60));
        assert_eq!(cookie, "__Host-account-session=value; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60");
        assert!(remove("__Host-account-session").ends_with("Max-Age=0"));
    }
}
