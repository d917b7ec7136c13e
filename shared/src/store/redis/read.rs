//! Reads of head, log and attributes.

use igentai_core::ids::{LogIndex, Run, Seq};
use igentai_core::log::Entry;

use super::client::{Access, Call, Client};
use super::keys::Keys;
use super::{PAGE, parse, scripts};
use crate::store::rows::{corrupt, decode_entry};
use crate::store::{Head, StoreError, StoredAttribute};

pub(super) async fn head(client: &Client, keys: &Keys) -> Result<Head, StoreError> {
    let call = Call::new(&scripts::HEAD, &[keys.epoch(), keys.totals()]);
    let (run, log_index, attributes) = parse(client.call(Access::Read, call).await?)?;
    Ok(Head { run, log_index, attributes })
}

pub(super) async fn log(
    client: &Client,
    keys: &Keys,
    run: Run,
    after: LogIndex,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut last = after;
    while entries.len() < limit {
        let wanted = (limit - entries.len()).min(PAGE);
        let page = page(client, keys, run, last, wanted).await?;
        let is_last = page.len() < wanted;
        last = page.last().map_or(last, |entry| entry.index);
        entries.extend(page);
        if is_last {
            break;
        }
    }
    Ok(entries)
}

pub(super) async fn attributes(
    client: &Client,
    keys: &Keys,
    run: Run,
    after: Seq,
    limit: usize,
) -> Result<Vec<StoredAttribute>, StoreError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let call = Call::new(&scripts::FIND, &[keys.epoch(), keys.log(), keys.totals()]).arg(run).arg(after);
    let (first, total): (u64, u64) = parse(client.call(Access::Read, call).await?)?;
    if first == 0 {
        return Ok(found);
    }
    let mut last = first - 1;
    let mut reached = after;
    while reached < total {
        let page = page(client, keys, run, last, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            last = entry.index;
            if entry.is_seeded() {
                continue;
            }
            for (seq, text) in entry.attributes().filter(|(seq, _)| *seq > after) {
                reached = seq;
                found.push(StoredAttribute { seq, text: text.to_owned(), log_index: entry.index });
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

/// An identifier and the fields of an entry of a stream.
type Item = (String, Vec<Vec<u8>>);

async fn page(
    client: &Client,
    keys: &Keys,
    run: Run,
    after: LogIndex,
    count: usize,
) -> Result<Vec<Entry>, StoreError> {
    let call = Call::new(&scripts::PAGE, &[keys.epoch(), keys.log()])
        .arg(run)
        .arg(after.saturating_add(1))
        .arg(count);
    let items: Vec<Item> = parse(client.call(Access::Read, call).await?)?;
    items.iter().map(entry).collect()
}

fn entry((id, fields): &Item) -> Result<Entry, StoreError> {
    let index = id.split('-').next().and_then(|index| index.parse().ok());
    match (index, fields.as_slice()) {
        (Some(index), [_, bytes]) => decode_entry(index, bytes),
        _ => Err(corrupt(format!("entry {id} of the log"))),
    }
}
