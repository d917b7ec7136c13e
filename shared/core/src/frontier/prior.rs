//! What the operator thinks of providers, before their answers tell.
//!
//! Weights say how often one shall be asked compared with another. They count as much as a few answers of each ([`PRIOR`]) and less and less with every further one; where
//! shares are fixed they count in full for ever, and providers take turns by them.

use super::Wish;
use super::view::View;
use crate::routing::{PRIOR, Policy};

/// The fraction of the golden ratio: its multiples are spread evenly over [0, 1) however many there are.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Wish<'_> {
    /// Whether providers have to have the shares that the operator gave them.
    pub(super) fn has_fixed_shares(&self) -> bool {
        self.routing == Policy::Fixed && self.providers.len() > 1
    }

    /// A provider's weight, compared with the mean of those that can be asked; 1 where they are equal.
    fn weight(&self, provider: &str) -> f64 {
        let Some(weight) = self.weights.get(provider) else { return 1.0 };
        let (mut sum, mut count) = (0.0, 0.0);
        for weight in self.providers.iter().filter_map(|provider| self.weights.get(provider)) {
            sum += weight;
            count += 1.0;
        }
        if sum > 0.0 { weight * count / sum } else { 1.0 }
    }
}

impl View<'_> {
    /// How many times as much as another a provider is to be asked by the operator's weights, as far as answers do not tell.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub(super) fn preference(&self, wish: &Wish<'_>, provider: &str) -> f64 {
        if wish.weights.is_empty() {
            return 1.0;
        }
        let answers =
            (self.whole + self.aimed + self.categories.answers()) as f64 / wish.providers.len().max(1) as f64;
        let left = if wish.has_fixed_shares() { 1.0 } else { PRIOR / (PRIOR + answers) };
        wish.weight(provider).powf(left)
    }
}

/// Whose turn it is of those that have such shares, the turns being numbered: over any number of them nearly the share of each.
#[expect(clippy::cast_precision_loss, reason = "far fewer than a float tells apart")]
pub(super) fn turn_of<T>(turn: u64, shares: impl Iterator<Item = (T, f64)> + Clone) -> Option<T> {
    let all: f64 = shares.clone().map(|(_, share)| share).sum();
    let mut left = (turn as f64 * GOLDEN).fract() * all;
    let mut last = None;
    for (one, share) in shares.filter(|(_, share)| *share > 0.0) {
        if left < share {
            return Some(one);
        }
        left -= share;
        last = Some(one);
    }
    last
}
