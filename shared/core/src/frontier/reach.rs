//! How far stretches of the alphabet are, after an answer.

use super::fullness::Fullness;
use super::places::Listers;
use super::voices::Set;
use super::{Came, Frontier, Given, Letters, Reach, Stretch};

/// Lists leave out no more than this share of what they have. So many names at least that are more than that show that there was no list.
const LEFT_OUT_AT_MOST: f64 = 0.25;
const BELIED: u32 = 4;

impl Reach {
    /// Who has listed it.
    pub(super) const fn listers(&self) -> Listers {
        Listers { all: self.listed_by, told: self.told }
    }

    fn take_in(&mut self, came: Came) {
        match came {
            Came::Full { left } => {
                self.full = self.full.saturating_add(1);
                self.left = left;
            }
            Came::Listed { by, is_rest } => {
                self.listed = self.listed.saturating_add(1);
                if !is_rest {
                    self.told &= !by;
                } else if self.listed_by & by == 0 {
                    self.told |= by;
                }
                self.listed_by |= by;
            }
            Came::TakenBack { by, left } if self.listed_by & by != 0 => {
                self.listed_by &= !by;
                self.told &= !by;
                self.listed = if self.listed_by == 0 { 0 } else { self.listed.saturating_sub(1).max(1) };
                self.full = self.full.saturating_add(1);
                self.left = left;
            }
            Came::TakenBack { .. } => {}
            Came::Useless => self.useless = self.useless.saturating_add(1),
        }
    }
}

impl Stretch {
    /// Whether it goes on as the one before it, which then takes it in.
    fn joins(&self, before: &mut Self) -> bool {
        let joins = self.reach == before.reach;
        if joins {
            before.to = self.to;
        }
        joins
    }
}

impl Frontier {
    /// Takes in what came of asking for a part.
    pub(super) fn reach(&mut self, part: Letters, came: Came) {
        if let Came::Listed { by, .. } = came {
            let is_first = |stretch: &&Stretch| stretch.reach.listed == 0;
            let letters =
                self.stretches.iter().filter(is_first).filter_map(|stretch| stretch.letters().both(part));
            letters.for_each(|letters| self.places.lists_first(letters, by));
        }
        self.reach_all(part, came);
        if matches!(came, Came::Listed { .. } | Came::TakenBack { .. }) {
            self.places.see_who_listed(part, &self.stretches);
        }
    }

    /// Whether an answer about a part has so much more that what its model has said of the whole, and what was taken for all of it, cannot have been that.
    pub(super) fn belies(&self, part: Letters, given: Given) -> bool {
        let mut within = self.stretches.iter().filter(|stretch| stretch.letters().overlaps(part));
        let known: u32 = self.of(part).map(|names| names.by(given.voice)).sum();
        let before = f64::from(known.saturating_sub(given.new));
        within.all(|stretch| stretch.reach.listed_by & given.voice != 0)
            && given.new >= BELIED
            && f64::from(given.new) > LEFT_OUT_AT_MOST * before
    }

    /// What a model said of the whole was not all that it knows: it has listed nothing yet, and stops as early as that. Says how long its answers are.
    pub(super) fn unlist(&mut self, voice: Set) -> Fullness {
        let stops = self.voice_of(voice).is_some_and(|voice| voice.fullness.has_more());
        if stops {
            for Stretch { reach, .. } in &mut self.stretches {
                reach.listed_by &= !voice;
                reach.told &= !voice;
                reach.listed = if reach.listed_by == 0 { 0 } else { reach.listed };
            }
            self.stretches.dedup_by(|next, before| next.joins(before));
            self.places.see_who_listed(Letters::ALL, &self.stretches);
        }
        self.fullness(voice)
    }

    fn reach_all(&mut self, part: Letters, came: Came) {
        if self.reach_one(part, came) {
            return;
        }
        let mut reached = Vec::with_capacity(self.stretches.len() + 2);
        for stretch in &self.stretches {
            let Stretch { from, to, mut reach } = *stretch;
            let Some(both) = part.both(Letters { from, to }) else {
                reached.push(*stretch);
                continue;
            };
            if from < both.from {
                reached.push(Stretch { from, to: both.from - 1, reach });
            }
            reach.take_in(came);
            reached.push(Stretch { from: both.from, to: both.to, reach });
            let Letters { to: last, .. } = both;
            if last < to {
                reached.push(Stretch { from: last + 1, to, reach: stretch.reach });
            }
        }
        reached.dedup_by(|next, before| next.joins(before));
        self.stretches = reached;
    }

    /// The same where the part is just one of the stretches, as most are in a large topic: only its neighbours can become one with it.
    fn reach_one(&mut self, part: Letters, came: Came) -> bool {
        let Ok(place) = self.stretches.binary_search_by_key(&part.from, |stretch| stretch.from) else {
            return false;
        };
        let Some(stretch) = self.stretches.get_mut(place).filter(|stretch| stretch.to == part.to) else {
            return false;
        };
        stretch.reach.take_in(came);
        for place in [place + 1, place] {
            let before = place.checked_sub(1).and_then(|before| self.stretches.get(before)).copied();
            let (Some(mut before), Some(next)) = (before, self.stretches.get(place).copied()) else {
                continue;
            };
            if next.joins(&mut before) {
                self.stretches.remove(place);
                if let Some(stretch) = self.stretches.get_mut(place - 1) {
                    *stretch = before;
                }
            }
        }
        true
    }
}
