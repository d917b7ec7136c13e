//! Reads, each on a snapshot.

use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run, Seq};
use igentai_core::log::Entry;
use igentai_core::numbers::Edition;
use igentai_core::topic::Topic;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::coordinate::lease_record;
use super::engine::Stop;
use super::tables::{
    self, CHECKPOINTS, FIRSTS, GARBAGE, INSTANCE, LEASE, LOG, RunRow, TOPICS, run_of, setting_of,
};
use crate::store::rows::{corrupt, decode_entry, decode_topic};
use crate::store::{Head, LeaseRecord, StoreCheck, StoredAttribute};

pub(super) fn head(transaction: &ReadTransaction, topic: &TopicId) -> Result<Head, Stop> {
    Ok(run_of(transaction, topic.as_str())?.map_or_else(Head::default, |row| row.head()))
}

pub(super) fn put_back(transaction: &ReadTransaction, topic: &TopicId) -> Result<Option<Head>, Stop> {
    Ok(run_of(transaction, topic.as_str())?.and_then(|row| row.put_back))
}

pub(super) fn edition(transaction: &ReadTransaction, topic: &TopicId) -> Result<Edition, Stop> {
    Ok(run_of(transaction, topic.as_str())?.map_or(0, |row| tables::edition(row.slot)))
}

pub(super) fn log(
    transaction: &ReadTransaction,
    topic: &TopicId,
    run: Run,
    after: LogIndex,
    limit: usize,
) -> Result<Vec<Entry>, Stop> {
    let Some(row) = current(transaction, topic, run)? else { return Ok(Vec::new()) };
    let first = (row.slot, after.saturating_add(1));
    let mut entries = Vec::new();
    for item in transaction.open_table(LOG)?.range(first..=(row.slot, u64::MAX))?.take(limit) {
        let (key, bytes) = item?;
        entries.push(decode_entry(key.value().1, bytes.value())?);
    }
    Ok(entries)
}

pub(super) fn attributes(
    transaction: &ReadTransaction,
    topic: &TopicId,
    run: Run,
    after: Seq,
    limit: usize,
) -> Result<Vec<StoredAttribute>, Stop> {
    let Some(row) = current(transaction, topic, run)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if limit == 0 || after >= row.attributes {
        return Ok(found);
    }
    let firsts = transaction.open_table(FIRSTS)?;
    let log = transaction.open_table(LOG)?;
    // The entry that holds the wanted number is the last that begins at or before it.
    let start = match firsts.range((row.slot, 0)..=(row.slot, after + 1))?.next_back() {
        Some(item) => item?.0.value(),
        None => return Ok(found),
    };
    for item in firsts.range(start..=(row.slot, u64::MAX))? {
        let log_index = item?.1.value();
        let bytes = log
            .get((row.slot, log_index))?
            .ok_or_else(|| corrupt(format!("entry {log_index} is missing")))?;
        let entry = decode_entry(log_index, bytes.value())?;
        for (seq, text) in entry.attributes().filter(|(seq, _)| *seq > after) {
            found.push(StoredAttribute { seq, text: text.to_owned(), log_index });
            if found.len() == limit {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// Id and record of a topic, as they are stored.
type StoredTopic = (Vec<u8>, Vec<u8>);

/// Ids and records of all topics.
pub(super) fn topics(transaction: &ReadTransaction) -> Result<Vec<StoredTopic>, Stop> {
    let mut records = Vec::new();
    for item in transaction.open_table(TOPICS)?.iter()? {
        let (id, record) = item?;
        records.push((id.value().as_bytes().to_vec(), record.value().to_vec()));
    }
    Ok(records)
}

pub(super) fn topic(transaction: &ReadTransaction, id: &TopicId) -> Result<Option<Topic>, Stop> {
    let table = transaction.open_table(TOPICS)?;
    Ok(table.get(id.as_str())?.map(|bytes| decode_topic(bytes.value())).transpose()?)
}

pub(super) fn checkpoint(
    transaction: &ReadTransaction,
    topic: &TopicId,
    run: Run,
    name: &str,
) -> Result<Option<Vec<u8>>, Stop> {
    let Some(row) = current(transaction, topic, run)? else { return Ok(None) };
    let table = transaction.open_table(CHECKPOINTS)?;
    Ok(table.get((row.slot, name))?.map(|bytes| bytes.value().to_vec()))
}

pub(super) fn lease(transaction: &ReadTransaction) -> Result<LeaseRecord, Stop> {
    Ok(lease_record(setting_of(transaction, LEASE)?.unwrap_or_default())?)
}

pub(super) fn check(transaction: &ReadTransaction) -> Result<StoreCheck, Stop> {
    let instance: String = setting_of(transaction, INSTANCE)?.unwrap_or_default();
    Ok(StoreCheck { product: "embedded (redb 4)".to_owned(), instance, ..StoreCheck::default() })
}

pub(super) fn has_garbage(transaction: &ReadTransaction) -> Result<bool, Stop> {
    Ok(!transaction.open_table(GARBAGE)?.is_empty()?)
}

fn current(transaction: &ReadTransaction, topic: &TopicId, run: Run) -> Result<Option<RunRow>, Stop> {
    Ok(run_of(transaction, topic.as_str())?.filter(|row| row.run == run))
}
