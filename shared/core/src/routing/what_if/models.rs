//! What providers are taken to know: what each has named anywhere in the log, and how readily.
//!
//! A list of a part has what its model knows of it, but for what it forgets. So an item comes as often as the model's lists had it that could have: those
//! of its part that were not told to leave it out, and did not end because enough was said; of those that did, which had more, only what they have counts. In
//! answers about the whole, items come by how many of these had them; those that none had share what Good and Turing give to the unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::like::{Like, count, is_list, number};
use super::{Answer, Answers};
use crate::frontier::{Aim, Letters};
use crate::topic::FIRST_SEED;

/// Before anything is known a list has this share of what its model knows, as if so many items had shown it.
const RECALL: (f64, f64) = (0.9, 10.0);

/// The same for an item of which a model's recall is known.
const OF_ITEM: f64 = 0.5;

/// An answer that has this share of what its model gives at most did not end because enough was said.
const SHORT: f64 = 0.9;

/// Of the answers about the whole, an item is in no more than this share, as far as is known.
const MOST: f64 = 0.98;

/// Draws that a simulation makes at most.
const MOST_DRAWS: u64 = 1_000_000_000;

/// The items of a log. They are numbered from 0, what was known beforehand behind the others.
#[derive(Debug)]
pub(super) struct Items<'a> {
    found: usize,
    texts: Vec<&'a str>,
    numbers: BTreeMap<&'a str, usize>,
    /// Where each stands in the alphabet.
    places: Vec<u16>,
}

/// An item that a model knows.
#[derive(Clone, Copy, Debug)]
struct Known {
    item: usize,
    /// Answers that named it: all, about the whole, and of lists that could have.
    named: u32,
    whole: u32,
    hits: u32,
    chances: u32,
    /// How readily it comes to mind where the whole is asked for, and the probability that a list has it.
    weight: f64,
    comes: f64,
}

/// A provider.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) like: Like,
    /// By place in the alphabet.
    known: Vec<Known>,
    recall: f64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Models<'a> {
    pub(super) items: Items<'a>,
    pub(super) models: BTreeMap<&'a str, Model>,
}

/// What a model says.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) items: Vec<usize>,
    /// Those of them that it was told to leave out.
    pub(super) copied: usize,
}

impl<'a> Items<'a> {
    fn of(answers: &'a Answers) -> Self {
        let seeds = answers.seeded.iter().flat_map(|entry| &entry.tail.new).map(String::as_str);
        let texts: Vec<&str> = answers.texts.iter().map(AsRef::as_ref).chain(seeds).collect();
        let numbers = texts.iter().enumerate().map(|(item, text)| (*text, item)).collect();
        let places = texts.iter().map(|text| Letters::number_of(text)).collect();
        Self { found: answers.texts.len(), texts, numbers, places }
    }

    /// The item with that number in the log.
    fn item(&self, seq: u64) -> Option<usize> {
        let (first, before) = if seq >= FIRST_SEED { (FIRST_SEED, self.found) } else { (1, 0) };
        let item = usize::try_from(seq.checked_sub(first)?).ok()?.checked_add(before)?;
        (item < self.texts.len()).then_some(item)
    }

    /// The number of what was known beforehand.
    pub(super) fn seed(&self, item: usize) -> Option<u64> {
        u64::try_from(item.checked_sub(self.found)?).ok().map(|seed| FIRST_SEED + seed)
    }

    pub(super) fn text(&self, item: usize) -> &'a str {
        self.texts.get(item).copied().unwrap_or_default()
    }

    pub(super) fn named(&self, text: &str) -> Option<usize> {
        self.numbers.get(text).copied()
    }

    fn is_within(&self, item: usize, part: Letters) -> bool {
        self.places.get(item).is_some_and(|place| part.numbers().contains(place))
    }

    /// How many of these are not of what was asked about.
    fn astray(&self, named: &[usize], aim: &Aim) -> usize {
        let Aim::Part(part) = aim else { return 0 };
        named.iter().filter(|item| !self.is_within(**item, *part)).count()
    }
}

impl<'a> Models<'a> {
    pub(super) fn of(answers: &'a Answers) -> Self {
        let items = Items::of(answers);
        // Of each answer its aim and its items.
        let mut all: Vec<(Aim, Vec<usize>)> = Vec::new();
        let mut first_aimed = vec![usize::MAX; items.texts.len()];
        for (index, answer) in answers.all.iter().enumerate() {
            let aim = Aim::of(&answer.meta).unwrap_or(Aim::Whole);
            let named: BTreeSet<usize> = answer.items.iter().filter_map(|seq| items.item(*seq)).collect();
            if aim != Aim::Whole {
                for item in &named {
                    if let Some(first) = first_aimed.get_mut(*item) {
                        *first = (*first).min(index);
                    }
                }
            }
            all.push((aim, named.into_iter().collect()));
        }
        let mut by_provider: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, answer) in answers.all.iter().enumerate() {
            by_provider.entry(&answer.meta.provider).or_default().push(index);
        }
        let model = |indices: &Vec<usize>| Model::of(answers, &items, &all, &first_aimed, indices);
        let models = by_provider.iter().map(|(provider, indices)| (*provider, model(indices))).collect();
        Self { items, models }
    }

    /// How many items some of the providers have named.
    pub(super) fn named_by(&self, providers: &[String]) -> u64 {
        let known = providers.iter().filter_map(|name| self.models.get(name.as_str()));
        let named: BTreeSet<usize> = known.flat_map(|model| &model.known).map(|known| known.item).collect();
        let found = named.into_iter().filter(|item| *item < self.items.found);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    }
}

impl Model {
    fn of(
        answers: &Answers,
        items: &Items<'_>,
        all: &[(Aim, Vec<usize>)],
        first_aimed: &[usize],
        indices: &[usize],
    ) -> Self {
        let mut tallies: BTreeMap<usize, Known> = BTreeMap::new();
        let (mut like, mut whole) = (Vec::new(), Vec::new());
        for index in indices {
            let (Some(answer), Some((aim, named))) = (answers.all.get(*index), all.get(*index)) else {
                continue;
            };
            for item in named {
                let known = tallies.entry(*item).or_insert(Known::new(*item));
                known.named += 1;
                known.whole += u32::from(*aim == Aim::Whole);
            }
            if *aim == Aim::Whole && is_list(answer) {
                whole.push(named.len());
            }
            like.push((*index, answer, items.astray(named, aim)));
        }
        let mut known: Vec<Known> = tallies.into_values().collect();
        known.sort_by_key(|known| (items.places.get(known.item).copied(), known.item));
        let mut model = Self { like: Like::of(&like), known, recall: RECALL.0 };
        let aimed = like.iter().filter_map(|(index, ..)| Some((*index, answers.all.get(*index)?)));
        let aimed: Vec<(usize, &Answer)> = aimed.filter(|(_, answer)| is_list(answer)).collect();
        model.look_at_lists(items, all, first_aimed, &aimed);
        model.settle(&whole, items);
        model
    }

    /// Counts which items its lists had, of those that they could have.
    fn look_at_lists(
        &mut self,
        items: &Items<'_>,
        all: &[(Aim, Vec<usize>)],
        first_aimed: &[usize],
        lists: &[(usize, &Answer)],
    ) {
        let (mut again, mut had) = (RECALL.1, RECALL.0 * RECALL.1);
        for (index, answer) in lists {
            let Some((Aim::Part(part), named)) = all.get(*index) else { continue };
            let gives = self.like.gives * f64::from(answer.meta.asked);
            let is_short = answer.meta.asked > 0 && number(named.len()) < SHORT * gives;
            // One that is filled up with items of other parts has no more of its own.
            let strays = named.iter().any(|item| !items.is_within(*item, *part));
            for at in self.of_part(items, *part) {
                let Some(known) = self.known.get_mut(at) else { continue };
                let hit = named.binary_search(&known.item).is_ok();
                let is_seed = items.seed(known.item).is_some();
                let before = is_seed || first_aimed.get(known.item).is_some_and(|first| first < index);
                if !hit && (!(is_short || strays) || answer.meta.left_out > 0 && before) {
                    continue;
                }
                known.chances += 1;
                known.hits += u32::from(hit);
                if is_short && known.named > u32::from(hit) {
                    (again, had) = (again + 1.0, had + f64::from(u8::from(hit)));
                }
            }
        }
        self.recall = had / again;
    }

    /// Puts down how readily each item comes.
    fn settle(&mut self, whole: &[usize], items: &Items<'_>) {
        let answers = number(whole.len()).max(1.0);
        let mentions: f64 = self.known.iter().map(|known| f64::from(known.whole)).sum();
        let once = number(self.known.iter().filter(|known| known.whole == 1).count());
        let never = number(self.known.iter().filter(|known| known.whole == 0).count());
        let unseen = if mentions > 0.0 { (once / mentions).min(0.9) } else { 1.0 };
        let seen = |times: u32| f64::from(times) / answers * (1.0 - unseen);
        // No more readily than what was named once.
        let hidden = (once / answers / never.max(1.0)).min(if mentions > 0.0 { seen(1) } else { 0.5 });
        for known in &mut self.known {
            let share = if known.whole > 0 { seen(known.whole) } else { hidden };
            known.weight = -(1.0 - share.clamp(1e-6, MOST)).ln();
            known.comes =
                (f64::from(known.hits) + OF_ITEM * self.recall) / (f64::from(known.chances) + OF_ITEM);
        }
        debug_assert!(self.known.is_sorted_by_key(|known| items.places.get(known.item)));
    }

    /// How many items it has named.
    pub(super) fn names(&self) -> u64 {
        u64::try_from(self.known.len()).unwrap_or(u64::MAX)
    }

    /// Where those stand that are of a part.
    fn of_part(&self, items: &Items<'_>, part: Letters) -> Range<usize> {
        let place = |known: &Known| items.places.get(known.item).copied().unwrap_or_default();
        let (first, last) = part.numbers().into_inner();
        let from = self.known.partition_point(|known| place(known) < first);
        from..self.known.partition_point(|known| place(known) <= last)
    }

    /// What it says in its answer of that number: always the same. `None` where all has been drawn that may be.
    pub(super) fn say(
        &self,
        items: &Items<'_>,
        (aim, asked, number_of): (&Aim, u32, u64),
        leave_out: &BTreeSet<usize>,
        draws: &mut u64,
    ) -> Option<Said> {
        let most = self.most(asked);
        let all = 0..self.known.len();
        let whole_of = |_: &Known| self.recall;
        let mut named = match aim {
            Aim::Whole => self.draw(all, (number_of, &whole_of), leave_out, draws)?,
            Aim::Part(part) => {
                let within = self.of_part(items, *part);
                let mut named = self.draw(within, (number_of, &|known| known.comes), leave_out, draws)?;
                if named.len() < most && drawn(number_of, usize::MAX, 3) < self.like.strays {
                    let further = self.draw(all, (number_of, &whole_of), leave_out, draws)?;
                    let further = further.into_iter().filter(|item| !items.is_within(*item, *part));
                    named.extend(further.take(whole(self.like.astray)));
                }
                named
            }
            Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => Vec::new(),
        };
        named.truncate(most);
        let copied = named.iter().filter(|item| leave_out.contains(item)).count();
        Some(Said { items: named, copied })
    }

    /// Items that an answer has where more are known than are asked for.
    fn most(&self, asked: u32) -> usize {
        whole(self.like.gives * f64::from(asked) / (1.0 + self.like.besides)).max(1)
    }

    /// Items in the order in which they come to mind, the readiest first: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    fn draw(
        &self,
        of: Range<usize>,
        (number_of, comes): (u64, &dyn Fn(&Known) -> f64),
        leave_out: &BTreeSet<usize>,
        draws: &mut u64,
    ) -> Option<Vec<usize>> {
        *draws += u64::try_from(of.len()).unwrap_or(u64::MAX);
        if *draws > MOST_DRAWS {
            return None;
        }
        let mut keyed: Vec<(f64, usize)> = Vec::new();
        for known in self.known.get(of).unwrap_or_default() {
            let is_left_out =
                leave_out.contains(&known.item) && drawn(number_of, known.item, 1) < self.like.heeds;
            if is_left_out || drawn(number_of, known.item, 0) >= comes(known) {
                continue;
            }
            keyed.push((
                -drawn(number_of, known.item, 2).max(f64::MIN_POSITIVE).ln() / known.weight,
                known.item,
            ));
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Some(keyed.into_iter().map(|(_, item)| item).collect())
    }
}

impl Known {
    const fn new(item: usize) -> Self {
        Self { item, named: 0, whole: 0, hits: 0, chances: 0, weight: 1.0, comes: 1.0 }
    }
}

/// A number from 0 to 1 that is always the same for these (Steele, G. L., Lea, D. and Flood, C. H. (2014), "Fast splittable pseudorandom number
/// generators", OOPSLA, 453–472).
fn drawn(number_of: u64, item: usize, what: u64) -> f64 {
    let item = u64::try_from(item).unwrap_or(u64::MAX);
    let mut mixed = number_of
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(item.wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(what.wrapping_mul(0xaef1_7502_108e_f2d9));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    count((mixed ^ mixed >> 31) >> 11) / count(1 << 53)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and not negative")]
fn whole(number: f64) -> usize {
    number.round() as usize
}
