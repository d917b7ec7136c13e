#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use igentai_core::batch::{Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::filter::Master;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind, EntryTail};
use igentai_core::time::Monotonic;
use proptest::prelude::*;

use super::*;

type Chunks = Vec<Option<Vec<u8>>>;

/// What an entry is made of: new texts, numbers named again (of those there are), false positives, outcome, provider.
type Seed = (u8, Vec<u16>, u8, u8, u8);

/// A log as a registry would have it.
fn log(seeds: &[Seed]) -> Vec<Entry> {
    let mut attributes = 0_u64;
    let mut entries = Vec::new();
    for (index, (new, again, missing, outcome, provider)) in std::iter::zip(1_u64.., seeds) {
        let texts: Vec<String> = (1..=u64::from(*new)).map(|n| format!("item {}", attributes + n)).collect();
        let mut again: Vec<u64> =
            again.iter().filter(|_| attributes > 0).map(|n| u64::from(*n) % attributes.max(1) + 1).collect();
        again.sort_unstable();
        again.dedup();
        let (cell, is_task) = match provider % 6 {
            0 => (Some(format!("cell {provider}")), false),
            1 => (Some("sa-sm".to_owned()), false),
            2 => (Some(format!("category: kind {}", provider % 4)), false),
            3 => (Some("categories".to_owned()), true),
            _ => (None, false),
        };
        let meta = ResponseMeta {
            provider: format!("provider {}", provider % 11),
            model: "m".into(),
            cell,
            probe: false,
            prompt_hash: 0,
            outcome: Outcome::ALL[usize::from(*outcome) % Outcome::ALL.len()],
            latency_ms: 10,
            input_tokens: 5,
            output_tokens: u64::from(*outcome),
            cost: Cost::from_picodollars(u64::from(*outcome)),
            worst_case: Cost::from_picodollars(1_000),
            repeated: 1,
            rejected: 0,
            rejections: igentai_core::batch::Rejections::default(),
            asked: 0,
            left_out: 0,
            copied: 0,
            phrasing: igentai_core::phrasing::Phrasing::Plain,
            judged: None,
            categories: (0..if is_task { provider / 6 } else { 0 })
                .map(|n| format!("kind {n}"))
                .collect::<Told>(),
        };
        let completes = index > 1 && provider % 5 == 0;
        let kind =
            if completes { EntryKind::Resolution { of: index - 1 } } else { EntryKind::Response(meta) };
        let producer = WorkerId::parse(&format!("p{}", provider % 2)).unwrap();
        let head = EntryHead { producer, incarnation: 7, seq: index, at: UnixMillis(index), kind };
        let tail = EntryTail {
            first_new: if texts.is_empty() { 0 } else { attributes + 1 },
            new: texts,
            again,
            missing: if completes { 0 } else { u32::from(*missing) },
            ..EntryTail::default()
        };
        attributes += u64::from(*new);
        entries.push(Entry { index, head, tail });
    }
    entries
}

fn take(fold: &mut TopicFold, master: &mut Master, entries: &[Entry]) {
    for entry in entries {
        fold.apply(entry).unwrap();
        let new: Vec<_> =
            entry.tail.new.iter().map(|text| Fingerprint::of(&Key::of(text).unwrap())).collect();
        master.entry(entry.index, &new, Monotonic(0));
    }
}

fn topic() -> TopicId {
    TopicId::from_name("birds").unwrap()
}

fn packed(fold: &TopicFold, master: &Master, mark: Mark, before: Option<&Manifest>) -> Packed {
    let folds = Folds { topic: topic(), run: 3, mark, fold, filter: master.checkpoint() };
    Packed::new(&folds, before)
}

fn chunks(packed: &Packed) -> Chunks {
    (0..packed.manifest.chunks).map(|number| packed.chunk(number).map(|(_, bytes)| bytes)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn folds_from_a_checkpoint_at_any_entry_go_on_as_those_from_the_beginning(
        seeds in proptest::collection::vec(
            (0..6_u8, proptest::collection::vec(any::<u16>(), 0..6), 0..3_u8, any::<u8>(), any::<u8>()),
            1..120,
        ),
        place in any::<proptest::sample::Index>(),
    ) {
        let entries = log(&seeds);
        let (before, after) = entries.split_at(place.index(entries.len()) + 1);
        let (mut fold, mut master) = (TopicFold::default(), Master::new(0));
        take(&mut fold, &mut master, before);
        let saved = packed(&fold, &master, Mark::of(before.last().unwrap()), None);
        let Folds { fold: mut resumed, filter, mark, .. } =
            unpack(saved.manifest(), chunks(&saved), &topic(), 3).unwrap();
        let mut filter = Master::restore(filter).unwrap();
        prop_assert_eq!(mark, Mark::of(before.last().unwrap()));
        take(&mut fold, &mut master, after);
        take(&mut resumed, &mut filter, after);
        prop_assert_eq!(resumed, fold);
        prop_assert_eq!(filter.checkpoint(), master.checkpoint());
    }
}

/// A fold whose checkpoint has several chunks.
fn large() -> (TopicFold, Master, Mark) {
    let seeds: Vec<Seed> = (0..400).map(|n| (250, vec![n, n * 3], 0, 0, 1)).collect();
    let entries = log(&seeds);
    let (mut fold, mut master) = (TopicFold::default(), Master::new(100_000));
    take(&mut fold, &mut master, &entries);
    (fold, master, Mark::of(entries.last().unwrap()))
}

#[test]
fn what_is_torn_or_mixed_or_anothers_is_noticed() {
    let (mut fold, mut master, mark) = large();
    let saved = packed(&fold, &master, mark.clone(), None);
    let (manifest, whole) = (saved.manifest().clone(), chunks(&saved));
    assert!(whole.len() > 1 && whole.iter().flatten().all(|chunk| chunk.len() <= CHUNK_BYTES));
    let size = whole.iter().flatten().map(Vec::len).sum::<usize>();
    // And the words of the first 20,000 names.
    assert!(size < 100_000 * 9 + 20_000 * 13, "{size} bytes for 100,000 attributes");
    let used = |manifest: &Manifest, chunks: &[Option<Vec<u8>>]| {
        unpack(manifest, chunks.to_vec(), &topic(), 3).map(|folds| folds.fold)
    };
    assert_eq!(used(&manifest, &whole).unwrap(), fold);

    let changed = |change: &dyn Fn(&mut Chunks)| {
        let mut chunks = whole.clone();
        change(&mut chunks);
        used(&manifest, &chunks).unwrap_err()
    };
    assert_eq!(changed(&|chunks| chunks[1] = None), Unusable::Torn);
    assert_eq!(changed(&|chunks| chunks[0].as_mut().unwrap()[70_000] ^= 1), Unusable::Torn);
    assert_eq!(changed(&|chunks| chunks.swap(0, 1)), Unusable::Torn);
    assert_eq!(changed(&|chunks| drop(chunks.pop())), Unusable::Torn);
    assert_eq!(changed(&|chunks| chunks.iter_mut().flatten().for_each(Vec::clear)), Unusable::Torn);
    let newer = Manifest { version: VERSION + 1, ..manifest.clone() };
    assert_eq!(used(&newer, &whole).unwrap_err(), Unusable::Version(VERSION + 1));
    let other = TopicId::from_name("fish").unwrap();
    assert_eq!(unpack(&manifest, whole.clone(), &other, 3).unwrap_err(), Unusable::Foreign(topic(), 3));
    assert_eq!(unpack(&manifest, whole.clone(), &topic(), 4).unwrap_err(), Unusable::Foreign(topic(), 3));

    // The next one leaves it alone, and the one after that takes its place.
    let entries = log(&[(0, Vec::new(), 0, 0, 1)]);
    let next = Entry { index: fold.log_index() + 1, ..entries[0].clone() };
    take(&mut fold, &mut master, std::slice::from_ref(&next));
    let second = packed(&fold, &master, Mark::of(&next), Some(&manifest));
    assert!(second.manifest().names().all(|name| manifest.names().all(|before| before != name)));
    let mixed: Vec<_> = chunks(&second).into_iter().take(1).chain(whole.iter().skip(1).cloned()).collect();
    assert_eq!(used(second.manifest(), &mixed).unwrap_err(), Unusable::Torn);
    let third = packed(&fold, &master, Mark::of(&next), Some(second.manifest()));
    assert!(third.manifest().names().eq(manifest.names()));
}

/// Whoever changes what a checkpoint holds, or what a fold makes of an entry, counts [`VERSION`] up and writes the new digest here.
#[test]
fn the_form_of_a_checkpoint_does_not_change_without_its_version() {
    let about_a_category = (1, vec![1], 0, 0, 2);
    let entries =
        log(&[(3, vec![], 2, 0, 1), (0, vec![1, 2], 0, 0, 10), (1, vec![2], 0, 7, 3), about_a_category]);
    let (mut fold, mut master) = (TopicFold::default(), Master::new(0));
    take(&mut fold, &mut master, &entries);
    let saved = packed(&fold, &master, Mark::of(&entries[3]), None);
    let digest = u128::from_be_bytes(saved.manifest().digest);
    assert_eq!((VERSION, format!("{digest:032x}").as_str()), (22, "58e4a648bbbcd4f1b4bc6abf255c6a4e"));
}
