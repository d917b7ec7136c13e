//! The folds' checkpoints: saved beside the work, a chunk at a time, and taken up by whoever leads next.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use igentai_core::coordinator::Coordinator;
use igentai_core::filter::Master;
use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run};
use igentai_core::time::Monotonic;
use igentai_shared::store::checkpoints::{self, FOLDS, Folds, Manifest, Mark, Packed, Unusable};
use igentai_shared::store::{Head, StoreError};
use igentai_shared::telemetry::catalogue;
use tracing::{debug, info, warn};

use super::topics::Topics;
use super::trouble::Step;

/// Bytes of checkpoints written in a second, over all topics, where little happens.
const BYTES_A_SECOND: u64 = 256 * 1024;

/// The same for each entry of the logs, so that where much happens a checkpoint is never far behind: a tenth of what a log grows by.
const BYTES_AN_ENTRY: u64 = 128;

/// What may be written at once after a time in which nothing was.
const MOST_SAVED_UP: u64 = 4 * 1024 * 1024;

/// Chunks written at once.
const CHUNKS_AT_ONCE: u32 = 4;

/// Chunks read at once.
const READ_AT_ONCE: usize = 8;

/// How long a leader that leaves goes on saving: somebody waits to lead.
const LEAVE_PATIENCE: Duration = Duration::from_millis(500);

/// How the folds of one topic are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The last entry taken in.
    pub(super) mark: Option<Mark>,
    /// Up to which entry the newest checkpoint goes.
    saved: LogIndex,
    /// What names it.
    manifest: Option<Manifest>,
}

/// A checkpoint on its way to the store.
#[derive(Debug)]
struct Saving {
    topic: TopicId,
    run: Run,
    index: LogIndex,
    packed: Packed,
    next: u32,
}

/// At most one checkpoint is on its way at a time, so that there is one copy of one topic's folds.
#[derive(Debug)]
pub(super) struct Saver {
    current: Option<Saving>,
    /// Bytes that may be written.
    allowance: u64,
    since: Monotonic,
}

impl Saver {
    pub(super) const fn new(now: Monotonic) -> Self {
        Self { current: None, allowance: MOST_SAVED_UP, since: now }
    }

    fn allow(&mut self, more: u64) {
        self.allowance = self.allowance.saturating_add(more).min(MOST_SAVED_UP);
    }

    /// So many entries were folded.
    pub(super) fn folded(&mut self, entries: usize) {
        self.allow(u64::try_from(entries).unwrap_or(u64::MAX).saturating_mul(BYTES_AN_ENTRY));
    }

    fn pass(&mut self, now: Monotonic) {
        let millis = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX);
        self.since = now;
        self.allow(millis.saturating_mul(BYTES_A_SECOND) / 1_000);
    }
}

impl Topics<'_> {
    /// Takes up the folds where a leader before has left them. When there is nothing of use the log is read from its beginning.
    pub(super) async fn restore(
        &self,
        core: &mut Coordinator,
        id: &TopicId,
        run: Run,
        head: Head,
    ) -> Result<(Master, Kept), StoreError> {
        let nothing = Master::new(head.attributes);
        let Some(bytes) = self.context.store.checkpoint(id, run, FOLDS).await? else {
            return Ok((nothing, Kept::default()));
        };
        let Ok(manifest) = checkpoints::decode::<Manifest>(&bytes) else {
            warn!(topic = %id, "a checkpoint of the folds cannot be read; the log is read from its beginning");
            return Ok((nothing, Kept::default()));
        };
        let usable = self.usable(id, run, head, &manifest).await?;
        let kept = Kept { manifest: Some(manifest), ..Kept::default() };
        match usable {
            Ok((folds, master)) => {
                let entry = folds.mark.index();
                if !core.restore(id, run, folds.fold) {
                    return Ok((nothing, kept));
                }
                info!(topic = %id, run, entry, left = head.log_index - entry, "folds are taken up from a checkpoint");
                Ok((master, Kept { mark: Some(folds.mark), saved: entry, ..kept }))
            }
            Err(why) => {
                warn!(topic = %id, reason = %why, "a checkpoint of the folds is not used; the log is read from its beginning");
                Ok((nothing, kept))
            }
        }
    }

    async fn usable(
        &self,
        id: &TopicId,
        run: Run,
        head: Head,
        manifest: &Manifest,
    ) -> Result<Result<(Folds, Master), Unusable>, StoreError> {
        let store = self.context.store.as_ref();
        let names: Vec<String> = manifest.names().collect();
        let mut chunks = Vec::with_capacity(names.len());
        for some in names.chunks(READ_AT_ONCE) {
            for chunk in join_all(some.iter().map(|name| store.checkpoint(id, run, name))).await {
                chunks.push(chunk?);
            }
        }
        let folds = match checkpoints::unpack(manifest, chunks, id, run) {
            Ok(folds) => folds,
            Err(why) => return Ok(Err(why)),
        };
        let Some(master) = Master::restore(folds.filter.clone()) else { return Ok(Err(Unusable::Torn)) };
        let (index, attributes) = (folds.fold.log_index(), folds.fold.attributes());
        let members = attributes + folds.fold.seeding().count();
        let agree = (index, members) == (master.complete_to(), master.attributes());
        let fits = index == folds.mark.index() && index <= head.log_index && attributes <= head.attributes;
        let at_the_end = index < head.log_index || attributes == head.attributes;
        if !(agree && fits && at_the_end && index > 0) {
            return Ok(Err(Unusable::Log));
        }
        let there = store.log(id, run, index - 1, 1).await?;
        let same = there.first().map(Mark::of).as_ref() == Some(&folds.mark);
        Ok(if same { Ok((folds, master)) } else { Err(Unusable::Log) })
    }

    /// Goes on saving folds, as far as that may be done now.
    pub(super) async fn save_folds(&mut self, core: &Coordinator, now: Monotonic) -> Result<(), StoreError> {
        self.saver.pass(now);
        if self.saver.current.is_none() && self.saver.allowance > 0 {
            self.begin_to_save(core, now);
        }
        for _ in 0..CHUNKS_AT_ONCE {
            if self.saver.allowance == 0 || !self.save_chunk(now).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Begins with the topic of whose log most is not covered, if it is enough.
    fn begin_to_save(&mut self, core: &Coordinator, now: Monotonic) {
        let least = self.context.options.checkpoint_after.max(1);
        let troubles = &self.troubles;
        let due = self.open.iter().filter_map(|(id, topic)| {
            let missing = topic.master.complete_to().saturating_sub(topic.kept.saved);
            let rests = troubles.rests(Some(id), Step::SaveFolds, now);
            let whole =
                topic.master.refills_after().is_none() && core.log_index(id) == topic.master.complete_to();
            (missing >= least && whole && !rests).then_some((missing, id))
        });
        let Some((_, id)) = due.max() else { return };
        let (id, fold) = (id.clone(), core.fold(id));
        let Some((topic, fold)) = self.open.get(&id).zip(fold) else { return };
        let Some(mark) = topic.kept.mark.clone().filter(|mark| mark.index() == fold.log_index()) else {
            return;
        };
        let filter = topic.master.checkpoint();
        let folds = Folds { topic: id.clone(), run: topic.run, mark, fold, filter };
        let packed = Packed::new(&folds, topic.kept.manifest.as_ref());
        let (run, index) = (topic.run, fold.log_index());
        self.saver.current = Some(Saving { topic: id, run, index, packed, next: 0 });
    }

    /// Writes a chunk of what is on its way; after the last one the manifest, together with nothing in place of what it replaces. Whether there is
    /// more to do.
    async fn save_chunk(&mut self, now: Monotonic) -> Result<bool, StoreError> {
        let Some(saving) = &mut self.saver.current else { return Ok(false) };
        let (id, run) = (saving.topic.clone(), saving.run);
        let known = self.open.get_mut(&id).filter(|topic| topic.run == run);
        let Some(topic) = known else {
            self.saver.current = None;
            return Ok(false);
        };
        let chunk = saving.packed.chunk(saving.next);
        let is_last = chunk.is_none();
        let writes: BTreeMap<String, Vec<u8>> = if let Some(chunk) = chunk {
            [chunk].into()
        } else {
            let manifest = (FOLDS.to_owned(), checkpoints::encode(saving.packed.manifest()));
            let replaced = topic.kept.manifest.iter().flat_map(Manifest::names);
            replaced.map(|name| (name, Vec::new())).chain([manifest]).collect()
        };
        let bytes = writes.values().map(Vec::len).fold(0, usize::saturating_add);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let saved = self.context.store.save_checkpoints(&id, run, self.epoch, writes).await;
        if self.troubles.note(Some(&id), Step::SaveFolds, saved, now)?.is_none() {
            self.saver.current = None;
            return Ok(false);
        }
        self.saver.allowance = self.saver.allowance.saturating_sub(bytes);
        catalogue::CHECKPOINT_BYTES_TOTAL.add(bytes, []);
        saving.next += 1;
        if is_last {
            debug!(topic = %id, entry = saving.index, "a checkpoint of the folds is saved");
            topic.kept.saved = saving.index;
            topic.kept.manifest = Some(saving.packed.manifest().clone());
            self.saver.current = None;
        }
        Ok(!is_last)
    }

    /// Saves what is worth it before this process leads no more, as far as there is time.
    pub(super) async fn save_all_folds(&mut self, core: &Coordinator, now: Monotonic) {
        let all = async {
            loop {
                while self.save_chunk(now).await? {}
                self.begin_to_save(core, now);
                if self.saver.current.is_none() {
                    return Ok::<(), StoreError>(());
                }
            }
        };
        match tokio::time::timeout(LEAVE_PATIENCE, all).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(error = %error, "the folds could not be saved; the next leader reads more of the logs");
            }
            Err(_) => warn!("there was no time to save all folds; the next leader reads more of the logs"),
        }
    }
}
