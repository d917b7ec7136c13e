//! Where a stream begins in every topic.

use std::collections::BTreeMap;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, Seq};
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError};

use super::cursor::seal::Bucket;
use super::cursor::{Cursor, Position};

/// Where a stream begins.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// With what comes after now.
    Present,
    /// Where an earlier stream was.
    Cursor(Box<Cursor>),
    /// Behind this attribute of the one topic, in this run or the current one.
    After { run: Option<Run>, seq: Seq },
}

/// Where a stream begins in a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) position: Position,
    /// Nothing lies behind it in the registry.
    pub(super) is_head: bool,
}

impl Start {
    /// Where the stream begins in `topics`, which are all, or the one that it is narrowed to.
    pub(super) async fn places(
        &self,
        store: &dyn Store,
        topics: &[Topic],
        narrowed: bool,
    ) -> Result<BTreeMap<TopicId, Place>, StoreError> {
        if let Self::Cursor(cursor) = self {
            return resumed(cursor, store, topics, narrowed).await;
        }
        let mut places = BTreeMap::new();
        for topic in topics {
            let place = match self {
                Self::After { run: Some(run), seq } => Place::behind(Position { run: *run, seq: *seq }),
                Self::After { run: None, seq } => {
                    Place::behind(Position { seq: *seq, ..head(store, &topic.id).await? })
                }
                Self::Present | Self::Cursor(_) => {
                    Place { position: head(store, &topic.id).await?, is_head: true }
                }
            };
            places.insert(topic.id.clone(), place);
        }
        Ok(places)
    }
}

impl Place {
    fn behind(position: Position) -> Self {
        Self { position, is_head: false }
    }
}

/// Where the registry's log of a topic stands.
pub(super) async fn head(store: &dyn Store, topic: &TopicId) -> Result<Position, StoreError> {
    let head = store.head(topic).await?;
    Ok(Position { run: head.run, seq: head.attributes })
}

async fn resumed(
    cursor: &Cursor,
    store: &dyn Store,
    topics: &[Topic],
    narrowed: bool,
) -> Result<BTreeMap<TopicId, Place>, StoreError> {
    let mut places: BTreeMap<TopicId, Place> = topics
        .iter()
        .map(|topic| (topic.id.clone(), Place::behind(cursor.position(&topic.id).unwrap_or_default())))
        .collect();
    let is_sealed = |topic: &Topic| match cursor.position(&topic.id) {
        Some(_) => None,
        None => cursor.seals().bucket(&topic.id),
    };
    let wanted: Vec<Bucket> = topics.iter().filter_map(is_sealed).collect();
    if wanted.is_empty() {
        return Ok(places);
    }
    // What a seal says of one topic is known only together with the others in it.
    let all = if narrowed { store.topics().await? } else { topics.to_vec() };
    let mut buckets: BTreeMap<Bucket, Vec<&Topic>> = BTreeMap::new();
    for topic in &all {
        if let Some(bucket) = is_sealed(topic).filter(|bucket| wanted.contains(bucket)) {
            buckets.entry(bucket).or_default().push(topic);
        }
    }
    for (bucket, mut members) in buckets {
        members.sort_by_key(|topic| (topic.created_at, &topic.id));
        let mut heads = Vec::with_capacity(members.len());
        for topic in members {
            heads.push((topic.id.clone(), head(store, &topic.id).await?));
        }
        for ((topic, head), position) in heads.iter().zip(cursor.seals().open(bucket, &heads)) {
            if let Some(place) = places.get_mut(topic) {
                *place = Place { position, is_head: position == *head };
            }
        }
    }
    Ok(places)
}
