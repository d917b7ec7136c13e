//! Invariants 1 to 3: what the registry, the files, the feed and the journal of the service must agree on.

use std::collections::{BTreeMap, BTreeSet};

use igentai_core::folder::TopicId;
use igentai_core::key::Key;
use igentai_core::log::Entry;
use igentai_shared::store::Store;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_test_support::model;
use serde_json::Value;

use crate::world::{Api, World};

/// Everything that is known of a topic's run when it is over.
pub(crate) struct Truth {
    pub(crate) log: Vec<Entry>,
    pub(crate) journal: Vec<model::Entry>,
}

fn key(text: &str) -> String {
    format!("{:?}", Key::of(text).unwrap())
}

/// The log, read through the port; then: set = distinct keys of the log = lines of the file = feed, gapless, in the same order.
pub(crate) async fn all_agree(world: &World, api: &Api, id: &str) -> Truth {
    let store = RedisStore::connect(&RedisConfig::new(world.redis.url())).unwrap();
    let topic = TopicId::parse(id).unwrap();
    let head = store.head(&topic).await.unwrap();
    let mut log: Vec<Entry> = Vec::new();
    loop {
        let after = log.last().map_or(0, |entry| entry.index);
        let page = store.log(&topic, head.run, after, 500).await.unwrap();
        if page.is_empty() {
            break;
        }
        log.extend(page);
    }
    let numbered: Vec<(u64, String)> =
        log.iter().flat_map(Entry::attributes).map(|(seq, text)| (seq, text.to_owned())).collect();
    let count = u64::try_from(numbered.len()).unwrap();
    let seqs: Vec<u64> = numbered.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=count).collect::<Vec<_>>(), "sequence numbers are gapless and in log order");
    let keys: BTreeSet<String> = numbered.iter().map(|(_, text)| key(text)).collect();
    assert_eq!(keys.len(), numbered.len(), "no key twice");
    let seen = world.redis.cli(&["HLEN", &format!("igentai:{{{id}}}:seen")]).await.unwrap();
    assert_eq!(seen, count.to_string(), "the set holds what the log brought");
    let texts: Vec<String> = numbered.iter().map(|(_, text)| text.clone()).collect();
    same("output.txt and the log's texts", &world.place.lines(id), &texts);
    same("the feed and the log's texts", &api.feed(id).await, &numbered);
    Truth { log, journal: world.place.model.entries() }
}

/// Equal; otherwise says where they part, not all of them.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &[T], other: &[T]) {
    let at = one.iter().zip(other).position(|(a, b)| a != b).unwrap_or_else(|| one.len().min(other.len()));
    let parted = (one.len(), one.get(at)) != (other.len(), other.get(at));
    assert!(
        !parted,
        "{what} part at {at}: {:?} of {} and {:?} of {}",
        one.get(at),
        one.len(),
        other.get(at),
        other.len()
    );
}

impl Truth {
    /// No batch twice, and the totals shown are those of a replay.
    pub(crate) fn each_batch_once(&self, shown: &Value) {
        let ids: BTreeSet<_> = self
            .log
            .iter()
            .map(|entry| (&entry.head.producer, entry.head.incarnation, entry.head.seq))
            .collect();
        assert_eq!(ids.len(), self.log.len(), "each batch has one entry");
        let responses: Vec<_> = self.log.iter().filter_map(Entry::response).collect();
        let answered = responses.iter().filter(|meta| meta.outcome.is_answer());
        let totals = &shown["numbers"]["totals"];
        let sum = |number: usize| Some(u64::try_from(number).unwrap());
        assert_eq!(totals["requests"].as_u64(), sum(responses.len()), "{totals}");
        assert_eq!(totals["responses"].as_u64(), sum(answered.clone().count()), "{totals}");
        assert_eq!(totals["input_tokens"].as_u64(), Some(answered.clone().map(|m| m.input_tokens).sum()));
        assert_eq!(totals["output_tokens"].as_u64(), Some(answered.map(|m| m.output_tokens).sum()));
    }

    /// Answered requests of each model, by the service and by the log.
    pub(crate) fn answers(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut answers: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for entry in self.journal.iter().filter(|entry| entry.answered) {
            answers.entry(&entry.model).or_default().0 += 1;
        }
        for meta in self.log.iter().filter_map(Entry::response).filter(|meta| meta.outcome.is_answer()) {
            answers.entry(&meta.model).or_default().1 += 1;
        }
        answers
    }

    /// Of every life that was not killed, each answer is in the log and all its items are in the set; of a killed one at most what it had under
    /// way is missing. And nothing is in the set that the service did not say.
    pub(crate) fn nothing_is_lost(&self, killed: &[&str], at_most: usize) {
        let set: BTreeSet<String> =
            self.log.iter().flat_map(|entry| &entry.tail.new).map(|text| key(text)).collect();
        for (life, (answered, logged)) in self.answers() {
            let lost = answered.checked_sub(logged);
            assert!(lost.is_some(), "{life}: {logged} answers are in the log, the service gave {answered}");
            let bound = if killed.contains(&life) { at_most } else { 0 };
            assert!(lost <= Some(bound), "{life}: {logged} of {answered} answers are in the log");
        }
        let mut said = BTreeSet::new();
        for entry in self.journal.iter().filter(|entry| entry.answered) {
            let items: BTreeSet<String> = entry.items.iter().map(|item| key(item)).collect();
            if !killed.contains(&entry.model.as_str()) {
                let missing: Vec<_> = items.difference(&set).collect();
                assert!(missing.is_empty(), "{}: {missing:?} are not in the set", entry.model);
            }
            said.extend(items);
        }
        let invented: Vec<_> = set.difference(&said).collect();
        assert!(invented.is_empty(), "no model said {invented:?}");
    }
}
