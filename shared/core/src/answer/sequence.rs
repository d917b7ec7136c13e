//! Numbers in front of texts: numbering, or a part of the names.

use super::markup::Strength;

/// Whether numbers in front of texts count them.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    strong: Run,
    weak: Run,
}

#[derive(Debug, Default)]
struct Run {
    count: usize,
    steps: usize,
    equal: usize,
    first: u32,
    last: u32,
}

impl Run {
    fn observe(&mut self, number: u32) {
        if self.count == 0 {
            self.first = number;
        } else {
            self.steps += usize::from(number.abs_diff(self.last) == 1);
            self.equal += usize::from(number == self.last);
        }
        self.count += 1;
        self.last = number;
    }

    /// At least `share` tenths of the pairs are a step apart.
    fn counts(&self, share: usize) -> bool {
        self.count >= 2 && self.steps * 10 >= (self.count - 1) * share
    }
}

impl Sequence {
    pub(super) fn observe(&mut self, number: Option<(u32, Strength)>) {
        match number {
            Some((number, Strength::Strong)) => self.strong.observe(number),
            Some((number, Strength::Weak)) => self.weak.observe(number),
            None => {}
        }
    }

    /// Numbering inside a list that has other marks: nearly every one of `entries` takes part.
    pub(super) fn is_numbering(&self, entries: usize) -> bool {
        [&self.strong, &self.weak]
            .iter()
            .any(|run| run.count * 5 >= entries * 4 && run.counts(8) && run.first < 1000)
    }

    pub(super) fn uses(&self, strength: Strength) -> bool {
        match strength {
            Strength::Strong => self.strong.counts(8),
            Strength::Weak => self.weak.counts(8),
        }
    }

    /// Numbering at the beginning of lines, of which `peers` could be items: descriptions may stand between.
    pub(super) fn lines(&self, strength: Strength, peers: usize) -> bool {
        let run = match strength {
            Strength::Strong => &self.strong,
            Strength::Weak => &self.weak,
        };
        let counted = run.counts(5) && run.count * 3 >= peers;
        match strength {
            Strength::Strong => {
                counted
                    || (run.count >= 2 && run.equal + 1 == run.count && run.count == peers)
                    || (run.count == 1 && peers <= 1)
            }
            Strength::Weak => {
                counted && run.counts(8) && run.count >= 3 && run.count * 10 >= peers * 9 && run.first < 1000
            }
        }
    }
}
