//! The tables of the file, and how they are opened.

use igentai_core::numbers::Edition;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::engine::Stop;
use crate::store::Head;
use crate::store::checkpoints::KEPT;
use crate::store::rows::{decode, encode};

/// Changed together with any change of a table or of what stands in it.
pub(super) const FORMAT: u64 = 1;

/// The number that stands for one run of one topic in all keys, so that a run's rows lie together and its successor never meets them.
pub(super) type Slot = u32;

/// Topic id → record.
pub(super) const TOPICS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("topics");
/// Topic id → [`RunRow`].
pub(super) const RUNS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("runs");
/// Slot (big-endian) and fingerprint → sequence number.
pub(super) const SEEN: TableDefinition<'static, &[u8; 20], u64> = TableDefinition::new("seen");
/// Slot and log index → entry.
pub(super) const LOG: TableDefinition<'static, (Slot, u64), &[u8]> = TableDefinition::new("log");
/// Slot and first new sequence number of an entry → its log index. Entries without new attributes have no row.
pub(super) const FIRSTS: TableDefinition<'static, (Slot, u64), u64> = TableDefinition::new("firsts");
/// Slot, producer, incarnation and batch number → receipt.
pub(super) const RECEIPTS: TableDefinition<'static, (Slot, &str, u64, u64), &[u8]> =
    TableDefinition::new("receipts");
/// Slot, producer and incarnation → watermark.
pub(super) const WATERMARKS: TableDefinition<'static, (Slot, &str, u64), u64> =
    TableDefinition::new("watermarks");
/// Slot and name → checkpoint.
pub(super) const CHECKPOINTS: TableDefinition<'static, (Slot, &str), &[u8]> =
    TableDefinition::new("checkpoints");
/// Topic id, list and part → texts that the topic is to know from the beginning.
pub(super) const SEEDS: TableDefinition<'static, (&str, &str, u32), &[u8]> = TableDefinition::new("seeds");
/// Slots of runs that are over and whose rows are still to be removed.
pub(super) const GARBAGE: TableDefinition<'static, Slot, ()> = TableDefinition::new("garbage");
/// [`LEASE`], [`ATTEMPTS`], [`NEXT_SLOT`], [`VERSION`], [`INSTANCE`], [`REGISTRY`].
pub(super) const SETTINGS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("settings");

pub(super) const LEASE: &str = "lease";
pub(super) const ATTEMPTS: &str = "attempts";
pub(super) const NEXT_SLOT: &str = "next_slot";
pub(super) const VERSION: &str = "format";
pub(super) const INSTANCE: &str = "instance";
pub(super) const REGISTRY: &str = "registry";

/// Where a topic stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RunRow {
    pub(super) slot: Slot,
    pub(super) run: u64,
    pub(super) epoch: u64,
    pub(super) cap: Option<u64>,
    pub(super) entries: u64,
    pub(super) attributes: u64,
    /// Items that are known from the beginning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) seeds: u64,
    /// What it is known to have held when it was found to hold less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) put_back: Option<Head>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RunRow {
    pub(super) const fn head(&self) -> Head {
        Head { run: self.run, log_index: self.entries, attributes: self.attributes }
    }
}

/// The edition of a log: its slot, which no other log has had; from 1 on, as before the first there is none.
pub(super) fn edition(slot: Slot) -> Edition {
    Edition::from(slot) + 1
}

/// The lease as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct LeaseRow {
    pub(super) holder: Option<String>,
    pub(super) epoch: u64,
    pub(super) beat: u64,
}

/// Every table of a write transaction.
pub(super) struct Tables<'t> {
    pub(super) topics: Table<'t, &'static str, &'static [u8]>,
    pub(super) runs: Table<'t, &'static str, &'static [u8]>,
    pub(super) seen: Table<'t, &'static [u8; 20], u64>,
    pub(super) log: Table<'t, (Slot, u64), &'static [u8]>,
    pub(super) firsts: Table<'t, (Slot, u64), u64>,
    pub(super) receipts: Table<'t, (Slot, &'static str, u64, u64), &'static [u8]>,
    pub(super) watermarks: Table<'t, (Slot, &'static str, u64), u64>,
    pub(super) checkpoints: Table<'t, (Slot, &'static str), &'static [u8]>,
    pub(super) seeds: Table<'t, (&'static str, &'static str, u32), &'static [u8]>,
    pub(super) garbage: Table<'t, Slot, ()>,
    pub(super) settings: Table<'t, &'static str, &'static [u8]>,
}

impl<'t> Tables<'t> {
    /// Opens all, making those that are not there yet.
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            topics: transaction.open_table(TOPICS)?,
            runs: transaction.open_table(RUNS)?,
            seen: transaction.open_table(SEEN)?,
            log: transaction.open_table(LOG)?,
            firsts: transaction.open_table(FIRSTS)?,
            receipts: transaction.open_table(RECEIPTS)?,
            watermarks: transaction.open_table(WATERMARKS)?,
            checkpoints: transaction.open_table(CHECKPOINTS)?,
            seeds: transaction.open_table(SEEDS)?,
            garbage: transaction.open_table(GARBAGE)?,
            settings: transaction.open_table(SETTINGS)?,
        })
    }

    pub(super) fn run(&self, topic: &str) -> Result<Option<RunRow>, Stop> {
        row(&self.runs, topic)
    }

    pub(super) fn set_run(&mut self, topic: &str, run: &RunRow) -> Result<(), Stop> {
        self.runs.insert(topic, encode(run)?.as_slice())?;
        Ok(())
    }

    pub(super) fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Stop> {
        row(&self.settings, name)
    }

    pub(super) fn set_setting<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), Stop> {
        self.settings.insert(name, encode(value)?.as_slice())?;
        Ok(())
    }

    /// Has the slot `to` keep what does not rest on the log of the slot `from`: receipts, the ledger of leases, and what was published.
    pub(super) fn keep_of_run(&mut self, from: Slot, to: Slot) -> Result<(), Stop> {
        let next = from.checked_add(1).unwrap_or(Slot::MAX);
        let mut receipts = Vec::new();
        for row in self.receipts.range((from, "", 0, 0)..(next, "", 0, 0))? {
            let (key, receipt) = row?;
            let (_, producer, incarnation, number) = key.value();
            receipts.push((producer.to_owned(), incarnation, number, receipt.value().to_vec()));
        }
        self.receipts.retain_in((to, "", 0, 0)..(to.saturating_add(1), "", 0, 0), |_, _| false)?;
        for (producer, incarnation, number, receipt) in receipts {
            self.receipts.insert((to, producer.as_str(), incarnation, number), receipt.as_slice())?;
        }
        let mut watermarks = Vec::new();
        for row in self.watermarks.range((from, "", 0)..(next, "", 0))? {
            let (key, watermark) = row?;
            let (_, producer, incarnation) = key.value();
            watermarks.push((producer.to_owned(), incarnation, watermark.value()));
        }
        self.watermarks.retain_in((to, "", 0)..(to.saturating_add(1), "", 0), |_, _| false)?;
        for (producer, incarnation, watermark) in watermarks {
            self.watermarks.insert((to, producer.as_str(), incarnation), watermark)?;
        }
        for name in KEPT {
            let kept = self.checkpoints.get((from, name))?.map(|bytes| bytes.value().to_vec());
            if let Some(bytes) = kept {
                self.checkpoints.insert((to, name), bytes.as_slice())?;
            }
        }
        Ok(())
    }

    /// The epoch of the lease; 0 before it was first taken.
    pub(super) fn lease_epoch(&self) -> Result<u64, Stop> {
        Ok(self.setting::<LeaseRow>(LEASE)?.unwrap_or_default().epoch)
    }
}

/// A row of a table with names as keys and MessagePack in it.
fn row<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<Option<T>, Stop> {
    Ok(table.get(name)?.map(|bytes| decode(bytes.value())).transpose()?)
}

/// The run of a topic as a read transaction sees it.
pub(super) fn run_of(transaction: &ReadTransaction, topic: &str) -> Result<Option<RunRow>, Stop> {
    row(&transaction.open_table(RUNS)?, topic)
}

/// A setting as a read transaction sees it.
pub(super) fn setting_of<T: DeserializeOwned>(
    transaction: &ReadTransaction,
    name: &str,
) -> Result<Option<T>, Stop> {
    row(&transaction.open_table(SETTINGS)?, name)
}

/// The key of a fingerprint in [`SEEN`].
pub(super) fn seen_key(slot: Slot, fingerprint: &[u8; 16]) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&slot.to_be_bytes());
    key[4..].copy_from_slice(fingerprint);
    key
}
