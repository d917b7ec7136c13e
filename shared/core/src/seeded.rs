//! Bugs on purpose, one at a time, to see that the tests' checker notices each (`tests/run seeded-bugs`), and the simulation each that shows
//! there (`tests/run simulation --seeded-bugs`).
//!
//! Without the feature `seeded-bugs`, which no release has, none can be on, and the compiler leaves the switches out.

macro_rules! bugs {
    (real: $($(#[doc = $doc:literal])+ $bug:ident = $name:literal,)* simulated: $($(#[doc = $sdoc:literal])+ $sbug:ident = $sname:literal,)*) => {
        /// A bug that can be switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])+ $bug,)* $($(#[doc = $sdoc])+ $sbug,)* }

        impl Bug {
            /// Those that show on real servers, too.
            pub const REAL: &[Self] = &[$(Self::$bug,)*];

            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$bug,)* $(Self::$sbug,)*];

            /// Its name, which switches it on.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)* $(Self::$sbug => $sname,)* }
            }
        }
    };
}

bugs! {
    real:
    /// Messages are acknowledged before they are committed.
    AckBeforeCommit = "ack-before-commit",
    /// A batch that comes again is committed again.
    NoDedup = "no-dedup",
    /// A filter delta lacks a fingerprint.
    DeltaLacksOne = "delta-lacks-one",
    /// What nobody announced is never announced.
    OutboxNeverRepeated = "outbox-never-repeated",
    /// A reader with a cursor goes on one item too far.
    CursorOffByOne = "cursor-off-by-one",
    /// The lowest unresolved number is told too high.
    WatermarkHole = "watermark-hole",
    /// A batch that comes again gets no receipt.
    ReceiptLost = "receipt-lost",
    /// The filter is wrong now and then, and the texts it cost are not sent afterwards.
    FalsePositivesUnresolved = "false-positives-unresolved",
    /// What a producer sent as fingerprints is not looked at.
    SightingsDropped = "sightings-dropped",
    /// What a producer names by number is the attribute before it now and then.
    WrongNumbers = "wrong-numbers",
    /// A line is written twice to `output.txt`.
    LineTwice = "line-twice",
    /// What a full disk took of a line stays in `output.txt`.
    TornTailKept = "torn-tail-kept",
    /// Files go back to an older epoch.
    StaleEpochWritten = "stale-epoch-written",
    /// The cap on items is not told to the registry.
    ItemCapIgnored = "item-cap-ignored",
    /// More requests are sent than were leased.
    LeaseIgnored = "lease-ignored",
    /// A counter begins anew.
    CounterFalls = "counter-falls",
    /// Costs are counted twice.
    CostTwice = "cost-twice",
    /// An item of an answer is lost now and then.
    ItemLost = "item-lost",
    /// An item is told twice to a reader who is behind.
    ToldTwice = "told-twice",
    /// A commit counts again when its batch comes again.
    CommitCountedTwice = "commit-counted-twice",
    /// Snapshots of the filter lack bits.
    SnapshotLacksBits = "snapshot-lacks-bits",
    /// A lone attempt is noted for ever.
    AttemptLeftBehind = "attempt-left-behind",
    /// `metrics.json` has a number of its own.
    MetricsFileWrong = "metrics-file-wrong",
    /// Repeats are not counted.
    RepeatsUncounted = "repeats-uncounted",
    /// Pages of items leave one out in between.
    PageLeavesOneOut = "page-leaves-one-out",
    /// A descriptor is lost with every report.
    DescriptorLeak = "descriptor-leak",
    /// Some messages are not acknowledged, however often they come.
    NeverAcknowledged = "never-acknowledged",
    /// The coverage is too high.
    CoverageWrong = "coverage-wrong",
    /// A batch whose receipt is late is not published again.
    NeverPublishedAgain = "never-published-again",
    /// A commit whose outcome is unknown is taken for done.
    UnknownTakenForDone = "unknown-taken-for-done",
    /// What cannot be understood is thrown away.
    PoisonDropped = "poison-dropped",
    simulated:
    /// The receipt of a batch is not stored.
    ReceiptNotStored = "receipt-not-stored",
    /// The store takes writes of any epoch.
    EpochUnchecked = "epoch-unchecked",
    /// The store settles one number too many.
    WatermarkAhead = "watermark-ahead",
    /// A filter delta is never published.
    DeltaDropped = "delta-dropped",
    /// A replica claims what lies beyond a hole.
    HoleUnseen = "hole-unseen",
    /// A replica does not notice that its filter is outgrown.
    GenerationIgnored = "generation-ignored",
    /// A snapshot takes away what came behind it.
    DeltasForgotten = "deltas-forgotten",
    /// A batch whose receipt is late is published again under another number.
    AnotherNumber = "another-number",
    /// A message whose confirmation does not come is taken for published.
    UnconfirmedTakenForDone = "unconfirmed-taken-for-done",
    /// An entry is folded twice now and then.
    EntryFoldedTwice = "entry-folded-twice",
    /// What is leased and not settled does not count against the caps.
    LeasedUncounted = "leased-uncounted",
    /// The lease is taken before it has stood still for its time to live.
    LeaseTakenEarly = "lease-taken-early",
    /// Texts that the registry asks for are not sent.
    FalsePositiveUnanswered = "false-positive-unanswered",
}

/// Whether it is switched on.
#[cfg(not(feature = "seeded-bugs"))]
#[must_use]
pub const fn is_on(_: Bug) -> bool {
    false
}

/// Whether it is switched on, and this is one of every so many times that it is asked for.
#[cfg(not(feature = "seeded-bugs"))]
#[must_use]
pub const fn strikes(_: Bug, _: u64) -> bool {
    false
}

#[cfg(feature = "seeded-bugs")]
pub use planted::{is_on, plant, plant_here, strikes};

#[cfg(feature = "seeded-bugs")]
mod planted {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Bug;

    static PLANTED: OnceLock<Bug> = OnceLock::new();
    static ASKED: AtomicU64 = AtomicU64::new(0);

    thread_local! {
        /// The bug of this thread, and how often it was asked for.
        static HERE: Cell<Option<(Bug, u64)>> = const { Cell::new(None) };
    }

    /// Switches the bug of this name on for the rest of the process; `false` where there is none.
    #[must_use]
    pub fn plant(name: &str) -> bool {
        let bug = Bug::ALL.iter().find(|bug| bug.name() == name);
        bug.is_some_and(|bug| PLANTED.set(*bug).is_ok())
    }

    /// Switches a bug on in this thread alone, or off again.
    pub fn plant_here(bug: Option<Bug>) {
        HERE.set(bug.map(|bug| (bug, 0)));
    }

    /// Whether it is switched on.
    #[must_use]
    pub fn is_on(bug: Bug) -> bool {
        HERE.get().map_or_else(|| PLANTED.get() == Some(&bug), |(here, _)| here == bug)
    }

    /// Whether it is switched on, and this is one of every so many times that it is asked for.
    #[must_use]
    pub fn strikes(bug: Bug, every: u64) -> bool {
        if !is_on(bug) {
            return false;
        }
        let asked = match HERE.get() {
            Some((bug, asked)) => {
                HERE.set(Some((bug, asked + 1)));
                asked
            }
            None => ASKED.fetch_add(1, Ordering::Relaxed),
        };
        asked % every == every - 1
    }
}
