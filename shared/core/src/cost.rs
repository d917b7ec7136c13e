//! Money, exactly.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// An amount of US dollars in picodollars (10⁻¹² USD). A price per million tokens is a whole number of picodollars per token
/// down to a millionth of a dollar per million tokens, so sums are exact; the largest amount is above 18 million dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(u64);

const PICO_PER_USD: f64 = 1e12;

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest amount.
    pub const MAX: Self = Self(u64::MAX);

    /// From picodollars.
    #[must_use]
    pub const fn from_picodollars(amount: u64) -> Self {
        Self(amount)
    }

    /// In picodollars.
    #[must_use]
    pub const fn picodollars(self) -> u64 {
        self.0
    }

    /// From US dollars, rounded to the nearest picodollar; negative and not-a-number give zero, too much saturates.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float-to-integer casts saturate, and NaN gives zero"
    )]
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * PICO_PER_USD).round() as u64)
    }

    /// In US dollars, for people; exact up to about nine thousand dollars.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    pub fn usd(self) -> f64 {
        self.0 as f64 / PICO_PER_USD
    }

    /// The difference, or zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product, saturating.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usd = self.usd();
        if self.is_zero() || usd >= 1.0 { write!(f, "${usd:.2}") } else { write!(f, "${usd:.6}") }
    }
}

/// What a model charges per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    input: Cost,
    output: Cost,
}

impl Price {
    /// From US dollars per million tokens, as price lists state it.
    #[must_use]
    pub fn per_million(input_usd: f64, output_usd: f64) -> Self {
        Self { input: Cost::from_usd(input_usd / 1e6), output: Cost::from_usd(output_usd / 1e6) }
    }

    /// The cost of so many tokens.
    #[must_use]
    pub fn of(self, input_tokens: u64, output_tokens: u64) -> Cost {
        self.input.times(input_tokens) + self.output.times(output_tokens)
    }

    /// The most a request can cost: a token is at least one byte, and the answer is cut at `max_output_tokens`.
    #[must_use]
    pub fn worst_case(self, input_bytes: u64, max_output_tokens: u64) -> Cost {
        self.of(input_bytes, max_output_tokens)
    }

    /// Whether nothing is charged.
    #[must_use]
    pub const fn is_free(self) -> bool {
        self.input.is_zero() && self.output.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_per_million_tokens_is_summed_without_rounding() {
        let price = Price::per_million(0.15, 0.60);
        let one = price.of(1_234, 567);
        assert_eq!(one.picodollars(), 1_234 * 150_000 + 567 * 600_000);
        assert_eq!((0..1_000).map(|_| one).sum::<Cost>(), one.times(1_000));
    }

    #[test]
    fn nonsense_amounts_are_nothing() {
        assert_eq!(Cost::from_usd(-1.0), Cost::ZERO);
        assert_eq!(Cost::from_usd(f64::NAN), Cost::ZERO);
    }
}
