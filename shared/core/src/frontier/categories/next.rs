//! What to ask for next, where a topic is cut into categories.

use super::{Category, Cell, Last, NEXT};
use crate::decision::Why;
use crate::frontier::next::{AT_ONCE, FIRST_WHOLE, whole_count};
use crate::frontier::prior::turn_of;
use crate::frontier::unanswered::LEFT_TO_OTHERS;
use crate::frontier::view::View;
use crate::frontier::voices::VOICES;
use crate::frontier::{Aim, Frontier, Outlook, Wish};
use crate::topic::Partition;

/// Parts to ask a model for.
const PARTS: u32 = 15;

/// So often it is asked which categories the topic falls into.
const TASKS: u16 = 3;

/// A category that brought this share of new names in full answers, so many of them, is cut.
const RICH: f64 = 0.25;
const RICH_ANSWERS: u16 = 2;

/// Lists that leave out more than this share of what answers about the whole agree on leave out categories.
const MISSED: f64 = 0.05;

/// Where they leave out more than this share of it, of so many names at least, there is more than categories: it is cut by letters.
const BEYOND: f64 = 0.5;
const AGREED: f64 = 10.0;

/// A category that may bring less than this share of what is asked for is not worth a request.
const LEAST_NEW: f64 = 0.04;

/// A category with so many names shows what a model adds that was not asked for it.
const TESTING: f64 = 15.0;

/// Names of the topic that a question for clusters shows.
pub(in crate::frontier) const SHOWN: usize = 60;

#[derive(Clone, Debug)]
struct Offer {
    category: Category,
    provider: Option<String>,
    new: f64,
    known: f64,
    value: f64,
}

impl Frontier {
    /// What to ask for next where parts are categories.
    pub(in crate::frontier) fn next_category(&self, view: &View<'_>, wish: &Wish<'_>) -> Outlook {
        let is_under_way = |wanted: &Aim| wish.under_way.iter().any(|(aim, _)| aim == wanted);
        let whole =
            self.whole + whole_count(wish.under_way.iter().filter(|(aim, _)| *aim == Aim::Whole).count());
        if whole < FIRST_WHOLE {
            return view.about_whole(wish, whole, Why::First);
        }
        let of_topic = wish.parts_of(None);
        let asks_for_parts = wish.under_way.iter().any(|(aim, _)| matches!(aim, Aim::Parts { .. }));
        let asked = self.categories.asked_for_parts_of(None);
        let is_known = !wish.categories.is_empty() || !self.categories.parts_of(None).is_empty();
        if !is_known {
            // Clusters are of what was found.
            if wish.partition == Partition::Semantic && self.whole < FIRST_WHOLE {
                return Outlook::Wait;
            }
            return match asked {
                _ if is_under_way(&of_topic) => Outlook::Wait,
                0..TASKS => ask(of_topic, Why::Parts),
                _ => view.about_whole(wish, whole, Why::Uncut),
            };
        }
        let all = self.whole + self.categories.answers + whole_count(wish.under_way.len());
        if wish.probes.lacks(whole, all) {
            return view.about_whole(wish, whole, Why::Sample);
        }
        let known = self.categories.all(wish.categories);
        if !asks_for_parts && let Some(rich) = known.iter().find(|category| self.is_rich(category)) {
            return ask(wish.parts_of(Some((*rich).clone())), Why::Split);
        }
        let (best, offers) = self.best_category(view, wish, &known);
        if let Some(Offer { category, provider, new, known, .. }) = best {
            let why = Why::Most { known, has: known + new, offers };
            return Outlook::Ask { aim: Aim::Category(category), provider, items: wish.items, new, why };
        }
        if self.is_by_letters() {
            return view.next_by_letters(wish);
        }
        // Nobody asks for what is under way already, as far as that is known.
        let coming: f64 = wish.under_way.iter().map(|(_, new)| new).sum();
        let is_enough = |wanted: f64| {
            let said = self.estimate_by_categories().filter(|said| !said.at_least);
            said.is_some_and(|said| (wanted - said.completeness) * said.estimate.total <= coming)
        };
        // What each of several models adds is known by answers about the whole for the most part.
        if wish.wanted.is_some() && wish.providers.len() < 2 && self.awaits_categories(wish) {
            return Outlook::Wait;
        }
        if !wish.under_way.is_empty() && (asks_for_parts || wish.wanted.is_some_and(is_enough)) {
            return Outlook::Wait;
        }
        if self.lacks_whole(whole) {
            return view.about_whole(wish, whole, Why::Sure);
        }
        if wish.categories.is_empty() && asked < TASKS && self.misses() > MISSED {
            return ask(of_topic, Why::Missed);
        }
        if self.is_beyond_categories() && view.works() {
            let is_asked = wish.under_way.iter().any(|(aim, _)| matches!(aim, Aim::Category(_)));
            return if is_asked { Outlook::Wait } else { view.next_by_letters(wish) };
        }
        // What is in no category is named by answers about the whole only.
        if self.misses() > MISSED && whole <= self.categories.answers {
            return view.about_whole(wish, whole, Why::Elsewhere);
        }
        self.category_again(wish, &known)
    }

    /// Whether a category is asked for that nobody has listed: its answer shows what is left of it, and until then nothing else is worth a request.
    fn awaits_categories(&self, wish: &Wish<'_>) -> bool {
        wish.under_way.iter().any(|(aim, _)| match aim {
            Aim::Category(category) => {
                self.categories.cells.get(category).is_none_or(|cell| cell.listed == 0)
            }
            Aim::Whole | Aim::Part(_) | Aim::Parts { .. } | Aim::Judge => false,
        })
    }

    /// Whether a category is to be cut.
    fn is_rich(&self, category: &Category) -> bool {
        let cell = self.categories.cells.get(category);
        category.depth() < super::name::DEPTH
            && self.categories.asked_for_parts_of(Some(category)) == 0
            && cell.is_some_and(|cell| cell.full >= RICH_ANSWERS && cell.is_rich_to_somebody())
    }

    /// The share of what answers about the whole agree on that no list of a category has.
    fn misses(&self) -> f64 {
        let all = self.view().sum(crate::frontier::Letters::ALL);
        (all.twice - all.twice_listed) / all.twice.max(1.0)
    }

    /// Whether much of the topic is in no category.
    fn is_beyond_categories(&self) -> bool {
        let all = self.view().sum(crate::frontier::Letters::ALL);
        all.twice >= AGREED && self.misses() > BEYOND
    }

    /// The category, and who to ask about it, that brings most for what it costs; and of how many.
    fn best_category(&self, view: &View<'_>, wish: &Wish<'_>, known: &[&Category]) -> (Option<Offer>, u32) {
        let (mut best, mut offers): (Vec<Option<Offer>>, u32) = (vec![None; wish.providers.len()], 0);
        let several = wish.providers.len() > 1;
        let can_test = |category: &Category| self.categories.cells.get(category).is_some_and(Cell::can_test);
        let is_testing =
            wish.under_way.iter().any(|(aim, _)| matches!(aim, Aim::Category(of) if can_test(of)));
        let fresh = Cell::default();
        for category in known {
            let aim = Aim::Category((*category).clone());
            let cell = self.categories.cells.get(*category).unwrap_or(&fresh);
            if cell.is_given_up() || wish.under_way.iter().any(|(under_way, _)| *under_way == aim) {
                continue;
            }
            for (provider, best) in wish.providers.iter().zip(&mut best) {
                let voice = view.set_of(provider);
                let depth = f64::from(u32::try_from(category.depth()).unwrap_or(1));
                let items = f64::from(wish.items);
                let new = if cell.is_asked() {
                    cell.brings(&self.categories, voice, items)
                } else {
                    Some(self.categories.first() * items / depth)
                };
                let Some(new) = new else { continue };
                let preference = view.preference(wish, provider);
                let sound = view.soundness(voice).max(0.01);
                let cost = if several { view.cost_of(voice) / sound / preference } else { 1.0 };
                // Before a topic can end it must be known what each model adds; and the sooner it is, the less is asked of one that adds nothing.
                let is_test = several && !is_testing && sound > 0.5 && self.categories.can_test(cell, voice);
                let value = if several && self.unanswered.is_category(category, provider) {
                    LEFT_TO_OTHERS * new / cost
                } else if is_test {
                    cell.known() * AT_ONCE
                } else {
                    new / cost
                };
                // Who names a category wants to know what is in it.
                let is_wanted = !cell.is_asked() && wish.categories.contains(*category);
                let is_worth_it = is_wanted || is_test || new >= LEAST_NEW * f64::from(wish.items);
                offers += u32::from(is_worth_it);
                if is_worth_it && best.as_ref().is_none_or(|best| value > best.value) {
                    let provider = several.then(|| provider.clone());
                    *best = Some(Offer {
                        category: (*category).clone(),
                        provider,
                        new,
                        known: cell.known(),
                        value,
                    });
                }
            }
        }
        let best = if wish.has_fixed_shares() {
            let turn = self.whole + self.categories.answers + whole_count(wish.under_way.len());
            let all = wish.providers.iter().zip(best).filter_map(|(provider, best)| Some((provider, best?)));
            let all: Vec<(&String, Offer)> = all.collect();
            turn_of(turn, all.iter().map(|(provider, best)| (best, view.preference(wish, provider)))).cloned()
        } else {
            best.into_iter().flatten().reduce(|best, next| if next.value > best.value { next } else { best })
        };
        (best, offers)
    }

    /// Everything is listed: the categories take turns for what lists leave out.
    fn category_again(&self, wish: &Wish<'_>, known: &[&Category]) -> Outlook {
        let turns = |category: &Category| self.categories.cells.get(category).map_or(0, Cell::turns);
        let aim = |category: &&&Category| Aim::Category((**category).clone());
        let free = known
            .iter()
            .filter(|category| !wish.under_way.iter().any(|(under_way, _)| *under_way == aim(category)));
        let Some(next) = free.min_by_key(|category| turns(category)) else { return Outlook::Wait };
        let why = Why::Again { turns: turns(next) };
        let last_new = |cell: &Cell| cell.last.iter().map(|last| last.new).max().unwrap_or_default();
        let new = f64::from(self.categories.cells.get(*next).map_or(0, last_new)) * NEXT;
        let provider = match wish.providers {
            [] | [_] => None,
            several => several.get(usize::from(turns(next)) % several.len()).cloned(),
        };
        Outlook::Ask { aim: Aim::Category((*next).clone()), provider, items: wish.items, new, why }
    }
}

impl Wish<'_> {
    /// The question for the parts of the topic, or of a category.
    fn parts_of(&self, of: Option<Category>) -> Aim {
        Aim::Parts { of, by_items: self.partition == Partition::Semantic }
    }
}

impl Cell {
    /// Whether an answer of a model that was not asked for it shows what that adds to others.
    pub(super) fn can_test(&self) -> bool {
        self.is_asked() && !self.is_rich_to_somebody() && self.known() >= TESTING
    }

    /// Whether the last answer of a model that has not listed it has many new names.
    pub(super) fn is_rich_to_somebody(&self) -> bool {
        (0..VOICES).map(|place| 1 << place).filter(|voice| self.listed_by & voice == 0).any(|voice| {
            let Last { answers, new, all, .. } = self.last_of(voice);
            answers > 0 && f64::from(new) >= RICH * f64::from(all)
        })
    }
}

/// A question for parts.
const fn ask(aim: Aim, why: Why) -> Outlook {
    Outlook::Ask { aim, provider: None, items: PARTS, new: 0.0, why }
}
