//! What a run has found, as tables, a plot and the goals that were missed.

use super::judge::{Kind, Step, Verdict};
use super::matrix::named;
use crate::table::table;
use crate::{Report, broker, plot};
use anyhow::Result;

/// Within how many seconds all is to be well again.
const HEALING: f64 = 10.0;
/// Within which time 99 of 100 requests are to be answered that need nothing of what is broken, in milliseconds.
const BOUND: f64 = 1000.0;

pub(super) fn report(broker: broker::Kind, has_pairs: bool, steps: &[Step], verdicts: &[Verdict]) -> Result<Report> {
    let names: Vec<_> = steps.iter().map(|step| named(&step.harm)).collect();
    let seconds = |time: Option<f64>| time.map_or_else(|| "never".to_owned(), |time| format!("{time:.1}"));
    let outcomes: Vec<_> = names
        .iter()
        .zip(verdicts)
        .map(|(name, verdict)| {
            let counts = [verdict.lost, verdict.doubled, verdict.again].map(|count| count.to_string());
            let times = [seconds(verdict.healed), seconds(verdict.drained)];
            let first = [name.clone(), format!("{:.0}", verdict.others_p99)];
            first.into_iter().chain(counts).chain(times).collect::<Vec<_>>()
        })
        .collect();
    let requests: Vec<_> = names
        .iter()
        .zip(verdicts)
        .map(|(name, verdict)| {
            let cells = verdict.counts.iter().map(|it| format!("{}/{}/{}", it.done, it.refused, it.failed));
            std::iter::once(name.clone()).chain(cells).collect::<Vec<_>>()
        })
        .collect();
    let missed: Vec<_> = names.iter().zip(verdicts).flat_map(|(name, verdict)| missed(name, verdict)).collect();
    let head = ["broken", "others p99 ms", "lost", "doubled", "answer lost", "healed s", "backlog s"];
    let kinds: Vec<_> = std::iter::once("done/refused/failed").chain(Kind::ALL.map(Kind::name)).collect();
    let goals = if missed.is_empty() {
        "goals missed: none\n".to_owned()
    } else {
        format!("goals missed:\n{}\n", missed.join("\n"))
    };
    let rows: Vec<_> = names
        .iter()
        .zip(verdicts)
        .map(|(name, verdict)| plot::Range { name: name.clone(), bar: verdict.healed, mark: verdict.drained })
        .collect();
    let title = format!("Until all is well again ({})", broker.name());
    Ok(Report {
        name: if has_pairs { "chaos-pairs" } else { "chaos" },
        text: format!("{}\n{}\n{goals}", table(&kinds, &requests), table(&head, &outcomes)),
        svg: plot::ranges(
            &title,
            "all is well for whoever comes",
            "the last message of before has arrived",
            HEALING,
            &rows,
        )?,
        is_kept: missed.is_empty(),
    })
}

/// The goals that a step missed.
fn missed(name: &str, verdict: &Verdict) -> Vec<String> {
    let mut missed = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            missed.push(format!("{name}: {what}"));
        }
    };
    expect(verdict.lost == 0, format!("{} messages lost", verdict.lost));
    expect(verdict.doubled == 0, format!("{} messages doubled", verdict.doubled));
    expect(verdict.failed == 0, format!("{} requests failed", verdict.failed));
    expect(verdict.disturbed == 0, format!("{} requests disturbed that do not need it", verdict.disturbed));
    expect(verdict.others_p99 <= BOUND, format!("p99 of what does not need it {:.0} ms", verdict.others_p99));
    expect(verdict.late == 0, format!("{} messages late that do not need it", verdict.late));
    match verdict.healed {
        Some(time) => expect(time <= HEALING, format!("healed after {time:.1} s")),
        None => expect(false, "not healed".to_owned()),
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::super::judge::Counts;
    use super::super::matrix::{Cause, Part};
    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            counts: [Counts { done: 3, refused: 2, failed: 0 }; Kind::ALL.len()],
            failed: 0,
            disturbed: 0,
            others_p99: 90.0,
            lost: 0,
            doubled: 0,
            again: 4,
            healed: Some(1.5),
            drained: Some(31.0),
            late: 0,
        }
    }

    #[test]
    fn each_goal_that_is_missed_is_named_with_its_step() {
        let step = Step { harm: vec![(Part::Redis, Cause::Cut)], calm: 0.0, broken: 2.0, mended: 10.0, over: 20.0 };
        let of = |verdict| report(broker::Kind::Redis, false, std::slice::from_ref(&step), &[verdict]).unwrap();
        let kept = of(verdict());
        assert!(
            kept.is_kept && kept.text.contains("3/2/0") && kept.text.contains("goals missed: none"),
            "{}",
            kept.text
        );
        let broken = [
            (Verdict { lost: 1, ..verdict() }, "Redis, cut: 1 messages lost"),
            (Verdict { doubled: 2, ..verdict() }, "Redis, cut: 2 messages doubled"),
            (Verdict { failed: 3, ..verdict() }, "Redis, cut: 3 requests failed"),
            (Verdict { disturbed: 4, ..verdict() }, "Redis, cut: 4 requests disturbed that do not need it"),
            (Verdict { others_p99: 1500.0, ..verdict() }, "Redis, cut: p99 of what does not need it 1500 ms"),
            (Verdict { late: 5, ..verdict() }, "Redis, cut: 5 messages late that do not need it"),
            (Verdict { healed: Some(11.0), ..verdict() }, "Redis, cut: healed after 11.0 s"),
            (Verdict { healed: None, ..verdict() }, "Redis, cut: not healed"),
        ];
        for (verdict, goal) in broken {
            let report = of(verdict);
            assert!(!report.is_kept && report.text.ends_with(&format!("goals missed:\n{goal}\n")), "{}", report.text);
        }
    }
}
