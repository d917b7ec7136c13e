//! The clock port. Roles get time from here, so that a whole system runs in virtual time.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use igentai_core::time::{Monotonic, Now, UnixMillis};

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Both clocks.
    fn now(&self) -> Now;
}

/// The machine's clocks. The monotonic one is that of the async runtime, so it stands still and jumps with a paused runtime.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the home of the clock")]
    pub fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the home of the clock")]
    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { monotonic: monotonic(self.start), unix: UnixMillis(millis(unix)) }
    }
}

/// A clock whose wall time follows the runtime's virtual time from a chosen start: for simulations.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    start: tokio::time::Instant,
    unix_start: UnixMillis,
}

impl VirtualClock {
    /// Wall time begins at `unix_start`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the home of the clock")]
    pub fn starting_at(unix_start: UnixMillis) -> Self {
        Self { start: tokio::time::Instant::now(), unix_start }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        let monotonic = monotonic(self.start);
        Now { monotonic, unix: UnixMillis(self.unix_start.0 + monotonic.0) }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the home of the clock")]
fn monotonic(start: tokio::time::Instant) -> Monotonic {
    Monotonic(millis(tokio::time::Instant::now().duration_since(start)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
