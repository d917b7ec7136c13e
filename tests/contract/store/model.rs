//! What a store must do, in the plainest way: the measure for the property test. It shares no code with the adapters.

use std::collections::BTreeMap;

use igentai_core::batch::{Committed, Named, Verdict};
use igentai_core::key::Fingerprint;
use igentai_core::log::{Entry, EntryTail};
use igentai_shared::store::{Commit, CommitOutcome, StoredAttribute};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) run: u64,
    pub(super) cap: Option<u64>,
    /// As the store names it.
    pub(super) edition: u64,
    pub(super) log: Vec<Entry>,
    pub(super) attributes: Vec<StoredAttribute>,
    seen: BTreeMap<Fingerprint, u64>,
    receipts: BTreeMap<(String, u64), Committed>,
    settled: BTreeMap<String, u64>,
}

impl Model {
    pub(super) fn open_run(&mut self, run: u64, cap: Option<u64>) {
        if run > self.run {
            *self = Self { run, ..Self::default() };
        }
        self.cap = cap;
    }

    pub(super) fn commit(&mut self, batch: &Commit) -> CommitOutcome {
        let earlier = CommitOutcome::earlier;
        if batch.id.run != self.run {
            return earlier(Verdict::Stale);
        }
        let producer = batch.id.producer.to_string();
        let settled = self.settled.get(&producer).copied().unwrap_or(0);
        if batch.id.seq <= settled {
            return earlier(Verdict::Settled);
        }
        if let Some(receipt) = self.receipts.get(&(producer.clone(), batch.id.seq)) {
            return earlier(Verdict::Committed(receipt.clone()));
        }
        let numbered = self.numbered(batch);
        let unnumbered = if numbered.is_none() { u32::try_from(batch.by_number()).unwrap() } else { 0 };
        let (mut tail, missing, new) = self.absorb(batch);
        tail.again.extend(numbered.unwrap_or_default());
        tail.missing += unnumbered;
        let receipt = Committed {
            log_index: self.log.len() as u64 + 1,
            first_new: tail.first_new,
            new: u32::try_from(tail.new.len()).unwrap(),
            known: u32::try_from(tail.again.len()).unwrap(),
            over_cap: tail.over_cap,
            missing,
            unnumbered,
        };
        self.log.push(Entry { index: receipt.log_index, head: batch.head.clone(), tail });
        self.receipts.insert((producer.clone(), batch.id.seq), receipt.clone());
        self.settled.insert(producer, settled.max(batch.lowest_unresolved - 1));
        let told = self.told(batch);
        CommitOutcome { verdict: Verdict::Committed(receipt), fresh: true, new, edition: self.edition, told }
    }

    /// The numbers that a batch gives, when they are those of the log.
    pub(super) fn numbered(&self, batch: &Commit) -> Option<Vec<u64>> {
        let Some(numbered) = &batch.numbered else { return Some(Vec::new()) };
        let stands = self.seen.get(&numbered.largest) == numbered.numbers.as_slice().last();
        (stands && numbered.edition == self.edition).then(|| numbered.numbers.as_slice().to_vec())
    }

    /// What the batch's spellings and sightings are known as now.
    fn told(&self, batch: &Commit) -> Vec<u64> {
        let spelled = batch.spellings.iter().map(|named| &named.fingerprint);
        let named = spelled.chain(&batch.sightings);
        named.map(|fingerprint| self.seen.get(fingerprint).copied().unwrap_or_default()).collect()
    }

    /// The number of a key.
    pub(super) fn number(&self, fingerprint: &Fingerprint) -> Option<u64> {
        self.seen.get(fingerprint).copied()
    }

    fn absorb(&mut self, batch: &Commit) -> (EntryTail, Vec<Fingerprint>, Vec<Named>) {
        let before: BTreeMap<Fingerprint, u64> = self.seen.clone();
        let mut tail = EntryTail::default();
        let mut new = Vec::new();
        let spelled = batch.spellings.iter().map(|named| (named, true));
        for (named, is_spelling) in batch.novel.iter().map(|named| (named, false)).chain(spelled) {
            if let Some(seq) = before.get(&named.fingerprint) {
                tail.again.push(*seq);
                if is_spelling {
                    tail.variants.push((*seq, named.text.clone()));
                }
            } else if self.cap.is_some_and(|cap| self.attributes.len() as u64 >= cap) {
                tail.over_cap += 1;
            } else {
                let seq = self.attributes.len() as u64 + 1;
                let log_index = self.log.len() as u64 + 1;
                self.attributes.push(StoredAttribute { seq, text: named.text.clone(), log_index });
                self.seen.insert(named.fingerprint, seq);
                if tail.new.is_empty() {
                    tail.first_new = seq;
                }
                tail.new.push(named.text.clone());
                new.push(named.clone());
            }
        }
        let mut missing = Vec::new();
        for fingerprint in &batch.sightings {
            match before.get(fingerprint) {
                Some(seq) => tail.again.push(*seq),
                None => missing.push(*fingerprint),
            }
        }
        tail.missing = u32::try_from(missing.len()).unwrap();
        (tail, missing, new)
    }
}
