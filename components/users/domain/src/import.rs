//! Imports: users who come from elsewhere, a line of JSON for each.

use crate::audit_page::utc;
use crate::fields::Fields;
use crate::metadata::ValidatedMetadata;
use api::users::{ImportLine, MetadataChange};
use identity::{Cost, Email, Locale, PasswordHash, Peppers, PersonName, Phone, Roles, ZoneInfo};
use problem::{Kind, Problem};

/// How many lines an import has at most.
pub const MAX_IMPORT_LINES: usize = 1_000;

/// What hashes of an import are read by.
#[derive(Clone, Copy, Debug)]
pub struct HashRules<'a> {
    /// The peppers of hashes that this system made.
    pub peppers: &'a Peppers,
    /// The cost of new hashes.
    pub cost: Cost,
    /// How much memory a hash of another system may need, in MiB.
    pub max_memory: u32,
}

/// A valid line.
#[derive(Debug)]
pub struct ImportedUser {
    /// The address.
    pub email: Email,
    /// The first name.
    pub name: PersonName,
    /// The surname.
    pub surname: PersonName,
    /// The phone number, if there is one.
    pub phone: Option<Phone>,
    /// The roles.
    pub roles: Roles,
    /// The language of messages, if one is known.
    pub locale: Option<Locale>,
    /// The time zone of times in messages, if one is known.
    pub zoneinfo: Option<ZoneInfo>,
    /// Whether it is known that the address is the user's.
    pub email_verified: bool,
    /// Whether it is known that the number is the user's.
    pub phone_verified: bool,
    /// Whether the user is suspended.
    pub suspended: bool,
    /// Whether the user has to choose a new password.
    pub password_reset_required: bool,
    /// What applications keep about the user.
    pub metadata: ValidatedMetadata,
    /// When the user signed up, as the database reads times; `None` is now.
    pub created_at: Option<String>,
    /// The hash of the password; `None` if there is none yet.
    pub hash: Option<PasswordHash>,
}

impl ImportedUser {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it: as [`problem::decode`], or a problem that lists every fault of its values.
    pub fn parse(line: &[u8], rules: &HashRules<'_>) -> Result<Self, Problem> {
        Self::validate(problem::decode(line)?, rules)
    }

    fn validate(line: ImportLine, rules: &HashRules<'_>) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let (name, surname) = (fields.name(&line.name), fields.surname(&line.surname));
        let email = fields.email(&line.email);
        // A fault is noted; the value that stands in for it is not used.
        let phone = line.phone.as_deref().and_then(|phone| fields.phone(phone));
        let locale = line.locale.as_deref().and_then(|locale| fields.locale(locale));
        let zoneinfo = line.zoneinfo.as_deref().and_then(|zone| fields.zoneinfo(zone));
        let role = line.role.as_deref().and_then(|role| fields.role(role));
        let roles = match line.roles.as_deref() {
            Some(names) => fields.roles(role, Some(names)),
            None => Some(Roles { role: role.unwrap_or_default(), others: Vec::new() }),
        };
        let hash = line.password_hash.as_deref().and_then(|hash| {
            let hash = PasswordHash::imported(hash, rules.peppers, rules.cost, rules.max_memory);
            hash.map_err(|error| fields.fault("password_hash", Kind::InvalidValue, &error.to_string())).ok()
        });
        let created_at = line.created_at.as_deref().and_then(|time| {
            let time = utc(time);
            if time.is_none() {
                fields.fault("created_at", Kind::InvalidValue, "This is a time such as 2026-05-04T09:30:00Z.");
            }
            time
        });
        let metadata = line.metadata.unwrap_or(MetadataChange { public: None, private: None });
        let metadata = match ValidatedMetadata::try_from(metadata) {
            Ok(metadata) => Some(metadata),
            Err(problem) => {
                fields.fault("metadata", Kind::InvalidValue, problem.detail());
                None
            }
        };
        let built = (|| {
            Some(Self {
                email: email?,
                name: name?,
                surname: surname?,
                phone,
                roles: roles?,
                locale,
                zoneinfo,
                email_verified: line.email_verified.unwrap_or_default(),
                phone_verified: line.phone_verified.unwrap_or_default(),
                suspended: line.suspended.unwrap_or_default(),
                password_reset_required: line.password_reset_required.unwrap_or_default(),
                metadata: metadata?,
                created_at,
                hash,
            })
        })();
        fields.finish(built)
    }
}

/// The lines of an import with their numbers, without empty ones.
///
/// # Errors
/// `malformed-json` if there is none; `body-too-large` if there are more than [`MAX_IMPORT_LINES`].
pub fn import_lines(body: &[u8]) -> Result<Vec<(u32, &[u8])>, Problem> {
    let lines: Vec<_> =
        (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty()).collect();
    if lines.is_empty() {
        return Err(Problem::new(Kind::MalformedJson, "Send a line of JSON for each user."));
    }
    if lines.len() > MAX_IMPORT_LINES {
        let detail = format!("An import may have at most {MAX_IMPORT_LINES} lines. Send the rest in further ones.");
        return Err(Problem::new(Kind::BodyTooLarge, detail));
    }
    Ok(lines)
}

/// The problem of a line whose address is nobody's, and not free.
#[must_use]
pub fn address_not_free() -> Problem {
    Problem::field(
        Kind::EmailTaken,
        "email",
        "Whoever had this address can take it back for up to 72 hours, or somebody has just signed up with it. Send the line \
         again later.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Role;
    use serde_json::{Value, json};

    fn parse(changes: &Value) -> Result<ImportedUser, Problem> {
        let peppers = Peppers::new("a pepper that is long enough for tests").unwrap();
        let mut line = json!({"email": "ada@example.org", "name": "Ada", "surname": "Lovelace"});
        line.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let rules = HashRules { peppers: &peppers, cost: "4".parse().unwrap(), max_memory: 20 };
        ImportedUser::parse(line.to_string().as_bytes(), &rules)
    }

    #[test]
    fn a_line_needs_address_and_names() {
        let user = parse(&json!({})).unwrap();
        assert!(user.hash.is_none() && !user.email_verified && !user.suspended && user.created_at.is_none());
        assert_eq!((user.roles, user.metadata.public), (Roles::default(), None));
        assert_eq!(parse(&json!({"name": null})).unwrap_err().kind(), Kind::WrongType);
        assert_eq!(parse(&json!({"username": "ada"})).unwrap_err().kind(), Kind::UnknownField);
    }

    #[test]
    fn all_of_it_is_read() {
        let user = parse(
            &json!({"id": "b2c1", "role": "admin", "roles": ["admin", "billing"], "phone": "+39 02 1234567", "locale": "de-at", "email_verified": true,
            "suspended": true, "password_reset_required": true, "metadata": {"public": {"a": 1}, "private": {}},
            "created_at": "2020-05-04T09:30:00Z", "password_hash": "$2y$04$KBCwKxOzLha2MUDgW0PjXexGfB5dmDvvvgEVjeeXiTo87i0yXWYau"}),
        );
        let user = user.unwrap();
        assert_eq!((user.roles.role, user.roles.others.len()), (Role::Admin, 1));
        assert!(user.email_verified && user.suspended && user.password_reset_required);
        assert_eq!(user.phone.unwrap().as_str(), "+39021234567");
        assert_eq!(user.locale.unwrap().as_str(), "de-AT");
        assert_eq!(user.created_at.as_deref(), Some("2020-05-04T09:30:00Z"));
        assert!(user.hash.unwrap().is_foreign());
    }

    #[test]
    fn all_faults_of_a_line_are_reported_at_once() {
        let problem =
            parse(&json!({"email": "ada", "role": "root", "created_at": "yesterday", "password_hash": "plain",
            "metadata": {"public": {"a": "\0"}}}));
        let problem = problem.unwrap_err();
        assert_eq!(problem.kind(), Kind::ValidationFailed);
        let body: Value = serde_json::from_slice(&problem.to_json("r")).unwrap();
        let pointers: Vec<_> = body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(pointers, ["/email", "/role", "/password_hash", "/created_at", "/metadata"]);
        assert!(!body.to_string().contains("plain"));
    }

    #[test]
    fn lines_are_counted_and_empty_ones_left_out() {
        let lines = import_lines(b"{}\r\n\n {} \n").unwrap();
        assert_eq!(lines.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(import_lines(b" \n\n").unwrap_err().kind(), Kind::MalformedJson);
        assert!(import_lines("{}\n".repeat(1_000).as_bytes()).is_ok());
        assert_eq!(import_lines("{}\n".repeat(1_001).as_bytes()).unwrap_err().kind(), Kind::BodyTooLarge);
    }
}
