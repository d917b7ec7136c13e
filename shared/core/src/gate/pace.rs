//! Requests per minute.

use crate::time::Monotonic;

const NANOS_PER_MILLI: u64 = 1_000_000;
/// One millisecond more than a minute: times are cut to milliseconds, so a minute by the clock may seem one longer.
const WINDOW_NANOS: u64 = 60_001 * NANOS_PER_MILLI;

/// A token bucket (as a generic cell rate algorithm) with a strict bound: at most the given number of starts in *any* 60 seconds. Its
/// burst `b` is a second's worth, and starts are `60 s / (rpm - b + 1)` apart in the long run, so that a full burst and what
/// follows within the minute are together no more than `rpm`. The price is that at most `b - 1` starts a minute are given away.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Nanoseconds between starts in the long run.
    interval: u64,
    /// How far a burst may run ahead of that, in nanoseconds.
    tolerance: u64,
    /// When the next start would come if all were evenly spaced, in nanoseconds.
    next_even: u64,
}

impl Pace {
    pub(super) fn new(requests_per_minute: u32) -> Self {
        let rpm = u64::from(requests_per_minute.max(1));
        let burst = (rpm / 60).max(1);
        let interval = WINDOW_NANOS.div_ceil(rpm - burst + 1);
        Self { interval, tolerance: interval * (burst - 1), next_even: 0 }
    }

    /// The earliest moment of the next start.
    pub(super) fn next(&self) -> Monotonic {
        Monotonic(self.next_even.saturating_sub(self.tolerance).div_ceil(NANOS_PER_MILLI))
    }

    /// Takes note of a start.
    pub(super) fn start(&mut self, now: Monotonic) {
        let now = now.0.saturating_mul(NANOS_PER_MILLI);
        self.next_even = self.next_even.max(now).saturating_add(self.interval);
    }
}
