//! Topics whose names pile up under few letters.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Item, Taxonomy};
use crate::world::letters::fold;

/// Of what begins with another letter, so much stays.
const REST: f64 = 0.1;

impl Taxonomy {
    /// The same, with all that begins with some letters and one in ten of the others. The letters are drawn by the seed, each by how many items
    /// begin with it.
    #[must_use]
    pub fn skewed(mut self, letters: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ 0x736b_6577);
        let mut left: BTreeMap<char, u32> = BTreeMap::new();
        for letter in self.items.iter().filter_map(first) {
            *left.entry(letter).or_default() += 1;
        }
        let mut whole = BTreeSet::new();
        for _ in 0..letters.min(left.len()) {
            let mut point = random.random_range(0..left.values().sum());
            let drawn = left.iter().find_map(|(letter, count)| {
                let within = point < *count;
                point = point.saturating_sub(*count);
                within.then_some(*letter)
            });
            whole.extend(drawn);
            left.retain(|letter, _| !whole.contains(letter));
        }
        self.items.retain(|item| {
            let stays = random.random_bool(REST);
            stays || first(item).is_some_and(|letter| whole.contains(&letter))
        });
        self
    }
}

/// The letter that a name begins with.
fn first(item: &Item) -> Option<char> {
    fold(&item.text).chars().next()
}
