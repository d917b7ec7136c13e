//! Duplicates are data, and no filter may change that: 1,000,000 items are named, again and again, by workers whose filters are forced to take a share
//! of new keys for known; batches are lost, repeated and reordered on their way. Afterwards every item is in the registry, and the frequencies of
//! frequencies, over all and by provider, are those of a plain count of what was named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use igentai_core::batch::{Batch, BatchBody, Named, Numbered, Receipt, ToldNumbers, Verdict};
use igentai_core::command::{Command, Lease, TopicOrder};
use igentai_core::cost::Cost;
use igentai_core::filter::{Delta, PIECE_WORDS, SnapshotPiece, words};
use igentai_core::fold::TopicFold;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::{Monotonic, UnixMillis};
use igentai_core::worker::{Finished, Worker};
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::meta;

const ITEMS: u32 = 1_000_000;

/// Items of a response that were not named before.
const NEW: u32 = 100;

/// Items that the response before had named first: both are under way at once.
const AGAIN: u32 = 80;

/// Items from any time before.
const OLD: u32 = 20;

const WORKERS: u64 = 2;

/// Responses under way, of each worker.
const UNDER_WAY: u32 = 64;

/// A generation so large that what is committed changes the forced rate little.
const GENERATION: u32 = 9;

/// The items that response `number` names, the same in every run.
fn items(number: u32) -> BTreeSet<u32> {
    let mut random = StdRng::seed_from_u64(u64::from(number));
    let first = number * NEW;
    let mut named: BTreeSet<u32> = (first..first + NEW).collect();
    // The worker's own response before this one.
    if let Some(before) = number.checked_sub(u32::try_from(WORKERS).unwrap()) {
        named.extend((before * NEW..before * NEW + NEW).take(usize::try_from(AGAIN).unwrap()));
        named.extend((0..OLD).map(|_| random.random_range(0..first)));
    }
    named
}

fn provider(number: u32) -> String {
    format!("provider {}", number % 3)
}

fn named(item: u32) -> Named {
    let text = format!("Item no {item}");
    let fingerprint = Fingerprint::of(&Key::of(&text).unwrap());
    Named { text, fingerprint }
}

fn topic() -> TopicId {
    TopicId::from_name("forced").unwrap()
}

fn worker(number: u64, forced: f64) -> Worker {
    let id = WorkerId::parse(&format!("p{number}")).unwrap();
    let mut worker = Worker::new(id, 1, UNDER_WAY);
    let order = TopicOrder {
        phrasings: Vec::new(),
        topic: topic(),
        run: 1,
        name: "forced".into(),
        prompt: None,
        items_per_request: 100,
        max_attributes: None,
        provider_weights: BTreeMap::new(),
        shares: None,
        ask: true,
        abandon: false,
        lease: Lease { requests: u64::MAX, cost: Cost::ZERO },
        capped_cost: false,
        rules: igentai_core::rules::ItemRules::default(),
        aims: None,
    };
    let (registry, topics) = ("r".to_owned(), vec![order]);
    let command =
        Command { registry, replaces: None, epoch: 1, version: 1, incarnation: 1, topics, care: Vec::new() };
    worker.command(command, Monotonic(0));
    if forced > 0.0 {
        force(&mut worker, number, forced);
    }
    worker
}

/// Gives the worker a filter in which so many bits are set that it takes this share of all keys for known: seven must be set for that.
fn force(worker: &mut Worker, seed: u64, share: f64) {
    let density = share.powf(1.0 / 7.0);
    let threshold = (density * f64::from(u8::MAX)).round();
    let mut random = StdRng::seed_from_u64(seed);
    let mut pool = [0_u8; 64];
    let mut word = || {
        random.fill(&mut pool);
        pool.iter().fold(0_u64, |word, chance| word << 1 | u64::from(f64::from(*chance) < threshold))
    };
    let all: Vec<u8> = (0..words(GENERATION)).flat_map(|_| word().to_le_bytes()).collect();
    let chunks = u32::try_from(words(GENERATION).div_ceil(PIECE_WORDS)).unwrap();
    for (chunk, words) in std::iter::zip(0.., all.chunks(PIECE_WORDS * 8)) {
        let piece = SnapshotPiece {
            run: 1,
            generation: GENERATION,
            complete_to: 0,
            chunk,
            chunks,
            digest: None,
            repair: false,
            words,
        };
        assert_eq!(worker.snapshot(&topic(), &piece), Ok(chunk + 1 == chunks));
    }
}

fn commit(batch: &Batch) -> Commit {
    let all = |texts: &[String]| {
        let named = |text: &String| Named {
            text: text.clone(),
            fingerprint: Fingerprint::of(&Key::of(text).unwrap()),
        };
        texts.iter().map(named).collect::<Vec<_>>()
    };
    let (kind, novel, spellings, sightings) = match &batch.body {
        BatchBody::Response { meta, novel, spellings, sightings, .. } => {
            (EntryKind::Response(meta.clone()), all(novel), all(spellings), sightings.clone())
        }
        BatchBody::Resolution { of, texts } => {
            (EntryKind::Resolution { of: *of }, all(texts), Vec::new(), Vec::new())
        }
    };
    let id = batch.id.clone();
    let (producer, incarnation, seq) = (id.producer.clone(), id.incarnation, id.seq);
    let head = EntryHead { producer, incarnation, seq, at: UnixMillis(0), kind };
    Commit {
        id,
        lowest_unresolved: batch.lowest_unresolved,
        head,
        novel,
        spellings,
        sightings,
        numbered: numbered(batch),
    }
}

fn numbered(batch: &Batch) -> Option<Numbered> {
    match &batch.body {
        BatchBody::Response { numbered, .. } => numbered.as_deref().cloned(),
        BatchBody::Resolution { .. } => None,
    }
}

/// What became of a run.
struct Run {
    fold: TopicFold,
    /// Batches that came again.
    repeated: u64,
}

/// Names everything with such filters, and folds the log.
async fn run(forced: f64) -> Run {
    let store = EmbeddedStore::in_memory().unwrap();
    store.open_run(&topic(), 1, 0, None).await.unwrap();
    let mut random = StdRng::seed_from_u64(7);
    let mut workers: Vec<Worker> = (0..WORKERS).map(|number| worker(number, forced)).collect();
    let (mut number, mut now, mut repeated) = (0_u32, Monotonic(0), 0_u64);
    let mut under_way: Vec<Batch> = Vec::new();
    loop {
        while number < ITEMS / NEW {
            let worker = &mut workers[usize::try_from(u64::from(number) % WORKERS).unwrap()];
            if !worker.begin(&topic(), 1, Cost::ZERO) {
                break;
            }
            let items = items(number).into_iter().map(named).collect();
            let finished = Finished { meta: meta(provider(number)), items };
            under_way.extend(worker.finish(&topic(), 1, finished, now));
            number += 1;
        }
        under_way.extend(workers.iter_mut().flat_map(|worker| worker.overdue(now)));
        if under_way.is_empty() {
            if number == ITEMS / NEW && workers.iter().all(Worker::is_idle) {
                break;
            }
            now += Duration::from_secs(1);
            continue;
        }
        under_way.shuffle(&mut random);
        let taken = under_way.split_off(under_way.len() / 2);
        let commits: Vec<Commit> = taken.iter().map(commit).collect();
        let outcomes = store.commit(commits).await.unwrap();
        for (batch, outcome) in std::iter::zip(taken, outcomes) {
            if let (true, Verdict::Committed(committed)) = (outcome.fresh, &outcome.verdict) {
                let (from, to) = (committed.log_index, committed.log_index);
                let fingerprints = outcome.new.iter().map(|named| named.fingerprint).collect();
                let first = (committed.new > 0).then_some((outcome.edition, committed.first_new));
                let delta = Delta { run: 1, generation: 0, from, to, fingerprints, first };
                for worker in workers.iter_mut().filter(|_| forced > 0.0) {
                    worker.delta(&topic(), delta.clone());
                }
            }
            repeated += u64::from(!outcome.fresh);
            // A broker may deliver it once more; the receipt may be lost, and the producer publishes it again.
            if random.random_bool(0.1) {
                under_way.push(batch.clone());
            }
            if random.random_bool(0.02) {
                continue;
            }
            let told = Some(ToldNumbers { edition: outcome.edition, numbers: outcome.told })
                .filter(|_| outcome.fresh);
            let receipt = Receipt { id: batch.id, verdict: outcome.verdict, told };
            under_way.extend(workers.iter_mut().filter_map(|worker| worker.receipt(&receipt, now)));
        }
        now += Duration::from_millis(20);
    }
    let mut fold = TopicFold::default();
    loop {
        let entries = store.log(&topic(), 1, fold.log_index(), 1_000).await.unwrap();
        if entries.is_empty() {
            return Run { fold, repeated };
        }
        for entry in &entries {
            fold.apply(entry).unwrap();
        }
    }
}

/// How many items were named by how many responses, all and by provider, counted from what was named.
fn expected() -> (BTreeMap<u32, u64>, BTreeMap<String, BTreeMap<u32, u64>>) {
    let mut counts = vec![[0_u32; 4]; usize::try_from(ITEMS).unwrap()];
    for number in 0..ITEMS / NEW {
        for item in items(number) {
            let counts = &mut counts[usize::try_from(item).unwrap()];
            counts[usize::try_from(number % 3).unwrap()] += 1;
            counts[3] += 1;
        }
    }
    let frequencies = |place: usize| {
        let mut frequencies = BTreeMap::new();
        for counts in counts.iter().filter(|counts| counts[place] > 0) {
            *frequencies.entry(counts[place]).or_default() += 1;
        }
        frequencies
    };
    let by_provider =
        (0..3_u32).map(|number| (provider(number), frequencies(usize::try_from(number).unwrap())));
    (frequencies(3), by_provider.collect())
}

async fn nothing_is_lost_or_counted_otherwise(forced: f64, least_false_positives: u64) {
    let Run { fold, repeated } = run(forced).await;
    let (frequencies, by_provider) = expected();
    assert_eq!(fold.attributes(), u64::from(ITEMS), "none is lost");
    assert_eq!(fold.sightings().frequencies().collect::<BTreeMap<_, _>>(), frequencies);
    let strata = fold.sightings_by_provider().iter();
    let strata = strata.map(|(name, sightings)| (name.clone(), sightings.frequencies().collect()));
    assert_eq!(strata.collect::<BTreeMap<_, _>>(), by_provider);
    let totals = fold.totals();
    assert_eq!(totals.resolved, totals.false_positives);
    assert!(totals.false_positives >= least_false_positives, "{}", totals.false_positives);
    assert!(repeated > 500, "{repeated} batches came again");
}

#[tokio::test]
async fn a_million_items_without_a_filter() {
    nothing_is_lost_or_counted_otherwise(0.0, 0).await;
}

#[tokio::test]
async fn a_million_items_with_a_filter_that_is_wrong_once_in_a_hundred() {
    nothing_is_lost_or_counted_otherwise(0.01, 1_000).await;
}

#[tokio::test]
async fn a_million_items_with_a_filter_that_is_wrong_once_in_ten() {
    nothing_is_lost_or_counted_otherwise(0.1, 10_000).await;
}

#[tokio::test]
async fn a_million_items_with_a_filter_that_is_wrong_every_other_time() {
    nothing_is_lost_or_counted_otherwise(0.5, 50_000).await;
}
