//! The commit of one batch, step by step as the port demands it.

use igentai_core::batch::{Committed, Named, Numbered, Verdict};
use igentai_core::ids::Seq;
use igentai_core::key::Fingerprint;
use igentai_core::log::{EntryKind, EntryTail};
use igentai_core::seeded::{Bug, is_on};
use igentai_core::topic::FIRST_SEED;
use redb::ReadableTable;

use super::engine::Stop;
use super::tables::{RunRow, Tables, edition, seen_key};
use crate::store::prepare::{tellable, watermark};
use crate::store::rows::{decode, encode, encode_entry};
use crate::store::{Commit, CommitOutcome, Head, StoreError};

/// Receipts removed by one commit at most.
const RECEIPTS_REMOVED: usize = 1_000;

/// Nothing is committed to a run that is known to have held more, and nothing of one that was forgotten: runs only grow, and are opened here before anybody is
/// asked for answers to them.
pub(super) fn refuse_put_back(tables: &Tables<'_>, batch: &Commit) -> Result<(), Stop> {
    let row = tables.run(batch.id.topic.as_str())?;
    let held = row.as_ref().map_or_else(Head::default, RunRow::head);
    let known = if held.run < batch.id.run {
        Some(Head { run: batch.id.run, ..Head::default() })
    } else {
        row.and_then(|row| row.put_back).filter(|_| held.run == batch.id.run)
    };
    known.map_or(Ok(()), |known| Err(StoreError::PutBack { known, held }.into()))
}

pub(super) fn commit(tables: &mut Tables<'_>, batch: &Commit) -> Result<CommitOutcome, Stop> {
    let topic = batch.id.topic.as_str();
    let Some(mut run) = tables.run(topic)?.filter(|run| run.run == batch.id.run) else {
        return Ok(CommitOutcome::earlier(Verdict::Stale));
    };
    let id = &batch.id;
    let producer = (run.slot, id.producer.as_str(), id.incarnation);
    let settled = tables.watermarks.get(producer)?.map_or(0, |row| row.value());
    if id.seq <= settled && !is_on(Bug::NoDedup) {
        return Ok(CommitOutcome::earlier(Verdict::Settled));
    }
    let receipt = (producer.0, producer.1, producer.2, id.seq);
    if let Some(row) = tables.receipts.get(receipt)?.filter(|_| !is_on(Bug::NoDedup)) {
        return Ok(CommitOutcome::earlier(Verdict::Committed(decode(row.value())?)));
    }

    let Found { tail, missing, unnumbered, new, told } = look_up(tables, &mut run, batch)?;
    run.entries += 1;
    let entry = encode_entry(&batch.head, &tail)?;
    tables.log.insert((run.slot, run.entries), entry.as_slice())?;
    let is_seeded = matches!(batch.head.kind, EntryKind::Seeded);
    if tail.first_new > 0 && !is_seeded {
        tables.firsts.insert((run.slot, tail.first_new), run.entries)?;
    }
    tables.set_run(topic, &run)?;

    let committed = Committed {
        log_index: run.entries,
        first_new: tail.first_new,
        new: count(new.len()),
        known: count(tail.again.len()),
        over_cap: tail.over_cap,
        missing,
        unnumbered,
    };
    if !is_on(Bug::ReceiptNotStored) {
        tables.receipts.insert(receipt, encode(&committed)?.as_slice())?;
    }
    let next = watermark(settled, batch.lowest_unresolved, id.seq) + u64::from(is_on(Bug::WatermarkAhead));
    if next > settled {
        tables.watermarks.insert(producer, next)?;
        let all = (producer.0, producer.1, producer.2, 0)..=(producer.0, producer.1, producer.2, next);
        tables
            .receipts
            .extract_from_if(all, |_, _| true)?
            .take(RECEIPTS_REMOVED)
            .try_for_each(|row| row.map(drop))?;
    }
    let edition = edition(run.slot);
    Ok(CommitOutcome { verdict: Verdict::Committed(committed), fresh: true, new, edition, told })
}

/// What is known of a batch's elements.
#[derive(Debug, Default)]
struct Found {
    tail: EntryTail,
    missing: Vec<Fingerprint>,
    unnumbered: u32,
    new: Vec<Named>,
    told: Vec<Seq>,
}

/// Looks every fingerprint up and numbers the absent texts up to the cap.
fn look_up(tables: &mut Tables<'_>, run: &mut RunRow, batch: &Commit) -> Result<Found, Stop> {
    let Found { mut tail, mut missing, mut unnumbered, mut new, mut told } = Found::default();
    let is_seeded = matches!(batch.head.kind, EntryKind::Seeded);
    // Numbers only grow: where the largest one stands, all that were given before it stand.
    if let Some(Numbered { edition: of, numbers, largest }) = &batch.numbered {
        let key = seen_key(run.slot, largest.as_bytes());
        let stands = tables.seen.get(&key)?.is_some_and(|row| row.value() == numbers.largest());
        if stands && *of == edition(run.slot) {
            tail.again.extend(numbers.as_slice());
        } else {
            unnumbered = count(numbers.len());
        }
    }
    let texts = batch
        .novel
        .iter()
        .map(|named| (named, false))
        .chain(batch.spellings.iter().map(|named| (named, true)));
    for (named, is_spelling) in texts {
        let key = seen_key(run.slot, named.fingerprint.as_bytes());
        let known = tables.seen.get(&key)?.map(|row| row.value());
        let mut number = known.unwrap_or_default();
        if let Some(seq) = known {
            tail.again.push(seq);
            if is_spelling {
                tail.variants.push((seq, named.text.clone()));
            }
        } else if !is_seeded && run.cap.is_some_and(|cap| run.attributes >= cap) {
            tail.over_cap += 1;
        } else {
            number = if is_seeded {
                run.seeds += 1;
                FIRST_SEED - 1 + run.seeds
            } else {
                run.attributes += 1;
                run.attributes
            };
            if tail.first_new == 0 {
                tail.first_new = number;
            }
            tables.seen.insert(&key, number)?;
            tail.new.push(named.text.clone());
            new.push(named.clone());
        }
        if is_spelling {
            told.push(tellable(number));
        }
    }
    for fingerprint in &batch.sightings {
        let known = tables.seen.get(&seen_key(run.slot, fingerprint.as_bytes()))?.map(|row| row.value());
        match known {
            Some(seq) => tail.again.push(seq),
            None => missing.push(*fingerprint),
        }
        told.push(tellable(known.unwrap_or_default()));
    }
    tail.missing = count(missing.len()) + unnumbered;
    Ok(Found { tail, missing, unnumbered, new, told })
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
