//! What holds for a whole list: whether it is numbered or goes through the alphabet, and how it describes its items.

use std::borrow::Cow;

use super::enumerator::{self, Number};
use super::label::{Labels, label};
use super::phrase::{Kind, Phrase};
use super::separator::{Cut, Cuts, Order, Separator, Trust};
use super::sequence::Sequence;
use super::sink::{Entry, Origin};
use super::topic::Topic;
use super::{markup, noise};

/// Counts of a whole list, from which each entry's name is cut out.
///
/// A number is taken off when it is numbering: four entries in five have one, and they count up or down by one. So is
/// a letter that most names begin with (`A: Aardvark`), and an emoji that four entries in five have.
///
/// What follows ` - ` (any dash) or `: ` is taken off where it is a description. The dash is looked at first, the colon
/// in what the dash leaves, and each at the first piece that looks like a description, so that `Dune: Part Two - Paul
/// unites with the Fremen` keeps its colon. What a separator means is decided for the list:
/// * the same words stand before it with different ones behind (`Star Wars - A New Hope`, `display: grid`): it is a part
///   of the names;
/// * at least half of the list goes on as sentences do (lower case, or several words that are no title), or nearly all
///   of the list repeats a few kinds behind it (`Louvre: Museum`): it is taken off, in front of titles only where nearly
///   every entry has it;
/// * behind a dash also where half of the list has one and titles are the exception (`Louvre - Museum`);
/// * else only in front of what can be nothing but a description.
///
/// Strings of JSON and cells of tables are names as they are, but for plain descriptions.
///
/// A name in bold, italic, quotes or code that a separator follows is the name as it stands.
#[derive(Debug, Default)]
pub(super) struct Habits {
    entries: usize,
    values: usize,
    remarks: usize,
    numbers: Sequence,
    labels: Labels,
    signs: usize,
    tabs: usize,
    several: usize,
    separated: usize,
    first: Separators,
    last: Separators,
    /// Names that print sets apart.
    apart: Separator,
    settled: Settled,
}

/// What was decided after the whole list was seen.
#[derive(Debug, Default, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one answer to each question, and none follows from another"
)]
struct Settled {
    labels: bool,
    signs: bool,
    tabs: bool,
    categories: bool,
    order: Order,
    dash: Trust,
    colon: Trust,
}

impl Habits {
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    pub(super) fn learn(&mut self, entry: Entry<'_>) {
        self.entries += 1;
        self.values += usize::from(entry.origin == Origin::Value);
        if entry.text.len() > MAX_NAME_BYTES {
            return;
        }
        let mut text = markup::plain(entry.text.trim());
        if let Some(number) = uncounted(entry, &text) {
            self.numbers.observe(&number);
            text = Cow::Owned(number.rest.into_owned());
        }
        if let Some(rest) = markup::without_sign(&text).map(str::to_owned) {
            self.signs += 1;
            text = Cow::Owned(rest);
        }
        let label = label(&text).inspect(|label| self.labels.learn(label));
        if let Some(rest) = label.filter(|label| label.matches).map(|label| label.rest.to_owned()) {
            text = Cow::Owned(rest);
        }
        if let Some((name, rest)) = markup::set_apart(&text) {
            if let Some(print) = Print::of(name, rest) {
                self.apart.learn(&print.cut);
            }
            return;
        }
        self.tabs += usize::from(text.contains('\t'));
        let cuts = Cuts::of(&text, Order::First);
        self.several += usize::from(cuts.several);
        self.separated += usize::from(cuts.dash.or(cuts.colon).is_some());
        self.first.learn(&cuts);
        self.last.learn(&Cuts::of(&text, Order::Last));
    }

    pub(super) fn learn_remark(&mut self) {
        self.remarks += 1;
    }

    /// Whether an entry is talk. What a marked entry says at the end of a list is an item where much of the list is
    /// like it: phrases, titles of songs.
    pub(super) fn is_talk(&self, entry: Entry<'_>) -> bool {
        let phrases = self.remarks * 4 > self.remarks + self.entries && self.remarks > 1;
        entry.origin == Origin::Talk || (noise::is_talk(entry) && !(phrases && noise::is_remark(entry)))
    }

    /// Decides what the whole list shows.
    pub(super) fn settle(&mut self, topic: &Topic) {
        let entries = self.entries;
        let strings = self.values * 2 > entries;
        let trust = |separators: &Separators| {
            if strings {
                let Separators { dash, colon } = separators;
                (dash.trust_dash_in_strings(entries), colon.trust_colon_in_strings(entries))
            } else {
                let Separators { dash, colon } = separators;
                let dash = dash.trust_dash(entries, topic.is_performed(), topic.is_authored());
                (dash, colon.trust_colon(entries))
            }
        };
        // Where most entries have several pieces, the first may begin a description in several parts.
        let (dash, colon) = trust(&self.first);
        let parts = self.several * 2 > self.separated && dash.max(colon) >= Trust::Descriptions;
        let order = if parts { Order::First } else { Order::Last };
        let (dash, colon) = if parts { (dash, colon) } else { trust(&self.last) };
        self.settled = Settled {
            labels: self.labels.are_labels(entries),
            signs: entries >= 2 && self.signs * 5 >= entries * 4 && !topic.is_about_signs(),
            tabs: self.tabs * 2 >= entries,
            categories: self.apart.is_label(entries),
            order,
            dash,
            colon,
        };
    }

    /// The name of an entry, without numbering, markup and description.
    pub(super) fn name<'a>(&self, entry: Entry<'a>) -> Cow<'a, str> {
        let text = entry.text.trim();
        if text.len() > MAX_NAME_BYTES {
            return Cow::Borrowed(text);
        }
        let mut text = markup::plain(text);
        let number = uncounted(entry, &text)
            .filter(|number| self.numbers.in_list(number, self.entries, entry.origin != Origin::Line));
        if let Some(rest) = number.map(|number| number.rest.into_owned()) {
            text = Cow::Owned(rest);
        }
        if self.settled.signs
            && let Some(rest) = markup::without_sign(&text).map(str::to_owned)
        {
            text = Cow::Owned(rest);
        }
        if self.settled.labels
            && let Some(rest) = label(&text).map(|label| label.rest.to_owned())
        {
            text = Cow::Owned(rest);
        }
        match markup::unquoted_string(&text) {
            Some(text) => Cow::Owned(self.undress(&text)),
            None => Cow::Owned(self.undress(&text)),
        }
    }

    fn undress(&self, text: &str) -> String {
        let mut text = markup::without_tail(text);
        let mut suffix = "";
        let mut apart = false;
        // Four layers are more than any model has been seen to wrap: bold, italic, quotes, code.
        for _ in 0..4 {
            let Some((name, rest)) = markup::set_apart(text) else { break };
            let behind = rest.trim_start();
            if let Some(print) = Print::of(name, rest)
                && self.apart.would_merge_print(&print.cut)
            {
                if self.settled.categories && print.colon {
                    text = print.cut.rest;
                    continue;
                }
                return markup::unmarked(&format!("{name}{rest}"));
            }
            if let Some(parenthesis) = markup::parenthesis(behind).filter(|_| suffix.is_empty()) {
                suffix = parenthesis;
            } else if !behind.is_empty() && !markup::begins_description(rest) && !name.ends_with(COLONS) {
                break;
            }
            apart = true;
            text = name.trim_end_matches([':', '：', ',']);
        }
        let name = if apart { text } else { self.without_description(text) };
        let name = markup::unmarked(crate::key::unquote(markup::without_tail(without_period(name))));
        if suffix.is_empty() { name } else { format!("{name} {suffix}") }
    }

    fn without_description<'a>(&self, text: &'a str) -> &'a str {
        let text = if self.settled.tabs { text.split('\t').next().unwrap_or(text).trim_end() } else { text };
        let Settled { order, dash, colon, .. } = self.settled;
        let separators = if order == Order::First { &self.first } else { &self.last };
        let cuts = Cuts::of(text, order);
        let dash = cuts.dash.filter(|cut| dash.allows(cut) && !separators.dash.would_merge(cut));
        let colon = cuts.colon.filter(|cut| colon.allows(cut) && !separators.colon.would_merge(cut));
        // The later cut is inside of what the earlier one leaves.
        dash.into_iter().chain(colon).map(|cut| cut.name).min_by_key(|name| name.len()).unwrap_or(text)
    }
}

/// What was seen of separators.
#[derive(Debug, Default)]
struct Separators {
    dash: Separator,
    colon: Separator,
}

impl Separators {
    fn learn(&mut self, cuts: &Cuts<'_>) {
        cuts.dash.iter().for_each(|cut| self.dash.learn(cut));
        cuts.colon.iter().for_each(|cut| self.colon.learn(cut));
    }
}

/// A name that print sets apart, and what a separator puts behind it.
struct Print<'a> {
    cut: Cut<'a>,
    colon: bool,
}

impl<'a> Print<'a> {
    fn of(name: &'a str, rest: &'a str) -> Option<Self> {
        let colon = name.ends_with(COLONS) || rest.trim_start().starts_with(COLONS);
        let behind =
            rest.trim_start_matches(|c: char| c.is_whitespace() || SEPARATORS.contains(&c)).trim_end();
        let separated = (colon || markup::begins_description(rest)) && !behind.is_empty();
        let name = name.trim_end_matches(COLONS);
        separated.then(|| Self {
            cut: Cut { name, rest: behind, phrase: Phrase::of(behind), again: false },
            colon,
        })
    }
}

const SEPARATORS: [char; 7] = [':', '：', '-', '–', '—', '|', '→'];

/// Whether a text is a short name with what looks like its description.
pub(super) fn describes(text: &str) -> bool {
    let cuts = Cuts::of(text, Order::First);
    cuts.dash.iter().chain(&cuts.colon).any(|cut| cut.name.split_whitespace().take(11).count() <= 10)
}

/// The title in front of a description.
pub(super) fn described_title(text: &str) -> Option<&str> {
    let cuts = Cuts::of(text, Order::First);
    cuts.dash.or(cuts.colon).map(|cut| cut.name).filter(|name| Phrase::of(name).kind == Kind::Title)
}

const COLONS: [char; 2] = [':', '：'];

/// Takes the full stop off, unless it belongs to an abbreviation (`Inc.`, `U.S.`) or to the last of several sentences.
fn without_period(text: &str) -> &str {
    if let Some(stem) = text.strip_suffix('。') {
        return if stem.contains('。') { text } else { stem };
    }
    let stem = text.strip_suffix('.').unwrap_or(text);
    let word = stem.rsplit(' ').next().unwrap_or_default();
    let plain =
        word.chars().filter(|c| c.is_lowercase()).count() >= 4 && word.chars().all(char::is_alphanumeric);
    let sentences = stem.contains(['!', '?']) || stem.contains(". ");
    if plain && !sentences { stem } else { text }
}

/// The number in front of an entry that has none as its mark.
fn uncounted<'a>(entry: Entry<'_>, text: &'a str) -> Option<Number<'a>> {
    if entry.origin == Origin::Numbered { None } else { enumerator::number(text) }
}

/// Longer texts are rejected anyway; what is cut out of them is not worth the copies.
const MAX_NAME_BYTES: usize = 64 << 10;
