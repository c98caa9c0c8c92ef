//! What the page says of very many messages that wait.

use std::fmt::Write as _;

use super::costs::value;
use crate::backlog::{BROKERS, drained_name, waiting_name};
use crate::number::{counted, number};
use crate::report::{Report, Row, metric};
use crate::side::Side;

/// The numbers of consumers of a broker that a result has.
fn consumers<'a>(report: &'a Report, broker: &str) -> Vec<(u32, &'a Row)> {
    let first = drained_name(broker, 0);
    let prefix = first.trim_end_matches('0');
    let of = |row: &'a Row| Some((row.scenario.strip_prefix(prefix)?.parse().ok()?, row));
    report.rows.iter().filter_map(of).collect()
}

/// The section, if the result has its rows.
pub(super) fn text(report: &Report) -> Option<String> {
    let waiting = |broker: &str| report.row(&waiting_name(broker), Side::Spindle.name(), None);
    BROKERS.iter().all(|broker| waiting(broker).is_some()).then_some(())?;
    let mut text = String::from(
        "A sign-in leads to two messages, which wait where nobody handles them. Consumers are processes with the product's settings \
         and a sender that takes no time; RabbitMQ is consumed by Spindle's own trigger, with a Redis beside it for deduplication and \
         the delivery log.\n\n\
         | broker | messages that waited | bytes each in memory | on disk | put in a second | lost | sent twice |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for broker in BROKERS {
        let row = waiting(broker)?;
        let cell = |metric: &str| counted(value(row, metric));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {broker} | {} | {} | {} | {} | {} | {} |",
            cell(metric::MESSAGES),
            cell(metric::IN_MEMORY),
            cell(metric::ON_DISK),
            cell(metric::THROUGHPUT),
            cell(metric::LOST),
            cell(metric::DOUBLED),
        );
    }
    let cores = report.machine.cores as f64;
    let _ = write!(
        text,
        "\nMessages a second by consumers that share the {cores} cores with the broker, and how many cores each part used. One, two \
         and four work through a twentieth each, and are stopped in the middle of it; eight through the rest, of which the last \
         twentieth is not in the rate: on Redis what the stopped ones had in hand is theirs after 30 s (`notification_claim_ms`):\n\n\
         | broker | consumers | messages a second | a million takes | consumers, cores | broker, cores | delivery log, cores | limit |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for broker in BROKERS {
        for (count, row) in consumers(report, broker) {
            let rate = value(row, metric::THROUGHPUT);
            let used =
                [metric::PROCESSOR, metric::OF_BROKER, metric::OF_LOG].map(|metric| value(row, metric) * rate / 1e6);
            let _ = writeln!(
                text,
                "| {broker} | {count} | {} | {:.0} min | {:.2} | {:.2} | {:.2} | {} |",
                number(rate),
                1e6 / rate.max(f64::MIN_POSITIVE) / 60.0,
                used[0],
                used[1],
                used[2],
                limit(broker, used, cores),
            );
        }
    }
    Some(text)
}

/// What bounds the messages a second: all cores, that of Redis, which works on a single one, or neither.
fn limit(name: &str, [consumers, broker, log]: [f64; 3], cores: f64) -> &'static str {
    const FULL: f64 = 0.85;
    if consumers + broker + log >= FULL * cores {
        let most = consumers.max(broker).max(log);
        if most <= consumers {
            "all cores, most of them the consumers'"
        } else {
            "all cores, most of them the broker's"
        }
    } else if (if name == BROKERS[0] { broker } else { log }) >= FULL {
        "the core of Redis"
    } else {
        "not the cores"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_brokers_are_shown_with_all_their_consumers() {
        let mut report: Report = crate::compare::read("2026-12-cost").unwrap();
        assert_eq!(text(&report), None, "it has no backlog");
        for broker in BROKERS {
            let side = Side::Spindle.name();
            let waiting = Row::new(&waiting_name(broker), 0, side).with(metric::MESSAGES, vec![1e6]);
            report.rows.push(waiting.with(metric::IN_MEMORY, vec![158.4]).with(metric::THROUGHPUT, vec![14_000.0]));
            for consumers in [1, 8] {
                let row = Row::new(&drained_name(broker, consumers), 0, side).with(metric::THROUGHPUT, vec![1_000.0]);
                report.rows.push(row.with(metric::PROCESSOR, vec![600.0]).with(metric::OF_BROKER, vec![300.0]));
            }
        }
        let text = text(&report).unwrap();
        assert!(text.contains("| Redis | 1,000,000 | 158 | 0 | 14,000 | 0 | 0 |"), "{text}");
        for line in ["| Redis | 1 | 1000 | 17 min | 0.60 | 0.30 | 0.00 | not the cores |", "| RabbitMQ | 8 |"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn the_limit_is_what_is_full() {
        let [redis, rabbitmq] = BROKERS;
        assert_eq!(limit(rabbitmq, [1.2, 0.5, 0.2], 2.0), "all cores, most of them the consumers'");
        assert_eq!(limit(rabbitmq, [0.3, 1.5, 0.1], 2.0), "all cores, most of them the broker's");
        assert_eq!(limit(rabbitmq, [2.0, 1.0, 0.95], 8.0), "the core of Redis");
        assert_eq!(limit(redis, [2.0, 0.95, 0.0], 8.0), "the core of Redis");
        assert_eq!(limit(rabbitmq, [2.0, 0.95, 0.1], 8.0), "not the cores");
    }
}
