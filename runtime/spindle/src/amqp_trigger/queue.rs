//! One queue, and the call of the component that handles its messages.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::config::TriggerConfig;
use super::dead_letters::DeadLetters;
use super::retry::Cause;
use super::verdict::Failure;
use crate::app::App;
use crate::component::Component;
use crate::counters::QueueCounters;
use crate::handlers::AmqpHandlerPre;
use crate::handlers::amqp::{Error as GuestError, HeaderValue, Message};
use crate::invoke::{Fault, Invocation};
use crate::state::State;
use crate::telemetry::AmqpMessage;

/// The header that says which trace a message belongs to (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// One queue, and the component that handles its messages.
pub(super) struct Queue {
    pub(super) app: Arc<App>,
    pub(super) config: TriggerConfig,
    pub(super) breaker: Breaker,
    pub(super) dead_letters: DeadLetters,
    /// How many more failed messages may wait, and how many more KiB of them.
    pub(super) waiting: Arc<Semaphore>,
    pub(super) waiting_kib: Arc<Semaphore>,
    pub(super) counters: Arc<QueueCounters>,
    component: Arc<Component>,
    handler: AmqpHandlerPre<State>,
}

impl Queue {
    /// Finds the component and its handler.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn new(app: &Arc<App>, config: TriggerConfig) -> Result<Self, String> {
        let id = &config.component;
        let component = app.component(id).ok_or_else(|| format!("there is no component `{id}`"))?;
        let handler = component
            .amqp_handler
            .clone()
            .ok_or_else(|| format!("component `{id}` does not export concierge:amqp/handler@0.1.0"))?;
        let waiting = Arc::new(Semaphore::new(app.limits.amqp_waiting_messages.0));
        let waiting_kib = Arc::new(Semaphore::new(app.limits.amqp_waiting_bytes.0 / 1024));
        let breaker = Breaker::new(config.pause_after);
        let dead_letters = DeadLetters::new(&config, &app.limits);
        let app = Arc::clone(app);
        Ok(Self {
            app,
            config,
            breaker,
            dead_letters,
            waiting,
            waiting_kib,
            counters: Arc::default(),
            component,
            handler,
        })
    }

    /// Calls the component with a message, which comes back with what was wrong, if anything was.
    pub(super) async fn call(&self, mut message: Message) -> (Message, Option<Failure>) {
        let failed = |reason: String, cause: Cause| Some(Failure { reason, cause });
        let mut span = AmqpMessage::received(&self.config.queue, traceparent(&message), &message.body);
        let mut invocation = match Invocation::prepare(&self.app, &self.component, 0) {
            Ok(invocation) => invocation,
            Err(error) => return (message, failed(format!("cannot start an instance: {error}"), Cause::Failed)),
        };
        let trace = span.trace();
        if let Some(text) = trace.as_text() {
            message.headers.retain(|(name, _)| name != TRACEPARENT);
            message.headers.push((TRACEPARENT.to_owned(), HeaderValue::Text(text)));
            message.headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        invocation.set_trace(trace);
        let _in_hand = self.counters.in_hand.enter();
        let handler = self.handler.clone();
        // The message is needed whatever becomes of the call.
        let message = Arc::new(message);
        let given = Arc::clone(&message);
        let work = invocation.run(self.app.limits.message_deadline.0, |mut store| async move {
            let call = async {
                let instance = handler.instantiate_async(&mut store).await?;
                instance.concierge_amqp_handler().call_handle_message(&mut store, &given).await
            };
            (call.await, store)
        });
        // On a task of its own: a panic in the engine is then a failure like others.
        let failure = match tokio::spawn(work).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(GuestError::Failed(reason)))) => failed(reason, Cause::Failed),
            Ok(Ok(Err(GuestError::Unusable(reason)))) => failed(reason, Cause::Unusable),
            Ok(Err(fault @ (Fault::Trap(_) | Fault::Deadline(_)))) => failed(fault.to_string(), Cause::Broken),
            Err(error) => failed(format!("the runtime failed: {error}"), Cause::Broken),
        };
        if failure.is_some() {
            span.fail("not handled");
        }
        let message = Arc::try_unwrap(message).unwrap_or_else(|shared| Message::clone(&shared));
        (message, failure)
    }
}

/// What the headers of a message say about its trace.
fn traceparent(message: &Message) -> Option<&str> {
    message.headers.iter().find_map(|(name, value)| match value {
        HeaderValue::Text(text) if name == TRACEPARENT => Some(text.as_str()),
        _ => None,
    })
}
