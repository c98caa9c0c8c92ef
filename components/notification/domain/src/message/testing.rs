//! What the tests of messages share.

use super::{Message, MessageSettings, RenderError, Renderer};
use events::{Event, LoginNotice, Payload, Queue};
use identity::{Locale, UserId};
use time::macros::datetime;

pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../messages");

pub(crate) fn settings() -> MessageSettings {
    MessageSettings {
        brand_name: "Concierge".to_owned(),
        public_url: "https://example.org".to_owned(),
        default_locale: Locale::parse("en").unwrap(),
        login_notice: LoginNotice::NewDevice,
    }
}

/// A renderer with the templates that are shipped.
pub(crate) fn renderer() -> Renderer {
    with_settings(settings())
}

pub(crate) fn with_settings(settings: MessageSettings) -> Renderer {
    Renderer::new(settings, Box::new(|file| std::fs::read_to_string(format!("{FOLDER}/{file}")).ok()))
}

/// The names of the files that are shipped.
pub(crate) fn shipped() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(crate) fn event(payload: Payload) -> Event {
    Event { time: datetime!(2024-05-06 07:08:09 UTC), ..Event::new("/test", payload) }
}

pub(crate) fn user_id() -> UserId {
    UserId::try_from(7).unwrap()
}

/// Renders an event with the templates that are shipped.
pub(crate) fn render(queue: Queue, event: &Event) -> Result<Option<Message>, RenderError> {
    renderer().render(queue, event)
}
