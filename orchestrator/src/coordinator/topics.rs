//! The shell's side of each topic that is worked on: its log is followed into the core, the filter and the files, and told to everybody.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::coordinator::{Coordinator, LINGER, Ledger};
use igentai_core::filter::{Master, Ranges};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run, WorkerId};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::Entry;
use igentai_core::time::{Monotonic, Now};
use igentai_core::topic::Topic;
use igentai_shared::bus::{Exchange, WorkQueue};
use igentai_shared::store::{Head, StoreError, checkpoints};
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{FilterDelta, FilterSnapshot, Published, StatusEvent};
use tracing::{info, warn};

use crate::Context;
use crate::files::Files;
use crate::outbox::{Portion, merge};
use crate::send::send;

/// Entries read at once.
const PAGE: usize = 1_000;

/// How often a log is looked at when no integrator says that it has grown.
const LOOK: Duration = Duration::from_millis(250);

/// An entry that nobody has published for so long is published from the log.
const OUTBOX_PATIENCE: Duration = Duration::from_secs(2);

/// Topics that are worked on.
pub(super) struct Topics<'a> {
    context: &'a Context,
    epoch: Epoch,
    files: Files,
    ended_checked: bool,
    open: BTreeMap<TopicId, OpenTopic>,
}

struct OpenTopic {
    run: Run,
    /// When it had ended, and what was told of it last.
    ended: Option<(Monotonic, LogIndex)>,
    master: Master,
    fingerprints: Vec<Fingerprint>,
    published: Ranges,
    /// How far the log was published without a hole, and since when it has not got further.
    outbox: (LogIndex, Monotonic),
    grown: bool,
    looked: Monotonic,
}

impl OpenTopic {
    fn take(&mut self, entry: &Entry) {
        let key = |text: &String| Key::of(text).map(|key| Fingerprint::of(&key));
        let new: Vec<Fingerprint> = entry.tail.new.iter().filter_map(key).collect();
        self.fingerprints.extend_from_slice(&new);
        self.master.entry(entry.index, &new, || self.fingerprints.clone());
    }
}

impl<'a> Topics<'a> {
    pub(super) const fn new(context: &'a Context, epoch: Epoch, files: Files) -> Self {
        Self { context, epoch, files, ended_checked: false, open: BTreeMap::new() }
    }

    /// Opens the run in the store and folds its log from the beginning; or only changes the cap of one that is open.
    pub(super) async fn open(
        &mut self,
        core: &mut Coordinator,
        id: &TopicId,
        run: Run,
        max_attributes: Option<u64>,
        now: Now,
    ) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        store.open_run(id, run, self.epoch, max_attributes).await?;
        if core.is_open(id) {
            core.opened(id, run, max_attributes, None);
            return Ok(());
        }
        let ledger = self.checkpoint::<Ledger>(id, run, checkpoints::LEDGER).await?;
        let published = self.checkpoint::<LogIndex>(id, run, checkpoints::PUBLISHED).await?.unwrap_or(0);
        let mut ranges = Ranges::default();
        ranges.insert(1, published);
        let topic = OpenTopic {
            run,
            ended: None,
            master: Master::new(),
            fingerprints: Vec::new(),
            published: ranges,
            outbox: (published, now.monotonic),
            grown: true,
            looked: now.monotonic,
        };
        self.open.insert(id.clone(), topic);
        self.follow_one(core, id, now).await?;
        if let Some(definition) = core.topics().find(|topic| topic.id == *id) {
            self.files.open(definition.clone(), core.attributes(id));
        }
        core.opened(id, run, max_attributes, ledger);
        info!(topic = %id, run, attributes = core.attributes(id), "a topic is open");
        Ok(())
    }

    async fn checkpoint<T: serde::de::DeserializeOwned>(
        &self,
        id: &TopicId,
        run: Run,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let bytes = self.context.store.checkpoint(id, run, name).await?;
        bytes.map(|bytes| checkpoints::decode(&bytes)).transpose()
    }

    /// Takes in what the logs have got since.
    pub(super) async fn follow(&mut self, core: &mut Coordinator, now: Now) -> Result<(), StoreError> {
        let followed: Vec<TopicId> = core.followed().map(|(id, _, _)| id.clone()).collect();
        for id in followed {
            let due = |topic: &OpenTopic| topic.grown || now.monotonic.since(topic.looked) >= LOOK;
            if self.open.get(&id).is_some_and(due) {
                self.follow_one(core, &id, now).await?;
            }
        }
        Ok(())
    }

    async fn follow_one(&mut self, core: &mut Coordinator, id: &TopicId, now: Now) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        let Some(topic) = self.open.get_mut(id) else { return Ok(()) };
        topic.grown = false;
        topic.looked = now.monotonic;
        let Head { run, log_index: head, .. } = store.head(id).await?;
        if run != topic.run {
            return Ok(());
        }
        while topic.master.complete_to() < head {
            let entries = store.log(id, run, topic.master.complete_to(), PAGE).await?;
            if entries.is_empty() {
                return Err(StoreError::Corrupt(format!("the log of {id} ends before entry {head}")));
            }
            core.entries(id, run, &entries, head, now)
                .map_err(|error| StoreError::Corrupt(error.to_string()))?;
            for entry in &entries {
                topic.take(entry);
            }
            self.files.grown(id, core.attributes(id));
        }
        Ok(())
    }

    /// An integrator has published a range of the log.
    pub(super) fn published(&mut self, note: &Published) {
        if let Some(topic) = self.open.get_mut(&note.topic).filter(|topic| topic.run == note.run) {
            topic.published.insert(note.from, note.to);
            topic.grown = true;
        }
    }

    /// Publishes from the log what no integrator says it has published.
    pub(super) async fn publish_left_out(&mut self, now: Monotonic) {
        for (id, topic) in &mut self.open {
            let complete = topic.published.complete_to();
            if complete > topic.outbox.0 || complete >= topic.master.complete_to() {
                topic.outbox = (complete, now);
            } else if now.since(topic.outbox.1) >= OUTBOX_PATIENCE {
                if let Err(error) = republish(self.context, id, topic, complete).await {
                    warn!(topic = %id, error = %error, "what a commit brought is not announced yet");
                }
                topic.outbox.1 = now;
            }
        }
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

    pub(super) async fn send_snapshot(&self, producer: &WorkerId, id: &TopicId) {
        let Some(topic) = self.open.get(id) else { return };
        let (generation, complete_to) = (topic.master.bits().generation(), topic.master.complete_to());
        let chunks = topic.master.pieces();
        catalogue::FILTER_SNAPSHOTS_TOTAL.add(1, []);
        for chunk in 0..chunks {
            let Some(words) = topic.master.piece(chunk) else { return };
            let run = topic.run;
            let piece =
                FilterSnapshot { topic: id.clone(), run, generation, complete_to, chunk, chunks, words };
            let name = format!("snapshot-{producer}-{id}-{run}-{complete_to}-{chunk}");
            let key = format!("snapshot.{producer}");
            let bus = self.context.bus.as_ref();
            if let Err(error) = send(bus, Exchange::Filters, key, name, &piece).await {
                warn!(producer = %producer, error = %error, "a filter snapshot is not sent; it will be asked for again");
                return;
            }
        }
    }

    /// Tells everybody where the open topics stand, and saves it. Of those that have ended, only what came since.
    pub(super) async fn tell(&mut self, core: &Coordinator, now: Now) -> Result<(), StoreError> {
        let over =
            |topic: &OpenTopic| topic.ended.is_some_and(|(since, _)| now.monotonic.since(since) >= LINGER);
        for (id, _) in self.open.extract_if(.., |_, topic| over(topic)) {
            self.files.leave(&id);
        }
        let news = |topic: &OpenTopic| topic.ended.is_none_or(|(_, told)| told < topic.master.complete_to());
        let ids: Vec<TopicId> =
            self.open.iter().filter(|(_, topic)| news(topic)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.tell_one(core, &id, now).await?;
        }
        self.measure(core).await;
        self.files.global(core.topics().cloned().collect(), core.producers(), now);
        Ok(())
    }

    async fn measure(&self, core: &Coordinator) {
        let mut states =
            BTreeMap::from(["starting", "running", "ending", "ended"].map(|state| (state, 0_u64)));
        for topic in core.topics() {
            *states.entry(topic.state.as_str()).or_default() += 1;
        }
        for (state, topics) in states {
            catalogue::TOPICS.set_whole(topics, [state]);
        }
        catalogue::PRODUCERS.set_whole(u64::try_from(core.producers()).unwrap_or(u64::MAX), ["live"]);
        for queue in WorkQueue::ALL {
            if let Some(messages) = self.context.bus.depth(queue).await {
                catalogue::QUEUE_MESSAGES.set_whole(messages, [queue.name()]);
                if queue == WorkQueue::Unrouted {
                    catalogue::UNROUTED_MESSAGES.set_whole(messages, []);
                }
            }
        }
    }

    /// Tells everybody where one topic stands.
    pub(super) async fn tell_one(
        &mut self,
        core: &Coordinator,
        id: &TopicId,
        now: Now,
    ) -> Result<(), StoreError> {
        let open = self.open.get(id).filter(|_| core.is_open(id));
        let Some((topic, status)) = open.zip(core.status(id, now)) else { return Ok(()) };
        let (run, bus) = (topic.run, self.context.bus.as_ref());
        let label = [id.as_str()];
        catalogue::TOPIC_ATTRIBUTES.set_whole(status.attributes, label);
        catalogue::TOPIC_COVERAGE.set(status.coverage.unwrap_or(0.0), label);
        let lag = topic.master.complete_to().saturating_sub(topic.published.complete_to());
        catalogue::OUTBOX_LAG_ENTRIES.set_whole(lag, label);
        catalogue::FILTER_GENERATION.set_whole(u64::from(topic.master.bits().generation()), label);
        let saved = BTreeMap::from([
            (checkpoints::STATUS.to_owned(), checkpoints::encode(&status)),
            (checkpoints::PUBLISHED.to_owned(), checkpoints::encode(&topic.published.complete_to())),
        ]);
        let to = topic.master.complete_to();
        let version = FilterDelta {
            topic: id.clone(),
            run,
            generation: topic.master.bits().generation(),
            from: to + 1,
            to,
            fingerprints: Vec::new(),
        };
        let ended = status.topic.state.is_ended();
        self.files.status(&status);
        let name = format!("status-{id}-{}-{}", self.epoch, now.monotonic.0);
        let event = StatusEvent { status };
        let told = send(bus, Exchange::Events, format!("topic.{id}"), name.clone(), &event).await;
        let versioned =
            send(bus, Exchange::Filters, format!("delta.{id}"), format!("filter-{name}"), &version).await;
        if let Err(error) = told.and(versioned) {
            warn!(topic = %id, error = %error, "the state of a topic is not announced; the next one will be");
        }
        self.context.store.save_checkpoints(id, run, self.epoch, saved).await?;
        if let Some(topic) = self.open.get_mut(id) {
            let since = topic.ended.map_or(now.monotonic, |(since, _)| since);
            topic.ended = ended.then_some((since, to));
        }
        Ok(())
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

    pub(super) async fn close(self) {
        self.files.close().await;
    }
}

async fn republish(
    context: &Context,
    id: &TopicId,
    topic: &mut OpenTopic,
    after: LogIndex,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let entries = context.store.log(id, topic.run, after, PAGE).await?;
    let portions = entries.iter().map(|entry| Portion {
        topic: id.clone(),
        run: topic.run,
        from: entry.index,
        to: entry.index,
        first: entry.tail.first_new,
        texts: entry.tail.new.clone(),
        fingerprints: entry
            .tail
            .new
            .iter()
            .filter_map(|text| Key::of(text).map(|key| Fingerprint::of(&key)))
            .collect(),
    });
    for portion in merge(portions) {
        portion.publish(context.bus.as_ref()).await?;
        topic.published.insert(portion.from, portion.to);
    }
    info!(topic = %id, entries = entries.len(), "commits that nobody had announced are announced");
    Ok(())
}
