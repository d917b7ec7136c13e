//! The estimate that is shown: a mixture of binomials, fitted by maximum likelihood.
//!
//! An item with intensity `λ` is named by a response with the probability `1 − e^−λ`: that is the chance that it is among those drawn first where
//! each waits an exponential time for its turn, and what is drawn is cut off at a moment. So of `T` responses a binomial number name it. Intensities
//! differ between items: over `x = ln λ` their density is proportional to `e^(αx + βx²)` above a least one, which includes those of Zipf's laws (`β = 0`)
//! and normal ones (`β < 0`). Besides, some items are made up: each by one response, so that they are among those named once and nowhere else.
//!
//! `α`, `β` and the least intensity are looked for on a grid; for each, the number of items follows from those that were named, and the number of
//! made-up ones from what those named once are too many. The interval holds all numbers of items whose parameters are not much less likely than
//! the best (profile likelihood), widened by what chance alone does to a number of unseen items.
//!
//! Mixtures for populations in which individuals differ: Norris, J. L. & Pollock, K. H. (1996), Biometrics 52, 639–649; Pledger, S. (2000), Biometrics
//! 56, 434–442. That those named once may be errors, and how many: Chiu, C.-H. & Chao, A. (2016), "Estimating and comparing microbial diversity in the
//! presence of sequencing errors".

use super::{EXACT, Estimate, Incidence};

/// Values of `x` that stand for all.
const NODES: usize = 40;

/// Classes of items: not named, named 1 to [`EXACT`] times, more often.
const CLASSES: usize = EXACT + 2;

/// Intensities are between what one response in fifty times as many as there are would show, and what no response misses.
const LEAST: f64 = 0.02;
const GREATEST: f64 = 1.5;

/// A least intensity at which nearly all are named several times says nothing of what is missing.
const GREATEST_LEAST: f64 = 6.0;

/// Values of `α` and roots of those of `-β` at first; then some between those that fit best and their neighbours.
const SLOPE: (f64, f64, i32) = (-2.1, 0.175, 19);
const CURVE: (f64, f64, i32) = (0.0, 0.173, 6);
const BETWEEN: [f64; 5] = [-0.67, -0.33, 0.0, 0.33, 0.67];

/// Parts of the items with the least intensity, where it lies between two nodes.
const PARTS: [f64; 3] = [0.25, 0.5, 0.75];

/// Made-up items among the mentions, before anything is known: the mean of an exponential distribution.
const MADE_UP: f64 = 0.1;

/// Half of the 95 % point of the χ² distribution with one degree of freedom, and room for a grid that may miss the best.
const PROFILE: f64 = 2.4;

/// Parameters that are fitted: the shape, where it begins, the number of items.
const FREE: f64 = 4.0;

/// Of the normal distribution, for 95 %.
const QUANTILE: f64 = 1.96;

/// Shares of the items in each class, for the items of one intensity.
type Shares = [f64; CLASSES];

/// A fitted mixture.
#[derive(Clone, Debug)]
struct Candidate {
    likelihood: f64,
    items: f64,
    made_up: f64,
    shape: Shape,
    /// The node with the least intensity, and what of its items is there.
    from: usize,
    part: f64,
    shares: Shares,
}

/// A density but for where it begins.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// `α`.
    slope: f64,
    /// The root of `-β`.
    curve: f64,
}

/// A grid over the intensities for a number of responses.
#[derive(Debug)]
struct Grid {
    responses: f64,
    nodes: Vec<(f64, Shares)>,
}

impl Grid {
    fn new(responses: f64) -> Self {
        let least = (LEAST / responses).ln();
        let step = (GREATEST - least) / (count(NODES) - 1.0);
        let nodes = (0..NODES).map(|node| {
            let x = least + step * count(node);
            (x, shares(x.exp(), responses))
        });
        Self { responses, nodes: nodes.collect() }
    }

    /// The density at a node, but for a factor.
    fn weight(&self, x: f64, shape: Shape) -> f64 {
        let x = x + self.responses.ln();
        (shape.slope * x - (shape.curve * x).powi(2)).exp()
    }

    /// What fits with this shape, wherever the density begins.
    fn fits(&self, incidence: &Incidence, shape: Shape, parts: &[f64], candidates: &mut Vec<Candidate>) {
        let (mut sums, mut weights) = ([0.0; CLASSES], 0.0);
        let greatest = (GREATEST_LEAST / self.responses).ln();
        for (from, (x, shares)) in self.nodes.iter().enumerate().rev() {
            let weight = self.weight(*x, shape);
            let with = |part: f64| {
                let mut with = sums;
                with.iter_mut().zip(shares).for_each(|(sum, share)| *sum += part * weight * share);
                (with, weights + part * weight)
            };
            if *x <= greatest {
                for part in parts.iter().copied().chain([1.0]) {
                    let (sums, weights) = with(part);
                    if weights.is_finite() && weights > 0.0 {
                        let shares = sums.map(|sum| sum / weights);
                        let fitted = likeliest(incidence, &shares);
                        candidates.extend(fitted.map(|(likelihood, items, made_up)| Candidate {
                            likelihood,
                            items,
                            made_up,
                            shape,
                            from,
                            part,
                            shares,
                        }));
                    }
                }
            }
            (sums, weights) = with(1.0);
        }
    }
}

/// What of the items with an intensity is named how often.
fn shares(intensity: f64, responses: f64) -> Shares {
    let mut shares = [0.0; CLASSES];
    let (named, missed) = ((-(-intensity).exp_m1()).ln(), -intensity);
    let (mut choices, mut sum) = (0.0, 0.0);
    for (times, share) in shares.iter_mut().take(EXACT + 1).enumerate() {
        let times = count(times);
        if times > responses {
            break;
        }
        if times > 0.0 {
            choices += ((responses - times + 1.0) / times).ln();
        }
        *share = (choices + times * named + (responses - times) * missed).exp();
        sum += *share;
    }
    shares[EXACT + 1] = (1.0 - sum).max(0.0);
    shares
}

/// All mixtures that fit nearly as well as the best. `None` where there is nothing to fit: fewer than two responses, or no item named twice.
fn near(incidence: &Incidence) -> Option<Near> {
    let responses = count_of(incidence.responses);
    let repeated = incidence.found() - incidence.once();
    if incidence.responses < 2 || repeated == 0 {
        return None;
    }
    let grid = Grid::new(responses);
    let mut candidates: Vec<Candidate> = Vec::new();
    let at = |(from, step, _): (f64, f64, i32), number: f64| from + step * number;
    for curve in 0..CURVE.2 {
        for slope in 0..SLOPE.2 {
            let shape = Shape { slope: at(SLOPE, f64::from(slope)), curve: at(CURVE, f64::from(curve)) };
            grid.fits(incidence, shape, &[], &mut candidates);
        }
    }
    let around = best(&candidates)?.shape;
    for curve in BETWEEN {
        for slope in BETWEEN {
            let (slope, curve) = (around.slope + SLOPE.1 * slope, (around.curve + CURVE.1 * curve).abs());
            grid.fits(incidence, Shape { slope, curve }, &PARTS, &mut candidates);
        }
    }
    let best = best(&candidates)?.clone();
    let least = best.likelihood - PROFILE * misfit(incidence, &best);
    candidates.retain(|one| one.likelihood >= least);
    Some(Near { grid, best, all: candidates })
}

/// The estimate. `None` where there is nothing to fit.
pub(super) fn estimate(incidence: &Incidence) -> Option<Estimate> {
    near(incidence).map(|near| near.estimate(count_of(incidence.found())))
}

/// The estimate, and what says what further responses bring. `None` where there is nothing to fit.
pub(super) fn fit(incidence: &Incidence) -> Option<(Estimate, Fit)> {
    let near = near(incidence)?;
    Some((near.estimate(count_of(incidence.found())), near.fit()))
}

/// The mixtures that fit nearly as well as the best.
struct Near {
    grid: Grid,
    best: Candidate,
    all: Vec<Candidate>,
}

impl Near {
    fn estimate(&self, found: f64) -> Estimate {
        let best = &self.best;
        let chance = |one: &Candidate| QUANTILE * (one.items + one.made_up - found).max(0.0).sqrt();
        let low = self.all.iter().map(|one| one.items - chance(one)).fold(f64::INFINITY, f64::min);
        let high = self.all.iter().map(|one| one.items + chance(one)).fold(0.0, f64::max);
        let real = found - best.made_up;
        let least = self.all.iter().map(|one| found - one.made_up).fold(f64::INFINITY, f64::min);
        Estimate {
            total: best.items.max(real),
            low: low.max(least).min(best.items),
            high: high.max(best.items),
            made_up: best.made_up,
        }
    }

    fn fit(self) -> Fit {
        let as_many = self.grid.unseen_then_seen(self.grid.responses);
        let brings: Vec<f64> = self.all.iter().map(|one| self.grid.brought(one, &as_many)).collect();
        let by = |a: &(&Candidate, &f64), b: &(&Candidate, &f64)| a.1.total_cmp(b.1);
        let each = || self.all.iter().zip(&brings);
        let one = |found: Option<(&Candidate, &f64)>| found.map_or(&self.best, |(one, _)| one).clone();
        Fit { few: one(each().min_by(by)), many: one(each().max_by(by)), grid: self.grid, best: self.best }
    }
}

fn best(candidates: &[Candidate]) -> Option<&Candidate> {
    candidates.iter().max_by(|a, b| a.likelihood.total_cmp(&b.likelihood))
}

/// By how much what was seen differs from what fits best more than chance explains: Pearson's χ² by its degrees of freedom, at least 1. Likelihoods
/// are divided by it (Burnham, K. P. & Anderson, D. R. (2002), "Model selection and multimodel inference", for quasi-likelihoods).
fn misfit(incidence: &Incidence, best: &Candidate) -> f64 {
    let once = (count_of(incidence.once()), best.items * best.shares[1] + best.made_up);
    let exact = incidence.named.iter().zip(&best.shares[1..]).skip(1);
    let others = exact.map(|(named, share)| (count_of(*named), best.items * share));
    let more = (count_of(incidence.more), best.items * best.shares[EXACT + 1]);
    let (mut squares, mut classes) = (0.0, 0.0);
    for (named, expected) in [once, more].into_iter().chain(others).filter(|(_, expected)| *expected >= 1.0) {
        squares += (named - expected).powi(2) / expected;
        classes += 1.0;
    }
    (squares / f64::max(classes - FREE, 1.0)).max(1.0)
}

/// How likely what was seen is if items are named so often, and how many items, and made-up ones, make it most likely.
fn likeliest(incidence: &Incidence, shares: &Shares) -> Option<(f64, f64, f64)> {
    let once = count_of(incidence.once());
    let all = count_of(incidence.found());
    let named_again = 1.0 - shares[0] - shares[1];
    if named_again <= 1e-9 {
        return None;
    }
    let mean = MADE_UP * count_of(incidence.mentions);
    let mut items = (all - once) / named_again;
    let made_up = (once / (1.0 + 1.0 / mean) - items * shares[1]).max(0.0);
    if made_up <= 0.0 {
        items = all / (1.0 - shares[0]);
    }
    let mut likelihood = poisson(once, items * shares[1] + made_up) - made_up / mean;
    let more = (count_of(incidence.more), shares[EXACT + 1]);
    let exact = incidence.named.iter().zip(&shares[1..]).map(|(named, share)| (count_of(*named), *share));
    for (named, share) in exact.skip(1).chain([more]) {
        likelihood += poisson(named, items * share);
    }
    Some((likelihood, items, made_up))
}

/// The logarithm of a probability of Poisson's distribution, but for what depends on `number` alone.
fn poisson(number: f64, mean: f64) -> f64 {
    if mean > 0.0 {
        number * mean.ln() - mean
    } else if number > 0.0 {
        -1e9
    } else {
        0.0
    }
}

/// A mixture that fits.
#[derive(Debug)]
pub(super) struct Fit {
    grid: Grid,
    best: Candidate,
    /// Of those that fit nearly as well: the one by which as many responses again bring fewest new items, and the one by which they bring most.
    few: Candidate,
    many: Candidate,
}

impl Fit {
    /// New items that so many more responses bring, made-up ones included: at the least, probably, and at the most, but for what chance does.
    pub(super) fn ahead(&self, responses: f64) -> [f64; 3] {
        let made_up = |one: &Candidate| one.made_up / self.grid.responses.max(1.0) * responses;
        let then = self.grid.unseen_then_seen(responses);
        let [few, new, many] =
            [&self.few, &self.best, &self.many].map(|one| self.grid.brought(one, &then) + made_up(one));
        [few.min(new), new, many.max(new)]
    }
}

impl Grid {
    /// For each node, the share of its items that no response has named, and so many further ones do.
    fn unseen_then_seen(&self, responses: f64) -> Vec<[f64; 2]> {
        self.nodes.iter().map(|(x, shares)| [shares[0], -(-x.exp() * responses).exp_m1()]).collect()
    }

    /// By a mixture, how many items that no response has named further ones name for the first time.
    fn brought(&self, one: &Candidate, then: &[[f64; 2]]) -> f64 {
        let (mut seen_then, mut weights) = (0.0, 0.0);
        for (node, ((x, _), [unseen, seen])) in self.nodes.iter().zip(then).enumerate().skip(one.from) {
            let part = if node == one.from { one.part } else { 1.0 };
            let weight = part * self.weight(*x, one.shape);
            weights += weight;
            seen_then += weight * unseen * seen;
        }
        if weights > 0.0 { one.items * seen_then / weights } else { 0.0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count_of(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    count_of(u64::try_from(number).unwrap_or(u64::MAX))
}
