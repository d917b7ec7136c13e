//! The shell's side of each topic that is worked on: its log is followed into the core, the filter and the files.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::coordinator::{Coordinator, Ledger};
use igentai_core::decision::Chunk;
use igentai_core::filter::{Master, Ranges};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::Entry;
use igentai_core::status::TopicStatus;
use igentai_core::time::{Monotonic, Now, UnixMillis};
use igentai_core::topic::Topic;
use igentai_shared::store::checkpoints::{self, Mark};
use igentai_shared::store::{Head, Store, StoreError};
use igentai_shared::wire::Published;
use tracing::{info, warn};

use super::filters::{self, Replicas};
use super::measure::Measures;
use super::refusals::Refusals;
use super::saving::{Kept, Saver};
use super::seeding;
use super::trouble::{Step, Troubles};
use super::vouching::Vouching;
use crate::Context;
use crate::files::Files;

/// Entries read at once.
pub(super) const PAGE: usize = 1_000;

/// How often a log is looked at when no integrator says that it has grown.
const LOOK: Duration = Duration::from_millis(250);

/// Topics that are worked on.
pub(super) struct Topics<'a> {
    pub(super) context: &'a Context,
    pub(super) epoch: Epoch,
    pub(super) files: Files,
    ended_checked: bool,
    /// Which of the topics that have ended was looked at last.
    looked_at: Option<TopicId>,
    pub(super) open: BTreeMap<TopicId, OpenTopic>,
    pub(super) troubles: Troubles,
    /// Why nobody can be told or heard, for people; `None` when everybody can.
    pub(super) deaf: Option<String>,
    /// Why producers cannot be told what to do, for people.
    pub(super) untold: Option<String>,
    pub(super) measures: Measures,
    pub(super) replicas: Replicas,
    pub(super) refusals: Refusals,
    pub(super) saver: Saver,
    pub(super) vouching: Vouching,
}

pub(super) struct OpenTopic {
    pub(super) run: Run,
    /// Which log of it is followed.
    pub(super) edition: u64,
    /// Which start of the run it was opened for.
    started_at: UnixMillis,
    /// When it had ended, and what was told of it last.
    pub(super) ended: Option<(Monotonic, LogIndex)>,
    /// What was told last of what keeps its files from being written.
    pub(super) told_of_files: Option<String>,
    pub(super) master: Master,
    pub(super) done: filters::Done,
    pub(super) kept: Kept,
    pub(super) published: Ranges,
    /// How far the log was published without a hole, and since when it has not got further.
    pub(super) outbox: (LogIndex, Monotonic),
    grown: bool,
    looked: Monotonic,
}

/// Of the attributes that an entry brought.
pub(super) fn fingerprints(entry: &Entry) -> Vec<Fingerprint> {
    entry.tail.new.iter().filter_map(|text| Key::of(text).map(|key| Fingerprint::of(&key))).collect()
}

/// What was read of a log that was replaced, by a repair, goes with none of what is read now.
async fn refuse_replaced(store: &dyn Store, id: &TopicId, followed: (Run, u64)) -> Result<(), StoreError> {
    let (run, edition) = followed;
    if store.edition(id).await? == edition || store.head(id).await?.run != run {
        return Ok(());
    }
    Err(StoreError::Replaced(id.to_string()))
}

impl<'a> Topics<'a> {
    pub(super) fn new(context: &'a Context, epoch: Epoch, files: Files, vouching: Vouching) -> Self {
        Self {
            context,
            epoch,
            files,
            ended_checked: false,
            looked_at: None,
            open: BTreeMap::new(),
            troubles: Troubles::new(epoch),
            deaf: None,
            untold: None,
            measures: Measures::new(context.troubles.clone()),
            replicas: Replicas::default(),
            refusals: Refusals::default(),
            saver: Saver::new(context.clock.now().monotonic),
            vouching,
        }
    }

    /// Opens the run in the store and folds its log, from where a checkpoint has come to; or only changes the cap of one that is open.
    pub(super) async fn open(
        &mut self,
        core: &mut Coordinator,
        id: &TopicId,
        run: Run,
        max_attributes: Option<u64>,
        now: Now,
    ) -> Result<(), StoreError> {
        if !core.is_open(id) {
            // First of all: opening a run may empty an older one.
            self.vouch(id, run, now.monotonic).await?;
        }
        let head = self.context.store.open_run(id, run, self.epoch, max_attributes).await?;
        if core.is_open(id) {
            core.opened(id, run, max_attributes, None);
            return Ok(());
        }
        let ledger = self.checkpoint::<Ledger>(id, run, checkpoints::LEDGER).await?;
        let Some(definition) = core.topics().find(|topic| topic.id == *id).cloned() else { return Ok(()) };
        // Where an earlier attempt came to a part of the log, this one goes on.
        let begun = self.open.get(id).is_some_and(|topic| {
            (topic.run, topic.started_at) == (run, definition.started_at)
                && topic.master.complete_to() == core.log_index(id)
        });
        if !begun {
            self.begin(core, &definition, head, now).await?;
        }
        self.follow_one(core, id, now).await?;
        if let Some(seeds) = definition.seeds.as_ref().filter(|seeds| !core.has_seeds(id, seeds)) {
            seeding::commit(self.context, id, run, seeds).await?;
            self.follow_one(core, id, now).await?;
        }
        self.files.open(definition, core.attributes(id));
        match self.checkpoint::<Chunk>(id, run, checkpoints::DECISIONS).await {
            Ok(Some(decisions)) => core.found_decisions(id, run, decisions),
            Ok(None) => {}
            // They tell of what was; nothing rests on them.
            Err(StoreError::Corrupt(why)) => {
                warn!(topic = %id, why, "the topic's decisions cannot be read, and begin anew");
            }
            Err(error) => return Err(error),
        }
        core.opened(id, run, max_attributes, ledger);
        info!(topic = %id, run, attributes = core.attributes(id), "a topic is open");
        Ok(())
    }

    async fn begin(
        &mut self,
        core: &mut Coordinator,
        definition: &Topic,
        head: Head,
        now: Now,
    ) -> Result<(), StoreError> {
        let (id, run) = (&definition.id, definition.run);
        let edition = self.context.store.edition(id).await?;
        let published = self.checkpoint::<LogIndex>(id, run, checkpoints::PUBLISHED).await?.unwrap_or(0);
        let mut ranges = Ranges::default();
        ranges.insert(1, published);
        let (master, kept) = self.restore(core, id, run, head).await?;
        let topic = OpenTopic {
            run,
            edition,
            started_at: definition.started_at,
            ended: None,
            told_of_files: None,
            master,
            done: filters::Done::default(),
            kept,
            published: ranges,
            outbox: (published, now.monotonic),
            grown: true,
            looked: now.monotonic,
        };
        self.open.insert(id.clone(), topic);
        Ok(())
    }

    pub(super) async fn checkpoint<T: serde::de::DeserializeOwned>(
        &self,
        id: &TopicId,
        run: Run,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let bytes = self.context.store.checkpoint(id, run, name).await?;
        bytes.map(|bytes| checkpoints::decode(&bytes)).transpose()
    }

    /// Takes in what the logs have got since, each for itself.
    pub(super) async fn follow(&mut self, core: &mut Coordinator, now: Now) -> Result<(), StoreError> {
        let followed: Vec<TopicId> = core.followed().map(|(id, _, _)| id.clone()).collect();
        for id in followed {
            let due = |topic: &OpenTopic| topic.grown || now.monotonic.since(topic.looked) >= LOOK;
            let rests = self.troubles.rests(Some(&id), Step::Follow, now.monotonic);
            if !rests && self.open.get(&id).is_some_and(due) {
                let followed = self.follow_one(core, &id, now).await;
                if matches!(followed, Err(StoreError::PutBack { .. } | StoreError::Replaced(_))) {
                    // Nothing that was read of this registry holds any more: everything is read anew.
                    return followed;
                }
                self.troubles.note(Some(&id), Step::Follow, followed, now.monotonic)?;
            }
        }
        Ok(())
    }

    async fn follow_one(&mut self, core: &mut Coordinator, id: &TopicId, now: Now) -> Result<(), StoreError> {
        let followed = self.read_on(core, id, now).await;
        if matches!(followed, Err(StoreError::Replaced(_))) {
            self.open.remove(id);
        }
        followed
    }

    async fn read_on(&mut self, core: &mut Coordinator, id: &TopicId, now: Now) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        let Some(topic) = self.open.get_mut(id) else { return Ok(()) };
        topic.grown = false;
        topic.looked = now.monotonic;
        let now_there = store.head(id).await?;
        let seen =
            Head { run: topic.run, log_index: topic.master.complete_to(), attributes: core.attributes(id) };
        if now_there.is_less_than(&seen) {
            refuse_replaced(store, id, (topic.run, topic.edition)).await?;
            store.claim(id, self.epoch, seen).await?;
        }
        let Head { run, log_index: head, .. } = now_there;
        if run != topic.run {
            return Ok(());
        }
        while topic.master.complete_to() < head {
            let page = store.log(id, run, topic.master.complete_to(), PAGE).await;
            // Asked afterwards, so that all of the page is of the log that the ones before were of.
            refuse_replaced(store, id, (topic.run, topic.edition)).await?;
            // That there is more is known to the core even when it cannot be read.
            let folded = core.entries(id, run, page.as_deref().unwrap_or_default(), head, now);
            let mut entries = page?;
            if entries.is_empty() {
                return Err(StoreError::Corrupt(format!("the log of {id} ends before entry {head}")));
            }
            if folded.is_err() {
                // Those before the one that does not fit are in, and the next attempt goes on behind them.
                entries.retain(|entry| entry.index <= core.log_index(id));
            }
            for entry in &entries {
                topic.master.entry(entry.index, &fingerprints(entry), now.monotonic);
            }
            topic.kept.mark = entries.last().map(Mark::of).or(topic.kept.mark.take());
            self.saver.folded(entries.len());
            self.refusals.over(id);
            self.files.grown(id, core.attributes(id));
            folded.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        }
        Ok(())
    }

    /// An integrator has published a range of the log; whether that log is followed.
    pub(super) fn published(&mut self, note: &Published) -> bool {
        let followed = self.open.get_mut(&note.topic).filter(|topic| topic.run == note.run);
        followed.is_some_and(|topic| {
            topic.published.insert(note.from, note.to);
            topic.grown = true;
            true
        })
    }

    /// Looks at the next of the topics that have ended and are followed no more: somebody may have replayed a dead letter, or a producer was not heard for long, and
    /// what an integrator said of it was not heard either.
    ///
    /// # Errors
    /// When another leader is in force.
    pub(super) async fn look_for_late(&mut self, core: &mut Coordinator) -> Result<(), StoreError> {
        let ended = |topic: &&Topic| topic.state.is_ended() && !core.is_open(&topic.id);
        let behind = |topic: &&Topic| self.looked_at.as_ref().is_none_or(|last| topic.id > *last);
        let next = core.topics().filter(ended).find(behind).or_else(|| core.topics().find(ended));
        let Some((id, run)) = next.map(|topic| (topic.id.clone(), topic.run)) else { return Ok(()) };
        self.looked_at = Some(id.clone());
        let told = match self.checkpoint::<TopicStatus>(&id, run, checkpoints::STATUS).await {
            // What cannot be read is made anew.
            Err(StoreError::Corrupt(_)) => Ok(None),
            told => told,
        };
        let head = self.context.store.head(&id).await;
        match (told, head) {
            (Ok(told), Ok(head)) if head.run == run => {
                if head.log_index > told.map_or(0, |status| status.log_index) {
                    core.late(&id, run);
                }
            }
            (Err(error), _) | (_, Err(error)) if self.troubles.ends_the_term(&error) => return Err(error),
            // It is looked at again.
            (Ok(_) | Err(_), Ok(_) | Err(_)) => {}
        }
        Ok(())
    }

    pub(super) async fn save_ledger(
        &self,
        id: &TopicId,
        run: Run,
        ledger: &Ledger,
    ) -> Result<(), StoreError> {
        let saved = BTreeMap::from([(checkpoints::LEDGER.to_owned(), checkpoints::encode(ledger))]);
        self.context.store.save_checkpoints(id, run, self.epoch, saved).await
    }

    pub(super) async fn save_decisions(
        &self,
        id: &TopicId,
        run: Run,
        chunks: &[Chunk],
    ) -> Result<(), StoreError> {
        let Some((open, whole)) = chunks.split_last() else { return Ok(()) };
        let named = whole.iter().map(|chunk| (checkpoints::decisions_from(chunk.first), chunk));
        let named = named.chain([(checkpoints::DECISIONS.to_owned(), open)]);
        let saved = named.map(|(name, chunk)| (name, checkpoints::encode_decisions(chunk))).collect();
        self.context.store.save_checkpoints(id, run, self.epoch, saved).await
    }

    /// Before a topic is called ended: everything that is committed stands in its files, and its last numbers in the registry, so that whoever
    /// sees the end sees them with it. A disk that stands still does not hold the end up for longer than the lease allows.
    pub(super) async fn finish(
        &mut self,
        core: &Coordinator,
        topic: &Topic,
        now: Now,
    ) -> Result<(), StoreError> {
        self.files.grown(&topic.id, core.attributes(&topic.id));
        let status = core.status(&topic.id, now);
        if let Some(status) = &status {
            self.files.status(status);
        }
        if !self.files.flush(self.context.options.lease_ttl / 4).await {
            warn!(topic = %topic.id, "a topic ends before its files are complete; they catch up");
        }
        if let Some(status) = &status {
            let saved = BTreeMap::from([(checkpoints::STATUS.to_owned(), checkpoints::encode(status))]);
            self.context.store.save_checkpoints(&topic.id, topic.run, self.epoch, saved).await?;
        }
        Ok(())
    }

    /// Has the files of topics that ended earlier compared with the registry, once in a term: a leader before may have been killed, or has written them
    /// on another machine.
    pub(super) fn check_ended_files(&mut self, core: &Coordinator) {
        if !std::mem::replace(&mut self.ended_checked, true) {
            self.files.check(core.topics().filter(|topic| topic.state.is_ended()).cloned());
        }
    }
}
