//! A fixed grid: one prompt for each letter from A to Z, as somebody writes it who knows that a model names more when it is asked for less.

use std::collections::{BTreeSet, VecDeque};

use igentai_core::frontier::{Aim, Letters};
use igentai_core::key::Key;
use igentai_producer::prompt;
use igentai_test_support::world::{self, Request, World};

use crate::course::{Course, End, Record, Tally, needed};
use crate::{How, SHARES};

/// When a letter is asked for no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivesUp {
    /// After an answer that brought nothing new.
    Once,
    /// After two such answers running.
    Twice,
    /// After an answer of whose names fewer than one in ten were new.
    Little,
    /// After an answer with fewer names than were asked for, since models are told to list all there are.
    Short,
}

impl GivesUp {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Once, Self::Twice, Self::Little, Self::Short];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Twice => "twice",
            Self::Little => "little",
            Self::Short => "short",
        }
    }

    fn applies(self, asked: usize, named: usize, new: usize, dry: u32) -> bool {
        match self {
            Self::Once => new == 0,
            Self::Twice => dry >= 2,
            Self::Little => new * 10 < named || named == 0,
            Self::Short => named < asked,
        }
    }
}

/// How a grid is gone over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// When a letter is asked for no more.
    pub gives_up: GivesUp,
    /// Prompts say what is known of the letter, not to be repeated.
    pub excludes: bool,
}

impl Default for Grid {
    fn default() -> Self {
        Self { gives_up: GivesUp::Short, excludes: true }
    }
}

struct Cell {
    aim: Aim,
    known: Vec<String>,
    dry: u32,
}

/// The letters from A to Z.
fn letters() -> VecDeque<Cell> {
    let aims = ('a'..='z').filter_map(|letter| Letters::parse(&letter.to_string())).map(Aim::Part);
    aims.map(|aim| Cell { aim, known: Vec::new(), dry: 0 }).collect()
}

/// Asks for one letter after the other, in igentai's own words, until enough is found. A letter that is given up has its turn again when all are.
pub(crate) fn run(world: &World, how: &How) -> Course {
    let enough = needed(world.knowable(), SHARES[SHARES.len() - 1]);
    let (mut record, mut spent) = (Record::default(), Tally::default());
    // What is the same is told as igentai tells it.
    let mut keys: BTreeSet<Key> = BTreeSet::new();
    let (mut open, mut given_up) = (letters(), VecDeque::new());
    for number in 0..how.max_requests {
        if open.is_empty() {
            std::mem::swap(&mut open, &mut given_up);
        }
        let mut cell = open.pop_front().unwrap();
        let known: &[String] = if how.grid.excludes { &cell.known } else { &[] };
        let question = prompt::question(world.taxonomy().topic, None, how.items, &cell.aim, known);
        let model = number as usize % world.models().len();
        let answer =
            world.answer(Request { model, number, system: &question.system, prompt: &question.user });
        spent.requests += 1;
        spent.tokens += answer.input_tokens + answer.output_tokens;
        spent.cost += answer.cost;
        record.note(spent, answer.truths, None);
        if record.found() >= enough {
            return record.end(world.knowable(), End::Enough);
        }
        if answer.end != world::End::Listed {
            // It says nothing of the letter, which is asked for again.
            open.push_front(cell);
            continue;
        }
        let names: Vec<String> = answer.said.into_iter().filter(|text| !text.ends_with(':')).collect();
        let said = names.len();
        let is_new = |text: &String| Key::of(text).is_some_and(|key| keys.insert(key));
        let new: Vec<String> = names.into_iter().filter(is_new).collect();
        cell.dry = if new.is_empty() { cell.dry + 1 } else { 0 };
        let is_over = how.grid.gives_up.applies(how.items as usize, said, new.len(), cell.dry);
        cell.known.extend(new);
        if is_over {
            cell.dry = 0;
            given_up.push_back(cell);
        } else {
            open.push_back(cell);
        }
    }
    record.end(world.knowable(), End::UsedUp)
}

#[cfg(test)]
mod tests {
    use igentai_test_support::world::Traits;
    use igentai_test_support::world::taxonomy::Taxonomy;

    use super::*;

    /// One thing under A, 120 under B, and nothing else, as a model without whims knows it.
    fn things() -> World {
        let under_b: Vec<String> = (0..120).map(|number| format!("b{number}")).collect();
        let mut all: Vec<&str> = under_b.iter().map(String::as_str).collect();
        all.push("ant");
        let model = Traits::honest();
        World::new(Taxonomy::of("things", "Things", &[("", &all)]), vec![model], 1.0, 1)
    }

    fn requests(gives_up: GivesUp, excludes: bool) -> u64 {
        let grid = Grid { gives_up, excludes };
        let how = How { grid, max_requests: 200, ..How::default() };
        run(&things(), &how).at(0.95).map_or(u64::MAX, |step| step.spent.requests)
    }

    #[test]
    fn letters_have_their_turn_until_they_are_given_up() {
        // Three answers about B are needed. The first comes when all letters are asked for once.
        assert_eq!(requests(GivesUp::Short, true), 26 + 2);
        // A has a second turn, since the first brought something.
        assert_eq!(requests(GivesUp::Once, true), 26 + 3);
        assert_eq!(requests(GivesUp::Little, true), 26 + 3);
        assert_eq!(requests(GivesUp::Twice, true), 26 + 26 + 2);
    }

    #[test]
    fn what_is_known_and_may_be_repeated_takes_longer() {
        let most = requests(GivesUp::Once, false);
        assert!((26 + 4..200).contains(&most), "{most}");
    }
}
