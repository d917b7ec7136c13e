//! Pauses between attempts.

use std::time::Duration;

/// Doubling pauses with jitter, so that many processes do not come back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), next: min }
    }

    /// After a success.
    pub(super) fn reset(&mut self) {
        self.next = self.min;
    }

    /// The next pause: between half of the current step and the whole of it.
    pub(super) fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.max);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Duration};

    #[test]
    fn pauses_grow_to_the_longest_and_start_again_after_a_success() {
        let (min, max) = (Duration::from_millis(50), Duration::from_secs(1));
        let mut backoff = Backoff::new(min, max);
        let pauses: Vec<Duration> = (0..10).map(|_| backoff.pause()).collect();
        assert!(pauses.iter().all(|pause| (min / 2..=max).contains(pause)), "{pauses:?}");
        assert!(pauses[0] <= min && pauses[9] >= max / 2, "{pauses:?}");
        backoff.reset();
        assert!(backoff.pause() <= min);
    }
}
