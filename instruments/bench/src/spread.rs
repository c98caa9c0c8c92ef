//! Several runs of the same measurement: their median, and how far apart they are.

use serde::{Deserialize, Serialize};

/// The values of all runs, in the order in which they were measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: Vec<f64>,
}

impl Spread {
    /// Of no runs it is all zero.
    pub(crate) fn new(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        Self { median: median(&sorted), min: at(&sorted, 0), max: at(&sorted, sorted.len().wrapping_sub(1)), runs }
    }

    /// The median of the ratios, run by run: both sides of a run saw the same weather.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        let ratios = self.runs.iter().zip(&other.runs).filter(|(_, b)| **b > 0.0).map(|(a, b)| a / b);
        Self::new(ratios.collect()).median
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(sorted, middle)
    } else {
        f64::midpoint(at(sorted, middle.wrapping_sub(1)), at(sorted, middle))
    }
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_and_the_order_stays() {
        let spread = Spread::new(vec![3.0, 1.0, 2.0]);
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 3.0));
        assert_eq!(spread.runs, [3.0, 1.0, 2.0]);
        assert_eq!(Spread::new(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::new(Vec::new()).median, 0.0);
    }

    #[test]
    fn a_ratio_is_of_runs_that_belong_together() {
        let (a, b) = (Spread::new(vec![10.0, 1.0, 5.0]), Spread::new(vec![20.0, 2.0, 5.0]));
        assert_eq!(a.ratio_to(&b), 0.5);
    }
}
