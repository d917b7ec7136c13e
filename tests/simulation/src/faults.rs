//! The faults of a run: which there are, when each is at work, and how often it struck.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use igentai_shared::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) mod bus;
pub(crate) mod clock;
pub(crate) mod consumer;
pub(crate) mod store;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A publish fails and nothing was sent.
    PublishRefused,
    /// A message arrives, and its confirmation does not.
    ConfirmLost,
    /// Neither the message nor a confirmation arrives.
    PublishLost,
    /// A message is late.
    Delay,
    /// A message comes twice, the second time later.
    Duplicate,
    /// Broadcasts that arrive nowhere, by what they carry.
    DropCommands,
    DropReceipts,
    DropDeltas,
    DropSnapshots,
    DropEvents,
    /// Heartbeats and notes for the coordinator that arrive nowhere.
    DropStatus,
    /// No connection to the broker for a while.
    BusOutage,
    /// A connection is lost and made anew at once: what was not acknowledged comes again.
    Reconnect,
    /// A filter claims what it does not hold.
    FalsePositives,
    /// A write happens, and its answer does not come.
    WriteUnknownDone,
    /// A write does not happen, and no answer comes.
    WriteUnknownUndone,
    /// The store cannot be used for a while.
    StoreUnavailable,
    /// The store is slow.
    StoreSlow,
    /// The store takes longer for a call of an orchestrator than the lease has to live, and does it even when nobody waits any more.
    StoreStalls,
    /// A producer dies and comes back in another life.
    CrashProducer,
    /// An orchestrator dies, before or after one of its calls, and comes back.
    CrashOrchestrator,
    /// Every call of a process hangs for longer than the lease lives, before or after it was done, as if the process was paused.
    Pause,
    /// The wall clock of a process jumps, or goes wrong from the beginning.
    ClockJump,
    /// Messages that nobody can integrate.
    Poison,
    /// An operator stops the topic and starts it again.
    OperatorStops,
    /// An operator changes weights and items per request.
    OperatorChanges,
}

impl Kind {
    pub(crate) const ALL: [Self; 26] = [
        Self::PublishRefused,
        Self::ConfirmLost,
        Self::PublishLost,
        Self::Delay,
        Self::Duplicate,
        Self::DropCommands,
        Self::DropReceipts,
        Self::DropDeltas,
        Self::DropSnapshots,
        Self::DropEvents,
        Self::DropStatus,
        Self::BusOutage,
        Self::Reconnect,
        Self::FalsePositives,
        Self::WriteUnknownDone,
        Self::WriteUnknownUndone,
        Self::StoreUnavailable,
        Self::StoreSlow,
        Self::StoreStalls,
        Self::CrashProducer,
        Self::CrashOrchestrator,
        Self::Pause,
        Self::ClockJump,
        Self::Poison,
        Self::OperatorStops,
        Self::OperatorChanges,
    ];
}

/// A fault that is at work from one moment to another, in milliseconds of virtual time.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Whom it strikes; `None`: everybody.
    pub(crate) process: Option<usize>,
    /// The chance that it strikes a call.
    pub(crate) chance: f64,
    /// A crash: after so many calls from `from` on, and so long the process stays down.
    pub(crate) calls: u32,
    pub(crate) down: u64,
    /// By how many milliseconds a wall clock jumps.
    pub(crate) jump: i64,
}

/// One life of a process.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) process: usize,
    /// Which life of the process it is.
    pub(crate) number: u64,
    /// Cancelled when it dies.
    pub(crate) crash: CancellationToken,
}

/// The faults at work in a run.
#[derive(Debug)]
pub(crate) struct Faults {
    clock: Arc<dyn Clock>,
    plan: Vec<Fault>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    struck: BTreeMap<Kind, u64>,
    /// Calls left before each crash of the plan; `None` once it happened.
    calls: Vec<Option<u32>>,
    down: BTreeMap<usize, u64>,
    /// Faults that last and are counted once for each process.
    noticed: BTreeSet<(usize, usize)>,
    late: JoinSet<()>,
    trace: u64,
    lines: Option<Vec<String>>,
}

impl Faults {
    pub(crate) fn new(seed: u64, plan: Vec<Fault>, clock: Arc<dyn Clock>, keep_trace: bool) -> Arc<Self> {
        let calls = plan.iter().map(|fault| Some(fault.calls)).collect();
        let state = State {
            random: StdRng::seed_from_u64(seed ^ 0xfa17),
            struck: BTreeMap::new(),
            calls,
            down: BTreeMap::new(),
            noticed: BTreeSet::new(),
            late: JoinSet::new(),
            trace: 0,
            lines: keep_trace.then(Vec::new),
        };
        Arc::new(Self { clock, plan, state: Mutex::new(state) })
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().monotonic.0
    }

    /// Whether a fault of this kind strikes the call at hand.
    pub(crate) fn strikes(&self, kind: Kind, process: usize) -> bool {
        let now = self.now();
        let Some(fault) = self.plan.iter().find(|fault| fault.kind == kind && fault.is_on(process, now))
        else {
            return false;
        };
        let struck = self.chance(fault.chance);
        if struck {
            self.count(kind);
        }
        struck
    }

    /// Whether a fault of this kind is at work, whatever its chance.
    pub(crate) fn is_on(&self, kind: Kind, process: usize) -> bool {
        let now = self.now();
        self.plan.iter().any(|fault| fault.kind == kind && fault.is_on(process, now))
    }

    /// Moments at which the process loses its connection: position in the plan, beginning and end.
    pub(crate) fn breaks(&self, process: usize) -> Vec<(usize, u64, u64)> {
        let breaks = self.plan.iter().enumerate().filter(|(_, fault)| {
            matches!(fault.kind, Kind::BusOutage | Kind::Reconnect) && fault.concerns(process)
        });
        breaks
            .map(|(index, fault)| {
                let end = if fault.kind == Kind::Reconnect { fault.from } else { fault.to };
                (index, fault.from, end)
            })
            .collect()
    }

    pub(crate) fn count_break(&self, index: usize) {
        self.count(self.plan[index].kind);
    }

    pub(crate) fn chance(&self, chance: f64) -> bool {
        self.state().random.random_bool(chance)
    }

    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.state().random.random_range(from..=to))
    }

    /// A place where the process may be paused, or die. It does not go on then.
    pub(crate) async fn point(&self, life: &Life) {
        while let Some(end) = self.paused_until(life.process) {
            tokio::time::sleep(Duration::from_millis(end - self.now())).await;
        }
        if life.crash.is_cancelled() || self.dies(life) {
            life.crash.cancel();
            pending::<()>().await;
        }
    }

    fn paused_until(&self, process: usize) -> Option<u64> {
        let now = self.now();
        let on = |(_, fault): &(usize, &Fault)| fault.kind == Kind::Pause && fault.is_on(process, now);
        let (index, fault) = self.plan.iter().enumerate().find(on)?;
        self.notice(index, process);
        Some(fault.to)
    }

    /// By how much the wall clock of a process is wrong, in milliseconds.
    pub(crate) fn skew(&self, process: usize) -> i64 {
        let now = self.now();
        let jumped = self.plan.iter().enumerate().filter(|(_, fault)| {
            fault.kind == Kind::ClockJump && fault.concerns(process) && fault.from <= now
        });
        let mut skew = 0;
        for (index, fault) in jumped {
            self.notice(index, process);
            skew += fault.jump;
        }
        skew
    }

    /// Counts a fault that lasts, once for each process.
    fn notice(&self, index: usize, process: usize) {
        if self.state().noticed.insert((index, process)) {
            self.count(self.plan[index].kind);
        }
    }

    /// What operators and strangers do, and when.
    pub(crate) fn deeds(&self, kind: Kind) -> Vec<Fault> {
        self.plan.iter().filter(|fault| fault.kind == kind).cloned().collect()
    }

    fn dies(&self, life: &Life) -> bool {
        let now = self.now();
        let mut dies = false;
        for (index, fault) in self.plan.iter().enumerate() {
            let crash = matches!(fault.kind, Kind::CrashProducer | Kind::CrashOrchestrator);
            if !crash || !fault.is_on(life.process, now) {
                continue;
            }
            let mut state = self.state();
            match state.calls[index] {
                Some(0) => {
                    state.calls[index] = None;
                    state.down.insert(life.process, fault.down);
                    *state.struck.entry(fault.kind).or_default() += 1;
                    dies = true;
                }
                Some(left) => state.calls[index] = Some(left - 1),
                None => {}
            }
        }
        if dies {
            self.trace(&format!("{now} {} dies", life.process));
        }
        dies
    }

    /// How long a process that has died stays down.
    pub(crate) fn down(&self, process: usize) -> Duration {
        Duration::from_millis(self.state().down.get(&process).copied().unwrap_or(1_000))
    }

    /// Does something later, whoever lives then.
    pub(crate) fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.state().late.spawn(work);
    }

    /// Notes what happened, for the comparison of two runs.
    pub(crate) fn trace(&self, line: &str) {
        let mut state = self.state();
        for byte in line.bytes() {
            state.trace = (state.trace ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
        }
        if let Some(lines) = &mut state.lines {
            lines.push(line.to_owned());
        }
    }

    /// What happened, in one number and, where wanted, in lines.
    pub(crate) fn traced(&self) -> (u64, Vec<String>) {
        let mut state = self.state();
        (state.trace, state.lines.take().unwrap_or_default())
    }

    /// How often each kind struck.
    pub(crate) fn struck(&self) -> BTreeMap<Kind, u64> {
        self.state().struck.clone()
    }

    pub(crate) fn count(&self, kind: Kind) {
        *self.state().struck.entry(kind).or_default() += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    fn concerns(&self, process: usize) -> bool {
        self.process.is_none_or(|struck| struck == process)
    }

    fn is_on(&self, process: usize, now: u64) -> bool {
        self.concerns(process) && (self.from..self.to).contains(&now)
    }
}
