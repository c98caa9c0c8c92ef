//! Publishing: the event onto the stream, then a ring of the doorbell.

use super::Command;
use crate::Exchange;

/// The field of a stream entry that holds the event.
pub(super) const FIELD: &str = "event";

/// The commands that publish an event, in order. Once the first has succeeded the event is published: the second
/// only wakes the consumers, and a ring that nobody hears is made good by the next one.
#[must_use]
pub fn publish(exchange: Exchange, event: &str) -> [Command; 2] {
    let add = Command::new("XADD").arg(exchange.name()).arg("*").arg(FIELD).arg(event);
    [add, ring(exchange)]
}

/// The command that wakes the consumers of an exchange. The payload says nothing: what there is to do is in the
/// stream.
#[must_use]
pub fn ring(exchange: Exchange) -> Command {
    Command::new("PUBLISH").arg(exchange.name()).arg("ring")
}
