//! What coordinators and operators write: topics, runs, checkpoints, the lease.

use std::collections::BTreeMap;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Run, WorkerId};
use igentai_core::seeded::{Bug, is_on};
use igentai_core::topic::Topic;
use redb::ReadableTable;

use super::engine::Stop;
use super::tables::{ATTEMPTS, LEASE, LeaseRow, NEXT_SLOT, REGISTRY, RunRow, Slot, Tables};
use crate::store::rows::{decode_topic, encode_topic};
use crate::store::{Head, LeaseRecord, Rebuilt, StoreError};

/// Notes of attempts kept at once.
const ATTEMPTS_KEPT: usize = 1_000;

/// Notes of attempts, by message.
pub(super) type Attempts = BTreeMap<String, u32>;

pub(super) fn note_attempts(tables: &mut Tables<'_>, message: String, attempts: u32) -> Result<(), Stop> {
    let mut noted: Attempts = tables.setting(ATTEMPTS)?.unwrap_or_default();
    if attempts == 0 {
        if noted.remove(&message).is_none() {
            return Ok(());
        }
    } else {
        if noted.len() >= ATTEMPTS_KEPT {
            noted.clear();
        }
        noted.insert(message, attempts);
    }
    tables.set_setting(ATTEMPTS, &noted)
}

pub(super) fn identity(tables: &mut Tables<'_>, proposed: String) -> Result<String, Stop> {
    if let Some(known) = tables.setting(REGISTRY)? {
        return Ok(known);
    }
    tables.set_setting(REGISTRY, &proposed)?;
    Ok(proposed)
}

/// Every write here looks at the lease in its own transaction, so that there is nothing to raise but what is told of the topic.
pub(super) fn claim(
    tables: &mut Tables<'_>,
    topic: &TopicId,
    epoch: Epoch,
    known: Head,
) -> Result<Result<Head, StoreError>, Stop> {
    let current = tables.run(topic.as_str())?;
    fence(epoch, current.as_ref().map_or(0, |row| row.epoch).max(tables.lease_epoch()?))?;
    let held = current.as_ref().map_or_else(Head::default, RunRow::head);
    let marked = current.as_ref().and_then(|row| row.put_back);
    let known = marked.map_or(known, |marked| known.with(&marked));
    let put_back = (marked.is_some() || held.is_less_than(&known)).then_some(known);
    let row = match current {
        Some(row) => row,
        None if put_back.is_none() => return Ok(Ok(held)),
        None => empty_row(tables, 0, epoch, None)?,
    };
    if row.epoch < epoch || row.put_back != put_back {
        tables.set_run(topic.as_str(), &RunRow { epoch, put_back, ..row })?;
    }
    Ok(put_back.map_or(Ok(held), |known| Err(StoreError::PutBack { known, held })))
}

pub(super) fn all_claimed(tables: &Tables<'_>, epoch: Epoch) -> Result<(), Stop> {
    fence(epoch, tables.lease_epoch()?)
}

pub(super) fn settle(
    tables: &mut Tables<'_>,
    topic: &TopicId,
    epoch: Epoch,
    rebuilt: Option<Rebuilt>,
) -> Result<Head, Stop> {
    let current = tables.run(topic.as_str())?;
    fence(epoch, current.as_ref().map_or(0, |row| row.epoch).max(tables.lease_epoch()?))?;
    let Some(Rebuilt { from, run }) = rebuilt else {
        let Some(row) = current else { return Ok(Head::default()) };
        let row = RunRow { epoch, put_back: None, ..row };
        tables.set_run(topic.as_str(), &row)?;
        return Ok(row.head());
    };
    let taken = tables.run(from.as_str())?;
    let taken = taken.ok_or_else(|| StoreError::Corrupt(format!("nothing was rebuilt in {from}")))?;
    tables.runs.remove(from.as_str())?;
    let cap = current.as_ref().and_then(|row| row.cap);
    if let Some(over) = current {
        if over.run == run {
            tables.keep_of_run(over.slot, taken.slot)?;
        }
        tables.garbage.insert(over.slot, ())?;
    }
    let row = RunRow { run, epoch, cap, put_back: None, ..taken };
    tables.set_run(topic.as_str(), &row)?;
    Ok(row.head())
}

/// A run without anything, in a slot of its own.
fn empty_row(tables: &mut Tables<'_>, run: Run, epoch: Epoch, cap: Option<u64>) -> Result<RunRow, Stop> {
    let slot: Slot = tables.setting(NEXT_SLOT)?.unwrap_or_default();
    let next = slot.checked_add(1).ok_or_else(|| StoreError::Corrupt("no slot is left".to_owned()))?;
    tables.set_setting(NEXT_SLOT, &next)?;
    Ok(RunRow { slot, run, epoch, cap, entries: 0, attributes: 0, seeds: 0, put_back: None })
}

pub(super) fn open_run(
    tables: &mut Tables<'_>,
    topic: &TopicId,
    run: Run,
    epoch: Epoch,
    cap: Option<u64>,
) -> Result<Head, Stop> {
    let cap = cap.filter(|_| !is_on(Bug::ItemCapIgnored));
    let current = tables.run(topic.as_str())?;
    let in_force = current.as_ref().map_or(0, |row| row.epoch).max(tables.lease_epoch()?);
    fence(epoch, in_force)?;
    let marked = current.as_ref().and_then(|row| Some((row.put_back?, row.head())));
    // Only what was never begun is none of what was forgotten.
    if let Some((known, held)) =
        marked.filter(|(known, held)| held.run <= run && run <= known.run.max(held.run))
    {
        return Err(StoreError::PutBack { known, held }.into());
    }
    let row = match current {
        Some(row) if run < row.run => return Err(stale(run, row.run)),
        Some(row) if run == row.run => RunRow { epoch, cap, ..row },
        other => {
            if let Some(over) = other {
                tables.garbage.insert(over.slot, ())?;
            }
            empty_row(tables, run, epoch, cap)?
        }
    };
    tables.set_run(topic.as_str(), &row)?;
    Ok(row.head())
}

pub(super) fn put_topic(tables: &mut Tables<'_>, topic: &Topic, expected: Option<u64>) -> Result<(), Stop> {
    let record = encode_topic(topic)?;
    let current = match tables.topics.get(topic.id.as_str())? {
        // The same call again, after its answer was lost.
        Some(bytes) if bytes.value() == record => return Ok(()),
        Some(bytes) => Some(decode_topic(bytes.value())?),
        None => None,
    };
    if topic.epoch != 0 {
        let stored = current.as_ref().map_or(0, |topic| topic.epoch);
        fence(topic.epoch, stored.max(tables.lease_epoch()?))?;
    }
    let version = current.map(|topic| topic.version);
    if version != expected {
        return Err(StoreError::Conflict { expected, current: version }.into());
    }
    tables.topics.insert(topic.id.as_str(), record.as_slice())?;
    Ok(())
}

pub(super) fn save_checkpoints(
    tables: &mut Tables<'_>,
    topic: &TopicId,
    run: Run,
    epoch: Epoch,
    checkpoints: &BTreeMap<String, Vec<u8>>,
) -> Result<(), Stop> {
    let current = tables.run(topic.as_str())?;
    let in_force = current.as_ref().map_or(0, |row| row.epoch).max(tables.lease_epoch()?);
    fence(epoch, in_force)?;
    let Some(row) = current.as_ref().filter(|row| row.run == run) else {
        return Err(stale(run, current.map_or(0, |row| row.run)));
    };
    for (name, bytes) in checkpoints {
        tables.checkpoints.insert((row.slot, name.as_str()), bytes.as_slice())?;
    }
    tables.set_run(topic.as_str(), &RunRow { epoch, ..row.clone() })
}

pub(super) fn take_lease(
    tables: &mut Tables<'_>,
    holder: &WorkerId,
    seen: &LeaseRecord,
    above: Epoch,
) -> Result<Option<LeaseRecord>, Stop> {
    let current = lease(tables)?;
    // The same call again, after its answer was lost.
    if current.holder.as_ref() == Some(holder)
        && current.epoch.checked_sub(1) == Some(seen.epoch.max(above))
        && current.beat.checked_sub(1) == Some(seen.beat)
    {
        return Ok(Some(current));
    }
    if current.holder.is_some() && current != *seen {
        return Ok(None);
    }
    let epoch = current.epoch.max(above) + 1;
    let taken = LeaseRecord { holder: Some(holder.clone()), epoch, beat: current.beat + 1 };
    set_lease(tables, &taken)?;
    Ok(Some(taken))
}

/// Moves the beat, and frees the lease if it shall not be `held` on.
pub(super) fn move_lease(
    tables: &mut Tables<'_>,
    holder: &WorkerId,
    epoch: Epoch,
    held: bool,
) -> Result<Option<LeaseRecord>, Stop> {
    let current = lease(tables)?;
    if current.holder.as_ref() != Some(holder) || current.epoch != epoch {
        return Ok(None);
    }
    let moved = LeaseRecord { holder: held.then(|| holder.clone()), epoch, beat: current.beat + 1 };
    set_lease(tables, &moved)?;
    Ok(Some(moved))
}

/// The lease as the port shows it.
pub(super) fn lease_record(row: LeaseRow) -> Result<LeaseRecord, StoreError> {
    let holder =
        row.holder.map(|id| WorkerId::parse(&id)).transpose().map_err(crate::store::rows::corrupt)?;
    Ok(LeaseRecord { holder, epoch: row.epoch, beat: row.beat })
}

fn lease(tables: &Tables<'_>) -> Result<LeaseRecord, Stop> {
    Ok(lease_record(tables.setting(LEASE)?.unwrap_or_default())?)
}

fn set_lease(tables: &mut Tables<'_>, lease: &LeaseRecord) -> Result<(), Stop> {
    let holder = lease.holder.as_ref().map(|id| id.as_str().to_owned());
    tables.set_setting(LEASE, &LeaseRow { holder, epoch: lease.epoch, beat: lease.beat })
}

fn fence(held: Epoch, current: Epoch) -> Result<(), Stop> {
    if held < current && !is_on(Bug::EpochUnchecked) {
        Err(StoreError::Fenced { held, current }.into())
    } else {
        Ok(())
    }
}

fn stale(asked: Run, current: Run) -> Stop {
    StoreError::Stale { asked, current }.into()
}
