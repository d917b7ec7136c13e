//! A seed's scenario: what is enumerated under which limits, and which faults come when.

use igentai_core::cost::Cost;
use igentai_core::topic::{Limits, Partition, SeedList};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::faults::{Fault, Kind};
use crate::things::Things;

/// Producers come first among the processes, orchestrators follow.
pub(crate) const PRODUCERS: usize = 3;
pub(crate) const ORCHESTRATORS: usize = 2;

/// Which limit a run has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Natural,
    MaxRequests,
    MaxAttributes,
    MaxCost,
    /// The registry is so full when the run begins that the filter outgrows its first generation.
    Outgrown,
    /// Caps on requests and money that come when the topic runs already.
    LateCaps,
}

impl Variant {
    fn of(seed: u64) -> Self {
        match seed % 50 {
            0 => Self::Outgrown,
            1..=8 => Self::MaxRequests,
            9..=16 => Self::MaxAttributes,
            17..=24 => Self::MaxCost,
            25..=31 => Self::LateCaps,
            _ => Self::Natural,
        }
    }
}

/// Attributes that a filter's first generation holds, as `igentai_core::filter` documents it.
pub(crate) const FIRST_GENERATION: usize = 16_384;

/// Everything that a run is made of.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Things that the model finds by and by.
    pub(crate) items: usize,
    /// Things that are in the registry when the run begins.
    pub(crate) known: usize,
    /// Requests after which the last of them may be named.
    pub(crate) shy_for: u64,
    pub(crate) items_per_request: u32,
    pub(crate) dry_after: u64,
    /// Share of requests that fail at the model.
    pub(crate) failures: f64,
    pub(crate) limits: Limits,
    /// How requests aim at parts of the topic.
    pub(crate) partition: Partition,
    /// Whether what was named once is judged before the end.
    pub(crate) judge: bool,
    /// Whether some things are known from the beginning, and more from a later start on.
    pub(crate) seeded: bool,
    /// When the limits come, in milliseconds, if not with the start.
    pub(crate) limits_at: Option<u64>,
    pub(crate) faults: Vec<Fault>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let variant = Variant::of(seed);
        let mut random = StdRng::seed_from_u64(seed);
        let items = if variant == Variant::Outgrown { 80 } else { random.random_range(80..=160) };
        let mut limits = Limits::default();
        let mut known = 0;
        let mut limits_at = None;
        match variant {
            Variant::Natural => {}
            Variant::Outgrown => known = FIRST_GENERATION - random.random_range(items / 2..items * 3 / 4),
            Variant::MaxRequests => limits.max_requests = Some(random.random_range(220..320)),
            Variant::MaxAttributes => limits.max_attributes = Some(random.random_range(40..items as u64)),
            Variant::MaxCost => limits.max_cost = Some(Cost::from_usd(random.random_range(0.4..0.6))),
            Variant::LateCaps => {
                limits.max_requests = Some(random.random_range(220..320));
                limits.max_cost = Some(Cost::from_usd(random.random_range(0.9..1.3)));
                limits_at = Some(random.random_range(500..6_000));
            }
        }
        let latest = 12_000;
        let mut faults = Vec::new();
        let first = Kind::ALL[usize::try_from(seed % Kind::ALL.len() as u64).unwrap()];
        fault(first, latest, &mut random, &mut faults);
        for _ in 0..random.random_range(6..11) {
            let kind = Kind::ALL[random.random_range(0..Kind::ALL.len())];
            fault(kind, latest, &mut random, &mut faults);
        }
        // So long that there are two hundred batches at least, whatever ends the run.
        let shy_for = limits.max_attributes.map_or(150, |cap| 220 * items as u64 / cap);
        Self {
            seed,
            items,
            known,
            shy_for,
            // Producers are to have the first generation before it is outgrown.
            items_per_request: if known > 0 { 3 } else { random.random_range(4..10) },
            dry_after: random.random_range(52..60),
            failures: random.random_range(0.0..0.15),
            limits,
            partition: match seed % 6 {
                0 | 3 => Partition::Alphabetical,
                1 => Partition::Category,
                4 => Partition::Semantic,
                _ => Partition::None,
            },
            judge: seed % 3 == 1,
            seeded: known == 0 && seed % 5 == 2,
            limits_at,
            faults,
        }
    }

    /// A list of known things, in their usual spelling.
    pub(crate) fn seeds(&self, things: &Things, later: bool) -> Option<SeedList> {
        let first = usize::from(later);
        let listed = (first..self.items).step_by(4).filter_map(|thing| things.spellings(thing).first());
        self.seeded.then(|| SeedList::of(listed.map(String::as_str)).unwrap())
    }

    /// Whether events may arrive nowhere, and nobody told of it.
    pub(crate) fn loses_events(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind == Kind::DropEvents)
    }

    /// When the last fault is over, in milliseconds.
    pub(crate) fn faults_end(&self) -> u64 {
        self.faults.iter().map(|fault| fault.to + fault.down).max().unwrap_or(0)
    }
}

fn fault(kind: Kind, latest: u64, random: &mut StdRng, faults: &mut Vec<Fault>) {
    let everybody = random.random_bool(0.3);
    let from = random.random_range(300..latest);
    let mut fault = Fault {
        kind,
        from,
        to: from + random.random_range(300..4_000),
        process: (!everybody).then(|| random.random_range(0..PRODUCERS + ORCHESTRATORS)),
        chance: [0.1, 0.5, 1.0][random.random_range(0..3)],
        calls: 0,
        down: 0,
        jump: 0,
    };
    let orchestrator = PRODUCERS + random.random_range(0..ORCHESTRATORS);
    match kind {
        Kind::CrashProducer | Kind::CrashOrchestrator => {
            let producer = random.random_range(0..PRODUCERS);
            fault.process = Some(if kind == Kind::CrashProducer { producer } else { orchestrator });
            fault.to = from + 5_000;
            fault.calls = random.random_range(0..if kind == Kind::CrashProducer { 40 } else { 10 });
            fault.down = random.random_range(100..8_000);
            if kind == Kind::CrashOrchestrator && random.random_bool(0.5) {
                // The power fails for all, in the middle of a commit: what was confirmed must live in the broker.
                let strike = Fault { to: from + 4_000, ..fault.clone() };
                faults.push(Fault {
                    kind: Kind::StoreSlow,
                    process: None,
                    chance: 1.0,
                    down: 0,
                    ..strike.clone()
                });
                for process in 0..PRODUCERS {
                    let (kind, calls) = (Kind::CrashProducer, random.random_range(5..60));
                    faults.push(Fault { kind, process: Some(process), calls, ..strike.clone() });
                }
                faults.push(Fault {
                    process: Some(2 * PRODUCERS + 1 - orchestrator),
                    calls: fault.calls + 3,
                    ..strike
                });
            }
        }
        Kind::DropSnapshots => {
            // A snapshot is wanted where deltas were lost.
            (fault.process, fault.chance) = (None, 1.0);
            fault.to = from + 6_000;
            faults.push(Fault { kind: Kind::DropDeltas, to: from + 2_000, ..fault.clone() });
        }
        Kind::FalsePositives => {
            // It mistakes what is said twice before it is committed: batches are late meanwhile.
            (fault.process, fault.chance) = (None, 1.0);
            fault.to = from + random.random_range(2_000..5_000);
            faults.push(Fault { kind: Kind::Delay, chance: 0.5, ..fault.clone() });
        }
        Kind::DropReceipts | Kind::DropDeltas | Kind::DropEvents | Kind::DropCommands => {
            // These come from orchestrators only.
            fault.process = (!everybody).then_some(orchestrator);
        }
        Kind::BusOutage | Kind::Reconnect => fault.chance = 1.0,
        Kind::Pause => {
            // One process, for longer than a lease lives.
            fault.process = Some(random.random_range(0..PRODUCERS + ORCHESTRATORS));
            fault.to = from + random.random_range(5_500..12_000);
        }
        Kind::ClockJump => {
            fault.jump = random.random_range(-3_600_000..3_600_000);
            if random.random_bool(0.3) {
                fault.from = 0;
            }
            fault.to = fault.from;
        }
        Kind::Poison => fault.calls = random.random_range(1..6),
        Kind::OperatorStops | Kind::OperatorChanges => fault.process = None,
        Kind::StoreStalls => fault.process = Some(orchestrator),
        Kind::PublishRefused
        | Kind::ConfirmLost
        | Kind::PublishLost
        | Kind::Delay
        | Kind::Duplicate
        | Kind::DropStatus
        | Kind::WriteUnknownDone
        | Kind::WriteUnknownUndone
        | Kind::StoreUnavailable
        | Kind::StoreSlow => {}
    }
    faults.push(fault);
}
