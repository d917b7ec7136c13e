//! Numbers in front of texts: numbering, or a part of the names.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use super::enumerator::{Number, Style};

/// Whether numbers in front of texts count them.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    runs: [Run; Style::ALL.len()],
}

#[derive(Debug, Default)]
struct Run {
    count: usize,
    /// Pairs that are one apart, or begin again with one.
    steps: usize,
    equal: usize,
    rising: usize,
    same_word: usize,
    first: u32,
    last: u32,
    word: u64,
    /// The texts behind the numbers.
    texts: BTreeSet<u64>,
}

impl Run {
    fn observe(&mut self, number: u32, text: &str) {
        let word = xxh3_64(text.split_whitespace().next().unwrap_or_default().as_bytes());
        if self.count == 0 {
            self.first = number;
        } else {
            let restart = number == 1 && self.last > 1;
            self.steps += usize::from(number.abs_diff(self.last) == 1 || restart);
            self.equal += usize::from(number == self.last);
            self.rising += usize::from(number > self.last);
            self.same_word += usize::from(word == self.word);
        }
        self.count += 1;
        self.last = number;
        self.word = word;
        self.texts.insert(xxh3_64(text.as_bytes()));
    }

    /// At least `share` tenths of the pairs are a step apart.
    fn counts(&self, share: usize) -> bool {
        self.count >= 2 && self.steps * 10 >= (self.count - 1) * share
    }

    /// All texts begin with the same word, as those of `1. FC Köln` and `1. FC Nürnberg`.
    fn share_a_word(&self) -> bool {
        self.same_word + 1 == self.count
    }

    /// Letters that could be initials count where they start with the first one, or there are many.
    fn is_alphabet(&self) -> bool {
        self.count >= 5 || (self.count >= 3 && self.first == 1)
    }

    /// Numbers that names begin with seldom start with one, and without them the names may be the same.
    fn is_bare_numbering(&self) -> bool {
        let start = self.first <= 1 || self.last == 1 || self.first >= 10;
        start && self.first < 1000 && self.texts.len() == self.count
    }
}

impl Sequence {
    pub(super) fn observe(&mut self, number: &Number<'_>) {
        self.runs[number.style as usize].observe(number.count, &number.rest);
        if let Some(roman) = number.roman {
            self.runs[Style::Roman as usize].observe(roman, &number.rest);
        }
    }

    /// Whether this number is one of those that `holds` is true of.
    fn is_one(&self, number: &Number<'_>, holds: impl Fn(&Self, Style) -> bool) -> bool {
        holds(self, number.style) || (number.roman.is_some() && holds(self, Style::Roman))
    }

    /// Numbering inside a list of `entries`, of which nearly every one takes part. Behind other marks a bare number is
    /// a quantity.
    pub(super) fn in_list(&self, number: &Number<'_>, entries: usize, marked: bool) -> bool {
        self.is_one(number, |sequence, style| {
            let run = &sequence.runs[style as usize];
            let enough = run.count * 5 >= entries * 4 && run.counts(8) && run.first < 1000;
            enough
                && match style {
                    Style::Strong | Style::Weak | Style::Sign | Style::Roman => true,
                    Style::Bare => run.is_bare_numbering() && !marked,
                    Style::Initial => run.is_alphabet(),
                    Style::Letter | Style::Dotted => run.count >= 3,
                }
        })
    }

    /// Whether a style numbers the lines, of which `peers` could be items: descriptions may stand between.
    pub(super) fn counts_lines(&self, style: Style, peers: Peers) -> bool {
        let run = &self.runs[style as usize];
        let most = |peers: usize| run.count * 10 >= peers * 9;
        match style {
            Style::Strong => {
                let peers = peers.all;
                let all = run.count >= 2 && run.count == peers;
                (run.counts(5) && run.count * 3 >= peers)
                    || (all && run.equal + 1 == run.count && !run.share_a_word())
                    || (all && run.count >= 3 && run.rising + 1 == run.count && !run.share_a_word())
                    || (run.count == 1 && peers <= 1)
            }
            Style::Weak => run.counts(8) && run.count >= 3 && most(peers.all) && run.first < 1000,
            Style::Bare => run.counts(8) && run.count >= 3 && most(peers.all) && run.is_bare_numbering(),
            Style::Sign | Style::Roman => run.counts(8) && run.count * 10 >= peers.unnumbered * 8,
            Style::Dotted => run.counts(8) && run.count >= 3 && run.count * 3 >= peers.unnumbered,
            Style::Letter => run.counts(8) && most(peers.unnumbered),
            Style::Initial => run.counts(8) && run.is_alphabet() && most(peers.unnumbered),
        }
    }
}

/// Lines that could be items: all, and those that no strong number counts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Peers {
    pub(super) all: usize,
    pub(super) unnumbered: usize,
}
