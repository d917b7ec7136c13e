//! What is decided for a topic, and why: kept before it takes effect, so that people can ask for it and it can be decided again from the log.
//!
//! A decision names the end of the log that it went by. What else it goes by is told by decisions before it: on which terms ([`Terms`]), which requests were under way
//! ([`What::Asked`] without an answer up to there, and without [`What::Dropped`]). So [`Replay`] comes to the same ones.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effect::{Measured, SHOWN};
use crate::frontier::{Aim, Category, Wish};
use crate::ids::{Epoch, Incarnation, LogIndex, WorkerId};
use crate::phrasing::Wording;
use crate::routing::{Policy, Routed};
use crate::time::UnixMillis;
use crate::topic::{Partition, ProbeShare, Share};

mod cared;
mod changed;
mod ending;
mod replay;

pub use cared::{Cared, Treated};
pub use changed::{Change, Changed, Definition, VALUE_CHARS};
pub(crate) use ending::spent;
pub use ending::{Ending, Ends, Met};
pub use replay::{Differs, Replay};

/// The rules by which decisions follow from a log. Whoever changes what is decided counts it up, so that nobody compares what an older program decided.
pub const RULES: u32 = 7;

/// Decisions that are kept together.
pub const CHUNK: usize = 256;

/// Most characters of the reason why a provider is not asked.
pub const AWAY_CHARS: usize = 200;

/// A decision for a topic's run. They are numbered from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When it was made, for people.
    pub at: UnixMillis,
    /// The log's last entry that it goes by.
    pub log_index: LogIndex,
    /// What was decided.
    pub what: What,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A leader has taken the topic up: no request that was asked before is under way for it.
    TakenUp {
        /// Its term.
        epoch: Epoch,
        /// The [`RULES`] that it goes by; 0 before there was a number.
        #[serde(default)]
        rules: u32,
    },
    /// What the next ones go by.
    Terms(Terms),
    /// Requests about the whole topic are shared among providers.
    Routed(Routed),
    /// Of the ways to ask some are used no more, or another one leads.
    Worded(Wording),
    /// What came of an earlier decision.
    Measured(Measured),
    /// A provider is left alone by all producers, tried by one, or asked by all again.
    Cared(Cared),
    /// A producer's request was given something to ask for.
    Asked(Asked),
    /// Requests are waited for no more, by the numbers of their decisions: they were given back, or lost with whoever had them.
    Dropped {
        /// Numbers of decisions.
        decisions: Vec<u64>,
    },
    /// The topic comes to its end.
    Ending(Ending),
    /// An operator has changed the topic.
    Changed(Changed),
}

/// What decisions go by besides the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Most items in a request.
    pub items: u32,
    /// The completeness at which the topic is done.
    pub wanted: Option<Share>,
    /// Providers that can be asked.
    pub providers: Vec<String>,
    /// Those that cannot be asked now, and why. Where that is all of them, they are tried all the same.
    pub away: BTreeMap<String, String>,
    /// How requests aim at parts.
    pub partition: Partition,
    /// The categories that were given.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// The operator's weights of the providers; none where they are equal.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// Whether requests have to be shared by these.
    #[serde(default)]
    pub routing: Policy,
    /// Where the topic ends besides; `None` where an older program did not say so.
    #[serde(default)]
    pub ends: Option<Ends>,
    /// How many requests are to be a sample that aims at no part.
    #[serde(default)]
    pub probes: ProbeShare,
}

/// What a request was given to ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// By whom.
    pub producer: WorkerId,
    /// Its life.
    pub incarnation: Incarnation,
    /// The request's number among that producer's.
    pub request: u64,
    /// The part; `None`: the whole topic.
    pub cell: Option<String>,
    /// Which provider; `None`: any.
    pub provider: Option<String>,
    /// How many items.
    pub items: u32,
    /// How many new ones it is thought to bring.
    pub new: f64,
    /// Why this.
    pub why: Why,
}

/// Why a request was given what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is one of the first: what the parts are is learned from answers about the whole.
    First,
    /// Letters do not tell the names apart, models do not keep to them, or none tells of categories.
    Uncut,
    /// Now and then the whole is asked for, since that says what lists of parts leave out.
    Sample,
    /// Which categories there are is asked of a model.
    Parts,
    /// A category goes on giving new items: which parts it has is asked of a model.
    Split,
    /// Every category is listed, but answers about the whole name what is in none: more categories are asked for.
    Missed,
    /// Every category is listed, but answers about the whole name what is in none: the whole is asked for.
    Elsewhere,
    /// Before a topic is called complete, it takes some answers about the whole.
    Sure,
    /// Of all parts, most is to be had there for its price.
    Most {
        /// Items of that part that are known.
        known: f64,
        /// Items that it is thought to have.
        has: f64,
        /// Parts there were to choose from, with each provider.
        offers: u32,
    },
    /// Every part is listed; most that lists leave out is thought to be there.
    Again {
        /// How often every part had its turn.
        turns: u16,
    },
    /// The topic would come to its end, and what only one answer has named is shown to a judge before.
    Judge,
}

/// Decisions that are kept together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Number of the first.
    pub first: u64,
    /// All of them.
    pub decisions: Vec<Decision>,
    /// What the last of them know of the topic's definition, in the chunk that is open; empty where that is not known.
    #[serde(default)]
    pub definition: Definition,
    /// What of those before the first still stands ([`Chunk::standing`]), in the chunk that is open.
    #[serde(default)]
    pub before: Vec<What>,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { first: 1, decisions: Vec::new(), definition: Definition::default(), before: Vec::new() }
    }
}

impl Chunk {
    /// The number that the next decision behind it has.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + u64::try_from(self.decisions.len()).unwrap_or(u64::MAX)
    }

    /// What a next leader has to know of its first so many decisions and of those before it: which ways to ask are used, and what came of the last changes.
    #[must_use]
    pub fn standing(&self, of: usize) -> Vec<What> {
        let (mut worded, mut measured) = (None, VecDeque::new());
        for what in self.before.iter().chain(self.decisions.iter().take(of).map(|decision| &decision.what)) {
            match what {
                What::Worded(_) => worded = Some(what),
                What::Measured(_) => {
                    measured.push_back(what);
                    if measured.len() > SHOWN {
                        measured.pop_front();
                    }
                }
                What::TakenUp { .. }
                | What::Terms(_)
                | What::Routed(_)
                | What::Cared(_)
                | What::Asked(_)
                | What::Dropped { .. }
                | What::Ending(_)
                | What::Changed(_) => {}
            }
        }
        worded.into_iter().chain(measured).cloned().collect()
    }

    /// Each with its number.
    #[must_use]
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (u64, &Decision)> + ExactSizeIterator {
        self.decisions.iter().enumerate().map(|(index, decision)| {
            (self.first.saturating_add(u64::try_from(index).unwrap_or(u64::MAX)), decision)
        })
    }
}

impl Asked {
    /// What it is about; `None` for a part of a kind that is not known here.
    #[must_use]
    pub fn aim(&self) -> Option<Aim> {
        Aim::named(self.cell.as_deref())
    }
}

impl What {
    /// A stable name of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TakenUp { .. } => "taken_up",
            Self::Terms(_) => "terms",
            Self::Routed(_) => "routed",
            Self::Worded(_) => "worded",
            Self::Measured(_) => "measured",
            Self::Cared(_) => "cared",
            Self::Asked(_) => "asked",
            Self::Dropped { .. } => "dropped",
            Self::Ending(_) => "ending",
            Self::Changed(_) => "changed",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakenUp { epoch, .. } => {
                write!(f, "a leader has taken the topic up, in term {epoch}")
            }
            Self::Terms(terms) => terms.fmt(f),
            Self::Routed(routed) => routed.fmt(f),
            Self::Worded(wording) => wording.fmt(f),
            Self::Measured(measured) => measured.fmt(f),
            Self::Cared(cared) => cared.fmt(f),
            Self::Asked(asked) => asked.fmt(f),
            Self::Dropped { decisions } => {
                f.write_str("waited for no more, given back or lost:")?;
                for decision in decisions.iter().take(8) {
                    write!(f, " #{decision}")?;
                }
                match decisions.len() {
                    0..=8 => Ok(()),
                    all => write!(f, " and {} more", all - 8),
                }
            }
            Self::Ending(ending) => ending.fmt(f),
            Self::Changed(changed) => changed.fmt(f),
        }
    }
}

impl Terms {
    /// What is to be asked for, on these terms, where that is under way.
    pub(crate) fn wish<'a>(&'a self, under_way: &'a [(Aim, f64)]) -> Wish<'a> {
        Wish {
            items: self.items,
            wanted: self.wanted.map(Share::get),
            partition: self.partition,
            categories: &self.categories,
            providers: &self.providers,
            weights: &self.weights,
            routing: self.routing,
            probes: self.probes,
            under_way,
        }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from here on: at most {} items a request", self.items)?;
        match self.partition {
            Partition::None => f.write_str(" about the whole topic")?,
            Partition::Alphabetical => {}
            Partition::Category if self.categories.is_empty() => f.write_str(" about categories")?,
            Partition::Category => {
                let names: Vec<&str> = self.categories.iter().map(Category::as_str).collect();
                write!(f, " about categories ({})", names.join(", "))?;
            }
            Partition::Semantic => f.write_str(" about clusters of what was found")?,
        }
        if self.probes != ProbeShare::USUAL && self.partition != Partition::None {
            match self.probes {
                probes if probes.is_off() => f.write_str(", none as a sample of the whole")?,
                probes => write!(f, ", {} as a sample of the whole", probes.share())?,
            }
        }
        if let Some(wanted) = self.wanted {
            write!(f, ", until {wanted} are found")?;
        }
        if let Some(ends) = &self.ends {
            ends.fmt(f)?;
        }
        let named = |name: &String| match self.weights.get(name) {
            Some(weight) => format!("{name} (weight {weight})"),
            None => name.clone(),
        };
        let asked: Vec<String> =
            self.providers.iter().filter(|name| !self.away.contains_key(*name)).map(named).collect();
        match asked.as_slice() {
            [] => f.write_str(", and nobody who can be asked")?,
            [one] => write!(f, ", asked of {one}")?,
            [others @ .., last] => write!(f, ", asked of {} and {last}", others.join(", "))?,
        }
        if self.routing == Policy::Fixed && !self.weights.is_empty() {
            f.write_str(", by these weights")?;
        }
        for (provider, why) in &self.away {
            write!(f, "; not {provider}: {why}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.cell.as_deref().unwrap_or("the whole topic");
        write!(f, "{} asks", self.producer)?;
        if let Some(provider) = &self.provider {
            write!(f, " {provider}")?;
        }
        if self.why == Why::Judge {
            write!(f, " to judge {} items: {}", self.items, self.why)?;
        } else {
            write!(f, " for {part}, {} items: {}", self.items, self.why)?;
        }
        if self.new >= 0.5 {
            write!(f, "; about {:.0} of what it says should be new", self.new)?;
        }
        Ok(())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => {
                f.write_str("the first answers are about the whole, to learn how the topic falls into parts")
            }
            Self::Uncut => f.write_str("this topic does not fall into parts that models keep to"),
            Self::Sample => {
                f.write_str("now and then the whole is asked for, to learn what lists of parts leave out")
            }
            Self::Parts => f.write_str("a model tells which categories the topic falls into"),
            Self::Split => f.write_str("it came back full of new items, so a model tells which parts it has"),
            Self::Missed => f.write_str(
                "every category is listed, but answers about the whole name items of none: a model tells of more",
            ),
            Self::Elsewhere => f.write_str("answers about the whole name items that are in no category"),
            Self::Sure => {
                f.write_str("it takes more answers about the whole to say how complete the list is")
            }
            Self::Most { known, has, offers } => {
                write!(f, "{known:.0} of about {has:.0} there are known")?;
                match offers {
                    0 | 1 => f.write_str(", and nothing else promises anything"),
                    offers => write!(f, ", the most to be had for its price among {offers} choices"),
                }
            }
            Self::Judge => f.write_str(
                "the topic would come to its end, and before that a model looks at what only one answer has named",
            ),
            Self::Again { turns } => {
                f.write_str("no part promises much any more; what lists leave out is looked for where most of it may be")?;
                match turns {
                    0 => Ok(()),
                    1 => f.write_str(", since every part had its turn"),
                    turns => write!(f, ", since every part had {turns} turns"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
