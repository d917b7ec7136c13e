//! Names of fields in JSON, tables and records: which one holds the name of a thing.

use super::topic::{Topic, are_forms};

/// Fields that hold a name, best first.
const NAMES: [&str; 9] =
    ["name", "title", "item", "label", "entity", "full_name", "display_name", "entry", "candidate"];

/// Fields that hold a name where nothing speaks for another one.
const VALUES: [&str; 9] =
    ["term", "word", "value", "text", "answer", "attribute", "example", "content", "element"];

/// Whose, or where: names of other things, unless the topic asks for them.
const RELATED: [&str; 24] = [
    "author",
    "artist",
    "director",
    "creator",
    "composer",
    "writer",
    "performer",
    "band",
    "inventor",
    "owner",
    "brand",
    "company",
    "manufacturer",
    "publisher",
    "city",
    "country",
    "state",
    "region",
    "continent",
    "location",
    "place",
    "address",
    "capital",
    "language",
];

/// What is said about a thing.
const ABOUT: [&str; 46] = [
    "id",
    "uuid",
    "code",
    "iso",
    "symbol",
    "abbreviation",
    "abbr",
    "emoji",
    "icon",
    "color",
    "year",
    "date",
    "decade",
    "period",
    "era",
    "century",
    "released",
    "founded",
    "url",
    "link",
    "href",
    "website",
    "image",
    "category",
    "type",
    "kind",
    "genre",
    "group",
    "class",
    "section",
    "field",
    "description",
    "desc",
    "summary",
    "detail",
    "details",
    "definition",
    "meaning",
    "explanation",
    "reason",
    "fact",
    "rank",
    "number",
    "index",
    "rating",
    "status",
];

/// Fields that hold the list, also beside a name.
const LISTS: [&str; 4] = ["items", "list", "entries", "children"];

/// Fields that hold the list where there is no name.
const WRAPPERS: [&str; 13] = [
    "results",
    "answers",
    "names",
    "data",
    "examples",
    "attributes",
    "candidates",
    "values",
    "elements",
    "output",
    "response",
    "result",
    "properties",
];

/// Fields about the list.
const ASIDES: [&str; 23] = [
    "notes",
    "note",
    "sources",
    "references",
    "tags",
    "error",
    "message",
    "refusal",
    "warnings",
    "metadata",
    "steps",
    "reasoning",
    "thoughts",
    "thought",
    "thinking",
    "analysis",
    "tips",
    "instructions",
    "criteria",
    "reason",
    "explanation",
    "introduction",
    "comment",
];

fn position(key: &str, list: &[&str]) -> Option<usize> {
    list.iter().position(|known| known.eq_ignore_ascii_case(key))
}

/// How good a field is as the place of a list, best first; ranks below [`BESIDE_NAMES`] hold it beside a name too.
pub(super) fn list_rank(key: &str) -> Option<usize> {
    position(key, &LISTS).or_else(|| position(key, &WRAPPERS).map(|rank| rank + BESIDE_NAMES))
}

pub(super) const BESIDE_NAMES: usize = LISTS.len();

pub(super) fn is_aside(key: &str) -> bool {
    position(key, &ASIDES).is_some()
}

/// Whether a field is called a name, whatever the topic.
pub(super) fn is_name(key: &str) -> bool {
    position(key, &NAMES).is_some()
}

/// What a field is worth as the name of a thing: the lower the better. `wrapper` is the field that holds the list.
pub(super) fn tier(key: &str, wrapper: &str, topic: &Topic) -> usize {
    if let Some(rank) = position(key, &NAMES) {
        return rank;
    }
    let words = words(key);
    let Some(last) = words.last() else { return OTHER };
    let listed = self::words(wrapper).last().is_some_and(|list| are_forms(list, last));
    if listed || topic.mentions(last) {
        return ASKED_FOR;
    }
    let owner = words.first().filter(|_| words.len() > 1);
    if matches!(last.as_str(), "name" | "title") {
        return match owner {
            Some(owner) if topic.mentions(owner) => ASKED_FOR,
            Some(owner) if position(owner, &RELATED).is_some() => KIN,
            Some(owner) if position(owner, &ABOUT).is_some() => SAID,
            _ => NAMED,
        };
    }
    if position(key, &VALUES).is_some() {
        VALUE
    } else if position(last, &ABOUT).is_some() || is_aside(last) {
        SAID
    } else if position(last, &RELATED).is_some() {
        KIN
    } else {
        OTHER
    }
}

const ASKED_FOR: usize = 10;
const NAMED: usize = 11;
const VALUE: usize = 12;
pub(super) const OTHER: usize = 13;
const KIN: usize = 14;
/// A field that says something about the thing.
const SAID: usize = 15;

/// The words of `country_name`, `countryName` or `Name of country`, in lower case.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in key[..key.floor_char_boundary(64)].chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && small) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether keys such as `1`, `item3` or `b` only count what they hold.
pub(super) fn only_counts(key: &str) -> bool {
    key.ends_with(|c: char| c.is_ascii_digit()) || (key.len() == 1 && key.is_ascii())
}
