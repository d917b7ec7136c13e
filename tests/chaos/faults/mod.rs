//! Every kind of fault: what it is made to, how it is made, and how it ends.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use self::broker::BrokerFault;
use self::disk::DiskFault;
use self::line::{Line, LineFault};
use self::process::ProcessFault;
use self::readers::ReadersFault;
use self::store::StoreFault;
use crate::system::{Role, System};

/// An enumeration of faults with their names.
macro_rules! faults {
    ($(#[doc = $about:literal])+ $all:ident { $($(#[doc = $doc:literal])+ $fault:ident = $name:literal,)* }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $all { $($(#[doc = $doc])+ $fault,)* }

        impl $all {
            pub(crate) const ALL: &[Self] = &[$(Self::$fault,)*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)* }
            }
        }
    };
}

mod broker;
pub(crate) mod disk;
mod line;
mod process;
mod readers;
mod store;

/// The longest that may pass from the end of a fault to the first commit of an answer that was asked for after it.
const LIMIT: Duration = Duration::from_secs(5);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Process(Role, ProcessFault),
    Broker(BrokerFault),
    BrokerLine(LineFault),
    Store(StoreFault),
    StoreLine(LineFault),
    Disk(DiskFault),
    Readers(ReadersFault),
}

impl Kind {
    /// Those that can be made here.
    pub(crate) fn all(system: &System) -> Vec<Self> {
        let roles = [Role::Orchestrator, Role::Producer, Role::Webserver];
        let processes =
            roles.iter().flat_map(|role| ProcessFault::ALL.iter().map(|fault| Self::Process(*role, *fault)));
        let lines =
            LineFault::ALL.iter().flat_map(|fault| [Self::BrokerLine(*fault), Self::StoreLine(*fault)]);
        processes
            .chain(BrokerFault::ALL.iter().copied().map(Self::Broker))
            .chain(lines)
            .chain(StoreFault::ALL.iter().copied().map(Self::Store))
            .chain(DiskFault::ALL.iter().copied().map(Self::Disk))
            .chain(ReadersFault::ALL.iter().copied().map(Self::Readers))
            .filter(|kind| kind.can_be_made(system))
            .collect()
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Process(role, fault) => format!("{} {}", role.name(), fault.name()),
            Self::Broker(fault) => fault.name().to_owned(),
            Self::BrokerLine(fault) => format!("line to the broker {}", fault.name()),
            Self::Store(fault) => fault.name().to_owned(),
            Self::StoreLine(fault) => format!("line to the store {}", fault.name()),
            Self::Disk(fault) => fault.name().to_owned(),
            Self::Readers(fault) => fault.name().to_owned(),
        }
    }

    /// Whether messages may be lost that a queue had taken.
    pub(crate) const fn costs_the_broker_messages(self) -> bool {
        use BrokerFault as B;
        matches!(
            self,
            Self::Broker(B::Killed | B::Stopped | B::QueueDeleted | B::QueueReplaced | B::BindingRemoved)
        )
    }

    /// Whether all others have what they need, so that one of them that is told to stop can do so in order.
    pub(crate) const fn is_of_one_alone(self) -> bool {
        match self {
            Self::Process(Role::Producer | Role::Webserver, _) | Self::Readers(_) => true,
            Self::Process(Role::Orchestrator, _)
            | Self::Broker(_)
            | Self::BrokerLine(_)
            | Self::Store(_)
            | Self::StoreLine(_)
            | Self::Disk(_) => false,
        }
    }

    fn can_be_made(self, system: &System) -> bool {
        match self {
            Self::Process(_, fault) => !fault.is_of_the_clock() || system.clocks.is_some(),
            Self::Disk(_) => system.disk.is_some(),
            Self::Broker(_)
            | Self::BrokerLine(_)
            | Self::Store(_)
            | Self::StoreLine(_)
            | Self::Readers(_) => true,
        }
    }

    /// Milliseconds that it lasts, at least and at most.
    const fn lasts(self) -> (u64, u64) {
        match self {
            Self::Process(_, fault) => fault.lasts(),
            Self::Broker(fault) => fault.lasts(),
            Self::BrokerLine(fault) | Self::StoreLine(fault) => fault.lasts(),
            Self::Store(_) => (200, 2_000),
            Self::Disk(_) | Self::Readers(_) => (1_000, 3_000),
        }
    }

    fn target(self, system: &System, random: &mut StdRng) -> Target {
        let mut member = |roles: &[Role]| {
            let places: Vec<usize> = roles.iter().flat_map(|role| system.places(*role)).collect();
            Target::Member(places.choose(random).copied().unwrap_or_default())
        };
        match self {
            // The clock of the first orchestrator tells when a commit was made.
            Self::Process(Role::Orchestrator, fault) if fault.is_of_the_clock() => {
                Target::Member(system.places(Role::Orchestrator)[1])
            }
            Self::Process(role, _) => member(&[role]),
            Self::BrokerLine(_) => member(&[Role::Orchestrator, Role::Producer, Role::Webserver]),
            Self::StoreLine(_) => member(&[Role::Orchestrator, Role::Webserver]),
            Self::Broker(_) => Target::Broker,
            Self::Store(_) => Target::Store,
            Self::Disk(_) => Target::Disk,
            Self::Readers(_) => Target::Readers,
        }
    }
}

/// What a fault happens to; at any time to each thing one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Broker,
    Store,
    Disk,
    Readers,
    Member(usize),
}

/// A fault that is about to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    pub(crate) lasts: Duration,
    line: Line,
}

/// A fault that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) kind: Kind,
    /// When it, and all that happened at the same time, had ended.
    pub(crate) ended_ms: u64,
}

impl Made {
    pub(crate) fn json(&self) -> Value {
        json!({ "kind": self.kind.name(), "ended_ms": self.ended_ms, "limit_ms": LIMIT.as_millis() })
    }
}

impl Fault {
    /// A fault of this kind, with everything about it that chance decides.
    pub(crate) fn of(kind: Kind, system: &System, random: &mut StdRng) -> Self {
        let (least, most) = kind.lasts();
        Self {
            kind,
            target: kind.target(system, random),
            lasts: Duration::from_millis(random.random_range(least..=most)),
            line: Line::of(random),
        }
    }

    fn place(&self) -> usize {
        match self.target {
            Target::Member(place) => place,
            Target::Broker | Target::Store | Target::Disk | Target::Readers => {
                unreachable!("{:?} happens to a process", self.kind)
            }
        }
    }

    /// Makes it.
    pub(crate) async fn begin(&self, system: &mut System) {
        match self.kind {
            Kind::Process(_, fault) => fault.begin(system, self.place()),
            Kind::Broker(fault) => fault.begin(&mut system.broker).await,
            Kind::BrokerLine(fault) => fault.begin(&system.members[self.place()].amqp, self.line).await,
            Kind::Store(fault) => fault.begin(&mut system.redis).await,
            Kind::StoreLine(fault) => fault.begin(&system.members[self.place()].redis, self.line).await,
            Kind::Disk(fault) => fault.begin(system),
            Kind::Readers(fault) => fault.begin(system).await,
        }
    }

    /// Ends the harm.
    pub(crate) async fn end(&self, system: &mut System) {
        match self.kind {
            Kind::Process(_, fault) => fault.end(system, self.place()),
            Kind::Broker(fault) => fault.end(&mut system.broker).await,
            Kind::BrokerLine(_) => system.members[self.place()].amqp.heal().await.unwrap(),
            Kind::Store(fault) => fault.end(&mut system.redis).await,
            Kind::StoreLine(_) => system.members[self.place()].redis.heal().await.unwrap(),
            Kind::Disk(fault) => fault.end(system),
            Kind::Readers(_) => system.readers.clear(),
        }
    }

    /// Puts a new life where one has ended; the answer is why one that was told to stop did not leave in order.
    pub(crate) async fn replace(&self, system: &mut System) -> Result<(), String> {
        match self.kind {
            Kind::Process(_, fault) => fault.replace(system, self.place()).await,
            Kind::Broker(_)
            | Kind::BrokerLine(_)
            | Kind::Store(_)
            | Kind::StoreLine(_)
            | Kind::Disk(_)
            | Kind::Readers(_) => Ok(()),
        }
    }
}
