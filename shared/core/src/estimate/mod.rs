//! How many items there are in all, told from how many responses named each: completeness, which is another number than coverage.
//!
//! A response is a sampling unit that names an item or does not (incidence data, in the words of ecology). `T` responses named `S` items, `Qk` of them in
//! exactly `k` responses, `U` mentions in all. What is estimated is of what *these models say*: a lower bound of the world.
//!
//! * [`Incidence::estimate`] is what is shown and decided on: a mixture that allows for items made up by a single response.
//! * [`Incidence::classic`] are the estimators of the field, to compare with. Items named once that are made up mislead all three.
//!   * Chao2, bias-corrected: Chao, A. (1987), "Estimating the population size for capture-recapture data with unequal catchability", Biometrics 43,
//!     783–791.
//!   * iChao2: Chiu, C.-H., Wang, Y.-T., Walther, B. A. & Chao, A. (2014), "An improved nonparametric lower bound of species richness via a modified
//!     Good–Turing frequency formula", Biometrics 70, 671–682.
//!   * ICE: Lee, S.-M. & Chao, A. (1994), "Estimating population size via sample coverage for closed capture-recapture models", Biometrics 50, 88–97.
//!   * Their intervals: log-normal over what is missing (Chao 1987), variances by the delta method over the `Qk`.
//! * Coverage, the probability that the next mention is of a known item, is Good's (1953); see [`crate::fold::TopicFold::coverage`]. Its form for
//!   incidence data: Chao, A. & Jost, L. (2012), Ecology 93, 2533–2547.
//!
//! Answers of one model are no independent samples of the world, and workers who answer from the same memory make a list look more complete than it is
//! (Trushkowsky, B. et al. (2013), "Crowdsourced enumeration queries", ICDE); that is why what is estimated is what the models say.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fold::Sightings;

mod classic;
mod mixture;
#[cfg(test)]
mod tests;

/// Items are told apart by the number of responses that named them up to this one.
pub const EXACT: usize = 12;

/// Below this completeness a number of items in all is not told, but what there are at least.
const TOLD_FROM: f64 = 0.7;

/// Fewer responses say nothing of the whole.
const LEAST_RESPONSES: u64 = 4;

/// How many items were named by how many responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidence {
    /// `T`: responses.
    pub responses: u64,
    /// `Qk` at `k - 1`.
    pub named: [u64; EXACT],
    /// Items that more responses named.
    pub more: u64,
    /// `U`: pairs of a response and an item that it named.
    pub mentions: u64,
}

/// How many items there are in all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best guess.
    pub total: f64,
    /// Lower end of the interval that covers the truth with a probability of 95 %, as far as the model holds.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many of the items that were found are made up: they are not part of the total.
    pub made_up: f64,
}

/// What of a topic is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    /// Items in all.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Found ÷ estimated total, without the made-up ones on either side.
    pub completeness: f64,
    /// Only the lower end is to be believed: there are at least so many.
    pub at_least: bool,
}

impl fmt::Display for Completeness {
    /// For people, behind the number of items that were found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { total, low, high, .. } = self.estimate;
        if self.at_least {
            // Nobody wants to hear of fewer than are found and real.
            return write!(f, "of at least {:.0}", low.max(self.completeness * total).floor());
        }
        // All is never said while something is missing.
        let percent = (self.completeness * 1_000.0).floor() / 10.0;
        write!(f, "{percent:.1} % of about {total:.0} ({:.0} to {:.0})", low.floor(), high.ceil())
    }
}

/// What is known of a topic that is not cut into parts.
#[derive(Debug)]
pub(crate) struct Prospect {
    /// How complete it is.
    pub(crate) completeness: Completeness,
    fit: mixture::Fit,
}

impl Prospect {
    /// New items that so many more responses bring: at the least, probably, and at the most.
    pub(crate) fn brings(&self, responses: f64) -> [f64; 3] {
        self.fit.ahead(responses)
    }
}

/// An estimator of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classic {
    /// A lower bound.
    Chao2,
    /// A higher one.
    ImprovedChao2,
    /// By coverage of the infrequent.
    Ice,
}

impl Incidence {
    /// Of the sightings by so many responses.
    #[must_use]
    pub fn of(responses: u64, sightings: &Sightings) -> Self {
        let mut incidence = Self { responses, mentions: sightings.mentions(), ..Self::default() };
        for (times, items) in sightings.frequencies() {
            let place = usize::try_from(times).ok().and_then(|times| times.checked_sub(1));
            match place.and_then(|place| incidence.named.get_mut(place)) {
                Some(named) => *named += items,
                None => incidence.more += items,
            }
        }
        incidence
    }

    /// `S`: items that are known.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.named.iter().sum::<u64>() + self.more
    }

    /// `Q1`.
    #[must_use]
    pub const fn once(&self) -> u64 {
        self.named[0]
    }

    /// How many items there are in all; `None` before anything can be said.
    #[must_use]
    pub fn estimate(&self) -> Option<Completeness> {
        mixture::estimate(self).map(|estimate| self.completeness(estimate))
    }

    /// The same, and what further responses bring.
    pub(crate) fn prospect(&self) -> Option<Prospect> {
        let (estimate, fit) = mixture::fit(self)?;
        Some(Prospect { completeness: self.completeness(estimate), fit })
    }

    /// What an estimator of the field says.
    #[must_use]
    pub fn classic(&self, estimator: Classic) -> Estimate {
        classic::estimate(self, estimator)
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn completeness(&self, estimate: Estimate) -> Completeness {
        let real = self.found() as f64 - estimate.made_up;
        let completeness = (real / estimate.total.max(1.0)).clamp(0.0, 1.0);
        let at_least = completeness < TOLD_FROM || self.responses < LEAST_RESPONSES;
        Completeness { estimate, completeness, at_least }
    }
}
