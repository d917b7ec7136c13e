//! A batch as the commit script takes it, and its answer.

use std::collections::BTreeMap;
use std::io::Cursor;

use deadpool_redis::redis::{FromRedisValue, Value};
use igentai_core::batch::{Committed, Named, Numbered, Verdict};
use igentai_core::ids::{LogIndex, Seq};
use igentai_core::key::Fingerprint;
use igentai_core::log::EntryKind;
use igentai_core::numbers::Edition;
use igentai_core::seeded::{Bug, is_on};
use igentai_core::topic::FIRST_SEED;
use serde::Deserialize;

use super::client::Call;
use super::keys::Keys;
use super::known::Known;
use super::scripts::COMMIT;
use crate::store::prepare::tellable;
use crate::store::rows::{corrupt, encode_head};
use crate::store::{Commit, CommitOutcome, StoreError};

/// What the set keeps of a fingerprint: with the two bytes that the server adds it fills what an allocation of 16 bytes holds, where all of it would take 32.
/// That two of n keys share 112 bits has a probability of about n² / 2¹¹³: 10⁻²² for a million.
const KEPT: usize = 14;

pub(super) fn kept(fingerprint: &Fingerprint) -> &[u8] {
    let [kept @ .., _, _] = fingerprint.as_bytes();
    kept
}

/// What the script is to look up, and what is known without.
#[derive(Debug)]
pub(super) struct Asked {
    /// Fingerprints of novel, spellings and sightings that are not known here.
    open: Vec<Fingerprint>,
    /// Of the batch's novel elements, those that are not known here.
    novel: Vec<usize>,
    /// Numbers that are claimed, and the fingerprint of the largest.
    claimed: Vec<Seq>,
    largest: Option<(Seq, Fingerprint)>,
    /// The edition of the topic that they are of.
    edition: Edition,
    /// Elements that the batch names by numbers which are not claimed.
    unnumbered: usize,
    /// The numbers of the batch's sightings, as far as they are known here.
    sighted: Vec<Option<u32>>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Answered {
    /// It was committed, now or before, or never will be; and what was told of its attributes.
    Outcome(CommitOutcome, Learnt),
    /// What was claimed is not so, and nothing was done.
    Doubt,
    /// No leader has claimed the topic since the server was started, and nothing was done.
    Unclaimed,
}

impl Asked {
    /// Divides a batch into what is known, here or by the producer, and what is not; `believed`: what a producer says that it was told is claimed. A spelling
    /// is never claimed: the entry keeps its text.
    pub(super) fn of(batch: &Commit, known: Option<(&Known, &str)>, believed: bool) -> Self {
        let mut asked = Self {
            open: Vec::new(),
            novel: Vec::new(),
            claimed: Vec::new(),
            largest: None,
            edition: 0,
            unnumbered: if believed { 0 } else { batch.by_number() },
            sighted: Vec::new(),
        };
        let numbered = batch.numbered.as_ref().filter(|_| believed);
        let fingerprints: Vec<Fingerprint> = batch
            .novel
            .iter()
            .map(|named| named.fingerprint)
            .chain(batch.sightings.iter().copied())
            .collect();
        // The largest number that is claimed is checked for all, so they must be one process's: two may know two pasts of a registry that was put back.
        let known = known.filter(|_| numbered.is_none()).and_then(|(known, instance)| {
            known.look_up(instance, &batch.id.topic, batch.id.run, &fingerprints)
        });
        let (edition, mut numbers) = known.unwrap_or_else(|| {
            (numbered.map_or(0, |numbered| numbered.edition), vec![None; fingerprints.len()])
        });
        asked.edition = edition;
        if let Some(Numbered { numbers, largest, .. }) = numbered {
            asked.claimed.extend(numbers.as_slice());
            asked.largest = Some((numbers.largest(), *largest));
        }
        asked.sighted = numbers.split_off(batch.novel.len());
        let of_novel = &numbers;
        for (index, (named, number)) in batch.novel.iter().zip(of_novel).enumerate() {
            match number {
                Some(number) => asked.claim((*number).into(), named.fingerprint),
                None => asked.novel.push(index),
            }
        }
        asked.open = asked.texts(batch).map(|named| named.fingerprint).collect();
        for (index, fingerprint) in batch.sightings.iter().enumerate() {
            match asked.sighted.get(index).copied().flatten() {
                Some(number) => asked.claim(number.into(), *fingerprint),
                None => asked.open.push(*fingerprint),
            }
        }
        asked
    }

    /// The elements that come with a text.
    fn texts<'a>(&'a self, batch: &'a Commit) -> impl Iterator<Item = &'a Named> {
        self.novel.iter().filter_map(|index| batch.novel.get(*index)).chain(&batch.spellings)
    }

    fn claim(&mut self, number: Seq, fingerprint: Fingerprint) {
        self.claimed.push(number);
        if self.largest.is_none_or(|(largest, _)| number > largest) {
            self.largest = Some((number, fingerprint));
        }
    }

    /// For the server whose life is `instance`, and a log that has `reached` so many entries in an edition.
    pub(super) fn call(
        &self,
        batch: &Commit,
        instance: Option<&str>,
        reached: (Edition, LogIndex),
    ) -> Result<Call, StoreError> {
        let keys = Keys::of(&batch.id.topic);
        let keys = [keys.epoch(), keys.seen(), keys.log(), keys.producers(), keys.totals()];
        let bytes: usize = self.texts(batch).map(|named| named.text.len() + 3).sum();
        let (mut texts, mut claims) = (Vec::with_capacity(bytes), Vec::with_capacity(5 * self.claimed.len()));
        for named in self.texts(batch) {
            rmp_serde::encode::write(&mut texts, &named.text).map_err(corrupt)?;
        }
        for number in &self.claimed {
            rmp_serde::encode::write(&mut claims, number).map_err(corrupt)?;
        }
        let (largest, fingerprint) = self.largest.unwrap_or((0, Fingerprint::from_bytes([0; 16])));
        let head = encode_head(&batch.head)?;
        let arguments = 19 + self.open.len();
        let bytes = head.len() + texts.len() + claims.len() + KEPT * self.open.len() + 256;
        let mut call = Call::sized(&COMMIT, &keys, arguments, bytes)
            .arg(batch.id.run)
            .arg(format!("{}:{}", batch.id.producer, batch.id.incarnation))
            .arg(if is_on(Bug::NoDedup) { batch.id.seq + (batch.head.at.0 << 8) } else { batch.id.seq })
            .arg(batch.lowest_unresolved)
            .arg(head)
            .arg(self.novel.len())
            .arg(batch.spellings.len())
            .arg(self.open.len() - self.novel.len() - batch.spellings.len())
            .arg(texts)
            .arg(claims)
            .arg(self.claimed.len())
            .arg(largest)
            .arg(self.edition)
            .arg(instance.unwrap_or_default())
            .arg(reached.0)
            .arg(reached.1)
            .arg(self.unnumbered)
            .arg(if matches!(batch.head.kind, EntryKind::Seeded) {
                FIRST_SEED.to_string()
            } else {
                String::new()
            })
            .arg(kept(&fingerprint));
        for fingerprint in &self.open {
            call = call.arg(kept(fingerprint));
        }
        Ok(call)
    }

    /// What the script did.
    pub(super) fn outcome(self, batch: &Commit, answer: Value) -> Result<Answered, StoreError> {
        let parts = Vec::<Vec<u8>>::from_redis_value(answer).map_err(corrupt)?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let earlier = |verdict| Answered::Outcome(CommitOutcome::earlier(verdict), Learnt::new());
        Ok(match parts.as_slice() {
            [b"doubt"] => Answered::Doubt,
            [b"unclaimed"] => Answered::Unclaimed,
            [b"stale"] => earlier(Verdict::Stale),
            [b"settled"] => earlier(Verdict::Settled),
            [b"again", stored] => earlier(Verdict::Committed(receipt(batch, stored)?)),
            [b"fresh", stored, letters, numbers, edition] => {
                let edition = std::str::from_utf8(edition).map_err(corrupt)?.parse().map_err(corrupt)?;
                let committed = receipt(batch, stored)?;
                let mut found = Vec::with_capacity(self.open.len());
                let mut numbers = Cursor::new(*numbers);
                let mut next_new = committed.first_new;
                for letter in or_all_new(letters, self.open.len()) {
                    found.push(match letter {
                        b'n' => {
                            next_new += 1;
                            next_new - 1
                        }
                        b'k' => rmp_serde::from_read(&mut numbers).map_err(corrupt)?,
                        _ => 0,
                    });
                }
                let letters = or_all_new(letters, self.open.len());
                let new = self.texts(batch).zip(letters).filter(|(_, letter)| *letter == b'n');
                let new = new.map(|(named, _)| named.clone()).collect();
                let (verdict, told) = (Verdict::Committed(committed), self.told(&found));
                let is_attribute = |number: Seq| (1..FIRST_SEED).contains(&number);
                let learnt = self.open.into_iter().zip(found).filter(|(_, number)| is_attribute(*number));
                let learnt = learnt.collect();
                Answered::Outcome(CommitOutcome { verdict, fresh: true, new, edition, told }, learnt)
            }
            _ => return Err(corrupt("the commit script's answer is not understood")),
        })
    }
}

impl Asked {
    /// The numbers of the batch's spellings and sightings, by those that the script found for what was open.
    fn told(&self, found: &[Seq]) -> Vec<Seq> {
        let mut open = found.iter().copied().skip(self.novel.len());
        let spellings = self.open.len()
            - self.novel.len()
            - self.sighted.iter().filter(|number| number.is_none()).count();
        let mut told: Vec<Seq> = open.by_ref().take(spellings).collect();
        let sighted = self.sighted.iter().map(|known| known.map(Seq::from).or_else(|| open.next()));
        told.extend(sighted.map(Option::unwrap_or_default));
        told.into_iter().map(tellable).collect()
    }
}

/// Attributes with their numbers, as the script told them.
pub(super) type Learnt = Vec<(Fingerprint, Seq)>;

/// One letter per element; the script leaves them out where all are new.
fn or_all_new(letters: &[u8], count: usize) -> impl Iterator<Item = u8> + '_ {
    let all_new = if letters.is_empty() { count } else { 0 };
    letters.iter().copied().chain(std::iter::repeat_n(b'n', all_new))
}

/// A receipt as the script stores it: what it misses are sightings of the batch.
fn receipt(batch: &Commit, bytes: &[u8]) -> Result<Committed, StoreError> {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    let (log_index, first_new) = (u64_of(&mut reader)?, u64_of(&mut reader)?);
    let (new, known, over_cap) = (u32_of(&mut reader)?, u32_of(&mut reader)?, u32_of(&mut reader)?);
    let unnumbered = u32_of(&mut reader)?;
    let rest = usize::try_from(reader.position()).ok().and_then(|position| bytes.get(position..));
    let (fingerprints, torn) = rest.unwrap_or_default().as_chunks::<KEPT>();
    if !torn.is_empty() {
        return Err(corrupt("a receipt ends in the middle of a fingerprint"));
    }
    let whole: BTreeMap<&[u8], Fingerprint> = match fingerprints {
        [] => BTreeMap::new(),
        _ => batch.sightings.iter().map(|sighting| (kept(sighting), *sighting)).collect(),
    };
    // A copy of a batch that says something else than the one that was committed has others; nobody waits for those.
    let missing = fingerprints.iter().filter_map(|kept| whole.get(kept.as_slice()).copied()).collect();
    Ok(Committed { log_index, first_new, new, known, over_cap, missing, unnumbered })
}

type Reader<'b> = rmp_serde::Deserializer<rmp_serde::decode::ReadReader<Cursor<&'b [u8]>>>;

fn u64_of(reader: &mut Reader<'_>) -> Result<u64, StoreError> {
    u64::deserialize(reader).map_err(corrupt)
}

fn u32_of(reader: &mut Reader<'_>) -> Result<u32, StoreError> {
    u32::deserialize(reader).map_err(corrupt)
}
