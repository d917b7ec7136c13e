//! Lists of items that topics are to begin with.

use igentai_core::folder::TopicId;
use redb::{ReadTransaction, ReadableTable};

use super::engine::Stop;
use super::tables::{SEEDS, Tables};
use crate::store::rows::{decode, encode};

pub(super) fn keep(
    tables: &mut Tables<'_>,
    topic: &TopicId,
    list: &str,
    part: u32,
    texts: &[String],
) -> Result<(), Stop> {
    tables.seeds.insert((topic.as_str(), list, part), encode(&texts)?.as_slice())?;
    Ok(())
}

pub(super) fn part(
    transaction: &ReadTransaction,
    topic: &TopicId,
    list: &str,
    part: u32,
) -> Result<Option<Vec<String>>, Stop> {
    let table = transaction.open_table(SEEDS)?;
    let bytes = table.get((topic.as_str(), list, part))?;
    Ok(bytes.map(|bytes| decode(bytes.value())).transpose()?)
}

pub(super) fn forget_others(tables: &mut Tables<'_>, topic: &TopicId, but: &str) -> Result<(), Stop> {
    let mut others = Vec::new();
    for row in tables.seeds.range((topic.as_str(), "", 0)..)? {
        let (key, _) = row?;
        let (of, list, part) = key.value();
        if of != topic.as_str() {
            break;
        }
        if list != but {
            others.push((list.to_owned(), part));
        }
    }
    for (list, part) in others {
        tables.seeds.remove((topic.as_str(), list.as_str(), part))?;
    }
    Ok(())
}
