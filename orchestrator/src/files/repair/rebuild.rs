//! A topic's log made anew beside the old one: first the registry's own entries for as long as they agree with the list, then what only the list holds, then the
//! rest of the registry's own, with whatever of it is new behind the list.
//!
//! Entries are committed as their responses were: what they brought is new or known by the same rules, and everything else that they say stays. What only the list
//! holds is entered as completions of responses of which nothing more is known, so that nothing is counted that nobody knows: no request, no cost.

use igentai_core::batch::{BatchId, Named, Verdict};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run, Seq, WorkerId};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{Entry, EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_core::topic::FIRST_SEED;
use igentai_shared::store::{Commit, Store, StoreError};
use xxhash_rust::xxh3::xxh3_128;

use super::RepairError;
use super::list::List;

/// Entries read, and committed, at once.
const PAGE: usize = 64;

/// Lines of the list in an entry.
const LINES: usize = 500;

/// Who is said to have brought what only the list holds, and who rebuilds.
const BY: &str = "repair";

/// A log that is ready to take the old one's place.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) from: TopicId,
    /// Up to this entry it is the old one.
    pub(super) same: LogIndex,
    pub(super) attributes: Seq,
}

/// Builds the log of a run, of which registry and list agree on so many items.
pub(super) async fn rebuild(
    store: &dyn Store,
    topic: &TopicId,
    run: Run,
    list: &List,
    agreed: Seq,
    epoch: Epoch,
    now: UnixMillis,
) -> Result<Log, RepairError> {
    let from = topic.with_hash("igentai repair");
    // Whatever an attempt before has left there is emptied by a newer run.
    let place = store.head(&from).await?.run + 1;
    let by = WorkerId::of_role(BY, 1);
    let mut copy = Copy {
        store,
        from,
        place,
        epoch,
        by,
        known: Vec::new(),
        seeds: Vec::new(),
        waiting: Vec::new(),
        number: 0,
    };
    copy.open(None).await?;
    let (mut same, mut after, mut listed) = (0, 0, false);
    loop {
        let page = store.log(topic, run, after, PAGE).await?;
        for entry in &page {
            let brought = if entry.is_seeded() { 0 } else { entry.tail.new.len() };
            let attributes = copy.attributes() + u64::try_from(brought).unwrap_or(u64::MAX);
            if !listed && attributes > agreed {
                copy.list(list, now).await?;
                listed = true;
            }
            copy.entry(entry).await?;
            after = entry.index;
            if !listed {
                same = after;
            }
        }
        if page.len() < PAGE {
            break;
        }
    }
    if !listed {
        copy.list(list, now).await?;
    }
    copy.flush().await?;
    let attributes = store.head(&copy.from).await?.attributes;
    Ok(Log { from: copy.from, same, attributes })
}

struct Copy<'a> {
    store: &'a dyn Store,
    from: TopicId,
    place: Run,
    epoch: Epoch,
    by: WorkerId,
    /// What the numbers of the old log stand for.
    known: Vec<Fingerprint>,
    /// The same of what was known from the beginning.
    seeds: Vec<Fingerprint>,
    waiting: Vec<Commit>,
    number: u64,
}

impl Copy<'_> {
    /// Attributes of the old log so far.
    fn attributes(&self) -> Seq {
        u64::try_from(self.known.len()).unwrap_or(u64::MAX)
    }

    async fn open(&self, cap: Option<u64>) -> Result<(), StoreError> {
        self.store.open_run(&self.from, self.place, self.epoch, cap).await.map(drop)
    }

    async fn entry(&mut self, entry: &Entry) -> Result<(), RepairError> {
        let tail = &entry.tail;
        let novel: Vec<Named> = tail.new.iter().map(|text| named(text)).collect();
        let brought = if entry.is_seeded() { &mut self.seeds } else { &mut self.known };
        brought.extend(novel.iter().map(|named| named.fingerprint));
        let spellings: Vec<Named> = tail.variants.iter().map(|(_, text)| named(text)).collect();
        let spelled = |seq: &Seq| tail.variants.iter().any(|(variant, _)| variant == seq);
        let mut sightings = Vec::with_capacity(tail.again.len());
        for seq in tail.again.iter().filter(|seq| !spelled(seq)) {
            let (of, first) = if *seq < FIRST_SEED { (&self.known, 1) } else { (&self.seeds, FIRST_SEED) };
            let at = seq.checked_sub(first).and_then(|at| usize::try_from(at).ok());
            let known = at.and_then(|at| of.get(at)).ok_or_else(|| {
                StoreError::Corrupt(format!("entry {} names {seq}, which nobody brought", entry.index))
            })?;
            sightings.push(*known);
        }
        // What it named and nobody holds stays so many.
        sightings.extend((0..tail.missing).map(|number| nobodys("missing", entry.index, number)));
        let mut commit = self.commit(entry.head.clone());
        (commit.novel, commit.spellings, commit.sightings) = (novel, spellings, sightings);
        if tail.over_cap == 0 {
            self.waiting.push(commit);
            return if self.waiting.len() >= PAGE { self.flush().await } else { Ok(()) };
        }
        // What was over the cap is so again: there is room for what it brought besides, and none for more.
        self.flush().await?;
        let held = self.store.head(&self.from).await?.attributes;
        let brought = self.brings(&commit.novel).await?;
        self.open(Some(held + brought)).await?;
        commit.novel.extend((0..tail.over_cap).map(|number| Named {
            text: String::new(),
            fingerprint: nobodys("over the cap", entry.index, number),
        }));
        self.waiting.push(commit);
        self.flush().await?;
        self.open(None).await?;
        Ok(())
    }

    /// How many of these the copy does not hold yet.
    async fn brings(&self, novel: &[Named]) -> Result<u64, RepairError> {
        let wanted: std::collections::HashSet<Fingerprint> =
            novel.iter().map(|named| named.fingerprint).collect();
        let (mut after, mut held) = (0, 0_usize);
        loop {
            let page = self.store.attributes(&self.from, self.place, after, 1_000).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            held += page.iter().filter(|one| wanted.contains(&named(&one.text).fingerprint)).count();
        }
        Ok(u64::try_from(wanted.len().saturating_sub(held)).unwrap_or(u64::MAX))
    }

    /// Enters what the list holds more than the copy.
    async fn list(&mut self, list: &List, now: UnixMillis) -> Result<(), RepairError> {
        self.flush().await?;
        let begin = usize::try_from(self.store.head(&self.from).await?.attributes).unwrap_or(usize::MAX);
        let lines: Vec<Named> = (begin..list.fingerprints.len())
            .filter_map(|index| {
                let (text, fingerprint) = (list.line(index)?.to_owned(), *list.fingerprints.get(index)?);
                Some(Named { text, fingerprint })
            })
            .collect();
        for some in lines.chunks(LINES) {
            let head = EntryHead {
                producer: self.by.clone(),
                incarnation: now.0,
                seq: self.number + 1,
                at: now,
                kind: EntryKind::Resolution { of: 0 },
            };
            let mut commit = self.commit(head);
            commit.novel = some.to_vec();
            self.waiting.push(commit);
        }
        self.flush().await?;
        let held = self.store.head(&self.from).await?.attributes;
        if held == list.len() {
            Ok(())
        } else {
            let why = format!("the list has {} items and {held} numbers came of them", list.len());
            Err(StoreError::Corrupt(why).into())
        }
    }

    fn commit(&mut self, head: EntryHead) -> Commit {
        self.number += 1;
        let (topic, run, producer, seq) = (self.from.clone(), self.place, self.by.clone(), self.number);
        Commit {
            id: BatchId { topic, run, producer, incarnation: 1, seq },
            lowest_unresolved: seq,
            head,
            novel: Vec::new(),
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        }
    }

    async fn flush(&mut self) -> Result<(), RepairError> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        for outcome in self.store.commit(waiting).await? {
            if !outcome.fresh || !matches!(outcome.verdict, Verdict::Committed(_)) {
                let why = "somebody else writes where the log is rebuilt; try again";
                return Err(StoreError::Unavailable(why.to_owned()).into());
            }
        }
        Ok(())
    }
}

fn named(text: &str) -> Named {
    // What stands in a log has a key; were it otherwise, it would be told from everything else all the same.
    let fingerprint = Key::of(text).map_or_else(
        || Fingerprint::from_bytes(xxh3_128(text.as_bytes()).to_be_bytes()),
        |key| Fingerprint::of(&key),
    );
    Named { text: text.to_owned(), fingerprint }
}

/// The fingerprint of no text.
fn nobodys(what: &str, index: LogIndex, number: u32) -> Fingerprint {
    Fingerprint::from_bytes(xxh3_128(format!("{what}\n{index}\n{number}").as_bytes()).to_be_bytes())
}
