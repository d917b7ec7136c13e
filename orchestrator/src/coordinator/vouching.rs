//! Whether the registry still holds all that is known to have been in it. A store that was put back to an older state would otherwise give numbers a second
//! time, to other texts, and files would be written over with less.
//!
//! Known is what files say that were written from this registry, and what this process has read of it. It is told to the store with every claim, at the beginning
//! of a term, when a topic is opened, and when the store's server was started anew; the store compares, and takes no commits of a topic that holds less, whoever
//! makes them. Such a topic is not opened, so that nobody is asked about it, until `igentai repair` has settled it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{join, join_all};
use igentai_core::coordinator::Coordinator;
use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::time::Monotonic;
use igentai_core::topic::Topic;
use igentai_shared::registry::put_back_in_words;
use igentai_shared::store::{Head, StoreError};
use igentai_shared::telemetry::catalogue;
use tracing::{error, info, warn};

use super::lost::all_in_words;
use super::topics::Topics;
use crate::files::Written;

/// Topics claimed at once.
const CLAIMS: usize = 8;

/// How often it is asked whether the store's server was started anew.
const LOOK: Duration = Duration::from_millis(250);

/// How often a topic that has ended, and holds less than it held, is looked at again; and whether an integrator has noticed that of one that is worked on.
const AGAIN: Duration = Duration::from_secs(2);

/// How it is called where troubles are told.
pub(super) const CLAIMING: &str = "the look at what the registry has held";

/// Why a topic cannot be vouched for yet.
const UNREAD: &str = "the disk takes long to say what the files hold, and until that is known, nothing is let in that might take numbers a second time";

/// What a process has seen of a registry in a term, for its next one.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) registry: String,
    pub(super) heads: BTreeMap<TopicId, Head>,
    pub(super) until: Monotonic,
    /// The registry that was led before this one, in whose place it is.
    pub(super) replaced: Option<String>,
}

impl Seen {
    /// For a term that begins now. What is older may have been settled by somebody since.
    pub(super) fn take(&mut self, registry: &str, now: Monotonic) -> BTreeMap<TopicId, Head> {
        let heads = std::mem::take(&mut self.heads);
        if self.registry != registry && !self.registry.is_empty() {
            self.replaced = Some(std::mem::take(&mut self.registry));
        }
        if self.registry == registry && now <= self.until { heads } else { BTreeMap::new() }
    }
}

/// A topic that holds less than it held.
#[derive(Debug)]
struct PutBack {
    why: String,
    looked: Monotonic,
}

/// What is known of that in a term.
#[derive(Debug, Default)]
pub(super) struct Vouching {
    /// Which life of which server the topics were claimed in.
    instance: Option<String>,
    looked: Monotonic,
    looked_for_marks: Monotonic,
    seen: BTreeMap<TopicId, Head>,
    put_back: BTreeMap<TopicId, PutBack>,
    told_of_strangers: bool,
    /// Those that were settled, and of which that is not told yet.
    settled: Vec<TopicId>,
}

impl Vouching {
    pub(super) fn after(seen: BTreeMap<TopicId, Head>) -> Self {
        Self { seen, ..Self::default() }
    }

    /// Why a topic is not worked on, for people.
    pub(super) fn problem(&self, topic: &TopicId) -> Option<&str> {
        self.put_back.get(topic).map(|put_back| put_back.why.as_str())
    }

    /// Topics of which there is something to tell although they are not open.
    pub(super) fn take_news(&mut self) -> Vec<TopicId> {
        let settled = std::mem::take(&mut self.settled);
        self.put_back.keys().cloned().chain(settled).collect()
    }

    /// How many there are is measured. The answer tells of those that nobody sees, since they are none of the topics that are known.
    pub(super) fn measure(&self, core: &Coordinator) -> Option<String> {
        catalogue::TOPICS_PUT_BACK.set_whole(u64::try_from(self.put_back.len()).unwrap_or(u64::MAX), []);
        all_in_words(self.put_back.keys().filter(|id| core.topics().all(|topic| topic.id != **id)))
    }

    /// Notes a topic that the store has marked. The store remembers what it held from now on, until somebody settles it: what was read of it before is nothing to
    /// the log that is there then.
    pub(super) fn note_marked(&mut self, topic: &TopicId, why: String, now: Monotonic) {
        self.seen.remove(topic);
        if self.problem(topic) != Some(&why) {
            error!(%topic, reason = why, "a topic is not worked on");
        }
        self.put_back.insert(topic.clone(), PutBack { why, looked: now });
    }

    /// Those that are none of the topics that are known, and were not looked at lately; from now on they were.
    pub(super) fn due_lost(&mut self, core: &Coordinator, now: Monotonic) -> Vec<TopicId> {
        let is_lost = |id: &TopicId| core.topics().all(|topic| topic.id != *id);
        let due = self
            .put_back
            .iter_mut()
            .filter(|(id, put_back)| now.since(put_back.looked) >= AGAIN && is_lost(id));
        due.map(|(id, put_back)| {
            put_back.looked = now;
            id.clone()
        })
        .collect()
    }

    /// Nobody wants it any more.
    pub(super) fn forget(&mut self, topic: &TopicId) {
        self.put_back.remove(topic);
    }

    fn holds(&mut self, topic: &TopicId) {
        if self.put_back.remove(topic).is_some() {
            info!(%topic, "a topic whose registry was put back to an older state is settled");
            self.settled.push(topic.clone());
        }
    }
}

impl Topics<'_> {
    /// Makes every topic this term's own before anything is read that decisions rest on. What cannot be done for one topic now is done when it is
    /// opened, at the latest. Not before it is known what the files say, however long the disk takes; whether it was done.
    ///
    /// # Errors
    /// When another leader is in force, or the store does not serve.
    pub(super) async fn claim_all(&mut self, core: &Coordinator, now: Monotonic) -> Result<bool, StoreError> {
        let patience = self.context.options.lease_ttl / 4;
        let Some(folders) = self.files.folders(patience).await else {
            self.context.troubles.note(CLAIMING, UNREAD);
            return Ok(false);
        };
        self.context.troubles.clear(CLAIMING);
        let store = self.context.store.as_ref();
        let instance = store.check().await.ok().map(|check| check.instance);
        let mut topics = store.topics().await?;
        // One that is worked on is known here, even where its record cannot be read any more.
        let left_out =
            |topic: &&Topic| core.is_open(&topic.id) && topics.iter().all(|known| known.id != topic.id);
        topics.extend(core.topics().filter(left_out).cloned().collect::<Vec<_>>());
        for some in topics.chunks(CLAIMS) {
            let claims = some.iter().map(|topic| {
                let written = folders.own.get(&topic.id).copied();
                self.claim(&topic.id, topic.run, self.known(core, &topic.id, topic.run, written), written)
            });
            for (topic, claimed) in some.iter().zip(join_all(claims.collect::<Vec<_>>()).await) {
                match claimed {
                    Err(error @ StoreError::PutBack { .. }) if core.is_open(&topic.id) => return Err(error),
                    Err(error @ (StoreError::PutBack { .. } | StoreError::Unsafe(_))) => {
                        self.refuse(&topic.id, &error, now);
                    }
                    Err(error) if error.is_transient() || self.troubles.ends_the_term(&error) => {
                        return Err(error);
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        self.note_lost(&folders, &topics, now).await?;
        if let Some(instance) = &instance {
            store.all_claimed(self.epoch, instance).await?;
        }
        if !self.vouching.told_of_strangers {
            self.vouching.told_of_strangers = true;
            self.tell_of_strangers(&folders, &topics);
        }
        self.vouching.instance = instance;
        Ok(true)
    }

    /// Claims one topic that is known to have come so far. What became of an earlier run is nothing to one that begins afresh.
    async fn claim(
        &self,
        id: &TopicId,
        run: Run,
        known: Head,
        written: Option<Written>,
    ) -> Result<(), StoreError> {
        let claim = async |known| match self.context.store.claim(id, self.epoch, known).await {
            Err(StoreError::PutBack { known, held }) if known.run < run && held.run < run => Ok(held),
            claimed => claimed,
        };
        let later = written.filter(|written| written.head.run >= run && written.epoch > self.epoch);
        let Some(later) = later else { return claim(known).await.map(drop) };
        // Nothing else may be missing; it takes no commits all the same.
        let marked = match claim(known).await {
            Ok(held) => claim(Head { log_index: held.log_index + 1, ..held }).await,
            refused => refused,
        };
        match marked {
            Err(StoreError::PutBack { known, held })
                if known.run == held.run && known.attributes <= held.attributes =>
            {
                Err(StoreError::Unsafe(format!(
                    "the files were written in epoch {}, and this is epoch {}, so that the registry was put back to an older state",
                    later.epoch, self.epoch
                )))
            }
            other => other.map(drop),
        }
    }

    /// How far a topic is known to have come.
    fn known(&self, core: &Coordinator, id: &TopicId, run: Run, written: Option<Written>) -> Head {
        if let Some(open) = self.open.get(id).filter(|_| core.is_open(id)) {
            let (log_index, attributes) = (open.master.complete_to(), core.attributes(id));
            return Head { run: open.run, log_index, attributes };
        }
        self.expected(id, run, written)
    }

    /// The same of one that is not open, by its files and by what was read of it in the term before.
    pub(super) fn expected(&self, id: &TopicId, run: Run, written: Option<Written>) -> Head {
        let written = Written::expected_of(written, run);
        let seen = self.vouching.seen.get(id).copied().filter(|seen| seen.run >= run);
        seen.filter(|seen| !seen.is_less_than(&written)).unwrap_or(written)
    }

    fn refuse(&mut self, id: &TopicId, error: &StoreError, now: Monotonic) {
        self.vouching.note_marked(id, put_back_in_words(id, error), now);
    }

    /// Makes sure that the registry holds all that it held, before a run is opened.
    ///
    /// # Errors
    /// It does not, or cannot be asked.
    pub(super) async fn vouch(&mut self, id: &TopicId, run: Run, now: Monotonic) -> Result<(), StoreError> {
        let patience = self.context.options.lease_ttl / 4;
        let Some(written) = self.files.written(id, patience).await else {
            return Err(StoreError::Unsafe(UNREAD.to_owned()));
        };
        let vouched = self.claim(id, run, self.expected(id, run, written), written).await;
        match &vouched {
            Err(error @ (StoreError::PutBack { .. } | StoreError::Unsafe(_))) => self.refuse(id, error, now),
            Ok(()) => self.vouching.holds(id),
            Err(_) => {}
        }
        vouched
    }

    /// Claims everything again when the store's server was started anew, since it may have come back as an older copy of itself; and looks after topics that have ended
    /// and held less.
    ///
    /// # Errors
    /// When a topic that is worked on holds less than was read of it, or another leader is in force: then the term is over.
    pub(super) async fn watch_store(&mut self, core: &Coordinator, now: Monotonic) -> Result<(), StoreError> {
        if now.since(self.vouching.looked) < LOOK {
            return Ok(());
        }
        self.vouching.looked = now;
        let instance = self.context.store.check().await.ok().map(|check| check.instance);
        if instance.is_some() && instance != self.vouching.instance {
            match self.claim_all(core, now).await {
                Ok(true) => info!("the store was started anew, and holds what it held"),
                Ok(false) => {}
                Err(error) if error.is_transient() => warn!(error = %error, "topics are not claimed yet"),
                Err(error) => return Err(error),
            }
        }
        if now.since(self.vouching.looked_for_marks) >= AGAIN {
            self.vouching.looked_for_marks = now;
            self.look_for_marks(core).await?;
        }
        self.look_after_lost(core, now).await;
        let ended = core.topics().filter(|topic| topic.state.is_ended() && !core.is_open(&topic.id));
        let due = |id: &TopicId| {
            self.vouching.put_back.get(id).is_some_and(|put_back| now.since(put_back.looked) >= AGAIN)
        };
        let ended: Vec<(TopicId, Run)> =
            ended.filter(|topic| due(&topic.id)).map(|topic| (topic.id.clone(), topic.run)).collect();
        for (id, run) in ended {
            match self.vouch(&id, run, now).await {
                Err(error) if self.troubles.ends_the_term(&error) => return Err(error),
                Ok(()) => self.files.check(core.topics().filter(|topic| topic.id == id).cloned()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// An integrator may have committed what nobody had read when the store lost it; and a repair may have come before that was noticed here.
    async fn look_for_marks(&mut self, core: &Coordinator) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        let open: Vec<TopicId> = self.open.keys().filter(|id| core.is_open(id)).cloned().collect();
        for some in open.chunks(CLAIMS) {
            let looks = some.iter().map(|id| join(store.put_back(id), store.edition(id)));
            for (id, (mark, edition)) in some.iter().zip(join_all(looks).await) {
                if let Ok(Some(known)) = mark {
                    let held = store.head(id).await.unwrap_or_default();
                    return Err(StoreError::PutBack { known, held });
                }
                let Some(topic) =
                    self.open.get(id).filter(|topic| edition.is_ok_and(|now| now != topic.edition))
                else {
                    continue;
                };
                // Another run is another matter.
                if store.head(id).await.is_ok_and(|head| head.run == topic.run) {
                    self.open.remove(id);
                    return Err(StoreError::Replaced(id.to_string()));
                }
            }
        }
        Ok(())
    }

    /// How far the open topics have come, for this process's next term.
    pub(super) fn heads(&self, core: &Coordinator) -> BTreeMap<TopicId, Head> {
        let open = self.open.iter().filter(|(id, _)| core.is_open(id));
        open.map(|(id, topic)| {
            let (log_index, attributes) = (topic.master.complete_to(), core.attributes(id));
            (id.clone(), Head { run: topic.run, log_index, attributes })
        })
        .collect()
    }
}
