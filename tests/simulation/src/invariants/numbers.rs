//! What each response named, and the sums: by the log, by the journal, and as the system says.

use std::collections::{BTreeMap, BTreeSet};

use igentai_core::batch::Outcome;
use igentai_core::cost::Cost;
use igentai_core::fold::{TopicFold, Totals};
use igentai_core::frontier::Letters;
use igentai_core::ids::{Incarnation, Seq, WorkerId};
use igentai_core::log::{Entry, EntryKind};
use igentai_core::topic::FIRST_SEED;

use super::{Check, life_of};
use crate::model::{Asked, INPUT_TOKENS};
use crate::system::Evidence;
use crate::things::Thing;
use crate::witness::LifeId;

impl Check<'_> {
    pub(super) fn sightings(&mut self) {
        let Evidence { log, journal, killed, plan, .. } = self.evidence;
        let things: BTreeMap<Seq, Option<Thing>> =
            log.iter().flat_map(Entry::attributes).map(|(seq, text)| (seq, self.thing(text))).collect();
        let mut named: BTreeMap<(LifeId, u64), (BTreeSet<Thing>, u32, u64)> = BTreeMap::new();
        for entry in log {
            let (of, number) = match &entry.head.kind {
                EntryKind::Response(meta) => (entry.head.seq, meta.output_tokens),
                EntryKind::Resolution { of } => (*of, 0),
                EntryKind::Seeded => continue,
            };
            let response = named.entry((life_of(entry), of)).or_default();
            response.1 += entry.tail.missing;
            response.2 = response.2.max(number);
            let new = entry.attributes().map(|(seq, _)| seq);
            for seq in new.chain(entry.tail.again.iter().copied()) {
                let thing = things.get(&seq).copied().flatten();
                self.must(thing.is_some_and(|thing| response.0.insert(thing)), || {
                    format!("11: entry {} names a thing twice, or one that there is not", entry.index)
                });
            }
            for (seq, text) in &entry.tail.variants {
                let other = self.thing(text);
                self.must(things.get(seq) == Some(&other), || {
                    format!("11: entry {} takes `{text}` for attribute {seq}", entry.index)
                });
            }
        }
        let by_number = by_number(journal);
        let capped = plan.limits.max_attributes.is_some();
        for ((life, seq), (things, missing, number)) in named {
            let Some(asked) = by_number.get(&number) else { continue };
            self.must(things.is_subset(&asked.named), || {
                format!("1: batch {seq} of {life:?} holds what no model named")
            });
            let unresolved = missing > 0 && killed.contains(&life);
            self.must(unresolved || capped || things == asked.named, || {
                let lost = asked.named.difference(&things).count();
                format!(
                    "1: {lost} items of batch {seq} of {life:?} are lost ({missing} were false positives)"
                )
            });
        }
    }

    pub(super) fn folds(&mut self) {
        let Evidence { log, status, .. } = self.evidence;
        let mut fold = TopicFold::default();
        for entry in log {
            let applied = fold.apply(entry);
            self.must(applied.is_ok(), || format!("3: {applied:?}"));
        }
        let mut counts: BTreeMap<Seq, u32> = BTreeMap::new();
        for entry in log.iter().filter(|entry| !entry.is_seeded()) {
            let new = entry.attributes().map(|(seq, _)| seq);
            new.chain(entry.tail.again.iter().copied()).for_each(|seq| *counts.entry(seq).or_default() += 1);
        }
        let seeds: u64 = counts.split_off(&FIRST_SEED).into_values().map(u64::from).sum();
        self.must(fold.seeding().named().mentions() == seeds, || {
            "11: the fold's sightings of seeds are not those of the log".to_owned()
        });
        let counts: Vec<u32> = counts.into_values().collect();
        self.must(fold.sightings().iter().eq(counts.iter().copied()), || {
            "11: the fold's sightings are not those of the log".to_owned()
        });
        let mentions: u64 = counts.iter().copied().map(u64::from).sum::<u64>() + seeds;
        let once = counts.iter().filter(|count| **count == 1).count() as u64;
        self.judged(&fold, &counts);
        let counted = recount(log, &self.evidence.journal);
        self.must(*fold.totals() == counted, || {
            format!("3: the fold says {:?}, counted were {counted:?}", fold.totals())
        });
        if self.evidence.topic.state.is_ended() {
            let told = status.as_ref().map(|status| (status.log_index, status.totals));
            let end = u64::try_from(log.len()).unwrap();
            self.must(told == Some((end, counted)), || {
                format!("3: the topic ended with {told:?}, counted were {:?}", (end, counted))
            });
            let (unknown, all) = (once + counted.over_cap, mentions + counted.over_cap);
            let told = status.as_ref().and_then(|status| status.coverage).unwrap_or(-1.0);
            let share = 1.0 - unknown as f64 / all.max(1) as f64;
            self.must((told - share).abs() < 2e-6, || {
                format!("11: the coverage is told as {told}, {unknown} of {all} mentions say {share}")
            });
        }
    }
}

/// The verdicts once more, from the last one on each thing that one answer alone names to this day.
impl Check<'_> {
    fn judged(&mut self, fold: &TopicFold, counts: &[u32]) {
        let log = &self.evidence.log;
        let is_single = |seq: &Seq| counts.get(*seq as usize - 1) == Some(&1);
        let mut verdicts: BTreeMap<Seq, bool> = BTreeMap::new();
        let mut seen: BTreeMap<Seq, u32> = BTreeMap::new();
        for entry in log {
            if let EntryKind::Response(meta) = &entry.head.kind
                && let Some(said) = &meta.judged
                && let Some(doubted) = &said.doubted
                && doubted.iter().all(|seq| seen.get(seq).is_none_or(|times| *times < 4))
            {
                let asked = said.asked.iter().filter(|seq| seen.get(*seq) == Some(&1));
                verdicts.extend(asked.map(|seq| (*seq, doubted.contains(seq))));
            }
            // An operator's list is no answer.
            let new = entry.attributes().map(|(seq, _)| seq).filter(|_| !entry.is_seeded());
            let again = entry.tail.again.iter().copied().filter(|_| !entry.is_seeded());
            new.chain(again).for_each(|seq| *seen.entry(seq).or_default() += 1);
        }
        verdicts.retain(|seq, _| is_single(seq));
        let judged = verdicts.len() as u64;
        let doubted: Vec<Seq> =
            verdicts.into_iter().filter(|(_, doubted)| *doubted).map(|(seq, _)| seq).collect();
        let told = (fold.judging().judged(), fold.judging().doubted().iter().copied().collect::<Vec<_>>());
        self.must(told == (judged, doubted.clone()), || {
            format!("3: by the fold {told:?} are judged and doubted, by the log {:?}", (judged, doubted))
        });
    }
}

fn by_number(journal: &[Asked]) -> BTreeMap<u64, &Asked> {
    journal.iter().map(|asked| (asked.number, asked)).collect()
}

/// The sums once more: what was answered by the journal, what became of it by the entries' lists.
fn recount(log: &[Entry], journal: &[Asked]) -> Totals {
    let by_number = by_number(journal);
    let mut sums = Totals::default();
    let mut marked = Marked::default();
    for entry in log.iter().filter(|entry| !entry.is_seeded()) {
        let tail = &entry.tail;
        marked.take(entry, &mut sums);
        sums.attributes += count(&tail.new);
        sums.over_cap += u64::from(tail.over_cap);
        let EntryKind::Response(meta) = &entry.head.kind else {
            sums.resolved += count(&tail.new) + count(&tail.again) + u64::from(tail.over_cap);
            continue;
        };
        sums.false_positives += u64::from(tail.missing);
        if let Some(asked) = by_number.get(&meta.output_tokens) {
            sums.responses += 1;
            sums.candidates += asked.items;
            sums.rejected += asked.talk;
            sums.input_tokens += INPUT_TOKENS;
            sums.output_tokens += asked.number;
            sums.cost += asked.price;
            sums.latency_ms += meta.latency_ms;
        } else {
            let charged =
                matches!(meta.outcome, Outcome::Timeout | Outcome::ServerError | Outcome::Abandoned);
            sums.failed_responses += 1;
            sums.cost_at_risk += if charged { meta.worst_case } else { Cost::ZERO };
        }
    }
    let unresolved = sums.false_positives - sums.resolved;
    sums.duplicates = sums.candidates - sums.attributes - sums.over_cap - unresolved;
    sums
}

/// What the names of items and of producers say once more, by the texts themselves.
#[derive(Default)]
struct Marked<'a> {
    /// Of each attribute its text, and who named it first.
    attributes: Vec<(&'a str, &'a WorkerId)>,
    cells: BTreeMap<(&'a WorkerId, Incarnation, u64), Option<&'a str>>,
}

impl<'a> Marked<'a> {
    fn take(&mut self, entry: &'a Entry, sums: &mut Totals) {
        let head = &entry.head;
        self.attributes.extend(entry.tail.new.iter().map(|text| (text.as_str(), &head.producer)));
        let cell = match &head.kind {
            EntryKind::Response(meta) => {
                let cell = meta.cell.as_deref();
                self.cells.insert((&head.producer, head.incarnation, head.seq), cell);
                sums.left_out += u64::from(meta.left_out);
                sums.copied += u64::from(meta.copied);
                cell
            }
            EntryKind::Resolution { of } => {
                self.cells.get(&(&head.producer, head.incarnation, *of)).copied().flatten()
            }
            EntryKind::Seeded => None,
        };
        let known = |seq: &u64| self.attributes.get(usize::try_from(*seq - 1).unwrap());
        let again: Vec<_> = entry.tail.again.iter().filter_map(known).collect();
        let others: Vec<_> = again.iter().filter(|(_, first)| **first != head.producer).collect();
        sums.of_others += count(&others);
        if let Some(part) = cell.and_then(Letters::parse) {
            let texts = again.iter().map(|(text, _)| *text).chain(entry.tail.new.iter().map(String::as_str));
            let texts: Vec<&str> = texts.collect();
            sums.aimed += count(&texts);
            sums.fitting += count(&texts.into_iter().filter(|text| part.holds(text)).collect::<Vec<_>>());
        }
    }
}

fn count<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap()
}
