//! Notes when the integrator knows a batch to be committed: late by what it takes to come to that, never early.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Now, finer than the clock's milliseconds.
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Witness(Mutex<Vec<(u64, Instant)>>);

impl Witness {
    pub(super) fn note(&self, seq: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((seq, instant()));
    }

    /// When which batch was committed, by its number.
    pub(super) fn committed(&self) -> Vec<(u64, Instant)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
