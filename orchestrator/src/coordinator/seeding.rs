//! What a run is to know from the beginning becomes part of its log, before anybody is asked.

use igentai_core::batch::{BatchId, Named, Verdict};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, WorkerId};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_core::topic::{SEEDER, Seeds};
use igentai_shared::store::{Commit, StoreError};
use tracing::info;

use crate::Context;

/// Parts committed at once.
const AT_ONCE: u32 = 8;

/// Commits a list. Parts that are in the log already, by this or an earlier leader, are passed over there.
pub(super) async fn commit(
    context: &Context,
    topic: &TopicId,
    run: Run,
    seeds: &Seeds,
) -> Result<(), StoreError> {
    let store = context.store.as_ref();
    let mut commits = Vec::new();
    for part in 0..seeds.parts() {
        let Some(texts) = store.seeds(topic, &seeds.list, part).await? else {
            let why = "the list of items that it was to know is not whole; start it again with the list";
            return Err(StoreError::Corrupt(why.to_owned()));
        };
        commits.push(commit_of(topic, run, seeds, part, texts, context.clock.now().unix)?);
        if part % AT_ONCE == AT_ONCE - 1 || part + 1 == seeds.parts() {
            for outcome in store.commit(std::mem::take(&mut commits)).await? {
                if matches!(outcome.verdict, Verdict::Stale) {
                    let current = store.head(topic).await?.run;
                    return Err(StoreError::Stale { asked: run, current });
                }
            }
        }
    }
    info!(topic = %topic, run, items = seeds.count, "the items that it is to know are known");
    Ok(())
}

fn commit_of(
    topic: &TopicId,
    run: Run,
    seeds: &Seeds,
    part: u32,
    texts: Vec<String>,
    at: UnixMillis,
) -> Result<Commit, StoreError> {
    let producer = WorkerId::parse(SEEDER).map_err(|error| StoreError::Defect(error.to_string()))?;
    let (incarnation, seq) = (seeds.incarnation(), u64::from(part) + 1);
    let named = |text: String| {
        let fingerprint = Fingerprint::of(&Key::of(&text)?);
        Some(Named { text, fingerprint })
    };
    Ok(Commit {
        id: BatchId { topic: topic.clone(), run, producer: producer.clone(), incarnation, seq },
        lowest_unresolved: seq,
        head: EntryHead { producer, incarnation, seq, at, kind: EntryKind::Seeded },
        novel: texts.into_iter().filter_map(named).collect(),
        spellings: Vec::new(),
        sightings: Vec::new(),
        numbered: None,
    })
}
