//! CPU load for the autoscaling experiment (the report's `load-test`).

/// The largest `n`: naive recursion takes about a second for 40 and ten for 45.
pub const MAX_N: u32 = 45;

/// The `n`-th Fibonacci number, computed the slow way on purpose: the work is the point.
#[must_use]
pub fn fibonacci(n: u32) -> u64 {
    // The barrier keeps the optimiser from turning half of the recursion into a loop.
    let n = std::hint::black_box(n);
    if n < 2 { u64::from(n) } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_numbers_are_right() {
        let numbers: Vec<_> = (0..10).map(super::fibonacci).collect();
        assert_eq!(numbers, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
    }
}
