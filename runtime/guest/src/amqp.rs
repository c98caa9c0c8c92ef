//! The handler of AMQP messages: does what the message says, and tells what it got.

wit_bindgen::generate!({ path: "../../wit", world: "concierge:app/amqp-handler" });

use exports::concierge::amqp::handler::{Error, Guest, Message};

use crate::routes;

struct Handler;

export!(Handler);

impl Guest for Handler {
    /// `fail ...`, `unusable ...`, `trap ...`, `sleep <ms> ...`, `loop`, `headers`, or anything else, which is well.
    fn handle_message(message: Message) -> Result<(), Error> {
        let text = String::from_utf8_lossy(&message.body);
        let short: String = text.chars().take(40).collect();
        println!(
            "got {short} ({} bytes), delivery {}{} from {} by {}/{}, id {:?}, type {:?}, time {:?}",
            message.body.len(),
            message.delivery_count,
            if message.redelivered { " again" } else { "" },
            message.queue,
            message.exchange,
            message.routing_key,
            message.message_id,
            message.content_type,
            message.timestamp,
        );
        let mut words = text.split(' ');
        match words.next() {
            Some("fail") => return Err(Error::Failed("as told".to_owned())),
            Some("unusable") => return Err(Error::Unusable("never as told".to_owned())),
            Some("trap") => panic!("as told"),
            Some("sleep") => routes::sleep(words.next().and_then(|word| word.parse().ok()).unwrap_or(0)),
            Some("loop") => loop {
                std::hint::black_box(());
            },
            Some("headers") => {
                for (name, value) in &message.headers {
                    println!("header {name}: {value:?}");
                }
            }
            _ => {}
        }
        println!("done {short}");
        Ok(())
    }
}
