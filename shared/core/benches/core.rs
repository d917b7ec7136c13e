//! What the core's hot paths cost. Run it with `cargo bench -p igentai-core`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a program for the console, which may fail loudly")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use igentai_core::answer::{AnswerLimits, parse_answer};
use igentai_core::batch::{Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::filter::Bits;
use igentai_core::fold::TopicFold;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{Entry, EntryHead, EntryKind, EntryTail};
use igentai_core::time::UnixMillis;

fn texts(count: u64) -> Vec<String> {
    (0..count).map(|number| format!("The Attraction “No. {number}” – Île")).collect()
}

fn fingerprints(count: u64) -> Vec<Fingerprint> {
    texts(count).iter().map(|text| Fingerprint::of(&Key::of(text).unwrap())).collect()
}

fn key(criterion: &mut Criterion) {
    let texts = texts(1_000);
    let mut group = criterion.benchmark_group("key");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("key and fingerprint of 1,000 texts", |bencher| {
        bencher.iter(|| {
            for text in &texts {
                black_box(Fingerprint::of(&Key::of(black_box(text)).unwrap()));
            }
        });
    });
    group.finish();
}

fn answer(criterion: &mut Criterion) {
    let item =
        |number: u64| format!("{}. **Attraction {number}** - a place that people like to see\n", number + 1);
    let list: String = (0..50).map(item).collect();
    let chatty = format!("Sure! Here are 50 of them:\n\n{list}\nLet me know if you want more.");
    let json = serde_json::json!({ "items": texts(50) }).to_string();
    let mut group = criterion.benchmark_group("answer");
    group.throughput(Throughput::Elements(50));
    for (name, text) in [("a numbered list of 50", &chatty), ("50 items as JSON", &json)] {
        assert_eq!(parse_answer(text, "Paris attractions", AnswerLimits::default()).items.len(), 50);
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse_answer(black_box(text), "Paris attractions", AnswerLimits::default()));
        });
    }
    group.finish();
}

fn filter(criterion: &mut Criterion) {
    let prints = fingerprints(2_000);
    let (held, absent) = prints.split_at(1_000);
    let mut full = Bits::empty(0);
    for print in held {
        full.insert(print);
    }
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("insert 1,000", |bencher| {
        let insert = |mut bits: Bits| {
            for print in held {
                bits.insert(print);
            }
            bits
        };
        bencher.iter_batched(|| Bits::empty(0), insert, BatchSize::LargeInput);
    });
    for (name, asked) in [("contains 1,000 that are in", held), ("contains 1,000 that are not", absent)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| asked.iter().filter(|print| full.contains(black_box(print))).count());
        });
    }
    group.finish();
}

/// An entry with 25 new texts that names 25 earlier ones again.
fn entry(index: u64) -> Entry {
    let first_new = (index - 1) * 25 + 1;
    let meta = ResponseMeta {
        provider: "small".to_owned(),
        model: "small".to_owned(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 900,
        input_tokens: 100,
        output_tokens: 400,
        cost: Cost::ZERO,
        worst_case: Cost::ZERO,
        repeated: 0,
        rejected: 0,
        rejections: igentai_core::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    };
    let head = EntryHead {
        producer: WorkerId::parse("producer-1").unwrap(),
        incarnation: 1,
        seq: index,
        at: UnixMillis(0),
        kind: EntryKind::Response(meta),
    };
    let again = if index == 1 { Vec::new() } else { (first_new - 25..first_new).collect() };
    let tail = EntryTail { first_new, new: texts(25), again, variants: Vec::new(), missing: 0, over_cap: 0 };
    Entry { index, head, tail }
}

fn fold(criterion: &mut Criterion) {
    let entries: Vec<Entry> = (1..=1_000).map(entry).collect();
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("apply 1,000 entries of 50", |bencher| {
        let apply = |mut fold: TopicFold| {
            for entry in &entries {
                fold.apply(entry).unwrap();
            }
            fold
        };
        bencher.iter_batched(TopicFold::default, apply, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group! {
    name = core;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = key, answer, filter, fold
}
criterion_main!(core);
