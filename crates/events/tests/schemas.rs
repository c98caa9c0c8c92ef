//! The JSON Schemas in `events/`, which other services read, are true: each exchange has one, what is published satisfies it,
//! and it knows exactly the fields that there are.

use events::{
    AccountLocked, EmailChangeRequested, EmailChanged, Event, Exchange, Login, PasswordChanged, Payload,
    PhoneVerificationRequested, RecoveryRequested, RemovalNoticeRequested, SecondFactorChange, SecondFactorChanged,
    SignInRequested, SignUp, SignUpRepeated, UserInvited, UserRemoved, VerificationRequested,
};
use identity::{Locale, UserId, ZoneInfo};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

fn schema_of(exchange: Exchange) -> Value {
    let file = folder().join(format!("{}.v1.json", exchange.name()));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// A payload of each exchange with all of its fields. A new field does not compile here until it has a value.
fn complete(exchange: Exchange) -> Payload {
    let user_id = UserId::try_from(7).expect("7 is an id");
    let email = "ada@example.org".to_owned();
    let link = || "https://example.org/?token=abc".to_owned().into();
    let code = || "012345".to_owned().into();
    match exchange {
        Exchange::UserLogin => Payload::Login(Login {
            user_id,
            email,
            phone: Some("+39021234567".to_owned()),
            known_device: Some(true),
            device: Some("Firefox, Linux".to_owned()),
            network: Some("203.0.113.0/24".to_owned()),
            link: Some(link()),
        }),
        Exchange::NewUser => {
            Payload::SignUp(SignUp { user_id, email, name: "Ada".to_owned(), awaits_verification: true })
        }
        Exchange::AccountLocked => Payload::AccountLocked(AccountLocked { user_id, email }),
        Exchange::VerificationRequested => {
            Payload::VerificationRequested(VerificationRequested { user_id, email, link: link(), code: code() })
        }
        Exchange::SignUpRepeated => Payload::SignUpRepeated(SignUpRepeated { user_id, email }),
        Exchange::RecoveryRequested => {
            Payload::RecoveryRequested(RecoveryRequested { user_id, email, link: link(), code: code() })
        }
        Exchange::PhoneVerificationRequested => Payload::PhoneVerificationRequested(PhoneVerificationRequested {
            user_id,
            email,
            phone: "+39021234567".to_owned(),
            code: code(),
        }),
        Exchange::SignInRequested => {
            Payload::SignInRequested(SignInRequested { user_id, email, link: link(), code: code() })
        }
        Exchange::PasswordChanged => Payload::PasswordChanged(PasswordChanged { user_id, email, link: Some(link()) }),
        Exchange::EmailChangeRequested => {
            Payload::EmailChangeRequested(EmailChangeRequested { user_id, email, link: link(), code: code() })
        }
        Exchange::EmailChanged => Payload::EmailChanged(EmailChanged { user_id, email, link: Some(link()) }),
        Exchange::UserInvited => Payload::UserInvited(UserInvited { user_id, email, link: link(), code: code() }),
        Exchange::UserRemoved => Payload::UserRemoved(UserRemoved { user_id }),
        Exchange::RemovalNoticeRequested => Payload::RemovalNoticeRequested(RemovalNoticeRequested { user_id, email }),
        Exchange::SecondFactorChanged => Payload::SecondFactorChanged(SecondFactorChanged {
            user_id,
            email,
            change: SecondFactorChange::Added,
            link: Some(link()),
        }),
    }
}

fn json_of(exchange: Exchange) -> Value {
    let source =
        schema_of(exchange)["properties"]["source"]["const"].as_str().expect("a schema names its source").to_owned();
    let event = Event {
        locale: Locale::parse("pt-BR").ok(),
        zoneinfo: ZoneInfo::parse("Europe/Rome").ok(),
        ..Event::new(&source, complete(exchange))
    };
    let mut json: Value = serde_json::from_str(&event.to_json()).expect("an event is JSON");
    // As a service adds what it happened in.
    json["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
    json["requestid"] = "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e10".into();
    json
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("this is an object").keys().map(String::as_str).collect()
}

#[test]
fn each_exchange_has_a_schema_and_there_is_no_other() {
    for exchange in Exchange::ALL {
        let schema = schema_of(exchange);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], format!("urn:concierge:event:{}:1", exchange.name()));
        assert_eq!(schema["properties"]["type"]["const"], exchange.name());
    }
    assert_eq!(std::fs::read_dir(folder()).unwrap().count(), Exchange::ALL.len());
}

#[test]
fn what_is_published_satisfies_its_schema() {
    for exchange in Exchange::ALL {
        let validator = jsonschema::options().should_validate_formats(true).build(&schema_of(exchange)).unwrap();
        let mut json = json_of(exchange);
        let faults: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", exchange.name());
        json["data"]["user_id"] = "7".into();
        assert!(!validator.is_valid(&json), "{}", exchange.name());
    }
}

#[test]
fn a_schema_has_the_fields_that_there_are_and_requires_what_a_consumer_cannot_do_without() {
    for exchange in Exchange::ALL {
        let (schema, json) = (schema_of(exchange), json_of(exchange));
        assert_eq!(names(&schema["properties"]), names(&json), "{}", exchange.name());
        let data = &schema["properties"]["data"];
        assert_eq!(names(&data["properties"]), names(&json["data"]), "{}", exchange.name());
        for required in data["required"].as_array().unwrap() {
            let mut without = json.clone();
            without["data"].as_object_mut().unwrap().remove(required.as_str().unwrap());
            assert!(Event::from_json(without.to_string().as_bytes()).is_err(), "{}: {required}", exchange.name());
        }
        let mut least = json.clone();
        let is_required = |name: &String| data["required"].as_array().unwrap().iter().any(|known| known == name);
        least["data"].as_object_mut().unwrap().retain(|name, _| is_required(name));
        assert!(Event::from_json(least.to_string().as_bytes()).is_ok(), "{}", exchange.name());
    }
}
