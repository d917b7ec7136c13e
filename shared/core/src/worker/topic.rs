//! A producer's work on one topic.

use std::collections::{BTreeMap, BTreeSet};

use super::filling::Filling;
use super::refused::RefusedInRow;
use super::{RECEIPT_PATIENCE, RECEIPT_PATIENCE_MAX, effective, is_response};
use crate::batch::{Batch, BatchBody, BatchId, Named, Numbered, Receipt, ResponseMeta, ToldNumbers, Verdict};
use crate::command::{FilterReport, Lease, OrderedAim, TopicOrder, TopicReport};
use crate::cost::Cost;
use crate::filter::Replica;
use crate::folder::TopicId;
use crate::ids::{Incarnation, Run, Seq, WorkerId};
use crate::key::{Fingerprint, KEY_VERSION, Key};
use crate::numbers::{Edition, Numbers};
use crate::phrasing::{Phrasing, Wording};
use crate::seeded::{Bug, is_on};
use crate::time::Monotonic;

/// Requests under way and batches without a resolved receipt, for each place of the producer, beyond which a topic is not asked about: this
/// is how a broker or store that stands still stops the spending.
const UNRESOLVED_PER_PLACE: u32 = 2;

/// The same for a producer that has one place or two.
const LEAST_UNRESOLVED: u32 = 4;

/// Spellings remembered per topic; beyond, all are forgotten and may be sent once more.
const MAX_SPELLINGS: usize = 200_000;

/// Refused batches whose numbers are kept open; beyond, the oldest can be taken up no more.
const MAX_REFUSED: usize = 1_000;

/// For so many numbers one is kept open: the registry keeps the receipts of all behind it.
const KEPT_OPEN: u64 = 50_000;

/// A request to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// What for.
    pub order: TopicOrder,
    /// How many were sent before for this run by this life: varies the prompt.
    pub number: u64,
    /// What is left of the lease of money; `None` where there is no cap.
    pub left: Option<Cost>,
    /// How it is asked.
    pub phrasing: Phrasing,
    /// What it aims at, where it is told.
    pub aim: Option<OrderedAim>,
}

/// The end of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// About the request.
    pub meta: ResponseMeta,
    /// Items of the answer, no two with the same fingerprint.
    pub items: Vec<Named>,
}

/// What is named by number, in which edition; the texts of what is named by fingerprint; those of what is named by number.
type ByNumber = (Option<(Edition, Vec<(Seq, Fingerprint)>)>, BTreeMap<Fingerprint, String>, Vec<String>);

#[derive(Debug)]
struct Pending {
    batch: Batch,
    /// Texts of what the batch carries as fingerprints only.
    texts: BTreeMap<Fingerprint, String>,
    /// Texts of what it carries as numbers only.
    numbered: Vec<String>,
    published_at: Monotonic,
    attempts: u32,
}

/// What a life of a producer must not count anew.
#[derive(Debug)]
pub(super) struct Counters {
    order: TopicOrder,
    next_seq: u64,
    sent: u64,
    charged: Cost,
    refused: BTreeMap<u64, Pending>,
}

impl Counters {
    pub(super) const fn run(&self) -> Run {
        self.order.run
    }

    /// Whether it is a batch that is among the dead letters, as far as is known here.
    pub(super) fn knows(&self, id: &BatchId) -> bool {
        self.order.run == id.run && self.refused.contains_key(&id.seq)
    }

    /// The topic again, for what is left to do.
    pub(super) fn taken_up(self, concurrency: u32) -> TopicWork {
        let mut work = TopicWork::new(self.order.clone(), Some(self), concurrency);
        work.dismiss();
        work
    }
}

#[derive(Debug)]
pub(super) struct TopicWork {
    /// Without what requests aim at.
    order: TopicOrder,
    aims: Option<BTreeMap<u64, OrderedAim>>,
    dismissed: bool,
    /// Batches and requests that may be open at once.
    most_open: usize,
    filling: Filling,
    next_seq: u64,
    sent: u64,
    in_flight: u32,
    /// Worst cases of the requests under way.
    reserved: Cost,
    /// What finished requests took from the lease.
    charged: Cost,
    request_cost: Option<Cost>,
    dearest_cost: Cost,
    pending: BTreeMap<u64, Pending>,
    /// What is among the dead letters. It is not published again, but whoever replays it brings an answer that the registry must still tell from one that it
    /// has: so these numbers are not done with.
    refused: BTreeMap<u64, Pending>,
    in_row: RefusedInRow,
    spellings: BTreeSet<u64>,
    hits: u64,
    false_positives: u64,
    pub(super) hopeless: Option<String>,
    pub(super) replica: Replica,
}

impl TopicWork {
    pub(super) fn new(mut order: TopicOrder, counters: Option<Counters>, concurrency: u32) -> Self {
        let aims = by_number(&mut order);
        let most_open = concurrency.saturating_mul(UNRESOLVED_PER_PLACE).max(LEAST_UNRESOLVED);
        let (next_seq, sent, charged, refused) = match counters {
            Some(Counters { next_seq, sent, charged, refused, .. }) => (next_seq, sent, charged, refused),
            None => (1, 0, Cost::ZERO, BTreeMap::new()),
        };
        let replica = Replica::new(order.run);
        Self {
            order,
            aims,
            dismissed: false,
            most_open: usize::try_from(most_open).unwrap_or(usize::MAX),
            filling: Filling::default(),
            next_seq,
            sent,
            in_flight: 0,
            reserved: Cost::ZERO,
            charged,
            request_cost: None,
            dearest_cost: Cost::ZERO,
            pending: BTreeMap::new(),
            refused,
            in_row: RefusedInRow::default(),
            spellings: BTreeSet::new(),
            hits: 0,
            false_positives: 0,
            hopeless: None,
            replica,
        }
    }

    pub(super) fn follow(&mut self, mut order: TopicOrder) {
        self.aims = by_number(&mut order);
        self.dismissed = false;
        if order.max_attributes != self.order.max_attributes {
            self.filling.cap_changed();
        }
        if order.capped_cost && !self.order.capped_cost {
            // Without a cap nobody asked for the cheapest: what is known is only what was sent first.
            self.request_cost = None;
        }
        self.order = order;
    }

    /// The command names it no more: finish, then be forgotten.
    pub(super) const fn dismiss(&mut self) {
        self.dismissed = true;
    }

    pub(super) fn into_counters(self) -> Counters {
        let Self { order, next_seq, sent, charged, refused, .. } = self;
        Counters { order, next_seq, sent, charged, refused }
    }

    pub(super) const fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    pub(super) const fn id(&self) -> &TopicId {
        &self.order.topic
    }

    pub(super) const fn run(&self) -> Run {
        self.order.run
    }

    pub(super) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn unresolved(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.pending.is_empty()
    }

    pub(super) const fn abandons(&self) -> bool {
        self.in_flight > 0 && (self.order.abandon || self.dismissed)
    }

    pub(super) fn may_ask(&self) -> bool {
        self.order.ask
            && !self.dismissed
            && (self.sent < self.order.lease.requests || is_on(Bug::LeaseIgnored))
            && self.pending.len() + usize::try_from(self.in_flight).unwrap_or(usize::MAX)
                < self.in_row.places(self.most_open)
            && self.aims.as_ref().is_none_or(|aims| aims.contains_key(&self.sent))
            && !self.may_be_full()
    }

    /// Whether the cap on items is met, or will be by what is on its way: then its receipt comes first. One that is late is not waited for.
    fn may_be_full(&self) -> bool {
        let fresh = |pending: &&Pending| pending.attempts == 1;
        let on_its_way = self.pending.values().filter(fresh).map(|one| one.batch.novel()).sum();
        self.order.max_attributes.is_some_and(|cap| self.filling.may_reach(cap, on_its_way))
    }

    pub(super) fn ask(&self) -> Ask {
        let left = self.order.lease.cost.saturating_sub(self.charged + self.reserved);
        Ask {
            order: self.order.clone(),
            number: self.sent,
            left: self.order.capped_cost.then_some(left),
            aim: self.aims.as_ref().and_then(|aims| aims.get(&self.sent)).cloned(),
            phrasing: Wording::turn(&self.order.phrasings, self.sent),
        }
    }

    /// Notes what the next request may cost at each provider; the answer says whether that is news. Questions differ in length, so only the
    /// next one's own price says whether a lease covers it.
    pub(super) fn price(&mut self, worst_cases: &[Cost]) -> bool {
        let before = (self.request_cost, self.dearest_cost);
        self.request_cost = worst_cases.iter().min().copied().or(self.request_cost);
        self.dearest_cost = worst_cases.iter().fold(self.dearest_cost, |dearest, cost| dearest.max(*cost));
        before != (self.request_cost, self.dearest_cost)
    }

    pub(super) fn begin(&mut self, worst_case: Cost) -> bool {
        self.request_cost.get_or_insert(worst_case);
        self.dearest_cost = self.dearest_cost.max(worst_case);
        let risked = self.charged + self.reserved + worst_case;
        let covered = !self.order.capped_cost || worst_case.is_zero() || risked <= self.order.lease.cost;
        if !self.may_ask() || !covered {
            return false;
        }
        if let Some(aims) = &mut self.aims {
            aims.remove(&self.sent);
        }
        self.sent += 1;
        self.in_flight += 1;
        self.reserved += worst_case;
        true
    }

    pub(super) fn finish(
        &mut self,
        by: (WorkerId, Incarnation),
        finished: Finished,
        numbers: &mut Numbers,
        now: Monotonic,
    ) -> Batch {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.reserved = self.reserved.saturating_sub(finished.meta.worst_case);
        self.charged += finished.meta.charge();
        let (mut novel, mut spellings, mut sightings) = (Vec::new(), Vec::new(), Vec::new());
        let mut known = Vec::new();
        for Named { text, fingerprint } in finished.items {
            let spelled_anew = self.remember(&text);
            if is_on(Bug::FalsePositivesUnresolved) && fingerprint.as_bytes()[0] < 25 {
                sightings.push(fingerprint);
                continue;
            }
            if !self.replica.contains(&fingerprint) {
                novel.push(text);
                continue;
            }
            self.hits += 1;
            if spelled_anew {
                spellings.push(text);
            } else {
                known.push(Named { text, fingerprint });
            }
        }
        let (told, texts, by_number) = self.by_number(known, numbers);
        sightings.extend(texts.keys());
        let numbered = told.and_then(|(edition, told)| Numbered::of(edition, told)).map(Box::new);
        let body = BatchBody::Response { meta: finished.meta, novel, spellings, sightings, numbered };
        self.keep(by, body, (texts, by_number), now)
    }

    /// What can be named by its number, and the texts of the rest and of that.
    fn by_number(&self, known: Vec<Named>, numbers: &mut Numbers) -> ByNumber {
        let fingerprints: Vec<Fingerprint> = known.iter().map(|named| named.fingerprint).collect();
        let (mut texts, mut by_number) = (BTreeMap::new(), Vec::new());
        let Some((edition, found)) = numbers.look_up(&self.order.topic, self.order.run, &fingerprints) else {
            texts.extend(known.into_iter().map(|named| (named.fingerprint, named.text)));
            return (None, texts, by_number);
        };
        let mut told = Vec::new();
        for (Named { text, fingerprint }, number) in known.into_iter().zip(found) {
            if let Some(number) = number {
                let wrong = is_on(Bug::WrongNumbers) && number > 1 && told.len() % 2 == 0;
                told.push((Seq::from(number) - u64::from(wrong), fingerprint));
                by_number.push(text);
            } else {
                texts.insert(fingerprint, text);
            }
        }
        (Some((edition, told)), texts, by_number)
    }

    fn remember(&mut self, text: &str) -> bool {
        if self.spellings.len() >= MAX_SPELLINGS {
            self.spellings.clear();
        }
        self.spellings.insert(xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }

    fn keep(
        &mut self,
        (producer, incarnation): (WorkerId, Incarnation),
        body: BatchBody,
        (texts, numbered): (BTreeMap<Fingerprint, String>, Vec<String>),
        now: Monotonic,
    ) -> Batch {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.refused.retain(|refused, _| seq - *refused <= KEPT_OPEN);
        let batch = Batch {
            id: BatchId { topic: self.order.topic.clone(), run: self.order.run, producer, incarnation, seq },
            lowest_unresolved: self.lowest().filter(|_| !is_on(Bug::WatermarkHole)).unwrap_or(seq),
            key_version: KEY_VERSION,
            body,
        };
        self.pending
            .insert(seq, Pending { batch: batch.clone(), texts, numbered, published_at: now, attempts: 1 });
        batch
    }

    /// The lowest number that is not done with.
    fn lowest(&self) -> Option<u64> {
        let lowest = |batches: &BTreeMap<u64, Pending>| batches.first_key_value().map(|(seq, _)| *seq);
        lowest(&self.pending).into_iter().chain(lowest(&self.refused)).min()
    }

    pub(super) fn awaits(&self, id: &BatchId) -> bool {
        self.order.run == id.run && self.pending.contains_key(&id.seq)
    }

    pub(super) fn receipt(
        &mut self,
        Receipt { id, verdict, told }: &Receipt,
        numbers: &mut Numbers,
        now: Monotonic,
    ) -> Option<Batch> {
        let waited_for = self.pending.remove(&id.seq);
        let is_news = waited_for.is_some();
        let pending = waited_for.or_else(|| self.refused.remove(&id.seq))?;
        if matches!(verdict, Verdict::Refused { .. }) {
            if is_news {
                self.in_row.one_more(now);
            }
            self.refused.insert(id.seq, pending);
            if self.refused.len() > MAX_REFUSED {
                self.refused.pop_first();
            }
            return None;
        }
        let Pending { batch, mut texts, numbered, .. } = pending;
        let Verdict::Committed(committed) = verdict else { return None };
        self.in_row = RefusedInRow::default();
        self.filling.committed(committed, now);
        if committed.unnumbered > 0 {
            numbers.forget(&id.topic);
        } else if let Some(told) = told {
            learn(&batch, told, numbers);
        }
        if !is_response(&batch) || is_on(Bug::FalsePositiveUnanswered) {
            return None;
        }
        let mut wanted: Vec<String> =
            committed.missing.iter().filter_map(|fingerprint| texts.remove(fingerprint)).collect();
        self.false_positives += u64::try_from(wanted.len()).unwrap_or(u64::MAX);
        if committed.unnumbered > 0 {
            wanted.extend(numbered);
        }
        if wanted.is_empty() {
            return None;
        }
        let body = BatchBody::Resolution { of: id.seq, texts: wanted };
        Some(self.keep((id.producer.clone(), id.incarnation), body, (BTreeMap::new(), Vec::new()), now))
    }

    pub(super) fn overdue(&mut self, now: Monotonic) -> Vec<Batch> {
        self.filling.pass(now);
        self.in_row.pass(self.most_open, now);
        let lowest = self.lowest().unwrap_or(self.next_seq);
        let mut again = Vec::new();
        for pending in self.pending.values_mut() {
            let patience = RECEIPT_PATIENCE.saturating_mul(1 << (pending.attempts - 1).min(8));
            if now.since(pending.published_at) >= patience.min(RECEIPT_PATIENCE_MAX) {
                pending.attempts += 1;
                pending.published_at = now;
                pending.batch.lowest_unresolved = lowest;
                let mut batch = pending.batch.clone();
                batch.id.seq += if is_on(Bug::AnotherNumber) { 1_000 } else { 0 };
                again.push(batch);
            }
        }
        again
    }

    /// What to tell the coordinator. A producer that will not ask any more, for this topic or at all, acts on no more than it has used: the rest of its
    /// lease is free.
    pub(super) fn report(
        &self,
        draining: bool,
        places: impl Fn(&TopicOrder) -> u32,
        now: Monotonic,
    ) -> TopicReport {
        let used = Lease { requests: self.sent, cost: self.charged + self.reserved };
        let asks = self.order.ask && !self.dismissed && !draining;
        TopicReport {
            topic: self.order.topic.clone(),
            run: self.order.run,
            sent: self.sent,
            in_flight: self.in_flight,
            places: places(&self.order),
            unresolved: u32::try_from(self.pending.len()).unwrap_or(u32::MAX),
            risked: used.cost,
            lease: if asks { effective(self.order.lease, used) } else { used },
            capped_cost: self.order.capped_cost,
            request_cost: self.request_cost.unwrap_or_default(),
            dearest_cost: self.dearest_cost,
            hopeless: self.hopeless.clone(),
            refused: self.in_row.told(self.most_open),
            filter: FilterReport {
                hits: self.hits,
                false_positives: self.false_positives,
                ..self.replica.report(now)
            },
        }
    }
}

/// Takes out of an order what single requests aim at.
fn by_number(order: &mut TopicOrder) -> Option<BTreeMap<u64, OrderedAim>> {
    let aims = order.aims.take()?;
    Some(aims.into_iter().map(|aim| (aim.number, aim)).collect())
}

/// Remembers what a receipt told of a batch's spellings and sightings.
fn learn(batch: &Batch, told: &ToldNumbers, numbers: &mut Numbers) {
    let BatchBody::Response { spellings, sightings, .. } = &batch.body else { return };
    if told.numbers.len() != spellings.len() + sightings.len() {
        return;
    }
    let spelled = spellings.iter().map(|text| Key::of(text).map(|key| Fingerprint::of(&key)));
    let named = spelled.chain(sightings.iter().copied().map(Some)).zip(&told.numbers);
    let named =
        named.filter_map(|(fingerprint, number)| Some((fingerprint.filter(|_| *number > 0)?, *number)));
    numbers.learn(&batch.id.topic, (batch.id.run, told.edition), named);
}
