//! Bugs on purpose: each that can show here must be noticed.

use igentai_core::seeded::{Bug, plant_here};

use crate::{Verdict, run};

/// The bug of this name.
#[must_use]
pub fn named(name: &str) -> Option<Bug> {
    Bug::ALL.iter().copied().find(|bug| bug.name() == name)
}

/// Why a bug cannot show here; none where it can.
#[must_use]
pub const fn shows_elsewhere(bug: Bug) -> Option<&'static str> {
    match bug {
        Bug::CursorOffByOne | Bug::ToldTwice | Bug::PageLeavesOneOut => Some("there is no web server here"),
        Bug::LineTwice
        | Bug::TornTailKept
        | Bug::StaleEpochWritten
        | Bug::MetricsFileWrong
        | Bug::DescriptorLeak => Some("no files are written here"),
        Bug::CounterFalls | Bug::CommitCountedTwice => {
            Some("metrics belong to a process, and here many runs share one")
        }
        Bug::AckBeforeCommit
        | Bug::NoDedup
        | Bug::DeltaLacksOne
        | Bug::OutboxNeverRepeated
        | Bug::WatermarkHole
        | Bug::ReceiptLost
        | Bug::FalsePositivesUnresolved
        | Bug::SightingsDropped
        | Bug::WrongNumbers
        | Bug::ItemCapIgnored
        | Bug::LeaseIgnored
        | Bug::CostTwice
        | Bug::ItemLost
        | Bug::SnapshotLacksBits
        | Bug::AttemptLeftBehind
        | Bug::RepeatsUncounted
        | Bug::NeverAcknowledged
        | Bug::CoverageWrong
        | Bug::NeverPublishedAgain
        | Bug::UnknownTakenForDone
        | Bug::ReceiptNotStored
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
        | Bug::PoisonDropped
        | Bug::FalsePositiveUnanswered => None,
    }
}

/// Runs a seed with a bug.
#[must_use]
pub fn run_with(bug: Bug, seed: u64, keep_history: bool) -> Verdict {
    plant_here(Some(bug));
    let verdict = run(seed, keep_history);
    plant_here(None);
    verdict
}

/// Runs seeds with a bug until one fails: the verdict, if that comes about.
#[must_use]
pub fn notice(bug: Bug, first: u64, seeds: u64) -> Option<Verdict> {
    (first..first + seeds).map(|seed| run_with(bug, seed, false)).find(|run| !run.violations.is_empty())
}
