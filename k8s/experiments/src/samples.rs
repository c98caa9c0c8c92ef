//! Answers, counted: how many failed, how long they took, how long nobody was let in.

/// One request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was due, in seconds since the load began.
    pub at: f64,
    /// How long it took since it was due.
    pub seconds: f64,
    /// The status; 0 for none.
    pub status: u16,
}

impl Sample {
    /// Whether the caller got no answer, or one that is our fault.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.status == 0 || self.status >= 500
    }
}

/// All requests of a load, in the order in which they were due.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Sample>);

impl Samples {
    /// Puts them in order.
    #[must_use]
    pub fn new(mut samples: Vec<Sample>) -> Self {
        samples.sort_by(|one, other| one.at.total_cmp(&other.at));
        Self(samples)
    }

    /// Those that were due in a span of time.
    #[must_use]
    pub fn between(&self, from: f64, to: f64) -> Self {
        Self(self.0.iter().filter(|sample| (from..to).contains(&sample.at)).copied().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many have failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.0.iter().filter(|sample| sample.has_failed()).count()
    }

    /// How many were answered with this status.
    #[must_use]
    pub fn with_status(&self, status: u16) -> usize {
        self.0.iter().filter(|sample| sample.status == status).count()
    }

    /// When the first and the last with this status were due.
    #[must_use]
    pub fn span_of(&self, status: u16) -> Option<(f64, f64)> {
        let mut found = self.0.iter().filter(|sample| sample.status == status).map(|sample| sample.at);
        let first = found.next()?;
        Some((first, found.next_back().unwrap_or(first)))
    }

    /// The time, in milliseconds, within which this share of the answers came.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let mut times: Vec<_> = self.0.iter().map(|sample| sample.seconds * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = (times.len() as f64 * share) as usize;
        times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    /// The longest time, in seconds, from a request that failed to the next that did not.
    #[must_use]
    pub fn longest_outage(&self) -> f64 {
        let (mut longest, mut since) = (0.0_f64, None);
        for sample in &self.0 {
            match (sample.has_failed(), since) {
                (true, None) => since = Some(sample.at),
                (false, Some(start)) => {
                    longest = longest.max(sample.at - start);
                    since = None;
                }
                _ => {}
            }
        }
        let last = self.0.last().map_or(0.0, |sample| sample.at);
        longest.max(since.map_or(0.0, |start| last - start))
    }

    /// For each whole second, how many there are of those that `is_one` takes.
    #[must_use]
    pub fn per_second(&self, is_one: impl Fn(&Sample) -> bool) -> Vec<(f64, f64)> {
        let Some(last) = self.0.last() else { return Vec::new() };
        let mut counts = Vec::new();
        let mut second = 0.0;
        while second + 1.0 <= last.at {
            let inside = self.0.iter().filter(|sample| (second..second + 1.0).contains(&sample.at) && is_one(sample));
            counts.push((second, number(inside.count())));
            second += 1.0;
        }
        counts
    }
}

/// A count as a number to draw. Counts are far below where this loses anything.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of requests and pods")]
pub fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(statuses: &[u16]) -> Samples {
        let one = |(place, status): (usize, &u16)| Sample {
            at: number(place) * 0.5,
            seconds: 0.001 * number(place + 1),
            status: *status,
        };
        Samples::new(statuses.iter().enumerate().map(one).collect())
    }

    #[test]
    fn no_answer_and_our_own_faults_are_failures_and_others_are_not() {
        let samples = samples(&[200, 404, 429, 0, 503, 200]);
        assert_eq!((samples.count(), samples.failed(), samples.with_status(404)), (6, 2, 1));
    }

    #[test]
    fn an_outage_lasts_until_somebody_is_let_in_again() {
        assert!(samples(&[200, 200]).longest_outage().abs() < f64::EPSILON);
        assert!((samples(&[200, 0, 0, 503, 200, 0, 200]).longest_outage() - 1.5).abs() < 1e-9);
        assert!((samples(&[200, 0, 0, 0]).longest_outage() - 1.0).abs() < 1e-9, "to the end");
    }

    #[test]
    fn the_last_part_of_a_second_is_no_second() {
        let per_second = |statuses: &[u16]| samples(statuses).per_second(Sample::has_failed);
        assert_eq!(per_second(&[200, 200, 0, 0, 0]), [(0.0, 0.0), (1.0, 2.0)]);
        assert_eq!(per_second(&[200, 200, 0, 0]), [(0.0, 0.0)]);
        assert_eq!(per_second(&[]), []);
    }

    #[test]
    fn quantiles_and_spans() {
        let samples = samples(&[200, 200, 0, 200]);
        assert!((samples.quantile_ms(0.5) - 3.0).abs() < 1e-9);
        assert!((samples.quantile_ms(0.99) - 4.0).abs() < 1e-9);
        assert_eq!(samples.span_of(200), Some((0.0, 1.5)));
        assert_eq!(samples.span_of(500), None);
        assert_eq!(samples.between(0.5, 1.5).count(), 2);
    }
}
