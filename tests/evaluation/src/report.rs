//! What many courses come to.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::course::{Course, End, Step};
use crate::told::Total;
use crate::{Client, SHARES, Setting};

#[cfg(test)]
mod tests;

/// Quartiles over seeds. A seed that did not get there counts as more than any number, and what falls on it is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quartiles {
    /// A quarter is at most this.
    pub lower: Option<f64>,
    /// Half is at most this.
    pub median: Option<f64>,
    /// Three quarters are at most this.
    pub upper: Option<f64>,
}

impl Quartiles {
    /// Of these values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().map(|value| value.unwrap_or(f64::INFINITY)).collect();
        sorted.sort_by(f64::total_cmp);
        // Linear between neighbours, as R's type 7 and most tools have it.
        let at = |quantile: f64| {
            let place = quantile * (sorted.len().checked_sub(1)?) as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            let value = if above.is_finite() { below + (above - below) * place.fract() } else { above };
            value.is_finite().then_some(value)
        };
        Self { lower: at(0.25), median: at(0.5), upper: at(0.75) }
    }
}

/// The bill up to a share of what the models know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct At {
    /// The share.
    pub share: f64,
    /// Seeds that got there.
    pub reached: usize,
    /// Requests.
    pub requests: Quartiles,
    /// Tokens.
    pub tokens: Quartiles,
    /// US dollars.
    pub usd: Quartiles,
    /// The coverage that was told there.
    pub coverage: Quartiles,
    /// Seeds in which an estimate of the whole was told there.
    pub estimated: usize,
    /// Of those, in which its interval held the truth.
    pub covered: usize,
    /// Of those, in which its lower end did.
    pub bounded: usize,
    /// The estimate by the truth.
    pub estimate: Quartiles,
}

/// What there was when a client ended by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stop {
    /// Seeds in which it did.
    pub seeds: usize,
    /// Of those, in which it had found 92 to 98 % then.
    pub near: usize,
    /// The share found.
    pub completeness: Quartiles,
    /// The least of these.
    pub least: f64,
    /// Of these seeds, in which an interval was told at the end.
    pub told: usize,
    /// Of those, in which it held the truth.
    pub covered: usize,
    /// Requests.
    pub requests: Quartiles,
    /// US dollars.
    pub usd: Quartiles,
    /// Reasons, each with the seeds that it ended.
    pub reasons: BTreeMap<String, usize>,
}

/// How a client did in a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClientReport {
    /// Who.
    pub client: &'static str,
    /// By share.
    pub at: Vec<At>,
    /// Where it ended by itself.
    pub stop: Option<Stop>,
}

/// How all clients did in a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The taxonomy.
    pub taxonomy: String,
    /// The exponent.
    pub exponent: f64,
    /// The models.
    pub family: &'static str,
    /// Items that the models know, in the first seed.
    pub knowable: usize,
    /// Seeds.
    pub seeds: usize,
    /// By client.
    pub clients: Vec<ClientReport>,
}

/// Sums up the courses of a setting, those of each client in the order of the seeds.
#[must_use]
pub fn report(setting: &Setting, courses: &[(Client, Vec<Course>)]) -> Report {
    let all = || courses.iter().flat_map(|(_, courses)| courses);
    Report {
        taxonomy: setting.name(),
        exponent: setting.exponent,
        family: setting.family.name(),
        knowable: all().next().map_or(0, |course| course.knowable),
        seeds: courses.iter().map(|(_, courses)| courses.len()).max().unwrap_or(0),
        clients: courses
            .iter()
            .map(|(client, courses)| ClientReport {
                client: client.name(),
                at: SHARES.iter().map(|share| at(*share, courses)).collect(),
                stop: stop(courses),
            })
            .collect(),
    }
}

fn at(share: f64, courses: &[Course]) -> At {
    let steps: Vec<Option<&Step>> = courses.iter().map(|course| course.at(share)).collect();
    let quartiles = |value: &dyn Fn(&Step) -> f64| Quartiles::of(steps.iter().map(|step| step.map(value)));
    let told = || steps.iter().flatten().filter_map(|step| step.told);
    let estimates: Vec<(Total, f64)> = courses
        .iter()
        .filter_map(|course| Some((course.at(share)?.told?.total?, course.knowable as f64)))
        .collect();
    At {
        share,
        reached: steps.iter().flatten().count(),
        requests: quartiles(&|step| step.spent.requests as f64),
        tokens: quartiles(&|step| step.spent.tokens as f64),
        usd: quartiles(&|step| step.spent.cost.usd()),
        coverage: Quartiles::of(told().map(|told| told.coverage)),
        estimated: estimates.len(),
        covered: estimates.iter().filter(|(total, truth)| total.covers(*truth)).count(),
        bounded: estimates.iter().filter(|(total, truth)| total.low <= *truth).count(),
        estimate: Quartiles::of(estimates.iter().map(|(total, truth)| Some(total.estimate / truth))),
    }
}

fn stop(courses: &[Course]) -> Option<Stop> {
    let mut reasons = BTreeMap::new();
    let ended: Vec<&Course> = courses
        .iter()
        .filter(|course| match course.end {
            End::ByItself(reason) => {
                *reasons.entry(reason.as_str().to_owned()).or_insert(0) += 1;
                true
            }
            End::Enough | End::UsedUp => false,
        })
        .collect();
    let last = |value: &dyn Fn(&Step) -> f64| {
        Quartiles::of(ended.iter().map(|course| course.steps.last().map(value)))
    };
    let totals = || {
        ended.iter().filter_map(|course| Some((course.steps.last()?.told?.total?, course.knowable as f64)))
    };
    (!ended.is_empty()).then(|| Stop {
        seeds: ended.len(),
        near: ended.iter().filter(|course| (0.92..=0.98).contains(&course.completeness())).count(),
        completeness: Quartiles::of(ended.iter().map(|course| Some(course.completeness()))),
        least: ended.iter().map(|course| course.completeness()).fold(1.0, f64::min),
        told: totals().count(),
        covered: totals().filter(|(total, truth)| total.covers(*truth)).count(),
        requests: last(&|step| step.spent.requests as f64),
        usd: last(&|step| step.spent.cost.usd()),
        reasons: reasons.clone(),
    })
}

/// A median with its quartiles, in so many decimals.
struct Shown(Quartiles, usize);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |value: Option<f64>| value.map_or("—".to_owned(), |value| format!("{value:.*}", self.1));
        let Quartiles { lower, median, upper } = self.0;
        f.pad(&format!("{} [{}, {}]", number(median), number(lower), number(upper)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taxonomy, exponent, family, knowable, seeds, clients } = self;
        writeln!(f, "{taxonomy}: {knowable} items, exponent {exponent}, models: {family}, {seeds} seeds")?;
        writeln!(
            f,
            "  {:<20} {:>5} {:>8} {:>22} {:>28} {:>26}  coverage",
            "client", "share", "reached", "requests", "tokens", "USD"
        )?;
        for client in clients {
            for at in &client.at {
                write!(
                    f,
                    "  {:<20} {:>4.0}% {:>5}/{:<2} {:>22} {:>28} {:>26}",
                    client.client,
                    at.share * 100.0,
                    at.reached,
                    seeds,
                    Shown(at.requests, 0),
                    Shown(at.tokens, 0),
                    Shown(at.usd, 4),
                )?;
                if let Some(coverage) = at.coverage.median {
                    write!(f, "  {coverage:.3}")?;
                }
                if at.estimated > 0 {
                    let estimate = Shown(at.estimate, 2);
                    let At { covered, bounded, estimated, .. } = at;
                    write!(
                        f,
                        "  estimate/truth {estimate}; within the interval {covered}, not below it {bounded} of {estimated}"
                    )?;
                }
                writeln!(f)?;
            }
            if let Some(stop) = &client.stop {
                writeln!(
                    f,
                    "  {:<20} ended by itself in {}/{seeds} ({:?}): found {}, at least {:.3}, 92–98 % in {}; within the interval {} of {}; requests {}, USD {}",
                    client.client,
                    stop.seeds,
                    stop.reasons,
                    Shown(stop.completeness, 3),
                    stop.least,
                    stop.near,
                    stop.covered,
                    stop.told,
                    Shown(stop.requests, 0),
                    Shown(stop.usd, 4),
                )?;
            }
        }
        Ok(())
    }
}
