//! What igentai says of how far it has come.

use igentai_core::status::TopicStatus;

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Unique items.
    pub attributes: u64,
    /// Probability that the next mention is of a known item.
    pub coverage: Option<f64>,
    /// Estimate of how many items there are, with its interval.
    pub total: Option<Total>,
}

/// An estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Total {
    /// The likeliest.
    pub estimate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end; `None` where only the lower is stated.
    pub high: Option<f64>,
}

impl Told {
    /// Out of a status.
    #[must_use]
    pub fn of(status: &TopicStatus) -> Self {
        let total = status.completeness.map(|said| Total {
            estimate: said.estimate.total,
            low: said.estimate.low,
            high: (!said.at_least).then_some(said.estimate.high),
        });
        Self { attributes: status.attributes, coverage: status.coverage, total }
    }
}

impl Total {
    /// Whether the interval holds a number; where there is no upper end, whether the lower one does.
    #[must_use]
    pub fn covers(&self, truth: f64) -> bool {
        self.low <= truth && self.high.is_none_or(|high| truth <= high)
    }
}
