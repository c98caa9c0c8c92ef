//! The AMQP trigger: messages of RabbitMQ's queues, handed to components, and acknowledged when they are done with them.
//!
//! Each trigger is one queue. A message is acknowledged after its component has returned ok. When it has not (an error, a
//! trap, no end in time) the message stays with us, unacknowledged, for a while that doubles with each delivery, and is then
//! rejected, so that the broker counts the delivery and gives the message to whoever is free. When it has had its time or its
//! deliveries ([`retry`]) a copy with the reason goes to the dead letters, and only when the broker has confirmed it is the
//! message acknowledged. So at every moment the broker has the message or its copy; what a crash can do is to have something done twice.
//!
//! Frames are looked through before lapin parses them ([`frames`]). Dead letters have a connection of their own
//! ([`dead_letters`]). What becomes of a delivery is decided by [`verdict`].
//!
//! For `prefetch` messages at once there are as many consumers with one message each ([`worker`]). One whose message has failed
//! is replaced: the message that waits keeps nobody from working.

mod breaker;
mod config;
mod dead_letter;
mod dead_letters;
mod frames;
mod hold;
mod link;
mod listener;
mod message;
mod panic;
mod queue;
mod retry;
mod session;
mod socket;
mod topology;
mod transport;
mod verdict;
mod worker;

pub(crate) use config::TRIGGER_TYPE;
pub(crate) use listener::{Listener, listeners};
