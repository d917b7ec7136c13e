//! A provider that fails: how soon it is left alone, and how soon it is asked again when it is well.
//!
//! The roles are the real ones, in virtual time; each producer has its own gates, as in processes of their own. Three models that know different kinds,
//! at the same price, pace and weight, are asked for few names at a time, so that there are some requests a second to each.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::cost::Price;
use igentai_core::topic::Partition;
use igentai_test_support::world::taxonomy::Taxonomy;
use igentai_test_support::world::{Family, Traits, World};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::long::Catalogue;
use crate::report::Quartiles;
use crate::{How, ours};

/// When the trouble begins and ends, and when the run does.
const BEGINS: Duration = Duration::from_secs(45);
const HEALS: Duration = Duration::from_secs(135);
const LASTS: Duration = Duration::from_secs(225);

/// Names that there are, so many that the topic lasts as long, and kinds that they are of.
const NAMES: usize = 20_000;
const KINDS: usize = 30;

/// Shares are of the requests in so long.
const WINDOW: Duration = Duration::from_secs(5);

/// What befalls one of the models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trouble {
    pub(crate) model: usize,
    from: Duration,
    to: Duration,
    /// Of its requests, so many fail.
    failures: f64,
}

impl Trouble {
    pub(crate) fn is_total(self) -> bool {
        self.failures >= 1.0
    }

    /// Whether a request fails.
    pub(crate) fn strikes(self, number: u64, at: Duration) -> bool {
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (self.from..self.to).contains(&at) && (spread as f64) < self.failures * f64::from(1 << 24)
    }
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) ended: Option<Duration>,
    pub(crate) model: usize,
    pub(crate) failed: bool,
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failing {
    /// Of the requests to one of three providers, so many fail.
    pub failures: f64,
    /// Producers, each with its own gates.
    pub producers: u32,
    /// Requests under way at once, over all producers.
    pub concurrency: u32,
    /// How the topic is cut into parts.
    pub partition: Partition,
}

/// How it went with one seed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Went {
    /// Its share before the trouble.
    before: f64,
    /// Seconds until it had less than a tenth of the requests of five windows together; `None` where it never had.
    left_alone: Option<f64>,
    /// Its share from 30 s after the beginning to the end of the trouble.
    during: f64,
    /// Seconds from the end of the trouble until its share was half of what it had been.
    back: Option<f64>,
    /// Requests that failed for the trouble, and those that were under way when it began.
    failed: usize,
    under_way: usize,
    /// Requests a second.
    rate: f64,
}

/// How it went.
#[derive(Debug, Clone, PartialEq)]
pub struct FailingReport {
    failing: Failing,
    went: Vec<Went>,
}

/// Runs with so many seeds.
#[must_use]
pub fn failing(failing: Failing, seeds: u64) -> FailingReport {
    FailingReport { failing, went: (0..seeds).map(|seed| one(failing, seed)).collect() }
}

fn one(failing: Failing, seed: u64) -> Went {
    let models = Family::Complementary.models().into_iter().map(|model| Traits {
        price: Price::per_million(0.5, 2.0),
        seconds: 0.6,
        tokens_per_second: 80.0,
        failures: 0.0,
        // So that there is something new as long as it lasts.
        inventions: 0.1,
        ..model
    });
    let world = World::new(taxonomy(seed), models.collect(), 0.5, seed);
    let how = How {
        concurrency: failing.concurrency,
        producers: failing.producers,
        items: 10,
        partition: failing.partition,
        ..How::default()
    };
    let trouble = Trouble { model: 0, from: BEGINS, to: HEALS, failures: failing.failures };
    went(&ours::watch(&Arc::new(world), &how, trouble, LASTS, seed))
}

/// Made-up names of made-up kinds: no real topic is large enough.
fn taxonomy(seed: u64) -> Taxonomy {
    let names = Catalogue::new(NAMES, &mut StdRng::seed_from_u64(seed)).into_texts();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let kinds: Vec<String> = (0..KINDS).map(|kind| format!("kind{kind}")).collect();
    // One after the other, so that each kind has names of each letter.
    let of_kind = |kind| names.iter().skip(kind).step_by(KINDS).copied().collect::<Vec<&str>>();
    let names: Vec<Vec<&str>> = (0..KINDS).map(of_kind).collect();
    let all: Vec<(&str, &[&str])> =
        kinds.iter().zip(&names).map(|(kind, names)| (kind.as_str(), names.as_slice())).collect();
    Taxonomy::of("names", "Names", &all)
}

fn went(sent: &[Sent]) -> Went {
    let share = |from: Duration, to: Duration| {
        let (mut of, mut all) = (0, 0);
        for sent in sent.iter().filter(|sent| (from..to).contains(&sent.at)) {
            all += 1;
            of += u32::from(sent.model == 0);
        }
        if all == 0 { 0.0 } else { f64::from(of) / f64::from(all) }
    };
    let windows = |from: Duration, to: Duration| {
        (0..).map(move |number| from + WINDOW * number).take_while(move |at| *at + WINDOW <= to)
    };
    let before = share(BEGINS / 2, BEGINS);
    let least = windows(BEGINS, HEALS).find(|at| share(*at, HEALS.min(*at + WINDOW * 5)) < 0.1);
    let back = windows(HEALS, LASTS).find(|at| share(*at, *at + WINDOW) >= before / 2.0);
    let is_hit = |sent: &&Sent| sent.model == 0 && sent.ended.is_some_and(|ended| ended >= BEGINS);
    let hit: Vec<&Sent> = sent.iter().filter(is_hit).collect();
    let until = BEGINS + Duration::from_mins(1);
    let in_time = sent.iter().filter(|sent| sent.at < LASTS).count();
    Went {
        before,
        left_alone: least.map(|at| at.saturating_sub(BEGINS).as_secs_f64()),
        during: share(BEGINS + Duration::from_secs(30), HEALS),
        back: back.map(|at| (at + WINDOW).saturating_sub(HEALS).as_secs_f64()),
        failed: hit.iter().filter(|sent| sent.failed && sent.at < until).count(),
        under_way: hit.iter().filter(|sent| sent.at < BEGINS).count(),
        rate: in_time as f64 / LASTS.as_secs_f64(),
    }
}

impl fmt::Display for FailingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failing, went } = self;
        let median = |value: &dyn Fn(&Went) -> Option<f64>| {
            let median = Quartiles::of(went.iter().map(value)).median;
            let worst = went.iter().map(|went| value(went).unwrap_or(f64::INFINITY)).fold(0.0, f64::max);
            median.map_or("never".to_owned(), |median| format!("{median:.2}"))
                + &format!(" (worst {worst:.2})")
        };
        writeln!(
            f,
            "{} of {:.0} %, {} producers, {:.1} requests a second, {} seeds:",
            failing.partition.as_str(),
            failing.failures * 100.0,
            failing.producers,
            went.iter().map(|went| went.rate).sum::<f64>() / went.len().max(1) as f64,
            went.len(),
        )?;
        writeln!(f, "  its share before {}", median(&|went| Some(went.before)))?;
        writeln!(f, "  seconds until it was under 10 % {}", median(&|went| went.left_alone))?;
        writeln!(f, "  its share from 30 s after the beginning {}", median(&|went| Some(went.during)))?;
        writeln!(f, "  seconds until it was back at half of its share {}", median(&|went| went.back))?;
        write!(
            f,
            "  requests that failed within a minute {}, under way at the beginning {}",
            median(&|went| Some(went.failed as f64)),
            median(&|went| Some(went.under_way as f64))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six requests a second, of which the first model has a third, and in the trouble one in so many.
    fn sent(one_in: u64, late: Duration) -> Vec<Sent> {
        let of = |number: u64| {
            let at = Duration::from_secs_f64(number as f64 / 6.0);
            let in_trouble = (BEGINS + late..HEALS + late).contains(&at);
            let every = if in_trouble { one_in } else { 3 };
            let model = usize::from(!number.is_multiple_of(every));
            let failed = model == 0 && (BEGINS..HEALS).contains(&at);
            Sent { at, ended: Some(at + Duration::from_secs(1)), model, failed }
        };
        (0..6 * LASTS.as_secs()).map(of).collect()
    }

    #[test]
    fn it_is_told_when_a_provider_is_left_alone_and_when_it_is_back() {
        let went = went(&sent(30, Duration::from_secs(10)));
        assert!((went.before - 1.0 / 3.0).abs() < 0.01, "{went:?}");
        assert_eq!((went.left_alone, went.back), (Some(5.0), Some(15.0)), "{went:?}");
        assert!(went.during < 0.05 && went.under_way == 2, "{went:?}");
    }

    #[test]
    fn one_that_is_asked_as_before_is_never_left_alone() {
        let went = went(&sent(3, Duration::ZERO));
        assert_eq!((went.left_alone, went.back), (None, Some(5.0)), "{went:?}");
    }

    #[test]
    fn a_provider_that_fails_more_often_than_not_is_left_alone_and_comes_back() {
        for producers in [1, 8] {
            let case = Failing { failures: 0.6, producers, concurrency: 16, partition: Partition::None };
            let went = one(case, 3);
            assert!(went.left_alone.is_some_and(|seconds| seconds <= 30.0), "{went:?}");
            assert!(went.during < 0.1 && went.back.is_some_and(|seconds| seconds <= 60.0), "{went:?}");
        }
    }

    #[test]
    fn a_provider_that_is_gone_costs_eight_producers_little_more_than_what_was_under_way() {
        let case = Failing { failures: 1.0, producers: 8, concurrency: 16, partition: Partition::None };
        let went = one(case, 3);
        assert!(went.failed <= went.under_way + 6, "{went:?}");
        assert!(went.back.is_some_and(|seconds| seconds <= 60.0), "{went:?}");
    }
}
