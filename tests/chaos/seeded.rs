//! The checker is put to the test: the program is built with bugs that are switched on one at a time, and each must be noticed.

use std::time::Instant;

use igentai_core::seeded::Bug;
use serde_json::Value;

use crate::{Plan, Played, play};

/// Faults that make a bug show, and how many.
const fn shown_by(bug: Bug) -> (&'static [&'static str], usize) {
    const CUT: &[&str] = &["all connections closed, again and again"];
    const REDELIVERED: &[&str] = &["all connections closed, again and again", "orchestrator killed"];
    const KILLED: &[&str] = &["orchestrator killed"];
    const LOST: &[&str] = &["work queue deleted", "line to the broker loses a direction"];
    const STORE: &[&str] = &["store killed", "store hangs", "line to the store loses a direction"];
    // A store that only hangs would still do what it was sent.
    const ALL_GONE: &[&str] = &["store killed", "orchestrator killed", "producer killed"];
    // The disk must have room in between, so that there is a page to tear.
    const DISK: &[&str] = &["output disk full", "readers of the feed that never read"];
    match bug {
        Bug::AckBeforeCommit => (ALL_GONE, 12),
        Bug::NoDedup | Bug::ReceiptLost | Bug::AttemptLeftBehind | Bug::WatermarkHole => (REDELIVERED, 6),
        Bug::CommitCountedTwice => (CUT, 4),
        Bug::OutboxNeverRepeated => (REDELIVERED, 8),
        Bug::StaleEpochWritten => (KILLED, 4),
        Bug::SnapshotLacksBits => (&["producer killed"], 8),
        Bug::TornTailKept => (DISK, 8),
        Bug::NeverPublishedAgain => (LOST, 4),
        Bug::UnknownTakenForDone => (STORE, 4),
        Bug::DeltaLacksOne
        | Bug::CursorOffByOne
        | Bug::FalsePositivesUnresolved
        | Bug::SightingsDropped
        | Bug::WrongNumbers
        | Bug::LineTwice
        | Bug::ItemCapIgnored
        | Bug::LeaseIgnored
        | Bug::CounterFalls
        | Bug::CostTwice
        | Bug::ItemLost
        | Bug::ToldTwice
        | Bug::MetricsFileWrong
        | Bug::RepeatsUncounted
        | Bug::PageLeavesOneOut
        | Bug::DescriptorLeak
        | Bug::NeverAcknowledged
        | Bug::PoisonDropped
        | Bug::CoverageWrong => (&["webserver killed"], 1),
        // The simulation alone shows them.
        Bug::ReceiptNotStored
        | Bug::EpochUnchecked
        | Bug::WatermarkAhead
        | Bug::DeltaDropped
        | Bug::HoleUnseen
        | Bug::GenerationIgnored
        | Bug::DeltasForgotten
        | Bug::AnotherNumber
        | Bug::UnconfirmedTakenForDone
        | Bug::EntryFoldedTwice
        | Bug::LeasedUncounted
        | Bug::LeaseTakenEarly
        | Bug::FalsePositiveUnanswered => (&[], 0),
    }
}

/// Invariants that the checker says are broken.
fn broken(report: &Value) -> Vec<u64> {
    let all = report["invariants"].as_array().into_iter().flatten();
    all.filter(|one| one["violations"].as_u64() > Some(0))
        .filter_map(|one| one["invariant"].as_u64())
        .collect()
}

async fn played(bug: Option<Bug>, only: &[&str], faults: usize) -> Played {
    let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    let together = bug == Some(Bug::AckBeforeCommit);
    play(&Plan { seed: 1, faults, at_once: 1, only, together, bug: bug.map(Bug::name) }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_seeded_bug_is_noticed_by_the_checker_and_nothing_is_where_there_is_none() {
    let chosen = std::env::var("IGENTAI_SEEDED_BUG").unwrap_or_default();
    if chosen.is_empty() {
        let sound = played(None, shown_by(Bug::NoDedup).0, 4).await;
        assert_eq!(sound.report["verdict"], 0, "{}", sound.said);
    }
    let mut missed = Vec::new();
    let tried: Vec<&Bug> = Bug::REAL.iter().filter(|bug| chosen.is_empty() || chosen == bug.name()).collect();
    assert!(!tried.is_empty(), "`{chosen}` is no bug that shows on real servers");
    for bug in &tried {
        let (only, faults) = shown_by(**bug);
        let begun = Instant::now();
        let Played { report, said, stuck, .. } = played(Some(**bug), only, faults).await;
        let found = broken(&report);
        println!(
            "{:>28}: {found:?} {} s {}",
            bug.name(),
            begun.elapsed().as_secs(),
            stuck.unwrap_or_default()
        );
        if found.is_empty() {
            println!("{said}");
            missed.push(bug.name());
        }
    }
    println!("{} seeded bugs, not noticed: {missed:?}", tried.len());
    assert!(
        missed.is_empty(),
        "not noticed: {missed:?}; one alone: IGENTAI_SEEDED_BUG={} tests/run seeded-bugs",
        missed[0]
    );
}
