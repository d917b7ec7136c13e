//! Whether models keep to the parts that they are asked about.
//!
//! One that has no more names of a part may fill its answer up with others. That is a list of the part all the same, if its model keeps to parts otherwise.

use serde::{Deserialize, Serialize};

use super::{Frontier, Given, Letters};

/// An answer of which less than this share is in its part does not keep to it, as it looks.
const KEEPS_TO: f64 = 0.5;

/// One that has so many times as much of its part as answers about the whole, with this share more for parts that these name little of, keeps to it all the same.
const RICHER: f64 = 2.0;
const BY_CHANCE: f64 = 0.02;

/// An answer with a smaller share of new names is of a model that has run out of them, and says nothing against one that has kept to a part before.
const NEW: f64 = 0.1;

/// So many answers show whether models keep to parts at all, and so many that one does.
const TRIED: u32 = 3;
const SURE: u32 = 2;

/// How many answers kept to their parts, and how many strayed from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keeping {
    kept: u32,
    strayed: u32,
}

impl Keeping {
    fn take_in(&mut self, keeps_to: bool) {
        let of = if keeps_to { &mut self.kept } else { &mut self.strayed };
        *of = of.saturating_add(1);
    }

    /// Whether a model is known to keep to its parts.
    const fn is_usual(self) -> bool {
        self.kept >= SURE && self.kept >= self.strayed
    }
}

impl Frontier {
    /// Takes in whether an answer keeps to its part; whether it can be a list of that.
    pub(super) fn keeps_to(&mut self, part: Letters, given: Given) -> bool {
        let keeps_to = f64::from(given.within) >= KEEPS_TO * f64::from(given.all);
        let is_of_it = keeps_to || self.is_rich_in(part, given);
        let has_run_out = f64::from(given.new) <= NEW * f64::from(given.all);
        let Some(voice) = self.voice_of(given.voice) else { return keeps_to };
        if is_of_it || !has_run_out || voice.keeping.kept == 0 {
            voice.keeping.take_in(is_of_it);
        }
        keeps_to || voice.keeping.is_usual() && (is_of_it || has_run_out)
    }

    /// Whether no more answers strayed from their parts than kept to them, as far as that was tried.
    pub(super) fn keeps_to_parts(&self) -> bool {
        let each = self.voices.iter().map(|voice| voice.keeping);
        let (kept, strayed) =
            each.fold((0, 0), |(kept, strayed), voice| (kept + voice.kept, strayed + voice.strayed));
        kept + strayed < TRIED || kept >= strayed
    }

    /// Whether an answer that gives much else has far more of its part than one about the whole would, with what it was told to leave out.
    fn is_rich_in(&self, part: Letters, given: Given) -> bool {
        let whole = |part| self.of(part).map(|names| names.counts().whole()).sum::<u32>();
        let by_chance = f64::from(whole(part)) / f64::from(whole(Letters::ALL).max(1));
        let of = |names: u32| f64::from(names.saturating_add(given.left_out));
        of(given.within) >= RICHER * (by_chance + BY_CHANCE) * of(given.all)
    }
}
