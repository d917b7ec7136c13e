//! Sightings by the provider and the part of the topic that the response was asked of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Sightings;
use crate::batch::ResponseMeta;
use crate::ids::{Incarnation, LogIndex, Seq, WorkerId};

/// Providers, and cells, whose sightings are counted apart: those that were asked first. Each costs a byte for each attribute.
pub const STRATA: usize = 8;

/// Responses waiting for the texts of false positives that are remembered; beyond, the oldest is forgotten.
const MAX_INCOMPLETE: usize = 4_096;

/// Where a response was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) provider: String,
    pub(super) cell: Option<String>,
    pub(super) at: LogIndex,
    missing: u32,
}

impl Origin {
    pub(super) fn of(meta: &ResponseMeta, at: LogIndex, missing: u32) -> Self {
        Self { provider: meta.provider.clone(), cell: meta.cell.clone(), at, missing }
    }
}

/// Counts for each of the first of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Strata(BTreeMap<String, Sightings>);

impl Strata {
    /// Whether one of the kind is counted apart, or will be.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.0.contains_key(name) || self.0.len() < STRATA
    }

    pub(super) fn add(&mut self, name: &str, named: impl Iterator<Item = Seq>) {
        if !self.takes(name) {
            return;
        }
        let sightings = self.0.entry(name.to_owned()).or_default();
        named.for_each(|seq| {
            sightings.add(seq);
        });
    }

    pub(super) const fn all(&self) -> &BTreeMap<String, Sightings> {
        &self.0
    }
}

/// The responses of which a part is still to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Incomplete(BTreeMap<(WorkerId, Incarnation, u64), Origin>);

impl Incomplete {
    pub(super) fn remember(
        &mut self,
        producer: &WorkerId,
        incarnation: Incarnation,
        seq: u64,
        origin: Origin,
    ) {
        if self.0.len() >= MAX_INCOMPLETE
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, origin)| origin.at).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert((producer.clone(), incarnation, seq), origin);
    }

    /// Where the response was asked that `texts` texts complete.
    pub(super) fn complete(
        &mut self,
        producer: &WorkerId,
        incarnation: Incarnation,
        seq: u64,
        texts: u32,
    ) -> Option<Origin> {
        let key = (producer.clone(), incarnation, seq);
        let origin = self.0.get_mut(&key)?;
        origin.missing = origin.missing.saturating_sub(texts);
        if origin.missing == 0 { self.0.remove(&key) } else { Some(origin.clone()) }
    }
}
