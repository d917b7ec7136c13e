//! What the leader says of providers, from the requests of all producers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::provider::{Gate, Readiness};
use super::{Gates, backoff, blocked, weight_of};
use crate::command::{Care, LONGEST_KEY_WAIT_MS};
use crate::folder::TopicId;
use crate::ids::Epoch;
use crate::time::Monotonic;
use crate::worker::REGISTRY_PATIENCE;

/// What is known of all gates together.
#[derive(Clone, Debug)]
pub(super) struct Heeded {
    /// Which command said it.
    version: (Epoch, u64),
    /// Leaders command every few seconds; the word of one that does not any more counts until then.
    pub(super) until: Monotonic,
    /// Per key group: nothing starts earlier.
    blocked_until: Vec<Monotonic>,
}

impl Heeded {
    pub(super) fn new(groups: usize) -> Self {
        let blocked_until = vec![Monotonic::default(); groups];
        Self { version: (0, 0), until: Monotonic::default(), blocked_until }
    }

    /// Until when the key of a provider has to wait.
    pub(super) fn blocked(&self, gate: &Gate) -> Monotonic {
        blocked(&self.blocked_until, gate)
    }
}

/// What is known of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Cared {
    /// It is left alone.
    pub(super) rests: bool,
    /// The newest probe that was heard of, and the one that was this process's.
    probe: u64,
    granted: u64,
    /// It is this process's, and not sent yet.
    pub(super) probe_due: bool,
}

impl Cared {
    pub(super) fn resting(rests: bool) -> Self {
        Self { rests, ..Self::default() }
    }

    pub(super) fn heed(&mut self, rests: bool, probe: u64, yours: bool) {
        self.rests = rests;
        if !rests || probe > self.probe {
            self.probe_due = false;
        }
        self.probe = self.probe.max(probe);
        // Of several producers in one process only one is told so.
        if rests && yours && probe == self.probe && probe > self.granted {
            (self.granted, self.probe_due) = (probe, true);
        }
    }
}

impl Gates {
    /// Does as a command says; an older one than was heeded last is ignored. Who is not named in it is asked by what is known here.
    pub fn heed(&mut self, care: &[Care], version: (Epoch, u64), now: Monotonic) {
        if version < self.heeded.version && now < self.heeded.until {
            return;
        }
        let is_another_term = version.0 != self.heeded.version.0;
        self.heeded.version = version;
        self.trust(now);
        for gate in &mut self.providers {
            if is_another_term {
                gate.forget_probes();
            }
            let Some(care) = care.iter().find(|care| care.provider == gate.limits().name) else {
                gate.heed(false, 0, false);
                continue;
            };
            gate.heed(care.rests, care.probe, care.yours);
            if let Some(blocked) = self.heeded.blocked_until.get_mut(gate.limits().key_group)
                && care.key_waits_ms > 0
            {
                let wait = Duration::from_millis(care.key_waits_ms.min(LONGEST_KEY_WAIT_MS));
                *blocked = (*blocked).max(backoff::floor(now, wait));
            }
        }
    }

    /// The leader is heard: what it said last holds for another while.
    pub fn trust(&mut self, now: Monotonic) {
        self.heeded.until = now + REGISTRY_PATIENCE;
    }

    /// The provider that this process is to probe with a request about the topic, whatever that asks for.
    pub(super) fn to_probe(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        now: Monotonic,
        allowed: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        self.providers.iter().enumerate().position(|(index, gate)| {
            let blocked = blocked(&self.blocked_until, gate).max(self.heeded.blocked(gate));
            gate.is_to_probe()
                && weight_of(gate, weights) > 0.0
                && !gate.is_unable(topic)
                && allowed(index)
                && gate.readiness(blocked, self.heeded.until, now) == Readiness::Ready
        })
    }
}
