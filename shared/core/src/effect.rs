//! What came of a decision: what requests brought before and after it.
//!
//! Less comes the further a list is, so what is brought after a change is less than before in any case. Where shares were changed, what is new for its price is
//! therefore also said for the same moment: by the new shares beside the old ones, with what each provider is known to bring then.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::decision::What;
use crate::fold::{TopicFold, Yield};
use crate::ids::LogIndex;
use crate::routing::{Policy, Routed};

/// Requests that are looked at before and after.
pub const REQUESTS: u64 = 32;

/// So many of what came of changes are shown.
pub const SHOWN: usize = 8;

/// Where the next change comes earlier, fewer than these say nothing.
const LEAST: u64 = 8;

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The number of the decision.
    pub of: u64,
    /// The kind of it, as in [`What::kind`].
    pub kind: String,
    /// The newest requests before.
    pub before: Yield,
    /// The newest requests after.
    pub after: Yield,
    /// New items for their price by the new shares, by that of the old ones, at one moment; `None` where shares were not what changed, or nothing is known.
    pub gain: Option<f64>,
}

/// A change that is waited for.
#[derive(Clone, Debug)]
struct Change {
    of: u64,
    at: LogIndex,
    before: Yield,
    /// Shares before and after.
    shares: Option<[BTreeMap<String, f64>; 2]>,
}

/// The changes whose outcome is waited for. It goes by decisions and the log alone.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// By kind, the newest of each.
    changes: BTreeMap<&'static str, Change>,
    shares: Option<BTreeMap<String, f64>>,
}

impl Watch {
    /// A decision with this number was made by the log as far as it is folded.
    pub fn decided(&mut self, number: u64, what: &What, fold: &TopicFold) {
        match what {
            What::Routed(_) | What::Worded(_) => {}
            What::TakenUp { .. } => {
                *self = Self::default();
                return;
            }
            What::Terms(_)
            | What::Cared(_)
            | What::Asked(_)
            | What::Dropped { .. }
            | What::Measured(_)
            | What::Ending(_)
            | What::Changed(_) => {
                return;
            }
        }
        let shares = if let What::Routed(routed) = what {
            let weights = || Routed::by(Policy::Fixed, fold, &routed.prior).weights;
            let before = self.shares.replace(routed.weights.clone()).unwrap_or_else(weights);
            Some([before, routed.weights.clone()])
        } else {
            None
        };
        let before = fold.lately().last(usize::try_from(REQUESTS).unwrap_or(usize::MAX), 0);
        self.changes.insert(what.kind(), Change { of: number, at: fold.log_index(), before, shares });
    }

    /// What has come of a change, once there were enough requests since, or where another change of this kind is about to come. It is told once.
    pub fn measured(&mut self, fold: &TopicFold, next: Option<&str>) -> Option<Measured> {
        let requests = usize::try_from(REQUESTS).unwrap_or(usize::MAX);
        let is_enough = |kind: &'static str, change: &Change| {
            let after = fold.lately().last(requests, change.at);
            let least = if next == Some(kind) { LEAST } else { REQUESTS };
            (after.requests >= least).then_some((kind, after))
        };
        let (kind, after) = self.changes.iter().find_map(|(kind, change)| is_enough(kind, change))?;
        let Change { of, before, shares, .. } = self.changes.remove(kind)?;
        let gain = shares.and_then(|[old, new]| gain(fold, &old, &new));
        Some(Measured { of, kind: kind.to_owned(), before, after, gain })
    }
}

/// What the new shares bring for its price, by that of the old ones. The price is money, or time where nobody has a price.
fn gain(fold: &TopicFold, old: &BTreeMap<String, f64>, new: &BTreeMap<String, f64>) -> Option<f64> {
    let worths = fold.worths();
    let has_price = worths.values().any(|worth| worth.usd() > 0.0);
    let value = |shares: &BTreeMap<String, f64>| {
        let (mut items, mut price) = (0.0, 0.0);
        for (name, share) in shares {
            let worth = worths.get(name).filter(|worth| worth.answers() > 0)?;
            items += share * worth.new_items();
            price += share * if has_price { worth.usd() } else { worth.seconds() };
        }
        (items > 0.0 && price > 0.0).then(|| items / price)
    };
    let gain = value(new)? / value(old)?;
    // To a thousandth, so that every machine tells the same.
    Some((gain * 1_000.0).round() / 1_000.0)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what came of #{}: ", self.of)?;
        told(f, self.before)?;
        f.write_str(" before, ")?;
        told(f, self.after)?;
        f.write_str(" after")?;
        match self.gain {
            None => Ok(()),
            Some(gain) => {
                let percent = (gain - 1.0) * 100.0;
                write!(f, "; by the new shares {:.0} % ", percent.abs())?;
                f.write_str(if percent < 0.0 { "less" } else { "more" })?;
                f.write_str(" for its price than by the old ones, by what each provider brings now")
            }
        }
    }
}

fn told(f: &mut fmt::Formatter<'_>, brought: Yield) -> fmt::Result {
    let Yield { requests, new, cost, .. } = brought;
    let plural = if requests == 1 { "" } else { "s" };
    write!(f, "{new} new items of {requests} request{plural}")?;
    if cost.is_zero() { Ok(()) } else { write!(f, " for {cost}") }
}

#[cfg(test)]
mod tests;
