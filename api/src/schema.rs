//! Schemas that say more than a type does.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Defines schemas, each of a type that stands for it: shared ones are referred to by name, the others stand where they are used.
macro_rules! schemas {
    ($( $kind:ident $name:ident = $schema:tt; )*) => { $(
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                stringify!($kind) == "inline"
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

mod metadata;
mod oauth;
mod passkey;
mod queries;
mod statistics;
mod transfer;

pub(crate) use metadata::MetadataObject;
pub(crate) use oauth::*;
pub(crate) use passkey::Base64Url;
pub(crate) use queries::*;
pub(crate) use statistics::{BrokerName, Intervals};
mod second_factor;

pub(crate) use transfer::*;

pub(crate) use second_factor::{Acr, Authentication, Methods, RecoveryCodes, TotpSecret, TotpUri};

schemas! {
    shared UserId = {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": i64::MAX,
        "description": "The id of a user, assigned by the service.",
        "examples": [7],
    };
    shared Uuid = {
        "type": "string",
        "pattern": r#"^(?:[0-9a-fA-F]{32}|(?:urn:uuid:)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\{[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\})$"#,
        "description": "A UUID. Responses have it in lower case with hyphens.",
        "examples": ["6f1e2d3c-4b5a-4697-8877-665544332211"],
    };
    shared UuidInPath = {
        "type": "string",
        "pattern": "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "description": "A UUID, with hyphens. Responses have it in lower case.",
        "examples": ["6f1e2d3c-4b5a-4697-8877-665544332211"],
    };
    shared SessionOfToken = {
        "type": ["string", "null"],
        "format": "uuid",
        "description": "The session that the refresh token names; null for a token of an earlier version, which names none.",
    };
    shared Digest = {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "A SHA-256 digest in hexadecimal digits.",
        "examples": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    };
    shared AttemptKeys = {
        "type": "object",
        "description": "The rate limits that an attempt counts against: digests that only services with the pepper can make.",
        "required": ["account", "client", "pair"],
        "additionalProperties": false,
        "properties": {
            "account": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The account."},
            "client": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The client."},
            "pair": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "This account from this client."},
            "device": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$", "description": "A known device, which has a limit of its own and no other."},
        },
    };
    shared UserAgent = {
        "type": "string",
        "pattern": "^[ -~]{1,200}$",
        "description": "What the client calls itself (`user-agent`): its visible ASCII characters, the first 200 of them.",
        "examples": ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"],
    };
    inline Slug = {
        "type": "string",
        "pattern": "^[a-z][a-z-]{0,39}$",
    };
    shared ClientNetwork = {
        "type": "string",
        "pattern": r#"^(?:(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}0/24|[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){2}::/48)$"#,
        "description": "The network of the client's address: 24 bits of an IPv4 address, 48 of an IPv6 address. The rest is not stored.",
        "examples": ["203.0.113.0/24"],
    };
    shared Lifetime = {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": 31_622_400,
        "description": "A time in seconds, at most a year.",
        "examples": [1_209_600],
    };
    shared Role = {
        "type": "string",
        "enum": ["user", "admin"],
        "description": "What a user may do. Whoever signs up is a `user`; an administrator may assign another role.",
    };
    shared Timestamp = {
        "type": "string",
        "format": "date-time",
        "pattern": r#"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"#,
        "description": "A time in UTC, to the microsecond (RFC 3339).",
    };
    shared Name = {
        "type": "string",
        "pattern": r#"^(?![\s\S]*(?:://|[wW]{3}\.))[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb](?:[^\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]{0,98}[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb])?[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$"#,
        "description": "A name in any script: 1 to 100 characters, at least one of them visible. No control characters, line breaks, characters that change the direction of text, or links (`://`, `www.`). Whitespace around it is trimmed and does not count.",
        "examples": ["Ada"],
    };
    shared Email = {
        "type": "string",
        "format": "idn-email",
        "maxLength": 254,
        "description": "An address `local@domain.tld` of at most 254 bytes, in any script (RFC 6531), without display name, quotes, invisible characters or address literal. It is stored as typed, with whitespace trimmed and characters composed (NFC). It is unique regardless of case and of how a character is typed; a domain in its own script equals its `xn--` form.",
        "examples": ["ada@example.org"],
    };
    shared Phone = {
        "type": "string",
        "pattern": r#"^(?![\s\S]*\([\u0009-\u000d\u0020\u0085\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2212\u3000\ufeff-]*0[\u0009-\u000d\u0020\u0085\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2212\u3000\ufeff-]*\))[\u0009-\u000d\u0020\u0085\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2212\u3000\ufeff./()-]*(?:\+|00)[\u0009-\u000d\u0020\u0085\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2212\u3000\ufeff./()-]*[1-9](?:[\u0009-\u000d\u0020\u0085\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2212\u3000\ufeff./()-]*[0-9]){6,14}[\u0009-\u000d\u0020\u0085\u00a0\u00ad\u1680\u2000-\u2015\u2028-\u202f\u205f-\u2064\u2066-\u206f\u2212\u3000\ufeff./()-]*$"#,
        "description": "An international phone number (E.164): `+` or `00`, then 7 to 15 digits that begin with a country code. Spaces and dashes of any script, dots, slashes, parentheses and invisible characters are removed; it is stored as `+` and digits. `(0)`, which is dialled only within a country, is refused: whether it stays depends on the country.",
        "examples": ["+39 02 1234567"],
    };
    shared Locale = {
        "type": "string",
        "pattern": "^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*$",
        "minLength": 2,
        "maxLength": 35,
        "description": "A language (BCP 47), such as `en` or `pt-BR`, in which the user gets messages. If there is none in this language, they are in a more general or the default one.",
        "examples": ["it"],
    };
    shared ZoneInfo = {
        "type": "string",
        "minLength": 1,
        "maxLength": 40,
        "description": "A time zone of the IANA database, such as `Europe/Rome`, in whatever case. Messages tell times in it.",
        "examples": ["Europe/Rome"],
    };
    shared Password = {
        "type": "string",
        "format": "password",
        "minLength": 8,
        "maxLength": 1024,
        "description": "At least 8 characters (more if so configured) and at most 1024 bytes in UTF-8. Every byte counts, in composed form (NFC). Refused are the most common passwords, those that are little more than the user's name or address, those of invisible characters only, and one repeated character.",
        "examples": ["correct horse battery"],
    };
    shared DeviceToken = {
        "type": "string",
        "pattern": r#"^dt1\.[A-Za-z0-9_-]{22}\.[0-9]{1,12}\.[0-9a-f]{64}$"#,
        "description": "Proof that this device has signed in to the account, valid for 90 days. It grants nothing by itself. Keep it as long as the device is the owner's, also after a logout, and send it with the next login.",
    };
    shared Event = {
        "type": "object",
        "description": "The event of a sign-in, in the JSON format of CloudEvents 1.0.",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "additionalProperties": true,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"$ref": "#/components/schemas/Uuid"},
            "source": {"type": "string", "pattern": r#"^[^\u0000]*$"#},
            "type": {"const": "user_login_event"},
            "subject": {"type": ["string", "null"], "description": "The id of the user."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"type": ["string", "null"]},
            "data": {
                "type": "object",
                "required": ["user_id", "email"],
                "additionalProperties": true,
                "properties": {
                    "user_id": {"$ref": "#/components/schemas/UserId"},
                    "email": {"$ref": "#/components/schemas/Email"},
                    "phone": {"type": ["string", "null"], "pattern": r#"^\+?[0-9]{3,15}$"#},
                },
            },
        },
    };
    shared PendingEvent = {
        "type": "object",
        "description": "An event that is not yet fully processed.",
        "required": ["kept_in", "event"],
        "additionalProperties": false,
        "properties": {
            "kept_in": {"type": "string", "description": "`outbox`, the name of an exchange, or that of a queue with `.dead`."},
            "event": {
                "type": ["object", "string"],
                "description": "The CloudEvents 1.0 event; anything else as it is, or as text if it is not JSON.",
            },
        },
    };
    shared ExchangeName = {
        "type": "string",
        "enum": [
            "user_login_event", "new_user_event", "account_locked_event", "verification_requested_event",
            "sign_up_repeated_event", "phone_verification_requested_event", "recovery_requested_event", "sign_in_requested_event", "password_changed_event",
            "second_factor_changed_event",
            "email_change_requested_event",
            "email_changed_event",
            "user_invited_event",
            "user_removed_event",
            "removal_notice_requested_event",
        ],
        "description": "The type of an event, and the exchange where it is published.",
    };
    shared QueueName = {
        "type": "string",
        "enum": [
            "login_email_notification", "login_sms_notification", "welcome_email_notification",
            "account_locked_email_notification", "verification_email_notification", "sign_up_repeated_email_notification",
            "phone_verification_sms_notification",
            "recovery_email_notification", "sign_in_link_email_notification", "password_changed_email_notification",
            "second_factor_changed_email_notification",
            "email_change_email_notification",
            "email_changed_email_notification",
            "invitation_email_notification",
            "login_webhook_notification",
            "new_user_webhook_notification",
            "account_locked_webhook_notification",
            "password_changed_webhook_notification",
            "second_factor_changed_webhook_notification",
            "email_changed_webhook_notification",
            "user_removed_webhook_notification",
            "removal_notice_email_notification",
        ],
        "description": "The queue, named after the kind of message that it leads to.",
    };
    inline HtmlPage = {
        "type": "string",
    };
    inline MetricsText = {
        "type": "string",
        "description": "Metrics in the text format of OpenMetrics 1.0.",
    };
    inline Token = {
        "type": "string",
        "description": "The secret of the link.",
    };
    inline Code = {
        "type": "string",
        "description": "Six digits.",
    };
    inline AnyText = {
        "type": "string",
    };
    inline Hint = {
        "type": "string",
    };
    shared Key = {
        "type": "object",
        "description": "A public key: Ed25519 (RFC 8037), or P-256 (RFC 7518, 6.2), which has `y` too.",
        "required": ["kty", "crv", "x", "kid", "use", "alg"],
        "additionalProperties": false,
        "properties": {
            "kty": {"enum": ["OKP", "EC"]},
            "crv": {"enum": ["Ed25519", "P-256"]},
            "x": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
            "y": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
            "kid": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]{43}$",
                "description": "The thumbprint of the key (RFC 7638).",
            },
            "use": {"const": "sig"},
            "alg": {"enum": ["EdDSA", "ES256"]},
        },
    };
    inline Int32 = {
        "type": "integer",
        "format": "int32",
        "minimum": i32::MIN,
        "maximum": i32::MAX,
    };
    inline Null = {
        "type": "null",
        "description": "There is only one page.",
    };
    inline Cursor = {
        "type": ["string", "null"],
        "description": "The `cursor` of the next page; null on the last one. The page after a full one may be empty.",
    };
    inline StoredName = {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
    };
    inline StoredEmail = {
        "type": "string",
        "format": "idn-email",
        "maxLength": 254,
    };
    inline StoredPhone = {
        "type": ["string", "null"],
        "pattern": r#"^\+?[0-9]{3,15}$"#,
    };
    inline SessionUuid = {
        "type": "string",
        "format": "uuid",
    };
    inline DateTime = {
        "type": "string",
        "format": "date-time",
    };
    inline OptionalDateTime = {
        "type": ["string", "null"],
        "format": "date-time",
    };
    inline CurrentPassword = {
        "type": "string",
        "format": "password",
    };
    inline AccessTokenText = {
        "type": "string",
        "pattern": r#"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"#,
    };
    inline RefreshTokenText = {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{96}$",
    };
    inline Bearer = {
        "const": "Bearer",
    };
    inline ExpiresIn = {
        "const": 900,
    };
    inline Ok = {
        "const": "ok",
    };
    inline Status = {
        "enum": ["ok", "unavailable"],
    };
    inline Subject = {
        "type": "string",
        "pattern": "^[1-9][0-9]{0,18}$",
    };
    inline True = {
        "const": true,
    };
    inline False = {
        "const": false,
    };
    inline StreamId = {
        "type": "string",
        "pattern": "^[0-9]+-[0-9]+$",
    };
    inline DeadLetterId = {
        "type": "string",
        "pattern": "^[0-9a-f-]+$",
    };
    inline NotificationKind = {
        "enum": ["email", "sms"],
    };
    inline FilterText = {
        "type": "string",
        "maxLength": 100,
        "pattern": r#"^[^\u0000]*$"#,
    };
    inline SearchText = {
        "type": "string",
        "maxLength": 100,
        "pattern": r#"^[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*[^\u0000\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000]+[^\u0000\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$"#,
    };
    inline RecipientText = {
        "type": "string",
        "maxLength": 254,
        "pattern": r#"[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"#,
    };
    shared ActorKind = {
        "type": "string",
        "enum": ["self", "administrator", "service", "nobody"],
        "description": "Who did something: the user whom it is about, an administrator, a service or whoever operates it, or nobody who is known.",
    };
    inline RequestId = {
        "type": "string",
        "pattern": "^[A-Za-z0-9._:-]{1,64}$",
    };
}
