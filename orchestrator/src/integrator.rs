//! The integrator: commit → receipt → publish what is new → acknowledge. Any number of them may run; they share a queue and hold no state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use igentai_core::batch::{Batch, BatchBody, MAX_ELEMENTS, Named, Receipt, Verdict};
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, KEY_VERSION, Key, clean_text};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_shared::bus::trouble::consume_at_last;
use igentai_shared::bus::{
    BusError, Consumer, Delivery, DeliveryTag, Exchange, Incoming, Outgoing, Source, WorkQueue,
};
use igentai_shared::store::{Commit, CommitOutcome};
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{self, Batches, DecodeError, Published, Receipts};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Context;
use crate::outbox::{Portion, merge};
use crate::send::send;

/// How it is called where troubles are told.
const PART: &str = "the integrator";

/// Messages taken unacknowledged.
const PREFETCH: u16 = 128;

/// Messages committed in one go.
const GROUP: usize = 32;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(2);

/// Integrates until `stop`; what was taken by then is finished or given back.
pub async fn run(context: Context, stop: CancellationToken) {
    let source = Source::Work(WorkQueue::Integrate);
    let (bus, troubles) = (context.bus.as_ref(), &context.troubles);
    let consumer = consume_at_last(bus, &source, PREFETCH, PART, troubles, &stop).await;
    let Some(mut consumer) = consumer else { return };
    info!("integrator is up");
    loop {
        let incoming = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            incoming = consumer.next() => incoming,
        };
        let first = match incoming {
            Ok(Incoming::Delivery(delivery)) => delivery,
            Ok(Incoming::Resumed) => continue,
            Err(BusError::Closed) => break,
            Err(error) => {
                warn!(error = %error, "cannot read batches");
                continue;
            }
        };
        let mut group = vec![first];
        while group.len() < GROUP {
            let Some(next) = consumer.try_next() else { break };
            group.push(next);
        }
        integrate(&context, consumer.as_mut(), group, &stop).await;
    }
    info!("integrator is down");
}

async fn integrate(
    context: &Context,
    consumer: &mut dyn Consumer,
    group: Vec<Delivery>,
    stop: &CancellationToken,
) {
    let at = context.clock.now().unix;
    let (mut tags, mut commits): (Vec<DeliveryTag>, Vec<Commit>) = (Vec::new(), Vec::new());
    for delivery in group {
        catalogue::REDELIVERIES_TOTAL.add(u64::from(delivery.redelivered), []);
        match prepare(&delivery, at) {
            Ok(prepared) => {
                commits.extend(prepared);
                tags.push(delivery.tag);
            }
            Err(reason) => {
                warn!(reason = %reason, message_id = delivery.message_id, "a message is put to the dead letters");
                catalogue::DEAD_LETTERS_TOTAL.add(1, [reason.kind()]);
                if bury(context, &delivery, &reason).await {
                    tags.push(delivery.tag);
                } else {
                    settle(consumer.requeue(delivery.tag).await);
                }
            }
        }
    }
    let Some(outcomes) = commit(context, &commits, stop).await else {
        for tag in tags {
            settle(consumer.requeue(tag).await);
        }
        return;
    };
    tell(context, &commits, outcomes).await;
    for tag in tags {
        settle(consumer.ack(tag).await);
    }
}

fn settle(result: Result<(), BusError>) {
    if let Err(error) = result {
        warn!(error = %error, "an acknowledgement failed; the message will come again and be absorbed");
    }
}

/// Commits, as often as it takes. `None`: this process stops, and it is not known whether the commit happened.
async fn commit(
    context: &Context,
    commits: &[Commit],
    stop: &CancellationToken,
) -> Option<Vec<CommitOutcome>> {
    let (store, clock) = (context.store.as_ref(), context.clock.as_ref());
    if commits.is_empty() {
        return Some(Vec::new());
    }
    let mut wait = RETRY_FIRST;
    loop {
        let start = clock.now().monotonic;
        match store.commit(commits.to_vec()).await {
            Ok(outcomes) => {
                catalogue::COMMIT_SECONDS.record(clock.now().monotonic.since(start), []);
                return Some(outcomes);
            }
            Err(error) => warn!(error = %error, "a commit failed and is tried again"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_LAST),
        }
    }
}

/// Receipts to producers, what is new to everybody, and a note of it to the coordinator. What fails here heals: producers ask again, and the
/// coordinator publishes again from the log.
async fn tell(context: &Context, commits: &[Commit], outcomes: Vec<CommitOutcome>) {
    let bus = context.bus.as_ref();
    let (mut receipts, mut portions) = (BTreeMap::<WorkerId, Vec<Receipt>>::new(), Vec::new());
    for (commit, outcome) in commits.iter().zip(outcomes) {
        count(commit, &outcome);
        if let Some(portion) = portion(commit, &outcome) {
            portions.push(portion);
        }
        let receipt = Receipt { id: commit.id.clone(), verdict: outcome.verdict };
        receipts.entry(commit.id.producer.clone()).or_default().push(receipt);
    }
    let receipts = receipts.into_iter().map(|(producer, receipts)| async move {
        let message_id =
            receipts.first().map(|r| format!("receipt-{producer}-{}", r.id.seq)).unwrap_or_default();
        let key = format!("producer.{producer}");
        send(bus, Exchange::Commands, key, message_id, &Receipts { receipts }).await
    });
    let portions = merge(portions);
    let published = portions.iter().map(|portion| async {
        portion.publish(bus).await?;
        let Portion { topic, run, from, to, .. } = portion;
        let note = Published { topic: topic.clone(), run: *run, from: *from, to: *to };
        let name = format!("published-{topic}-{run}-{from}-{to}");
        send(bus, Exchange::Status, format!("orchestrator.{}", context.id), name, &note).await
    });
    let (receipts, published) = futures::future::join(join_all(receipts), join_all(published)).await;
    for error in receipts.into_iter().chain(published).filter_map(Result::err) {
        warn!(error = %error, "a commit is not announced yet; it will be");
    }
}

fn portion(commit: &Commit, outcome: &CommitOutcome) -> Option<Portion> {
    let Verdict::Committed(committed) = &outcome.verdict else { return None };
    outcome.fresh.then(|| Portion {
        topic: commit.id.topic.clone(),
        run: commit.id.run,
        from: committed.log_index,
        to: committed.log_index,
        first: committed.first_new,
        texts: outcome.new.iter().map(|named| named.text.clone()).collect(),
        fingerprints: outcome.new.iter().map(|named| named.fingerprint).collect(),
    })
}

fn count(commit: &Commit, outcome: &CommitOutcome) {
    match &outcome.verdict {
        Verdict::Stale => catalogue::BATCHES_STALE_TOTAL.add(1, []),
        Verdict::Committed(committed) if outcome.fresh => {
            let repeated = match &commit.head.kind {
                EntryKind::Response(meta) => u64::from(meta.repeated),
                EntryKind::Resolution { .. } => 0,
            };
            let [new, known, over_cap] = [committed.new, committed.known, committed.over_cap].map(u64::from);
            let missing = u64::try_from(committed.missing.len()).unwrap_or(u64::MAX);
            catalogue::COMMITS_TOTAL.add(1, []);
            catalogue::ATTRIBUTES_TOTAL.add(new, []);
            catalogue::DUPLICATES_TOTAL.add(known + repeated, []);
            catalogue::FALSE_POSITIVES_TOTAL.add(missing, []);
            if matches!(commit.head.kind, EntryKind::Response(_)) {
                catalogue::CANDIDATES_TOTAL.add(new + known + over_cap + missing + repeated, []);
            }
        }
        Verdict::Committed(_) | Verdict::Settled => {}
    }
}

/// Why a message cannot be integrated, ever.
#[derive(Debug, thiserror::Error)]
enum Poison {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("a batch has {0} elements, at most {MAX_ELEMENTS} are taken")]
    TooManyElements(usize),
    #[error("the fingerprints rest on version {0} of the canonical form, this program knows {KEY_VERSION}")]
    KeyVersion(u16),
}

impl Poison {
    /// A bounded name for the metric.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Decode(DecodeError::TooLarge(_)) => "too_large",
            Self::Decode(DecodeError::UnknownKind(_)) => "unknown_kind",
            Self::Decode(DecodeError::NewerVersion { .. }) => "newer_version",
            Self::Decode(DecodeError::Refused(_)) => "over_limits",
            Self::Decode(DecodeError::Form { .. }) => "form",
            Self::TooManyElements(_) => "too_many_elements",
            Self::KeyVersion(_) => "key_version",
        }
    }
}

fn prepare(delivery: &Delivery, at: UnixMillis) -> Result<Vec<Commit>, Poison> {
    let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload)?;
    batches.into_iter().map(|batch| checked(batch, at)).collect()
}

fn checked(batch: Batch, at: UnixMillis) -> Result<Commit, Poison> {
    if batch.elements() > MAX_ELEMENTS {
        return Err(Poison::TooManyElements(batch.elements()));
    }
    if batch.key_version != KEY_VERSION {
        return Err(Poison::KeyVersion(batch.key_version));
    }
    let Batch { id, lowest_unresolved, body, .. } = batch;
    let (kind, novel, spellings, sightings, dropped) = match body {
        BatchBody::Response { meta, novel, spellings, sightings } => {
            let mut seen = BTreeSet::new();
            let (novel, spellings, given) =
                (name(novel, &mut seen), name(spellings, &mut seen), sightings.len());
            let sightings: Vec<_> = sightings.into_iter().filter(|sighting| seen.insert(*sighting)).collect();
            let dropped = novel.1 + spellings.1 + given - sightings.len();
            (EntryKind::Response(meta), novel.0, spellings.0, sightings, dropped)
        }
        BatchBody::Resolution { of, texts } => {
            let (novel, dropped) = name(texts, &mut BTreeSet::new());
            (EntryKind::Resolution { of }, novel, Vec::new(), Vec::new(), dropped)
        }
    };
    if dropped > 0 {
        warn!(producer = %id.producer, dropped, "a batch held elements that are no items, or the same item twice");
    }
    let head =
        EntryHead { producer: id.producer.clone(), incarnation: id.incarnation, seq: id.seq, at, kind };
    Ok(Commit { id, lowest_unresolved, head, novel, spellings, sightings })
}

/// The integrator trusts no fingerprint for a text: it computes it. The second number counts what was left out.
fn name(texts: Vec<String>, seen: &mut BTreeSet<Fingerprint>) -> (Vec<Named>, usize) {
    let given = texts.len();
    let named: Vec<Named> = texts
        .into_iter()
        .filter_map(|text| {
            let text = clean_text(&text).ok()?;
            let fingerprint = Fingerprint::of(&Key::of(&text)?);
            seen.insert(fingerprint).then_some(Named { text, fingerprint })
        })
        .collect();
    let left_out = given - named.len();
    (named, left_out)
}

/// Puts a message to the dead letters as it is; whether that is confirmed.
async fn bury(context: &Context, delivery: &Delivery, reason: &Poison) -> bool {
    let mut headers = delivery.headers.clone();
    headers.insert(wire::DEAD_LETTER_REASON.to_owned(), reason.to_string());
    headers.insert(wire::DEAD_LETTER_BY.to_owned(), context.id.to_string());
    let letter = Outgoing {
        exchange: Exchange::Dead,
        routing_key: delivery.routing_key.clone(),
        content_type: delivery.content_type.clone(),
        message_id: delivery.message_id.clone(),
        headers,
        payload: delivery.payload.clone(),
    };
    match context.bus.publish(letter).await {
        Ok(()) => true,
        Err(error) => {
            warn!(error = %error, "a dead letter could not be put away yet");
            false
        }
    }
}
