//! Experiments, where `cargo xtask up --experiments` runs them.

use crate::ROOT;
use crate::plot::period;
use browser::field::summary;
use browser::{Faults, Frame};
use maud::{Markup, html};

/// An experiment and its last run.
#[derive(Debug)]
pub struct Experiment<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is about.
    pub about: &'a str,
    /// `never run`, `running`, `succeeded`, `failed` or `timed out`.
    pub state: &'a str,
    /// How long the run has taken, in seconds.
    pub seconds: Option<u64>,
    /// The end of what it has printed.
    pub output: &'a str,
    /// Whether it has left a plot.
    pub has_plot: bool,
}

impl Experiment<'_> {
    fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// The page. The script fetches its lower part again and again.
#[must_use]
pub fn experiments(
    frame: &Frame<'_>,
    experiments: Result<&[Experiment<'_>], &str>,
    script: &str,
    faults: &Faults,
) -> String {
    let is_busy = experiments.unwrap_or_default().iter().any(Experiment::is_running);
    let content = html! {
        (summary(frame, faults))
        p {
            "Each experiment runs on servers of its own, beside this app and not in it, one at a time. It signs people in, breaks \
             something, and says what became of each message. The first one takes minutes longer, since its program is compiled."
        }
        @if let Ok(experiments) = experiments {
            form method="post" action={ (ROOT) "/experiments" } {
                (frame.token())
                div.field {
                    label for="name" { "Experiment" }
                    select id="name" name="name" {
                        @for experiment in experiments { option value=(experiment.name) { (experiment.name) } }
                    }
                }
                @if is_busy { p.hint { "One is running. Wait for its end." } }
                button type="submit" { "Start" }
            }
        }
        div.live {
            p.hint id="live-status" role="status" { "As of when the page was loaded." }
            a.button.secondary href={ (ROOT) "/experiments" } { "Refresh" }
            button.secondary id="live-pause" type="button" hidden { "Pause" }
        }
        (live_experiments(experiments))
        script src=(script) defer {}
    };
    frame.page("/experiments", "Experiments", false, &content)
}

/// The part that changes.
#[must_use]
pub fn live_experiments(experiments: Result<&[Experiment<'_>], &str>) -> Markup {
    html! {
        div data-live={ (ROOT) "/experiments/live" } {
            @match experiments {
                Err(reason) => div.odd-box {
                    p { strong { "Experiments cannot be reached." } " " (reason) }
                    p.hint { "They end with " code { "cargo xtask up --experiments" } ". Does it still run?" }
                },
                Ok(experiments) => ul.items { @for experiment in experiments { li { (one(experiment)) } } },
            }
        }
    }
}

fn one(experiment: &Experiment<'_>) -> Markup {
    let Experiment { name, about, state, seconds, output, has_plot } = experiment;
    let class = match *state {
        "succeeded" => "badge",
        "failed" | "timed out" => "badge odd",
        _ => "hint",
    };
    html! {
        h2 { (name) " " span class=(class) { (state) @if let Some(seconds) = seconds { ", " (period(*seconds)) } } }
        p.hint { (about) }
        @if !output.is_empty() {
            details id={ "output-" (name) } open[experiment.is_running()] {
                summary { "Output" span.unseen { " of " (name) } }
                pre tabindex="0" role="region" aria-label={ "Output of " (name) } { (output) }
            }
        }
        @if *has_plot {
            p { img.drawn src={ (ROOT) "/experiments/" (name) "/plot" } alt={ "Plot of the last run of " (name) ". Its numbers are in the output." }; }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(state: &str, output: &str) -> String {
        let experiment = Experiment {
            name: "split",
            about: "Even.",
            state,
            seconds: Some(7),
            output,
            has_plot: state == "succeeded",
        };
        live_experiments(Ok(&[experiment])).into_string()
    }

    #[test]
    fn what_an_experiment_prints_is_escaped() {
        let page = shown("running", "<script>alert(1)</script>");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("running, 7\u{a0}s") && !page.contains("<img"), "{page}");
    }

    #[test]
    fn a_plot_is_an_image_of_its_own() {
        assert!(shown("succeeded", "").contains("<img class=\"drawn\" src=\"/console/experiments/split/plot\""));
        assert!(shown("succeeded", "").contains("class=\"badge\""));
        assert!(shown("failed", "no").contains("class=\"badge odd\""));
        assert!(!shown("never run", "").contains("badge"));
        assert!(live_experiments(Err("No answer.")).into_string().contains("Does it still run?"));
    }
}
