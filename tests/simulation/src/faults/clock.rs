//! The clocks as a process with bad luck sees them.

use std::sync::Arc;

use igentai_core::time::{Now, UnixMillis};
use igentai_shared::clock::Clock;

use super::Faults;

/// The wall clock of a process may be wrong and jump; its monotonic clock is right.
#[derive(Clone, Debug)]
pub(crate) struct FaultyClock {
    pub(crate) inner: Arc<dyn Clock>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) process: usize,
}

impl Clock for FaultyClock {
    fn now(&self) -> Now {
        let Now { monotonic, unix } = self.inner.now();
        Now { monotonic, unix: UnixMillis(unix.0.saturating_add_signed(self.faults.skew(self.process))) }
    }
}
