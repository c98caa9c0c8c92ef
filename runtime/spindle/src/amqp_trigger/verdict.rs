//! What becomes of a delivery: a decision about what is known, and nothing that is done about it.

use std::time::Duration;

use lapin::BasicProperties;

use super::message::{self, DeliveryCount};
use super::retry::{Cause, Retries};
use crate::limits::AMQP_HEADER_DEPTH;

/// Why a message was not handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) cause: Cause,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was handled.
    Acknowledge,
    /// It is delivered again after this time.
    Retry(Duration),
    /// It goes to the dead letters, with this reason.
    DeadLetter(String),
}

/// Why a message is not given to its component at all.
pub(super) fn refusal(count: DeliveryCount, properties: &BasicProperties, retries: &Retries) -> Option<Failure> {
    let reason = if message::depth(properties) > AMQP_HEADER_DEPTH {
        format!("its headers are nested deeper than {AMQP_HEADER_DEPTH} levels")
    } else if count.at_least() > retries.most_deliveries() {
        "its consumers did not survive its deliveries".to_owned()
    } else {
        return None;
    };
    Some(Failure { reason, cause: Cause::Unusable })
}

/// What becomes of a delivery: which one it was, what went wrong, if anything did, and when messages are tried again.
pub(super) fn verdict(count: DeliveryCount, result: Result<(), &Failure>, retries: &Retries) -> Verdict {
    let Err(Failure { reason, cause }) = result else { return Verdict::Acknowledge };
    match (retries.next(count.at_least(), *cause), count) {
        (Some(delay), DeliveryCount::Known(_)) => Verdict::Retry(delay),
        (_, DeliveryCount::Known(_)) => Verdict::DeadLetter(reason.clone()),
        // Tried again, it would be tried for ever.
        (_, DeliveryCount::Unknown) => {
            Verdict::DeadLetter(format!("{reason} (the queue does not count deliveries: it is no quorum queue)"))
        }
    }
}

#[cfg(test)]
mod tests {
    use lapin::types::{AMQPValue, FieldArray, FieldTable};

    use super::*;

    const RETRIES: Retries =
        Retries { first_delay: Duration::from_secs(1), retry_for: Duration::ZERO, max_deliveries: Some(3) };

    fn of(count: DeliveryCount, cause: Cause) -> Verdict {
        verdict(count, Err(&Failure { reason: "no".to_owned(), cause }), &RETRIES)
    }

    #[test]
    fn what_went_well_is_acknowledged_however_often_it_was_delivered() {
        for count in [DeliveryCount::Known(1), DeliveryCount::Known(9), DeliveryCount::Unknown] {
            assert_eq!(verdict(count, Ok(()), &RETRIES), Verdict::Acknowledge);
        }
    }

    #[test]
    fn a_failure_is_tried_again_until_the_last_delivery() {
        for cause in [Cause::Failed, Cause::Broken] {
            assert_eq!(of(DeliveryCount::Known(1), cause), Verdict::Retry(Duration::from_secs(1)));
            assert_eq!(of(DeliveryCount::Known(2), cause), Verdict::Retry(Duration::from_secs(2)));
            assert_eq!(of(DeliveryCount::Known(3), cause), Verdict::DeadLetter("no".to_owned()));
            assert_eq!(of(DeliveryCount::Known(4), cause), Verdict::DeadLetter("no".to_owned()));
        }
    }

    #[test]
    fn what_can_never_be_handled_is_a_dead_letter_at_once() {
        assert_eq!(of(DeliveryCount::Known(1), Cause::Unusable), Verdict::DeadLetter("no".to_owned()));
    }

    #[test]
    fn a_failure_on_a_queue_that_does_not_count_is_a_dead_letter_that_says_so() {
        let Verdict::DeadLetter(reason) = of(DeliveryCount::Unknown, Cause::Failed) else {
            panic!("it is tried again")
        };
        assert!(reason.starts_with("no (") && reason.contains("no quorum queue"), "{reason}");
    }

    #[test]
    fn a_message_that_no_consumer_survives_or_that_is_nested_too_deep_is_not_handled() {
        let properties = |depth: usize| {
            let value = (1..depth).fold(AMQPValue::FieldArray(FieldArray::default()), |value, _| {
                let mut table = FieldTable::default();
                table.insert("k".into(), value);
                AMQPValue::FieldTable(table)
            });
            let mut headers = FieldTable::default();
            headers.insert("h".into(), value);
            BasicProperties::default().with_headers(headers)
        };
        let reason =
            |count, properties: BasicProperties| refusal(count, &properties, &RETRIES).map(|failure| failure.reason);
        assert_eq!(reason(DeliveryCount::Known(3), BasicProperties::default()), None);
        assert_eq!(reason(DeliveryCount::Unknown, properties(AMQP_HEADER_DEPTH)), None);
        let survived = reason(DeliveryCount::Known(4), properties(1)).unwrap();
        assert!(survived.contains("did not survive"), "{survived}");
        let deep = reason(DeliveryCount::Known(1), properties(AMQP_HEADER_DEPTH + 1)).unwrap();
        assert!(deep.contains("nested deeper than 32"), "{deep}");
    }
}
