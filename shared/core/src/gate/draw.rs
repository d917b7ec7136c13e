//! The draw of a provider by weight.

/// The order in which providers are to be asked: the first is drawn by weight among all, the second among the others, and so on. It
/// depends on nothing but the arguments, so a draw that is kept means the same provider later, and leaving some out takes nothing
/// from the chances of the rest. `draw` is uniform in `0..1`: what is left of it within the share that it fell into is uniform
/// again and draws the next. Quadratic in the number of providers.
pub(super) fn order(mut weights: Vec<(usize, f64)>, draw: f64) -> Vec<usize> {
    let mut draw = draw.clamp(0.0, 1.0);
    let mut order = Vec::with_capacity(weights.len());
    while let Some(last) = weights.len().checked_sub(1) {
        let mut point = draw * weights.iter().map(|(_, weight)| weight).sum::<f64>();
        let within = |(_, weight): &(usize, f64)| {
            let within = point < *weight;
            if !within {
                point -= weight;
            }
            within
        };
        // Rounding may put the point behind the last.
        let position = weights.iter().position(within).unwrap_or(last);
        let (index, weight) = weights.remove(position);
        draw = (point / weight).clamp(0.0, 1.0);
        order.push(index);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_place_is_drawn_by_weight_among_those_that_are_left() {
        let mut counts: BTreeMap<Vec<usize>, u32> = BTreeMap::new();
        for i in 0..6_000 {
            let order = order(vec![(0, 3.0), (1, 2.0), (2, 1.0)], f64::from(i) / 6_000.0);
            *counts.entry(order).or_default() += 1;
        }
        // Half begin with the first; behind it two of three are the second.
        for (order, expected) in [
            (vec![0, 1, 2], 2_000),
            (vec![0, 2, 1], 1_000),
            (vec![1, 0, 2], 1_500),
            (vec![1, 2, 0], 500),
            (vec![2, 0, 1], 600),
            (vec![2, 1, 0], 400),
        ] {
            let count = counts[&order];
            assert!(count.abs_diff(expected) <= 2, "{order:?}: {count} of {expected}");
        }
    }

    #[test]
    fn every_provider_has_one_place_whatever_the_weights() {
        for draw in [0.0, 0.5, 0.999_999_999, 1.0, 7.0, f64::NAN] {
            for weights in [vec![], vec![1e-300, 1.0, 1e300], vec![f64::MAX, f64::MAX], vec![0.1; 9]] {
                let count = weights.len();
                let mut order = order(weights.into_iter().enumerate().collect(), draw);
                order.sort_unstable();
                assert_eq!(order, (0..count).collect::<Vec<_>>());
            }
        }
    }
}
