//! How a model is asked: a few wordings compete within a topic on what they bring for their price; who loses is used no more.
//!
//! Wordings take turns, so that each has its part of every stretch of the run. Since the first answers bring most, an answer is held against what answers brought just before it. One that brings less than the leading one by
//! more than chance explains is retired; one that brings more leads from then on; and those that are no better after many turns are retired, too.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::batch::ResponseMeta;

/// A wording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phrasing {
    /// The question, and no more.
    #[default]
    Plain,
    /// Asks for what is rarely named, too.
    Rare,
    /// Asks for particular items.
    Exact,
    /// Asks to think of different kinds first.
    Broad,
}

impl Phrasing {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Rare, Self::Exact, Self::Broad];

    /// A stable name for files and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Rare => "rare",
            Self::Exact => "exact",
            Self::Broad => "broad",
        }
    }

    /// What it says besides the question; `None` for nothing.
    #[must_use]
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Rare => Some("Give those that few people know as well as famous ones."),
            Self::Exact => Some("Prefer particular items to general ones."),
            Self::Broad => Some(
                "Before you write, think of different kinds, places and times, and give items of all of them.",
            ),
        }
    }
}

/// Before so many answers of each nothing is decided between two wordings.
const LEAST: u64 = 8;

/// After so many answers a wording that is no better than the leading one is retired.
const MOST: u64 = 40;

/// What is usual is a mean over about so many answers.
const LATELY: u64 = 8;

/// What an answer brings is told in millionths of an item, over thousandths.
const UNIT: u64 = 1_000_000;

/// Where answers bring hardly anything any more, so many thousandths of an item are taken to be usual.
const HARDLY_ANY: u64 = 250;

/// No answer counts for more than ten usual ones, in thousandths.
const MOST_RELATIVE: u64 = 10_000;

/// What is usual costs so many thousandths.
const USUAL_PRICE: u64 = 1_000;

/// Of so many providers it is known what their answers cost; those of others are taken to cost what is usual.
const PROVIDERS: usize = 16;

/// What differs by less than so many percent from the usual price is not told.
const HARDLY_DEARER: u64 = 5;

/// Of few answers that happen to be alike it is not to be thought that all are.
const LEAST_VARIANCE: f64 = 0.02;

/// How many standard errors are more than chance explains.
const SURE: f64 = 2.0;

/// What the answers to a wording brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrased {
    /// Answers.
    pub answers: u64,
    /// New items in them.
    pub new: u64,
    /// Answers that are held against those before them.
    held: u64,
    /// What these brought, in thousandths of what was usual just then; and the sum of the squares of that.
    relative: u64,
    squares: u64,
    /// What they cost, in picodollars.
    picodollars: u64,
    /// What they cost, each in thousandths of what answers of its provider had cost until then; 0 where that is not known.
    #[serde(default)]
    price: u64,
}

impl Phrased {
    /// Of so many answers with so many new items, for telling it.
    #[must_use]
    pub fn told(answers: u64, new: u64) -> Self {
        Self { answers, new, ..Self::default() }
    }

    fn answered(&mut self, new: u64, picodollars: u64, price: u64, usual: Option<u64>) {
        self.answers += 1;
        self.new += new;
        self.picodollars = self.picodollars.saturating_add(picodollars);
        self.price = self.price.saturating_add(price.min(MOST_RELATIVE));
        if let Some(usual) = usual {
            let relative = (new.saturating_mul(UNIT) / usual.max(HARDLY_ANY)).min(MOST_RELATIVE);
            self.held += 1;
            self.relative = self.relative.saturating_add(relative);
            self.squares = self.squares.saturating_add(relative.saturating_mul(relative));
        }
    }

    /// US dollars that an answer cost.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub fn usd(&self) -> f64 {
        self.picodollars as f64 / 1e12 / self.answers.max(1) as f64
    }

    /// New items of an answer.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub fn new_items(&self) -> f64 {
        self.new as f64 / self.answers.max(1) as f64
    }

    /// What an answer cost by what answers of the same provider usually cost: only what is longer is dearer, whoever was asked. 1 where nothing is known.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn dear(&self) -> f64 {
        if self.price == 0 {
            return 1.0;
        }
        self.price as f64 / USUAL_PRICE as f64 / self.answers.max(1) as f64
    }

    /// The same in percent, where it differs from what is usual.
    fn percent_of_usual(&self) -> Option<u64> {
        let percent = self.price.saturating_mul(100) / USUAL_PRICE / self.answers.max(1);
        (self.price > 0 && percent.abs_diff(100) >= HARDLY_DEARER).then_some(percent)
    }

    /// What an answer brought against what was usual, and the square of its standard error.
    #[expect(clippy::cast_precision_loss, reason = "means of counts")]
    fn mean(&self) -> (f64, f64) {
        let held = self.held.max(1) as f64;
        let mean = self.relative as f64 / held / 1e3;
        let variance = (self.squares as f64 / held / 1e6 - mean * mean).max(LEAST_VARIANCE);
        (mean, variance / held)
    }
}

/// What answers of a provider cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Price {
    answers: u64,
    picodollars: u64,
}

impl Price {
    /// Takes an answer in; what it cost, in thousandths of what those up to it cost.
    fn answered(&mut self, picodollars: u64) -> u64 {
        self.answers += 1;
        self.picodollars = self.picodollars.saturating_add(picodollars);
        let usual = self.picodollars / self.answers;
        picodollars.saturating_mul(USUAL_PRICE).checked_div(usual).unwrap_or(USUAL_PRICE)
    }
}

/// By wording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrasings {
    all: BTreeMap<Phrasing, Phrased>,
    /// Of a topic that is cut into parts answers about a part count, and none about the whole: these are a sample that is always asked for alike.
    is_cut: bool,
    /// New items of an answer of late, in millionths, and of how many answers.
    usual: u64,
    seen: u64,
    /// By provider, of the first [`PROVIDERS`].
    #[serde(default)]
    prices: BTreeMap<String, Price>,
}

impl Phrasings {
    /// Takes an answer in that named so many new items.
    pub(crate) fn answered(&mut self, meta: &ResponseMeta, new: u64) {
        if meta.cell.is_some() && !self.is_cut {
            *self = Self { is_cut: true, ..Self::default() };
        }
        if meta.cell.is_some() == self.is_cut {
            self.held(meta.phrasing, new, (&meta.provider, meta.charge().picodollars()));
        }
    }

    fn held(&mut self, phrasing: Phrasing, new: u64, (provider, picodollars): (&str, u64)) {
        let usual = (self.seen >= LATELY / 2).then_some(self.usual / 1_000);
        let price = self.priced(provider, picodollars);
        self.all.entry(phrasing).or_default().answered(new, picodollars, price, usual);
        self.seen += 1;
        let of = self.seen.min(LATELY);
        self.usual = (self.usual.saturating_mul(of - 1).saturating_add(new.saturating_mul(1_000_000))) / of;
    }

    /// What an answer of a provider cost, in thousandths of what they usually do.
    fn priced(&mut self, provider: &str, picodollars: u64) -> u64 {
        if self.prices.len() < PROVIDERS && !self.prices.contains_key(provider) {
            self.prices.insert(provider.to_owned(), Price::default());
        }
        self.prices.get_mut(provider).map_or(USUAL_PRICE, |price| price.answered(picodollars))
    }

    /// What each brought.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<Phrasing, Phrased> {
        &self.all
    }

    fn of(&self, phrasing: Phrasing) -> Phrased {
        self.all.get(&phrasing).copied().unwrap_or_default()
    }

    /// What an answer brought for its price, both against what is usual, and the square of the standard error of that.
    fn value(&self, phrasing: Phrasing) -> (f64, f64) {
        let of = self.of(phrasing);
        let dear = of.dear();
        let (mean, error) = of.mean();
        (mean / dear, error / (dear * dear))
    }
}

/// Which wordings are used, the leading one first; and of each what it had brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wording {
    /// In use before this was decided, the leading one first.
    pub before: Vec<Phrasing>,
    /// In use from then on.
    pub used: Vec<Phrasing>,
    /// What each had brought.
    pub brought: BTreeMap<Phrasing, Phrased>,
}

impl Wording {
    /// Those that a topic begins with.
    #[must_use]
    pub fn all() -> Vec<Phrasing> {
        Phrasing::ALL.to_vec()
    }

    /// How far it has come from all of them to those in use, by what each has brought; `None` where nothing was decided yet.
    #[must_use]
    pub fn standing(used: &[Phrasing], brought: &BTreeMap<Phrasing, Phrased>) -> Option<Self> {
        let is_decided = !used.is_empty() && used != Phrasing::ALL;
        is_decided.then(|| Self { before: Self::all(), used: used.to_vec(), brought: brought.clone() })
    }

    /// Who leads and who is used no more, without saying of what; and at which price, where that is not the usual one of those who answered.
    #[must_use]
    pub fn in_short(&self) -> String {
        let said = |phrasing: &Phrasing| {
            let of = self.brought.get(phrasing).copied().unwrap_or_default();
            let (name, new, answers) = (phrasing.as_str(), of.new_items(), of.answers);
            let price = of.percent_of_usual().map(|percent| format!(" at {percent} % of the usual price"));
            format!("“{name}” ({new:.1} new items an answer{}, {answers} answers)", price.unwrap_or_default())
        };
        let leads = self.used.first().map(|leading| format!("{} leads", said(leading)));
        let is_retired = |phrasing: &&Phrasing| !self.used.contains(phrasing);
        let retired: Vec<String> = self.before.iter().filter(is_retired).map(said).collect();
        let retired = (!retired.is_empty()).then(|| format!("used no more: {}", retired.join(", ")));
        leads.into_iter().chain(retired).collect::<Vec<_>>().join("; ")
    }

    /// What comes of those in use by what they have brought; `None` where nothing changes.
    #[must_use]
    pub fn next(before: &[Phrasing], phrasings: &Phrasings) -> Option<Self> {
        let mut used = before.to_vec();
        // Against another one that leads more may fall behind. Each round takes one away, or has a better one lead.
        for _ in 0..2 * Phrasing::ALL.len() {
            let next = after_a_look(&used, phrasings);
            if next == used {
                break;
            }
            used = next;
        }
        let brought = before.iter().map(|phrasing| (*phrasing, phrasings.of(*phrasing))).collect();
        (used != before).then(|| Self { before: before.to_vec(), used, brought })
    }

    /// Whose turn it is in a request of that number: the leading one has every second.
    #[must_use]
    pub fn turn(used: &[Phrasing], number: u64) -> Phrasing {
        let Some((leading, others)) = used.split_first() else { return Phrasing::Plain };
        let Ok(count) = u64::try_from(others.len()) else { return *leading };
        if count == 0 || number.is_multiple_of(2) {
            return *leading;
        }
        let at = usize::try_from(number / 2 % count).unwrap_or_default();
        others.get(at).copied().unwrap_or(*leading)
    }
}

fn after_a_look(before: &[Phrasing], phrasings: &Phrasings) -> Vec<Phrasing> {
    let Some((leading, others)) = before.split_first() else { return Vec::new() };
    let (value, error) = phrasings.value(*leading);
    let mut used = vec![*leading];
    let mut better: Option<(f64, Phrasing)> = None;
    for other in others {
        let (theirs, their_error) = phrasings.value(*other);
        let answers = phrasings.of(*other).held;
        let difference = theirs - value;
        let chance = SURE * (error + their_error).sqrt();
        let is_tried = answers.min(phrasings.of(*leading).held) >= LEAST;
        if is_tried && difference > chance && better.is_none_or(|(most, _)| difference > most) {
            better = Some((difference, *other));
        }
        let is_worse = is_tried && difference < -chance;
        let is_no_better = answers >= MOST && difference <= chance;
        if !is_worse && !is_no_better {
            used.push(*other);
        }
    }
    if let Some((_, better)) = better {
        used.retain(|phrasing| *phrasing != better);
        used.insert(0, better);
    }
    used
}

impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of the ways to ask {}", self.in_short())
    }
}

#[cfg(test)]
mod tests;
