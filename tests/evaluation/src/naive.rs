//! What people write before they have igentai: a loop around a prompt.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use igentai_test_support::world::{Request, World};

use crate::How;
use crate::SHARES;
use crate::course::{Course, End, Record, Tally, needed};

const SYSTEM: &str = "You are a helpful assistant. Answer with a list, one item a line, and nothing else.";

/// Items that a prompt says are known: beyond, those that were named last.
const MAX_KNOWN: usize = 1_000;

/// Asks one model after the other, all of them equally often, until enough is found.
pub(crate) fn run(world: &World, how: &How, exclude: bool) -> Course {
    let question = format!("List {} different {}.", how.items, world.taxonomy().topic.to_lowercase());
    let enough = needed(world.knowable(), SHARES[SHARES.len() - 1]);
    let (mut record, mut spent) = (Record::default(), Tally::default());
    let mut known = Known::default();
    for number in 0..how.max_requests {
        let mut prompt = question.clone();
        if exclude && !known.last.is_empty() {
            let last: Vec<&str> = known.last.iter().map(String::as_str).collect();
            write!(prompt, "\n\nDo not repeat these: {}.", last.join(", ")).unwrap();
        }
        let model = number as usize % world.models().len();
        let answer = world.answer(Request { model, number, system: SYSTEM, prompt: &prompt });
        spent.requests += 1;
        spent.tokens += answer.input_tokens + answer.output_tokens;
        spent.cost += answer.cost;
        known.take_in(answer.said);
        record.note(spent, answer.truths, None);
        if record.found() >= enough {
            return record.end(world.knowable(), End::Enough);
        }
    }
    record.end(world.knowable(), End::UsedUp)
}

/// What was named so far, as such a loop keeps it: compared without case.
#[derive(Default)]
struct Known {
    all: BTreeSet<String>,
    last: VecDeque<String>,
}

impl Known {
    fn take_in(&mut self, said: Vec<String>) {
        for text in said {
            if self.all.insert(text.trim_end_matches('.').to_lowercase()) {
                self.last.push_back(text);
            }
        }
        let over = self.last.len().saturating_sub(MAX_KNOWN);
        self.last.drain(..over);
    }
}
