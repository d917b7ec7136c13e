//! The producers' replicas of the filters: compared with what the log gives, mended, and how far behind they are.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::command::Heartbeat;
use igentai_core::coordinator::Coordinator;
use igentai_core::filter::Audit;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::status::FilterNumbers;
use igentai_core::time::Monotonic;
use igentai_shared::bus::Exchange;
use igentai_shared::store::StoreError;
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::FilterSnapshot;
use tracing::{info, warn};

use super::telling::say;
use super::topics::{OpenTopic, PAGE, Topics, fingerprints};
use super::trouble::Step;

/// A replica that was mended is not compared again for so long: what it said before may still be on its way.
const MENDING: Duration = Duration::from_secs(3);

/// Who was not heard for so long is not told of any more.
const SILENT: Duration = Duration::from_secs(10);

/// Pages of a log that a filter which is made anew takes in at once.
const REFILL_PAGES: usize = 2;

/// A replica as its producer reported it last.
#[derive(Debug)]
struct Replica {
    heard: Monotonic,
    behind: (u64, Duration),
    mended: Option<Monotonic>,
}

/// All replicas.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    known: BTreeMap<(TopicId, WorkerId), Replica>,
    to_mend: Vec<(WorkerId, TopicId)>,
}

/// What was done for the replicas of one topic in this term.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    audits: u64,
    differences: u64,
    snapshots: u64,
}

/// A snapshot to be sent.
#[derive(Debug)]
pub(super) struct Wanted {
    producer: WorkerId,
    topic: TopicId,
    repair: bool,
}

impl Topics<'_> {
    /// Takes in what a producer says of its filters.
    pub(super) fn hear_filters(&mut self, heartbeat: &Heartbeat, now: Monotonic) {
        let producer = &heartbeat.producer;
        if heartbeat.left {
            self.replicas.known.retain(|(_, of), _| of != producer);
            return;
        }
        for report in &heartbeat.topics {
            let (id, filter) = (&report.topic, &report.filter);
            let Some(topic) = self.open.get_mut(id).filter(|topic| topic.run == report.run) else { continue };
            topic.master.at_least(filter.generation);
            let entries = topic.master.complete_to().saturating_sub(filter.complete_to);
            let behind = (entries, topic.master.trail().behind(filter.complete_to, now));
            let key = (id.clone(), producer.clone());
            let replica =
                self.replicas.known.entry(key).or_insert(Replica { heard: now, behind, mended: None });
            (replica.heard, replica.behind) = (now, behind);
            if replica.mended.is_some_and(|at| now.since(at) < MENDING) {
                continue;
            }
            match topic.master.audit(filter) {
                Audit::Unknown => {}
                Audit::Same => {
                    topic.done.audits += 1;
                    catalogue::FILTER_AUDITS_TOTAL.add(1, ["same"]);
                }
                Audit::Different => {
                    topic.done.audits += 1;
                    topic.done.differences += 1;
                    catalogue::FILTER_AUDITS_TOTAL.add(1, ["different"]);
                    let entry = filter.complete_to;
                    warn!(producer = %producer, topic = %id, entry, "a filter is not what the log gives; it is replaced");
                    replica.mended = Some(now);
                    self.replicas.to_mend.push((producer.clone(), id.clone()));
                }
            }
        }
    }

    /// The snapshots to be sent now: those that were asked for, and those that mend. A filter that is being made anew has none yet; who wants it asks again.
    pub(super) fn snapshots(&mut self, asked: Vec<(WorkerId, TopicId)>) -> Vec<Wanted> {
        let mend = std::mem::take(&mut self.replicas.to_mend);
        let repair = mend.into_iter().map(|(producer, topic)| Wanted { producer, topic, repair: true });
        let asked = asked.into_iter().map(|(producer, topic)| Wanted { producer, topic, repair: false });
        let mut wanted: Vec<Wanted> = repair.chain(asked).collect();
        wanted.retain(|wanted| {
            let topic = self.open.get_mut(&wanted.topic);
            let ready = topic.filter(|topic| topic.master.refills_after().is_none());
            ready.map(|topic| topic.done.snapshots += 1).is_some()
        });
        wanted
    }

    pub(super) async fn send_snapshot(&self, wanted: &Wanted) {
        let Wanted { producer, topic: id, repair } = wanted;
        let Some(topic) = self.open.get(id) else { return };
        let (generation, complete_to) = (topic.master.bits().generation(), topic.master.complete_to());
        let (run, chunks, digest) = (topic.run, topic.master.pieces(), Some(topic.master.bits().digest()));
        catalogue::FILTER_SNAPSHOTS_TOTAL.add(1, []);
        for chunk in 0..chunks {
            let Some(words) = topic.master.piece(chunk) else { return };
            let (topic, repair) = (id.clone(), *repair);
            let piece =
                FilterSnapshot { topic, run, generation, complete_to, chunk, chunks, digest, repair, words };
            let name = format!("snapshot-{producer}-{id}-{run}-{complete_to}-{chunk}");
            let key = format!("snapshot.{producer}");
            if let Err(error) = say(self.context, Exchange::Filters, key, name, &piece).await {
                warn!(producer = %producer, error = %error, "a filter snapshot is not sent; it will be asked for again");
                return;
            }
        }
    }

    /// Goes on with the filters that are made anew.
    pub(super) async fn refill(&mut self, now: Monotonic) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        for (id, topic) in &mut self.open {
            if topic.master.refills_after().is_none() || self.troubles.rests(Some(id), Step::Refill, now) {
                continue;
            }
            for _ in 0..REFILL_PAGES {
                let Some(after) = topic.master.refills_after() else { break };
                let page = store.log(id, topic.run, after, PAGE).await;
                let Some(entries) = self.troubles.note(Some(id), Step::Refill, page, now)? else { break };
                for entry in &entries {
                    topic.master.refill(entry.index, &fingerprints(entry));
                }
                if topic.master.refills_after().is_none() {
                    let generation = topic.master.bits().generation();
                    info!(topic = %id, generation, "a filter has more room");
                }
            }
        }
        Ok(())
    }

    /// How the filters of a topic stand, for people.
    pub(super) fn filter_numbers(&self, id: &TopicId, topic: &OpenTopic, now: Monotonic) -> FilterNumbers {
        let heard = |replica: &&Replica| now.since(replica.heard) < SILENT;
        let replicas = || {
            let of = self.replicas.known.iter().filter(|((of, _), _)| of == id);
            of.map(|(_, replica)| replica).filter(heard)
        };
        let behind_ms = replicas().map(|replica| replica.behind.1.as_millis()).max();
        FilterNumbers {
            generation: topic.master.bits().generation(),
            false_positive_rate: topic.master.measured().rate(),
            replicas: u32::try_from(replicas().count()).unwrap_or(u32::MAX),
            behind_entries: replicas().map(|replica| replica.behind.0).max().unwrap_or_default(),
            behind_ms: behind_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
            audits: topic.done.audits,
            differences: topic.done.differences,
            snapshots: topic.done.snapshots,
        }
    }

    /// How far behind each producer is, where it is furthest.
    pub(super) fn measure_replicas(&mut self, core: &Coordinator, now: Monotonic) {
        let known = |id: &TopicId| core.is_open(id);
        self.replicas.known.retain(|(id, _), replica| known(id) && now.since(replica.heard) < SILENT);
        let mut worst: BTreeMap<&str, (u64, Duration)> = BTreeMap::new();
        for ((_, producer), replica) in &self.replicas.known {
            let worst = worst.entry(producer.as_str()).or_default();
            *worst = (worst.0.max(replica.behind.0), worst.1.max(replica.behind.1));
        }
        for gauge in [catalogue::FILTER_STALE_ENTRIES, catalogue::FILTER_STALE_SECONDS] {
            gauge.forget();
        }
        for (producer, (entries, time)) in worst {
            catalogue::FILTER_STALE_ENTRIES.set_whole(entries, [producer]);
            catalogue::FILTER_STALE_SECONDS.set(time.as_secs_f64(), [producer]);
        }
    }
}
