//! Removes the rows of runs that are over, a bounded number at a time.

use redb::{Key, ReadableTable, Table, Value};

use super::engine::Stop;
use super::tables::{Slot, Tables};

/// Removes up to `limit` rows; how many were removed, the mark of a finished run counted in.
pub(super) fn sweep(tables: &mut Tables<'_>, limit: usize) -> Result<usize, Stop> {
    let Some(slot) = tables.garbage.first()?.map(|(slot, _)| slot.value()) else { return Ok(0) };
    let mut left = limit;
    let prefix = slot.to_be_bytes();
    let mut first = [0; 20];
    first[..4].copy_from_slice(&prefix);
    let mut last = [0xff; 20];
    last[..4].copy_from_slice(&prefix);
    left -= remove(&mut tables.seen, &first..=&last, left)?;
    left -= remove(&mut tables.log, (slot, 0)..=(slot, u64::MAX), left)?;
    left -= remove(&mut tables.firsts, (slot, 0)..=(slot, u64::MAX), left)?;
    let next = slot.checked_add(1).unwrap_or(Slot::MAX);
    left -= remove(&mut tables.receipts, (slot, "", 0, 0)..(next, "", 0, 0), left)?;
    left -= remove(&mut tables.watermarks, (slot, "", 0)..(next, "", 0), left)?;
    left -= remove(&mut tables.checkpoints, (slot, "")..(next, ""), left)?;
    if left > 0 {
        tables.garbage.remove(slot)?;
        left -= 1;
    }
    Ok(limit - left)
}

fn remove<'k, K: Key + 'static, V: Value + 'static>(
    table: &mut Table<'_, K, V>,
    range: impl std::ops::RangeBounds<K::SelfType<'k>> + 'k,
    limit: usize,
) -> Result<usize, Stop> {
    let mut removed = 0;
    for row in table.extract_from_if(range, |_, _| true)?.take(limit) {
        row?;
        removed += 1;
    }
    Ok(removed)
}
