//! Prints each message of a queue. A message that begins with `later` is tried again; one that is not text is a dead letter.

wit_bindgen::generate!({
    path: "../../../wit/deps/concierge-amqp",
    inline: "package example:app; world app { export concierge:amqp/handler@0.1.0; }",
});

use exports::concierge::amqp::handler::{Error, Guest, Message};

struct Handler;

export!(Handler);

impl Guest for Handler {
    fn handle_message(message: Message) -> Result<(), Error> {
        let Message { body, routing_key, delivery_count, .. } = message;
        let Ok(text) = String::from_utf8(body) else {
            return Err(Error::Unusable("it is not text".to_owned()));
        };
        println!("{routing_key}, delivery {delivery_count}: {text}");
        if text.starts_with("later") {
            return Err(Error::Failed("not now".to_owned()));
        }
        // Returning ok acknowledges the message.
        Ok(())
    }
}
