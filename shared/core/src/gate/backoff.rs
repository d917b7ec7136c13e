//! Pauses after failures.

use std::time::Duration;

use crate::time::Monotonic;

/// The pause after so many failures in a row: from 0.5–1 s, doubling, to 15–30 s, so that who is well again is
/// asked within a minute. `random`, uniform in `0..1`, spreads it over the
/// upper half, so that many processes do not come back at once.
pub(super) fn pause(failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(5);
    let longest = Duration::from_secs(1 << doublings).min(Duration::from_secs(30));
    longest.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
}

/// The first moment that is surely not before `now` plus `wait`: both are cut to milliseconds, so each may hide up to one.
pub(super) fn floor(now: Monotonic, wait: Duration) -> Monotonic {
    now + wait + Duration::from_millis(2)
}
