//! What people do with passkeys.

use crate::app::TestApp;
use crate::http::Answer;
use crate::people::Person;
pub use authenticator::{BACKED_UP, Device, ELIGIBLE, ORIGIN, PRESENT, RP_ID, VERIFIED, encode};
use serde_json::{Value, json};
use uuid::Uuid;

impl Person {
    /// Where the passkeys of this user are.
    #[must_use]
    pub fn passkeys(&self) -> String {
        format!("{}/passkeys", self.path())
    }
}

impl TestApp {
    /// Begins to add a passkey to somebody's account.
    #[track_caller]
    #[must_use]
    pub fn begin_passkey(&self, person: &Person) -> Answer {
        self.post(&format!("{}/options", person.passkeys())).bearer(&person.access).send()
    }

    /// Sends what a device has made.
    #[track_caller]
    #[must_use]
    pub fn send_passkey(&self, person: &Person, credential: &Value) -> Answer {
        let form = json!({"name": "Laptop", "credential": credential});
        self.post(&person.passkeys()).bearer(&person.access).json(&form).send()
    }

    /// Adds the passkey of a device to somebody's account.
    #[track_caller]
    #[must_use]
    pub fn add_passkey_of(&self, person: &Person, device: &mut Device) -> Answer {
        let begun = self.begin_passkey(person).expect(200).json();
        self.send_passkey(person, &device.create(&begun["public_key"]))
    }

    /// Adds a passkey to somebody's account.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn add_passkey(&self, person: &Person) -> Device {
        let mut device = Device::new();
        let _ = self.add_passkey_of(person, &mut device).expect(200);
        device
    }

    /// What a sign-in asks a device for.
    #[track_caller]
    #[must_use]
    pub fn passkey_options(&self) -> Value {
        self.post("/auth-ms/auth/passkey/options").send().expect(200).json()["public_key"].clone()
    }

    /// Sends what a device has signed.
    #[track_caller]
    #[must_use]
    pub fn send_assertion(&self, credential: &Value) -> Answer {
        self.post("/auth-ms/auth/passkey").json(&json!({"credential": credential})).send()
    }

    /// Signs in with a device.
    #[track_caller]
    #[must_use]
    pub fn login_by(&self, device: &mut Device) -> Answer {
        let options = self.passkey_options();
        self.send_assertion(&device.get(&options))
    }

    /// Begins a sign-in at users, as auth does.
    #[track_caller]
    #[must_use]
    pub fn begin_for_auth(&self) -> Answer {
        let body = json!({"client_address": "192.0.2.1"});
        self.post("/users-ms/internal/passkeys/begin").bearer(self.auth()).json(&body).send()
    }

    /// Ends a sign-in at users, as auth does.
    #[track_caller]
    #[must_use]
    pub fn end_for_auth(&self, credential: &Value) -> Answer {
        let session = json!({"session_id": Uuid::new_v4(), "refresh_digest": "a".repeat(64), "idle_seconds": 60,
            "absolute_seconds": 60});
        let body = json!({"credential": credential, "client_address": "192.0.2.1", "session": session});
        self.post("/users-ms/internal/passkeys/end").bearer(self.auth()).json(&body).send()
    }
}
