//! Files of topics that ended while nobody kept them: compared with the registry, and built anew where they differ.

use igentai_core::fold::TopicFold;
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::Topic;
use igentai_shared::store::{Head, Store, StoreError, checkpoints};

use super::Style;
use super::desk::PAGE;
use super::place::{self, Standing};
use super::trouble::Trouble;

/// The comparison of one topic.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) topic: Topic,
    /// The log counted again as far as it was read, where the numbers that were kept are not the last.
    counted: Option<Box<TopicFold>>,
}

/// What a step of a comparison came to.
#[derive(Debug)]
pub(super) enum Found {
    /// There is more to do.
    Nothing,
    /// The files are as they should be, or their run is over.
    Same,
    /// They are those of this other registry.
    Anothers(String),
    /// They must be built anew, and say this.
    Differs(Box<TopicStatus>),
}

impl Check {
    pub(super) const fn new(topic: Topic) -> Self {
        Self { topic, counted: None }
    }

    /// Does a page's worth of it.
    pub(super) async fn step(
        &mut self,
        style: &Style,
        store: &dyn Store,
        at: UnixMillis,
    ) -> Result<Found, Trouble> {
        let (id, run) = (&self.topic.id, self.topic.run);
        let head = match store.head(id).await? {
            newer if newer.run > run => return Ok(Found::Same),
            // A run that was wanted and never opened has no attributes.
            older if older.run < run => Head { run, ..Head::default() },
            head => head,
        };
        let Some(counted) = &mut self.counted else {
            match place::standing(style, &self.topic, head.attributes)? {
                Standing::Right => return Ok(Found::Same),
                Standing::Anothers(registry) => return Ok(Found::Anothers(registry)),
                Standing::Refused(refusal) => return Err(refusal.into()),
                Standing::Wrong => {}
            }
            let kept = store.checkpoint(id, run, checkpoints::STATUS).await?;
            let kept = kept.and_then(|bytes| checkpoints::decode::<TopicStatus>(&bytes).ok());
            if let Some(status) = kept.filter(|status| status.log_index == head.log_index) {
                return Ok(Found::Differs(Box::new(self.at_rest(status, style, at))));
            }
            self.counted = Some(Box::default());
            return Ok(Found::Nothing);
        };
        if counted.log_index() < head.log_index {
            let entries = store.log(id, run, counted.log_index(), PAGE).await?;
            if entries.is_empty() {
                return Ok(Found::Same);
            }
            for entry in &entries {
                counted.apply(entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            }
            return Ok(Found::Nothing);
        }
        let status = TopicStatus::of(self.topic.clone(), counted, style.epoch, at);
        Ok(Found::Differs(Box::new(status)))
    }

    /// The numbers that were kept while it ran, for a topic on which nobody works.
    fn at_rest(&self, status: TopicStatus, style: &Style, at: UnixMillis) -> TopicStatus {
        TopicStatus {
            topic: self.topic.clone(),
            epoch: style.epoch,
            at,
            attributes_per_minute: 0.0,
            active_producers: 0,
            ..status
        }
    }
}
