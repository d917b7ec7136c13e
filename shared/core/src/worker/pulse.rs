//! Whether the broker still takes messages, as far as its confirmations tell. A connection to a broker that hangs looks sound for many seconds, and
//! every request sent meanwhile is paid for without knowing whether its answer can be brought home.

use std::time::Duration;

use crate::time::Monotonic;

/// A confirmation that is older proves nothing any more.
const FRESH: Duration = Duration::from_millis(500);

/// Between two probes that came to nothing.
const PROBE_PAUSE: Duration = Duration::from_millis(200);

/// What to do before a request is sent to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Send it.
    Ask,
    /// Publish something small first: its confirmation decides.
    Probe,
    /// Wait for the confirmations that are due.
    Wait,
}

/// When the broker confirmed a message last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulse {
    confirmed_at: Option<Monotonic>,
    probed_at: Option<Monotonic>,
}

impl Pulse {
    /// The broker has confirmed a message.
    pub const fn confirmed(&mut self, now: Monotonic) {
        self.confirmed_at = Some(now);
    }

    /// Whether a request may be sent, given how many messages wait for their confirmation. So no request is sent later than half a second after
    /// the last confirmation, and a broker that is slow is asked in bursts.
    pub fn look(&mut self, unconfirmed: usize, now: Monotonic) -> Beat {
        let is_within = |at: Option<Monotonic>, time: Duration| at.is_some_and(|at| now.since(at) < time);
        if is_within(self.confirmed_at, FRESH) {
            return Beat::Ask;
        }
        if unconfirmed > 0 || is_within(self.probed_at, PROBE_PAUSE) {
            return Beat::Wait;
        }
        self.probed_at = Some(now);
        Beat::Probe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Monotonic {
        Monotonic(milliseconds)
    }

    #[test]
    fn nothing_is_asked_before_the_first_confirmation_and_when_the_last_is_old() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.look(1, at(0)), Beat::Wait);
        pulse.confirmed(at(10));
        assert_eq!(pulse.look(5, at(500)), Beat::Ask);
        assert_eq!(pulse.look(5, at(510)), Beat::Wait);
        pulse.confirmed(at(2_000));
        assert_eq!(pulse.look(5, at(2_000)), Beat::Ask, "slow, and alive");
    }

    #[test]
    fn a_broker_of_which_nothing_is_due_is_probed_and_not_too_often() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.look(0, at(0)), Beat::Probe);
        assert_eq!(pulse.look(0, at(199)), Beat::Wait, "the probe failed at once");
        assert_eq!(pulse.look(0, at(200)), Beat::Probe);
    }
}
