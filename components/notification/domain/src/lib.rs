//! The rules of the notification service, as pure functions: which message an event is rendered to, how deliveries are
//! logged and how the log is read, how providers are asked to send them, and how webhooks are signed.
//!
//! Nothing here does I/O or knows Redis or Spin.

mod adapter;
mod dead;
mod failure;
mod log;
mod measured;
mod message;
mod query;
mod rabbit;
mod statistics;
mod webhook;

pub use adapter::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, mail_adapter, sms_adapter};
pub use dead::{is_about, shown_letter, shown_time};
pub use failure::SendError;
pub use log::{LogItem, from_entry};
pub use measured::measured;
pub use message::{Message, MessageKind, MessageSettings, ReadFile, RenderError, Renderer, TemplateError};
pub use query::{LogQuery, is_entry_id};
pub use rabbit::{AmqpLogin, RabbitLetter, amqp_login};
pub use statistics::{RabbitQueue, consumer_statistics, queue_statistics, rabbit_statistics};
pub use webhook::{Endpoint, EndpointError, endpoints, webhook_result};
