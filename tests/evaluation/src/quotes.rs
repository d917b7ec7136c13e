//! What igentai says that the next items cost, and what they cost then.

use std::collections::BTreeMap;
use std::fmt;

use igentai_core::fold::TopicFold;
use igentai_core::quote::{NoQuote, Quote, Range, look};
use igentai_core::time::UnixMillis;

use crate::course::Tally;
use crate::report::Quartiles;
use crate::{Course, How, Setting};

/// A quote is asked for whenever so many times as many items are found as before.
const GROWTH: f64 = 1.25;

/// From so many items on.
const FIRST: u64 = 25;

/// Items that the price is asked of, as long as no more are found; and as many again as there are.
const ITEMS: [u64; 6] = [20, 50, 100, 200, 500, 1_000];

/// So near to what was needed a quote is right.
const NEAR: f64 = 0.2;

/// A quote, and what was needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// Items found when it was asked for.
    pub found: u64,
    /// Items that it is for.
    pub items: u64,
    /// What was said.
    pub said: Result<Quote, NoQuote>,
    /// What had been spent by then.
    at: Tally,
    /// Requests and money that it took; `None` where so many were not found any more.
    pub took: Option<(f64, f64)>,
}

/// Asks for quotes while an enumeration goes on.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    next: u64,
    promises: Vec<Promise>,
}

impl Asking {
    pub(crate) fn note(&mut self, fold: &TopicFold, spent: Tally, how: &How) {
        let found = fold.attributes();
        for promise in self.promises.iter_mut().filter(|promise| promise.took.is_none()) {
            if found >= promise.found + promise.items {
                let requests = (spent.requests - promise.at.requests) as f64;
                promise.took = Some((requests, spent.cost.usd() - promise.at.cost.usd()));
            }
        }
        if found < self.next.max(FIRST) {
            return;
        }
        self.next = (found as f64 * GROWTH).ceil() as u64;
        let (_, forecast) = look(fold, how.items, how.probes, UnixMillis(0));
        let sizes = ITEMS.into_iter().filter(|items| *items < found).chain([found]);
        self.promises.extend(sizes.map(|items| Promise {
            found,
            items,
            said: forecast.quote(items),
            at: spent,
            took: None,
        }));
    }

    pub(crate) fn end(self) -> Vec<Promise> {
        self.promises
    }
}

/// How good quotes were.
#[derive(Debug, Clone, PartialEq)]
pub struct QuoteReport {
    setting: Setting,
    seeds: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    of: String,
    asked: usize,
    refused: usize,
    /// Quoted, but as many were not found any more.
    never: usize,
    /// Refused, though as many were found.
    could: usize,
    kept: Vec<Kept>,
    /// Those of which only the intervals were told.
    rough: Vec<Kept>,
}

/// Requests and money by what they were told to be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kept {
    requests: f64,
    usd: f64,
    /// It was told within a fifth, or to the request.
    is_near: bool,
    is_covered: bool,
}

/// Sums up the quotes of a setting.
#[must_use]
pub fn quote_report(setting: &Setting, courses: &[Course]) -> QuoteReport {
    let mut by: BTreeMap<(u8, String), Vec<(f64, &Promise)>> = BTreeMap::new();
    for course in courses {
        for promise in &course.promises {
            let share = promise.found as f64 / course.knowable as f64;
            let mut note = |group: u8, name: String| {
                by.entry((group, name)).or_default().push((share, promise));
            };
            note(0, "all".to_owned());
            let (least, stage) = match share {
                share if share < 0.25 => (1, "found < 25 %"),
                share if share < 0.5 => (2, "found 25–50 %"),
                share if share < 0.75 => (3, "found 50–75 %"),
                _ => (4, "found > 75 %"),
            };
            note(least, stage.to_owned());
            let is_all = promise.items == promise.found;
            note(5, if is_all { "as many again".to_owned() } else { format!("k = {:>4}", promise.items) });
        }
    }
    let rows = by.into_iter().map(|((_, of), promises)| row(of, &promises)).collect();
    QuoteReport { setting: setting.clone(), seeds: courses.len(), rows }
}

fn row(of: String, promises: &[(f64, &Promise)]) -> Row {
    let mut row = Row {
        of,
        asked: promises.len(),
        refused: 0,
        never: 0,
        could: 0,
        kept: Vec::new(),
        rough: Vec::new(),
    };
    for (_, promise) in promises {
        match (&promise.said, promise.took) {
            (Err(_), None) => row.refused += 1,
            (Err(_), Some(_)) => {
                row.refused += 1;
                row.could += 1;
            }
            (Ok(_), None) => row.never += 1,
            (Ok(quote), Some((requests, usd))) => {
                let rows = if quote.is_rough { &mut row.rough } else { &mut row.kept };
                rows.push(Kept {
                    requests: quote.requests.about / requests.max(1.0),
                    usd: if usd > 0.0 { quote.usd.about / usd } else { 1.0 },
                    is_near: (quote.requests.about - requests).abs() <= (NEAR * requests).max(1.0),
                    is_covered: quote.requests.low <= requests
                        && requests <= quote.requests.high
                        && quote.usd.low <= usd
                        && usd <= quote.usd.high,
                });
            }
        }
    }
    row
}

impl fmt::Display for QuoteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting { taxonomy, exponent, family, .. } = &self.setting;
        writeln!(f, "{taxonomy}: exponent {exponent}, models: {}, {} seeds", family.name(), self.seeds)?;
        writeln!(
            f,
            "  {:<14} {:>6} {:>8} {:>6} {:>6} {:>7}  requests ±20 %  or ±1  told/needed  USD ±20 %  told/needed  within the interval  rough  within theirs",
            "quotes", "asked", "refused", "could", "never", "quoted"
        )?;
        for row in &self.rows {
            let all = row.kept.len();
            let share = |is: &dyn Fn(&Kept) -> bool| {
                row.kept.iter().filter(|kept| is(kept)).count() as f64 * 100.0 / all.max(1) as f64
            };
            let near = |ratio: f64| (ratio - 1.0).abs() <= NEAR;
            let median = |of: &dyn Fn(&Kept) -> f64| {
                Quartiles::of(row.kept.iter().map(|kept| Some(of(kept)))).median.unwrap_or(f64::NAN)
            };
            writeln!(
                f,
                "  {:<14} {:>6} {:>8} {:>6} {:>6} {:>7}  {:>12.0} %  {:>3.0} %  {:>11.2}  {:>7.0} %  {:>11.2}  {:>17.0} %  {:>5}  {:>11.0} %",
                row.of,
                row.asked,
                row.refused,
                row.could,
                row.never,
                all,
                share(&|kept| near(kept.requests)),
                share(&|kept| kept.is_near),
                median(&|kept| kept.requests),
                share(&|kept| near(kept.usd)),
                median(&|kept| kept.usd),
                share(&|kept| kept.is_covered),
                row.rough.len(),
                row.rough.iter().filter(|kept| kept.is_covered).count() as f64 * 100.0
                    / row.rough.len().max(1) as f64,
            )?;
        }
        Ok(())
    }
}

/// One line of JSON for each quote of a course.
#[must_use]
pub fn quote_lines(setting: &Setting, course: &Course) -> String {
    let line = |promise: &Promise| {
        let range = |range: Range| [range.low, range.about, range.high];
        let quote = promise.said.as_ref().ok();
        let line = serde_json::json!({
            "taxonomy": setting.taxonomy,
            "models": setting.family.name(),
            "knowable": course.knowable,
            "found": promise.found,
            "items": promise.items,
            "requests": quote.map(|quote| range(quote.requests)),
            "usd": quote.map(|quote| range(quote.usd)),
            "is_rough": quote.map(|quote| quote.is_rough),
            "why_not": promise.said.as_ref().err().map(ToString::to_string),
            "took_requests": promise.took.map(|(requests, _)| requests),
            "took_usd": promise.took.map(|(_, usd)| usd),
        });
        format!("{line}\n")
    };
    course.promises.iter().map(line).collect()
}
