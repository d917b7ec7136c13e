//! What to ask for next.

use std::collections::BTreeMap;

use super::coming::Knowing;
use super::estimate::Picture;
use super::prior::turn_of;
use super::spread::LOOKED_AT;
use super::view::View;
use super::voices::VOICES;
use super::{Aim, BYTES, Category, Frontier, Letters, Stretch, Sums};
use crate::decision::Why;
use crate::routing::Policy;
use crate::topic::{Partition, ProbeShare};

mod ahead;
mod best;

pub(crate) use ahead::Step;
use best::{Busy, Offer};

/// Answers about the whole topic before it is cut into parts.
pub(super) const FIRST_WHOLE: u64 = 2;

/// There are at least so many before a topic is said to be complete ([`LOOKED_AT`] where each is from a piece of the alphabet), and so many names in them, or this
/// share of those that were found, if that is less; but nobody goes on for that for ever.
const LEAST_WHOLE: u64 = 5;
const LEAST_MENTIONS: f64 = 200.0;
const OF_FOUND: f64 = 0.5;
const MOST_WHOLE: u64 = 40;

/// A part is cut off as large as this share of what is asked for, so that one answer lists it. Where several models have to list it, it is larger, and asked
/// for again without what was named, if answers give no greater share of that all the same: that fills answers, where each model knows a part of it only.
const PART: f64 = 0.75;
const SHARED_PART: f64 = 0.8;
const FEW_COPIES: f64 = 0.2;

/// Of so many questions about the whole topic one goes to whoever is next, even if it fails.
const TRIED_EVERY: u64 = 4;

/// The same of questions about parts, of which there are many more.
const PARTS_TRIED_EVERY: u64 = 24;

/// Fewest names in a question.
const FEWEST: u32 = 20;

/// A part that may bring less is not worth a request.
const LEAST_NEW: f64 = 0.2;

/// So much more a name is worth that shows what a model adds than what it costs.
pub(super) const AT_ONCE: f64 = 1e18;

/// So far from the completeness that is wanted, answers about the whole are brought to their least number.
const NEAR: f64 = 0.06;

/// Names that a question can leave out.
pub(super) const MOST_LEFT_OUT: usize = 80;
const AT_MOST: f64 = 80.0;

/// The same where a part cannot be cut further: else a model would say the same ever again.
pub(super) const MOST_LEFT_OUT_OF_ONE: usize = 400;
pub(super) const LEFT_OUT_OF_ONE: f64 = 400.0;

/// For each request under way so many names are needed, or nobody asks more before one is answered.
const NEEDED: f64 = 8.0;

/// What is to be asked for next.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook {
    /// This.
    Ask {
        /// About what.
        aim: Aim,
        /// Which provider; `None`: any.
        provider: Option<String>,
        /// How many names.
        items: u32,
        /// How many new ones it may bring.
        new: f64,
        /// Why this.
        why: Why,
    },
    /// Nothing before something that is under way has been answered.
    Wait,
}

/// What somebody wants to ask.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Most names in a request.
    pub items: u32,
    /// The completeness at which the topic is done; nothing beyond it is asked for.
    pub wanted: Option<f64>,
    /// How the topic is cut into parts.
    pub partition: Partition,
    /// The categories that were given.
    pub categories: &'a [Category],
    /// Providers that can be asked.
    pub providers: &'a [String],
    /// The operator's weights of them; none where they are equal.
    pub weights: &'a BTreeMap<String, f64>,
    /// Whether providers have to have the shares that these come to.
    pub routing: Policy,
    /// How many requests are to be a sample that aims at no part.
    pub probes: ProbeShare,
    /// What requests are about that have not been answered, and how many new names they may bring.
    pub under_way: &'a [(Aim, f64)],
}

/// A part, and what a question about it takes.
pub(super) type Cut = (Letters, Load);

/// What a question about a part takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Names that an answer may have.
    pub(super) gives: f64,
    /// Names that it is told to leave out, if it is told so.
    pub(super) left_out: f64,
    /// Whether those are all, with what was known before anybody was asked; `None` where nothing was.
    pub(super) with_known: Option<bool>,
}

impl Load {
    /// That of both parts, where one question can be about both.
    pub(super) fn with(self, next: Self, size: f64) -> Option<Self> {
        let (gives, left_out) = (self.gives + next.gives, self.left_out + next.left_out);
        let differ = |one: bool| next.with_known.is_some_and(|other| one != other);
        let fits = gives <= size && left_out <= AT_MOST && !self.with_known.is_some_and(differ);
        fits.then_some(Self { gives, left_out, with_known: self.with_known.or(next.with_known) })
    }
}

impl Wish<'_> {
    /// Parts that requests under way are about.
    fn parts(&self) -> impl Iterator<Item = Letters> {
        self.under_way.iter().filter_map(|(aim, _)| match aim {
            Aim::Part(part) => Some(*part),
            Aim::Whole | Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => None,
        })
    }
}

/// What answers are spared by what questions say to leave out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spares {
    /// Whether names that were found are said, and what was known before anybody was asked.
    says_found: bool,
    says_known: bool,
    /// Of names that a question says to leave out, so many do not come again.
    share: f64,
    /// The share of what was known that models know.
    known: f64,
}

impl Spares {
    /// What a question about a part takes that holds so many names, where the model knows this share of them.
    fn of(self, holds: f64, share: f64, sums: &Sums, is_one: bool) -> Load {
        let at_most = if is_one { LEFT_OUT_OF_ONE } else { AT_MOST };
        let (aimed, known) = (sums.aimed(), self.known * sums.known);
        let said = if self.says_found { aimed } else { 0.0 };
        let with_known = self.says_known && said + sums.known <= at_most;
        let said = if with_known || said <= at_most { said } else { 0.0 };
        let known = if with_known { known * (1.0 - self.share) } else { known };
        Load {
            gives: share * (holds - self.share * said) + known,
            left_out: if with_known { aimed + sums.known } else { aimed },
            with_known: (sums.known >= 1.0).then_some(with_known),
        }
    }
}

impl Frontier {
    /// Names in an answer, in the mean.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn names_in_an_answer(&self) -> f64 {
        (self.whole_mentions + self.aimed_mentions) as f64 / (self.whole + self.aimed).max(1) as f64
    }

    /// Whether so many answers about the whole topic are too few to say how complete it is.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub(super) fn lacks_whole(&self, answers: u64) -> bool {
        let each = self.whole_mentions as f64 / self.whole.max(1) as f64;
        let found = (self.names.len() / BYTES) as f64;
        let mentions = LEAST_MENTIONS.min(OF_FOUND * found);
        let is_few = answers < LEAST_WHOLE
            || answers < whole_count(LOOKED_AT)
                && (self.is_uneven() || self.voices.iter().any(|voice| voice.fullness.varies()));
        is_few || (answers < MOST_WHOLE && answers as f64 * each < mentions)
    }

    /// Whether enough answers about the whole topic have come to say how complete it is.
    #[must_use]
    pub(crate) fn has_enough_of_whole(&self) -> bool {
        !self.lacks_whole(self.whole)
    }

    /// What to ask for next.
    #[must_use]
    pub fn next(&self, wish: &Wish<'_>) -> Outlook {
        match wish.partition {
            Partition::None | Partition::Alphabetical => self.view().next(wish),
            Partition::Category | Partition::Semantic => self.next_category(&self.view(), wish),
        }
    }
}

impl View<'_> {
    fn next(&self, wish: &Wish<'_>) -> Outlook {
        let whole_under_way = wish.under_way.iter().filter(|(aim, _)| *aim == Aim::Whole).count();
        let whole = self.whole + whole_count(whole_under_way);
        let models = whole_count(wish.providers.len().min(VOICES));
        let is_unclear = self.voices.iter().any(|voice| voice.fullness.is_unclear());
        let first = if is_unclear { FIRST_WHOLE * models } else { FIRST_WHOLE.max(models) };
        if whole < first {
            return self.about_whole(wish, whole, Why::First);
        }
        if !self.works() {
            // Letters do not tell its names apart, as those of another alphabet, or models do not keep to them: what items are may do better.
            return self.next_category(self, wish);
        }
        self.next_by_letters(wish)
    }

    /// What to ask for where letters tell names apart, once there are first answers about the whole.
    pub(super) fn next_by_letters(&self, wish: &Wish<'_>) -> Outlook {
        let whole_under_way = wish.under_way.iter().filter(|(aim, _)| *aim == Aim::Whole).count();
        let whole = self.whole + whole_count(whole_under_way);
        // How large parts are shows in the first answers; if one of them failed, it is not waited for.
        if self.whole < FIRST_WHOLE && (self.whole == 0 || whole > self.whole) {
            return Outlook::Wait;
        }
        // One answer about the whole holds it all.
        let is_small = self.whole_full == 0 && self.stretches.iter().all(|stretch| stretch.reach.listed > 0);
        if is_small {
            return if self.lacks_whole(whole) {
                self.about_whole(wish, whole, Why::Sure)
            } else if wish.wanted.is_none() || wish.under_way.is_empty() {
                self.again(wish, whole, &self.picture())
            } else {
                Outlook::Wait
            };
        }
        let asked = self.whole + self.aimed + whole_count(wish.under_way.len());
        if wish.probes.lacks(whole, asked) {
            return self.about_whole(wish, whole, Why::Sample);
        }
        let picture = self.picture();
        let expected = self.all_expected(&picture);
        let (best, offers) = self.best(wish, &picture, &expected);
        let (mut need, mut near_end, mut enough) = (f64::INFINITY, false, false);
        if let (Some(wanted), Some(estimate)) = (wish.wanted, self.estimate_of(&picture, &expected)) {
            let total = estimate.estimate.total;
            let coming: f64 = wish.under_way.iter().map(|(_, new)| new).sum();
            need = (wanted - estimate.completeness) * total;
            enough = need < NEEDED * requests(wish.under_way.len());
            need -= coming;
            near_end = estimate.completeness >= wanted - NEAR && !estimate.at_least;
        }
        if near_end && self.lacks_whole(whole) {
            return self.about_whole(wish, whole, Why::Sure);
        }
        if (need <= 0.0 || enough) && !wish.under_way.is_empty() {
            return Outlook::Wait;
        }
        match best {
            Some((Offer { letters, new, gives, known, has, .. }, provider)) => {
                // What others have listed comes back full if less is asked for than it has, and then it is not known to be all.
                let cuts = need < new && !self.is_listed(letters);
                let take = if cuts { (gives - new + need).ceil() + 1.0 } else { f64::from(wish.items) };
                let items = whole_number(take).clamp(FEWEST.min(wish.items), wish.items);
                let new = new.min(need.max(1.0));
                Outlook::Ask {
                    aim: Aim::Part(letters),
                    provider,
                    items,
                    new,
                    why: Why::Most { known, has, offers },
                }
            }
            // What is under way about parts shows what is left of them: until then nothing else is worth a request. Where it shall go on for as long as anything
            // new comes, nobody waits for that.
            None if wish.wanted.is_some() && wish.parts().any(|part| !self.is_done(part, picture.useful)) => {
                Outlook::Wait
            }
            None if self.lacks_whole(whole) => self.about_whole(wish, whole, Why::Sure),
            None => self.again(wish, whole, &picture),
        }
    }

    /// A question about the whole topic: models that are worth asking take turns, by what the operator thinks of them. Where all questions are such, shares
    /// are learned ([`crate::routing`]), and whoever sends it draws by these.
    pub(super) fn about_whole(&self, wish: &Wish<'_>, whole: u64, why: Why) -> Outlook {
        let provider = if why == Why::Uncut { None } else { self.whose_turn(wish, whole, why) };
        Outlook::Ask { aim: Aim::Whole, provider, items: wish.items, new: 0.0, why }
    }

    /// Who is asked about the whole; nobody by name where there is one only.
    fn whose_turn(&self, wish: &Wish<'_>, whole: u64, why: Why) -> Option<String> {
        let useful = self.useful();
        let is_useful = |provider: &&String| {
            let voice = self.set_of(provider);
            voice == 0 || voice & useful != 0
        };
        let is_sound = |provider: &&String| self.soundness(self.set_of(provider)) > 0.5;
        let mut useful: Vec<&String> = wish.providers.iter().filter(is_useful).collect();
        // Whoever has failed with it lately leaves it to others.
        if useful.iter().any(|provider| !self.unanswered.is_whole(provider)) {
            useful.retain(|provider| !self.unanswered.is_whole(provider));
        }
        let sound: Vec<&String> = useful.iter().copied().filter(is_sound).collect();
        // Now and then one that fails is tried.
        let tries = whole.is_multiple_of(TRIED_EVERY);
        let providers = if sound.is_empty() || tries { useful } else { sound };
        // What an answer of one costs has to be known of each.
        let provider = if wish.weights.is_empty() || why == Why::First {
            providers.get(usize::try_from(whole).unwrap_or(0) % providers.len().max(1)).copied()
        } else {
            turn_of(whole, providers.iter().map(|provider| (*provider, self.preference(wish, provider))))
        };
        provider.filter(|_| wish.providers.len() > 1).cloned()
    }

    /// Everything is listed: what lists leave out is asked for in the ranges where most of it is. Where it shall go on for as long as anything new comes, nobody
    /// waits for that.
    fn again(&self, wish: &Wish<'_>, whole: u64, picture: &Picture) -> Outlook {
        // What was given up has had its turn, too.
        let turns = |stretch: &Stretch| stretch.reach.listed.saturating_add(stretch.reach.useless);
        let least = self.stretches.iter().map(turns).min().unwrap_or(0);
        let (busy, mut parts, mut best): (_, _, Option<(f64, Letters)>) = (Busy::of(wish), Vec::new(), None);
        let left_out = picture.left_out.powi(i32::from(least.max(1)));
        for stretch in self.stretches.iter().filter(|stretch| turns(stretch) == least) {
            self.cut(stretch, picture, (self.size(wish), self.spares(true), None), &mut parts);
            for (letters, ..) in parts.drain(..) {
                let new = self.sum(letters).found() * left_out;
                if busy.is_free(letters) && best.is_none_or(|(most, _)| new > most) {
                    best = Some((new, letters));
                }
            }
        }
        // Whoever left it out will do so again, maybe: they take turns, the cheapest one first.
        let useful = wish.providers.iter().filter(|provider| self.set_of(provider) & picture.useful != 0);
        let mut useful: Vec<&String> = useful.collect();
        let is_sound = |provider: &&String| self.soundness(self.set_of(provider)) > 0.5;
        if useful.iter().any(is_sound) {
            useful.retain(is_sound);
        }
        let cost = |provider: &&String| self.cost_of(self.set_of(provider)) / self.preference(wish, provider);
        useful.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        let turn = usize::from(least) % useful.len().max(1);
        let provider = useful.get(turn).copied().cloned().filter(|_| wish.providers.len() > 1);
        let why = Why::Again { turns: least };
        match best {
            Some((new, letters)) => {
                Outlook::Ask { aim: Aim::Part(letters), provider, items: wish.items, new, why }
            }
            None if wish.wanted.is_none() => self.about_whole(wish, whole, why),
            None => Outlook::Wait,
        }
    }

    /// Names of a part that a model is asked for.
    fn size(&self, wish: &Wish<'_>) -> f64 {
        let several = wish.providers.len() > 1 && self.copies() <= FEW_COPIES;
        f64::from(wish.items) * if several { SHARED_PART } else { PART }
    }

    /// What answers are spared by what questions say to leave out, if they do.
    pub(super) fn spares(&self, leaves_out: bool) -> Spares {
        Spares {
            says_found: leaves_out && self.heeds() && self.keeps_all_texts(),
            says_known: self.heeds() && self.known.can_be_said(),
            share: 1.0 - self.copies(),
            known: self.known.share(),
        }
    }

    /// Cuts a stretch into parts of which a model names so many: whole letters where they are small enough, else by the second letter.
    pub(super) fn cut(
        &self,
        stretch: &Stretch,
        picture: &Picture,
        (size, spares, knowing): (f64, Spares, Option<Knowing>),
        parts: &mut Vec<Cut>,
    ) {
        let expected = |letters: Letters| {
            let sums = self.sum(letters);
            let has = self.expected_of(picture, &sums, letters, stretch.reach);
            spares.of(has, self.share_of(knowing, has, letters), &sums, letters.is_one())
        };
        let whole = stretch.letters();
        if whole.is_one() {
            parts.push((whole, expected(whole)));
            return;
        }
        let mut place = whole.from;
        let mut open: Option<Cut> = None;
        while place <= whole.to {
            let letter = whole.letter_of(place);
            let load = expected(letter);
            place = letter.to + 1;
            let is_other = letter == Letters::ELSEWHERE;
            if load.gives > size * 1.3 || is_other {
                parts.extend(open.take());
                if is_other {
                    parts.push((letter, load));
                } else {
                    cut_letter(letter, size, &expected, parts);
                }
                continue;
            }
            join(&mut open, (letter, load), size, parts);
        }
        parts.extend(open);
    }
}

/// Joins a part to the one before it, which is done otherwise.
fn join(open: &mut Option<Cut>, (letters, load): Cut, size: f64, done: &mut Vec<Cut>) {
    let both = open.and_then(|(before, held)| {
        Some((Letters { from: before.from, to: letters.to }, held.with(load, size)?))
    });
    if both.is_none() {
        done.extend(*open);
    }
    *open = both.or(Some((letters, load)));
}

/// Cuts the names with one first letter by their second.
fn cut_letter(letter: Letters, size: f64, expected: &dyn Fn(Letters) -> Load, parts: &mut Vec<Cut>) {
    let mut open: Option<Cut> = None;
    for place in letter.from..=letter.to {
        let one = Letters { from: place, to: place };
        join(&mut open, (one, expected(one)), size, parts);
    }
    parts.extend(open);
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and positive")]
fn whole_number(number: f64) -> u32 {
    number.max(0.0) as u32
}

#[expect(clippy::cast_precision_loss, reason = "they are few")]
fn requests(number: usize) -> f64 {
    number as f64
}

pub(super) fn whole_count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
