//! What somebody knows already of a world: each item by lot.

use std::collections::BTreeSet;

use igentai_core::topic::{SeedList, Topic};
use igentai_shared::store::Store;
use igentai_test_support::world::World;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

/// The items.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeSet<usize>);

impl Known {
    /// A share of all items.
    pub(crate) fn draw(world: &World, share: f64, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ 0x006b_6e6f_776e);
        Self((0..world.taxonomy().items.len()).filter(|_| random.random_bool(share)).collect())
    }

    /// Tells the topic of them.
    pub(crate) async fn tell(&self, world: &World, store: &dyn Store, topic: &mut Topic) {
        if self.0.is_empty() {
            return;
        }
        let texts = self.0.iter().map(|item| world.taxonomy().items[*item].text.as_str());
        let list = SeedList::of(texts).unwrap();
        for (part, texts) in (0..).zip(list.parts()) {
            store.keep_seeds(&topic.id, &list.seeds().list, part, texts).await.unwrap();
        }
        topic.seeds = Some(list.seeds());
    }

    /// Whether an item is one of them.
    pub(crate) fn holds(&self, item: usize) -> bool {
        self.0.contains(&item)
    }

    /// How many items can be found besides.
    pub(crate) fn besides(&self, world: &World) -> usize {
        world.knowable_items().iter().filter(|item| !self.holds(**item)).count()
    }
}
