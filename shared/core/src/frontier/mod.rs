//! The frontier: which parts of a topic still hold names that nobody has named, and which of them to ask for next.
//!
//! The parts, its cells, are ranges of the alphabet ([`Letters`]). Nobody fixes them beforehand: each is cut off from what is left as large as one answer
//! can list, by what is known of where names stand. An answer that is clearly shorter than those of its model about the whole has *listed* its range: the
//! model knows no more there. One that comes back full has not, and what it left is cut into smaller parts. So a part is split where it is full, and retires when it is
//! listed.
//!
//! # How many names there are
//!
//! A listed range is known but for what a list leaves out. How much that is, names tell that were known from elsewhere: those that two answers about the
//! whole topic agree on are real, and the share of them that lists of their ranges do not have is the share that lists leave out (Lincoln & Petersen's
//! estimate, with the lists as the second sample). Of names that only one answer about the whole had, lists repeat fewer: the difference are names that are
//! made up, and how many of a hundred mentions they are. Ranges that are not listed yet hold as many names as listed ones do, in proportion to those that
//! are known of each from answers about the whole.
//!
//! # What is kept
//!
//! Four bytes for each name, two for each that was known beforehand, the words of the first of both, and for each place in the alphabet how many names were
//! named how often by answers about the whole and by those about a part; of the first answers about the whole the letters that their names begin with. It is a
//! fold of the log.

use serde::{Deserialize, Serialize};

use crate::batch::{Outcome, ResponseMeta};
use crate::fold::named;
use crate::log::Entry;

mod aim;
mod categories;
mod coming;
mod estimate;
mod fullness;
mod heard;
mod keeping;
mod known;
mod leaving_out;
mod letters;
mod lists;
mod name;
mod next;
mod parts;
mod places;
mod prior;
mod reach;
mod recall;
mod spread;
mod sums;
#[cfg(test)]
mod tests;
mod texts;
mod unanswered;
mod view;
mod voices;

pub use aim::Aim;
use categories::{Categories, Said};
pub use categories::{Category, GivenError, MAX_NAME_CHARS, MAX_PARTS, NameError};
use fullness::{FULL, Length};
use known::Known;
pub use letters::Letters;
use letters::Place;
use lists::List;
use name::{BYTES, Name};

pub(crate) use next::Step;
pub use next::{Outlook, Wish};
pub use parts::{Part, PartState};
use places::Places;
use recall::Recall;
use spread::Spread;
use sums::Sums;
use unanswered::Unanswered;
use voices::{Set, Voice};

/// A full answer without anything new that has this share of what is known of its range, has all of it.
const MOST: f64 = 0.75;

/// A part that so many answers were useless for is given up.
const GIVEN_UP: u16 = 2;

/// Of so many names no more than half may stand in one place.
const ENOUGH: f64 = 40.0;
const CROWDED: f64 = 0.5;

/// How far a stretch of the alphabet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reach {
    /// Answers about it that came back full.
    full: u16,
    /// Answers that listed it, and the models that gave them.
    listed: u16,
    listed_by: Set,
    /// Those of these models that were told what others had given there: whether they know that was not seen.
    told: Set,
    /// Names to come by the last answer that came back full, for a thousand that were known after it.
    left: u16,
    /// Answers that were no list, or not of it.
    useless: u16,
}

/// What came of asking for a part.
#[derive(Clone, Copy, Debug)]
enum Came {
    /// A list as long as was asked for; names to come for a thousand that are known.
    Full { left: u16 },
    /// All that a model knows; but only what others had not given, where it was told to leave that out.
    Listed { by: Set, is_rest: bool },
    /// What was taken for that was none.
    TakenBack { by: Set, left: u16 },
    /// No list, or one of something else.
    Useless,
}

/// A stretch of the alphabet, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    from: Place,
    to: Place,
    reach: Reach,
}

/// The frontier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    #[serde(with = "serde_bytes")]
    names: Vec<u8>,
    places: Places,
    stretches: Vec<Stretch>,
    /// Short answers about parts, each until one of its model about the same part comes after it: no more than there are places, for each model.
    lists: Vec<List>,
    voices: Vec<Voice>,
    unanswered: Unanswered,
    /// Answers about the whole topic, and how many of them were full.
    whole: u64,
    whole_full: u64,
    whole_mentions: u64,
    spread: Spread,
    aimed: u64,
    aimed_mentions: u64,
    /// Mentions by answers about a part that were in it.
    within: u64,
    /// Names that were asked for at once, at most.
    longest: u32,
    /// Names that questions said to leave out, and those of them that answers gave all the same.
    left_out: u64,
    copied: u64,
    /// The first names in words, for questions to leave out.
    texts: Vec<Box<str>>,
    known: Known,
    categories: Categories,
}

/// What an answer gave: names within the part, all together, and new ones.
#[derive(Clone, Copy, Debug)]
struct Given {
    length: Length,
    /// It is about the whole, and has all that its model knows.
    lists_all: bool,
    within: u32,
    all: u32,
    new: u32,
    /// Those of the part that are known, where the question said nothing of them.
    known: Option<u32>,
    /// Names that were found which the question said to leave out.
    left_out: u32,
    /// Of those, the ones that others than its model had given, at least.
    left_to_others: u32,
    recall: Recall,
    /// Nothing in it is new, since it is full of what is known.
    is_stuck: bool,
    /// Nothing in it is new at all.
    brings_nothing: bool,
    voice: Set,
}

impl Reach {
    /// Whether nothing more is to be had there, where these models are worth asking.
    const fn is_done(self, useful: Set) -> bool {
        self.useless >= GIVEN_UP || (self.listed > 0 && self.listed_by & useful == useful)
    }
}

impl Default for Frontier {
    fn default() -> Self {
        let Letters { from, to } = Letters::ALL;
        Self {
            names: Vec::new(),
            places: Places::default(),
            voices: Vec::new(),
            unanswered: Unanswered::default(),
            lists: Vec::new(),
            stretches: vec![Stretch { from, to, reach: Reach::default() }],
            whole: 0,
            whole_full: 0,
            whole_mentions: 0,
            spread: Spread::default(),
            aimed: 0,
            aimed_mentions: 0,
            within: 0,
            longest: 0,
            left_out: 0,
            copied: 0,
            texts: Vec::new(),
            known: Known::default(),
            categories: Categories::default(),
        }
    }
}

/// Names whose words are kept.
const TEXTS: usize = 20_000;

impl Frontier {
    /// Takes in the texts of new names, in the order of their numbers.
    pub(crate) fn learn<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        for text in texts {
            let name = Name { place: letters::place(text), ..Name::default() };
            self.names.extend(name.bytes());
            if self.texts.len() < TEXTS {
                self.texts.push(text.into());
            }
        }
    }

    /// Takes in an answer, which has named these known items, besides what the entry says.
    pub(crate) fn answered(&mut self, entry: &Entry, meta: &ResponseMeta, known: &[u64]) {
        self.health(meta);
        self.unanswered.take_in(meta);
        // A part of another kind says nothing.
        let Some(aim) = Aim::of(meta).filter(|_| meta.outcome.is_answer()) else { return };
        let is_useless = matches!(meta.outcome, Outcome::Refused | Outcome::Unparsable);
        if let Aim::Parts { of, .. } = &aim {
            self.categories.told(of.as_ref(), meta);
            return;
        }
        if aim == Aim::Judge {
            self.categories.judged(meta);
            return;
        }
        if is_useless {
            match aim {
                Aim::Part(part) => self.reach(part, Came::Useless),
                Aim::Category(category) => self.categories.gave_nothing(&category),
                Aim::Whole | Aim::Parts { .. } | Aim::Judge => {}
            }
            return;
        }
        let voice = self.voice(meta);
        self.left_out += u64::from(meta.left_out);
        self.copied += u64::from(meta.copied.min(meta.left_out));
        let tail = &entry.tail;
        // What is still to come of false positives is taken to be within.
        let others = tail.missing.saturating_add(tail.over_cap);
        let found = count(named(entry).count()).saturating_add(others);
        let (all, new) = (found.saturating_add(count(known.len())), count(tail.new.len()));
        let given = all.saturating_add(meta.repeated).saturating_add(meta.rejected);
        let length = Length { asked: meta.asked, names: all, given };
        if let Aim::Category(category) = &aim {
            let is_full = self.fullness(voice).is_full(length);
            self.categories.answered(category, Said { all, new, asked: meta.asked, is_full, voice });
        }
        let own = self.given_in(&aim, voice);
        self.mention(named(entry), &aim, voice);
        let mut lists_all = false;
        if aim == Aim::Whole {
            let known = self.known_by(voice);
            let fullness = self.voice_of(voice).map(|voice| {
                voice.fullness.answered(length, known);
                voice.fullness
            });
            self.take_lists_back(voice);
            // A short answer about the whole is a list of everything, too.
            lists_all = fullness.unwrap_or_default().lists_all(length, new, known);
            if lists_all {
                self.mention(named(entry), &Aim::Part(Letters::ALL), voice);
            }
            let names = named(entry).filter_map(|number| self.name(number));
            let places: Vec<Place> = names.map(|name| name.place).collect();
            self.spread.answered(places.into_iter());
        }
        let part = match aim {
            Aim::Whole => None,
            Aim::Part(part) => Some(part),
            Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => return,
        };
        let of_known = part.map_or(0, |part| self.known.within(known, part));
        let within = part.map_or(all, |part| {
            self.within(named(entry), part).saturating_add(others).saturating_add(of_known)
        });
        let known = (meta.left_out == 0).then_some(of_known);
        let brings_nothing = new == 0 && tail.missing == 0;
        let is_stuck = of_known > 0 && brings_nothing;
        let seeds = part.map_or(0, |part| self.known.count(part));
        let left_out = meta.left_out.saturating_sub(seeds);
        let recall = part.map_or(Recall::default(), |part| {
            let given = within.saturating_sub(meta.copied);
            let known = given.saturating_sub(new.saturating_add(tail.missing));
            self.recall(part, voice, given, known, own.min(left_out))
        });
        let length = Length { names: within, ..length };
        let given = Given {
            length,
            lists_all,
            within,
            all,
            new,
            known,
            left_out,
            left_to_others: left_out.saturating_sub(own),
            recall,
            is_stuck,
            brings_nothing,
            voice,
        };
        self.answer(part, given);
    }

    /// Takes in that an answer about a part of the topic, or about the whole, named these names.
    pub(crate) fn mention(&mut self, numbers: impl Iterator<Item = u64> + Clone, aim: &Aim, voice: Set) {
        if aim.is_task() {
            return;
        }
        if let Aim::Category(category) = aim {
            self.categories.mention(category, numbers.clone());
        }
        for number in numbers {
            let Some(bytes) = self.bytes_of(number) else { continue };
            let before = Name::of(bytes);
            let after = match aim {
                Aim::Whole => before.mentioned(true, voice),
                Aim::Part(_) | Aim::Category(_) => before.mentioned(false, voice),
                Aim::Parts { .. } | Aim::Judge => before,
            };
            if after != before {
                bytes.copy_from_slice(&after.bytes());
                self.places.named(before, after, &self.stretches);
            }
            match aim {
                Aim::Part(part) => {
                    self.aimed_mentions += 1;
                    self.within += u64::from(part.contains(after.place));
                }
                Aim::Whole => self.whole_mentions += 1,
                Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => {}
            }
        }
    }

    fn answer(&mut self, part: Option<Letters>, given: Given) {
        self.longest = self.longest.max(given.length.asked);
        let fullness = self.fullness(given.voice);
        let Some(part) = part else {
            self.whole += 1;
            self.whole_full += u64::from(is_full(given.length.asked, given.within));
            if given.lists_all {
                if let Some(voice) = self.voice_of(given.voice) {
                    voice.fullness.listed_all(given.length);
                }
                self.reach(Letters::ALL, Came::Listed { by: given.voice, is_rest: false });
            }
            return;
        };
        self.aimed += 1;
        let fullness = if self.belies(part, given) { self.unlist(given.voice) } else { fullness };
        let is_full = fullness.is_full(given.length);
        let can_list = self.keeps_to(part, given);
        let known = self.found_in(part).max(1.0);
        // Else it may have given what is well known, and have more.
        let has_most = f64::from(given.within.saturating_add(given.left_out)) >= MOST * known;
        let is_one = part.is_one();
        // What cannot be cut further, and of which no more can be left out next time, is all that is to be had of a model that has nothing new.
        let listed = Came::Listed { by: given.voice, is_rest: given.left_to_others > 0 };
        let is_told_all = given.left_out > 0 || !self.heeds() || known > next::LEFT_OUT_OF_ONE;
        let came = if is_full && given.is_stuck && is_one {
            // It cannot be cut further, and says the same again.
            Came::Useless
        } else if is_full && given.brings_nothing && is_one && is_told_all {
            listed
        } else if is_full && given.brings_nothing && self.all_listed(part) && (has_most || is_one) {
            // Full of what others have listed, of which there is no more: it adds nothing to them.
            listed
        } else if is_full {
            Came::Full { left: self.left(given.new, given.recall, known, fullness) }
        } else if can_list {
            if let Some(named) = given.known {
                self.known.listed(part, named);
            }
            self.has_listed(List { part, by: given.voice, length: given.length });
            listed
        } else {
            Came::Useless
        };
        self.reach(part, came);
    }

    /// Whether models have listed all of a part.
    fn all_listed(&self, part: Letters) -> bool {
        let mut within = self.stretches.iter().filter(|stretch| stretch.letters().overlaps(part));
        within.all(|stretch| stretch.reach.listed > 0)
    }

    /// Answered requests that did not ask for items.
    #[must_use]
    pub(crate) const fn tasks(&self) -> u64 {
        self.categories.tasks()
    }

    /// Share of the names in answers about parts that are in their parts.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn share_within(&self) -> Option<f64> {
        (self.aimed_mentions > 0).then(|| self.within as f64 / self.aimed_mentions as f64)
    }

    /// Names of a part that answers about parts have given, and this model at all.
    fn given_in(&self, aim: &Aim, voice: Set) -> u32 {
        let Aim::Part(part) = aim else { return 0 };
        self.of(*part).map(|names| names.given(voice)).sum()
    }

    /// How many of these names are in a part.
    fn within(&self, numbers: impl Iterator<Item = u64>, part: Letters) -> u32 {
        count(numbers.filter(|number| self.is_within(*number, part)).count())
    }

    /// Whether this name is in a part.
    pub(crate) fn is_within(&self, number: u64, part: Letters) -> bool {
        self.name(number).is_some_and(|name| part.contains(name.place))
    }

    fn name(&self, number: u64) -> Option<Name> {
        let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(BYTES)?;
        self.names.get(start..start + BYTES).map(Name::of)
    }

    fn bytes_of(&mut self, number: u64) -> Option<&mut [u8]> {
        let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(BYTES)?;
        self.names.get_mut(start..start + BYTES)
    }

    /// Names that are known of a range.
    fn found_in(&self, part: Letters) -> f64 {
        self.of(part).map(|names| names.counts().found()).sum::<u32>().into()
    }
}

/// Whether an answer has as many names as were asked for, or nearly so.
fn is_full(asked: u32, names: u32) -> bool {
    u64::from(names) * 1_000 >= u64::from(FULL) * u64::from(asked)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is cut to what fits")]
fn permille(share: f64) -> u16 {
    (share * 1_000.0).clamp(0.0, 60_000.0) as u16
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
