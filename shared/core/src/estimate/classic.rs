//! Chao2, iChao2 and ICE, with their intervals.

use super::{Classic, EXACT, Estimate, Incidence};

/// Items that more responses named are frequent: nobody doubts that all of their kind are known (the cut-off of Lee & Chao).
const CUT_OFF: usize = 10;

/// Of the normal distribution, for an interval that covers 95 %.
const QUANTILE: f64 = 1.96;

/// The numbers that all three go by.
#[derive(Clone, Debug)]
struct Counts {
    /// `T`.
    responses: f64,
    /// `Qk` at `k - 1`.
    infrequent: [f64; CUT_OFF],
    frequent: f64,
}

/// What an estimator says of the items in all.
pub(super) fn estimate(incidence: &Incidence, estimator: Classic) -> Estimate {
    let counts = Counts::of(incidence);
    let (found, missing) = (counts.found(), counts.missing(estimator));
    if missing <= 0.0 {
        return Estimate { total: found, low: found, high: found, made_up: 0.0 };
    }
    let variance = counts.variance(estimator);
    let spread = (QUANTILE * (1.0 + variance / (missing * missing)).ln().sqrt()).exp();
    Estimate {
        total: found + missing,
        low: found + missing / spread,
        high: found + missing * spread,
        made_up: 0.0,
    }
}

impl Counts {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn of(incidence: &Incidence) -> Self {
        let mut infrequent = [0.0; CUT_OFF];
        infrequent.iter_mut().zip(incidence.named).for_each(|(place, items)| *place = items as f64);
        let frequent: u64 = incidence.named.iter().skip(CUT_OFF.min(EXACT)).sum();
        Self {
            responses: incidence.responses as f64,
            infrequent,
            frequent: (frequent + incidence.more) as f64,
        }
    }

    fn found(&self) -> f64 {
        self.infrequent.iter().sum::<f64>() + self.frequent
    }

    fn missing(&self, estimator: Classic) -> f64 {
        match estimator {
            Classic::Chao2 => self.chao2(),
            Classic::ImprovedChao2 => self.chao2() + self.improvement(),
            Classic::Ice => self.ice(),
        }
    }

    fn chao2(&self) -> f64 {
        let [once, twice, ..] = self.infrequent;
        let others = (self.responses - 1.0).max(0.0) / self.responses.max(1.0);
        others * once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0))
    }

    fn improvement(&self) -> f64 {
        let ([once, twice, thrice, four, ..], t) = (self.infrequent, self.responses);
        if t <= 3.0 {
            return 0.0;
        }
        let ratio = thrice / four.max(1.0);
        (t - 3.0) / (4.0 * t) * ratio * (once - (t - 3.0) / (2.0 * (t - 1.0)) * twice * ratio).max(0.0)
    }

    fn ice(&self) -> f64 {
        let ([once, twice, ..], t) = (self.infrequent, self.responses);
        let weighted = |weight: fn(f64) -> f64| -> f64 {
            (1_u8..).zip(self.infrequent).map(|(times, items)| weight(f64::from(times)) * items).sum()
        };
        let infrequent = weighted(|_| 1.0);
        let (mentions, pairs) = (weighted(|times| times), weighted(|times| times * (times - 1.0)));
        if mentions <= 0.0 || once <= 0.0 || t <= 1.0 {
            return 0.0;
        }
        let (rest, two) =
            if twice > 0.0 { ((t - 1.0) * once, 2.0 * twice) } else { ((t - 1.0) * (once - 1.0), 2.0) };
        let coverage = 1.0 - once / mentions * rest / (rest + two);
        if coverage <= 0.0 {
            return self.chao2();
        }
        let variation = infrequent / coverage * t / (t - 1.0) * pairs / (mentions * mentions) - 1.0;
        infrequent / coverage + once / coverage * variation.max(0.0) - infrequent
    }

    /// By the delta method: what the estimate changes with each `Qk`, and how those vary together.
    fn variance(&self, estimator: Classic) -> f64 {
        let total = self.found() + self.missing(estimator);
        let moved = |place: usize, by: f64| {
            let mut moved = self.clone();
            if let Some(items) = moved.infrequent.get_mut(place) {
                *items = (*items + by).max(0.0);
            }
            moved.found() + moved.missing(estimator)
        };
        let slope = |(place, items): (usize, &f64)| {
            let step = (items * 1e-4).max(1e-3);
            let down = step.min(*items);
            ((moved(place, step) - moved(place, -down)) / (step + down), *items)
        };
        // What is found varies, too; frequent ones count for one each.
        let slopes = self.infrequent.iter().enumerate().map(slope).chain([(1.0, self.frequent)]);
        let (squares, sum) = slopes.fold((0.0, 0.0), |(squares, sum), (slope, items)| {
            (squares + slope * slope * items, sum + slope * items)
        });
        (squares - sum * sum / total).max(0.0)
    }
}
