//! Publishing: the event goes onto the stream, then a wake-up to the consumers.

use super::Command;
use crate::Exchange;

/// The field of a stream entry that holds the event.
pub(super) const FIELD: &str = "event";

/// The commands that publish an event, in order. Once the first has succeeded the event is published: the second
/// only wakes the consumers, and a wake-up that is lost is made up for by the next one.
#[must_use]
pub fn publish(exchange: Exchange, event: &str) -> [Command; 2] {
    let add = Command::new("XADD").arg(exchange.name()).arg("*").arg(FIELD).arg(event);
    [add, wake_up(exchange)]
}

/// The command that wakes up the consumers of an exchange. It has no payload: the messages are in the stream.
#[must_use]
pub fn wake_up(exchange: Exchange) -> Command {
    Command::new("PUBLISH").arg(exchange.name()).arg("wake-up")
}
