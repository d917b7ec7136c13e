//! Reads the decisions of a topic's run, and makes them again.

use std::collections::VecDeque;

use igentai_core::decision::{CHUNK, Chunk, Decision, Differs, Replay};
use igentai_core::fold::FoldError;
use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run};
use igentai_core::log::Entry;
use igentai_core::routing::what_if::Answers;

use super::checkpoints::{self, DECISIONS, decisions_from};
use super::{Store, StoreError};

/// Decisions of a run with their numbers, from `from` on (the first is 1), at most `limit`, in order; and the number that the next one will have.
///
/// Those before the topic's log was replaced are not there any more.
///
/// # Errors
/// When the store cannot be read.
pub async fn decisions(
    store: &dyn Store,
    topic: &TopicId,
    run: Run,
    from: u64,
    limit: usize,
) -> Result<(Vec<(u64, Decision)>, u64), StoreError> {
    let open = read(store, topic, run, DECISIONS).await?.unwrap_or_default();
    let end = open.end();
    let size = u64::try_from(CHUNK).unwrap_or(u64::MAX);
    let from = from.max(1);
    let mut first = (from - 1) / size * size + 1;
    let mut found = Vec::new();
    while found.len() < limit && first < open.first {
        let chunk = read(store, topic, run, &decisions_from(first)).await?.unwrap_or_default();
        take(&chunk, from, limit, &mut found);
        first += size;
    }
    take(&open, from, limit, &mut found);
    Ok((found, end))
}

fn take(chunk: &Chunk, from: u64, limit: usize, found: &mut Vec<(u64, Decision)>) {
    let left = limit.saturating_sub(found.len());
    let wanted = chunk.numbered().filter(|(number, _)| *number >= from).take(left);
    found.extend(wanted.map(|(number, decision)| (number, decision.clone())));
}

async fn read(store: &dyn Store, topic: &TopicId, run: Run, name: &str) -> Result<Option<Chunk>, StoreError> {
    let bytes = store.checkpoint(topic, run, name).await?;
    bytes.map(|bytes| checkpoints::decode(&bytes)).transpose()
}

/// Log entries read at once.
const ENTRIES: usize = 1_000;

/// What came of making a run's decisions again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Log entries that were taken in.
    pub entries: LogIndex,
    /// Decisions that stand written.
    pub decisions: u64,
    /// Those that follow from the log and came out the same, up to the first that did not.
    pub same: u64,
    /// Those of programs that decide by other rules, taken as they are.
    pub taken: u64,
    /// The first that did not.
    pub differs: Option<Differs>,
}

/// Why decisions cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log was replaced, and the decisions before are gone.
    #[error("decisions {from} to {to} are not there any more: the topic's log was replaced since")]
    Gone {
        /// The first that is not there.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The log is shorter than what decisions go by.
    #[error("decisions go by the log up to entry {wanted}, and it ends at {end}")]
    Short {
        /// An entry that was there.
        wanted: LogIndex,
        /// The last that is.
        end: LogIndex,
    },
    /// The log contradicts itself.
    #[error("the log cannot be taken in: {0}")]
    Log(#[from] FoldError),
}

/// Makes the decisions of a run again from its log, and compares.
///
/// # Errors
/// When the store cannot be read, or does not hold what decisions go by.
pub async fn replay(store: &dyn Store, topic: &TopicId, run: Run) -> Result<Replayed, ReplayError> {
    let (mut replay, mut log) = (Replay::default(), VecDeque::new());
    let (mut from, mut differs, mut all) = (1, None, 1);
    while differs.is_none() {
        let (page, end) = decisions(store, topic, run, from, CHUNK).await?;
        all = end;
        let Some((first, _)) = page.first() else { break };
        if *first != from {
            return Err(ReplayError::Gone { from, to: first - 1 });
        }
        for (number, decision) in &page {
            read_up_to(store, &mut replay, &mut log, (topic, run), decision.log_index).await?;
            from = number + 1;
            if let Err(found) = replay.decision(*number, decision) {
                differs = Some(found);
                break;
            }
        }
    }
    Ok(Replayed {
        entries: replay.log_index(),
        decisions: all - 1,
        same: replay.decided(),
        taken: replay.taken(),
        differs,
    })
}

/// Takes in the log up to an entry; what was read beyond it is kept.
async fn read_up_to(
    store: &dyn Store,
    replay: &mut Replay,
    ahead: &mut VecDeque<Entry>,
    (topic, run): (&TopicId, Run),
    wanted: LogIndex,
) -> Result<(), ReplayError> {
    while replay.log_index() < wanted {
        let end = replay.log_index();
        if ahead.is_empty() {
            ahead.extend(store.log(topic, run, end, ENTRIES).await?);
        }
        let entry = ahead.pop_front().ok_or(ReplayError::Short { wanted, end })?;
        replay.entry(&entry)?;
    }
    Ok(())
}

/// The log of a run and its decisions, for a simulation of what would have come of another way to share its requests; no more of it than is simulated.
///
/// # Errors
/// When the store cannot be read.
pub async fn answers(store: &dyn Store, topic: &TopicId, run: Run) -> Result<Answers, StoreError> {
    let (mut answers, mut after) = (Answers::default(), 0);
    while !answers.is_too_long() {
        let page = store.log(topic, run, after, ENTRIES).await?;
        let Some(last) = page.last() else { break };
        after = last.index;
        for entry in &page {
            answers.entry(entry);
        }
    }
    let mut from = 1;
    while answers.is_aimed() && !answers.is_too_long() {
        let (page, _) = decisions(store, topic, run, from, CHUNK).await?;
        let Some((last, _)) = page.last() else { break };
        from = last + 1;
        for (_, decision) in &page {
            answers.decision(decision);
        }
    }
    Ok(answers)
}
