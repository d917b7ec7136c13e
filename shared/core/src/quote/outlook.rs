//! The other way round: how many new items the next requests bring.

use std::fmt;

use super::{Forecast, NoQuote, OF_LEFT, QUANTILE, Range, Spent, count, floor, in_words};

/// Of a topic that is cut into parts no fewer requests are told of: short answers come first, and those that are under way have taken the best parts.
const LEAST_CUT: u64 = 5;

/// What the next requests bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// How many requests, failed ones included.
    pub requests: u64,
    /// New items.
    pub new: Range,
    /// US dollars.
    pub usd: Range,
    /// Seconds at the pace of the newest requests; `None` where there is none yet since the topic was started.
    pub seconds: Option<Range>,
}

impl Forecast {
    /// Requests from which on, and up to which, it can be told what they bring: at the most those that bring what a quote is given for. `None` for none.
    #[must_use]
    pub fn tellable(&self) -> Option<(u64, u64)> {
        let (least, most) =
            self.told_from().map_or((1, 0), |spent| (self.least(), self.most_requests(spent)));
        (least <= most).then_some((least, most))
    }

    const fn least(&self) -> u64 {
        if self.is_cut { LEAST_CUT } else { 1 }
    }

    fn most_requests(&self, spent: Spent) -> u64 {
        floor(self.answers(self.bound(), 2).unwrap_or_default() * spent.for_each_answer)
    }

    /// What the next so many requests bring.
    ///
    /// # Errors
    /// Where that cannot be said, for the same reasons as of a [`Quote`](super::Quote).
    pub fn outlook(&self, requests: u64) -> Result<Outlook, NoQuote> {
        let spent = self.told_from()?;
        let (least, most) = (self.least(), self.most_requests(spent));
        match self.left {
            // One answer brings more than can be told of.
            Some(left) if most == 0 && left * OF_LEFT < count(self.found) => {
                return Err(NoQuote::Few { left });
            }
            Some(_) | None if most == 0 => return Err(NoQuote::TooEarly),
            Some(_) | None if requests < least || most < least => {
                return Err(NoQuote::TooFewRequests { least, most });
            }
            Some(_) | None if requests > most => return Err(NoQuote::TooManyRequests(most)),
            Some(_) | None => {}
        }
        let wanted = count(requests);
        let answers = wanted / spent.for_each_answer;
        let [low, about, high] = [1, 2, 3].map(|by| self.brings(answers, by));
        // How many of them are answered is chance, too.
        let unanswered = (spent.for_each_answer - 1.0).max(0.0);
        let chance = about * QUANTILE * (unanswered * (1.0 / wanted.max(1.0) + 1.0 / spent.of)).sqrt();
        let (below, above) = ((about - low).hypot(chance), (high - about).hypot(chance));
        let new = Range { about, low: (about - below).max(0.0), high: about + above };
        let (usd, seconds) = self.takes(Range { about: wanted, low: wanted, high: wanted }, spent);
        Ok(Outlook { requests, new, usd, seconds })
    }

    /// New items that so many answers bring, by one of the curves.
    fn brings(&self, answers: f64, by: usize) -> f64 {
        let (mut before, mut had) = (0.0, 0.0);
        for point in &self.curve {
            let (next, brings) = (point[0], point.get(by).copied().unwrap_or_default());
            if next >= answers {
                let share = if next > before { (answers - before) / (next - before) } else { 1.0 };
                return had + (brings - had) * share;
            }
            (before, had) = (next, brings);
        }
        had
    }
}

impl fmt::Display for Outlook {
    /// For people: `the next 20 requests: about 35 new items (20 to 55), about $0.40 (0.30 to 0.52), 3 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, new: Range { about, low, high }, usd, seconds } = self;
        match requests {
            1 => f.write_str("the next request: ")?,
            requests => write!(f, "the next {requests} requests: ")?,
        }
        let plural = if (0.5..1.5).contains(about) { "" } else { "s" };
        let (low, high) = (low.floor(), high.ceil());
        write!(f, "about {about:.0} new item{plural} ({low:.0} to {high:.0}), {}", in_words::money(*usd))?;
        seconds.map_or(Ok(()), |seconds| write!(f, ", {}", in_words::time(seconds.about)))
    }
}
