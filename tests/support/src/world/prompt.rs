//! Reads a prompt as a model would: how many items of what, and which not.

use std::collections::{BTreeMap, BTreeSet};

use super::letters::{self, Letters, fold};
use super::taxonomy::Taxonomy;
use crate::model::asked_for;

/// Items named where the prompt does not say how many.
const USUAL: usize = 50;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// List items.
    Items,
    /// List the kinds that there are.
    Kinds,
    /// List items of a part that is to be chosen.
    Part,
    /// Say what these items have in common.
    Name(BTreeSet<usize>),
    /// Say which of these are none.
    Judge(Vec<String>),
}

/// What a prompt asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) task: Task,
    /// How many.
    pub(super) count: usize,
    /// Of which kind; the first is the whole topic.
    pub(super) kind: usize,
    /// With which beginnings; none for any.
    pub(super) letters: Vec<Letters>,
    /// And then those of the letters that follow.
    pub(super) onwards: bool,
    /// Items to leave out.
    pub(super) barred: BTreeSet<usize>,
    /// Kinds to leave out.
    pub(super) barred_kinds: BTreeSet<usize>,
}

impl Reading {
    /// Whether everything in the topic fits.
    pub(super) fn is_open(&self) -> bool {
        self.kind == 0 && self.letters.is_empty()
    }

    /// Whether a folded name begins as it should.
    pub(super) fn fits(&self, name: &str) -> bool {
        self.letters.is_empty() || self.letters.iter().any(|letters| letters.fit(name))
    }

    /// Where in the answer a folded name would stand, or that it does not fit.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        if let (true, Some(Letters::Range(from, _))) = (self.onwards, self.letters.first()) {
            let letter = |text: &str| {
                text.bytes().next().filter(u8::is_ascii_lowercase).map(|b| usize::from(b - b'a'))
            };
            return letter(name).zip(letter(from)).map(|(name, from)| (name + 26 - from) % 26);
        }
        self.fits(name).then_some(0)
    }

    /// How a name that is made up begins.
    pub(super) fn start(&self) -> &str {
        match self.letters.first() {
            Some(Letters::Range(from, _)) => from,
            Some(Letters::Others) | None => "",
        }
    }
}

pub(super) fn read(prompt: &str, taxonomy: &Taxonomy, items: &BTreeMap<String, usize>) -> Reading {
    let (asked, aside) = part(prompt);
    let words: Vec<String> = fold_words(&asked);
    let folded = words.join(" ");
    let listed = mentions(&asked, items);
    let naming = listed.len() >= 3 && (folded.contains("in common") || folded.contains("short name"));
    let task = if prompt.contains("Which of these do not") {
        Task::Judge(shown(prompt))
    } else if naming {
        Task::Name(listed)
    } else if asks_for_kinds(&words) {
        Task::Kinds
    } else if folded.contains("narrow part") || folded.contains("part of the topic") {
        Task::Part
    } else {
        Task::Items
    };
    let mut barred = BTreeSet::new();
    let mut barred_kinds = BTreeSet::new();
    for text in aside {
        let of_kinds = fold_words(&text).iter().any(|word| KINDS.contains(&word.as_str()));
        if of_kinds || task == Task::Kinds {
            barred_kinds.extend(entries(&text).filter_map(|entry| {
                (1..taxonomy.kinds.len())
                    .find(|kind| is_name(&fold(&taxonomy.kinds[*kind].name), &fold(entry)))
            }));
        } else {
            barred.extend(mentions(&text, items));
        }
    }
    Reading {
        task,
        count: asked_for(&asked).unwrap_or(USUAL),
        kind: kind(&fold_words(&without_list(&asked)), taxonomy),
        letters: letters::asked_for(&asked),
        onwards: folded.contains("letters after it") || folded.contains("alphabet from there"),
        barred,
        barred_kinds,
    }
}

/// The text without the entries of a list: examples say nothing of what is asked for.
fn without_list(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("- ")).collect::<Vec<_>>().join("\n")
}

const BARS: [&str; 13] = [
    "not",
    "except",
    "already",
    "exclude",
    "excluding",
    "leave out",
    "omit",
    "other than",
    "avoid",
    "without",
    "skip",
    "none of",
    "don't",
];

/// Parts a prompt into what it asks for and the texts that say what is not wanted. Such a text goes to the end of its sentence, or, where a
/// list follows behind a colon, of its paragraph.
fn part(prompt: &str) -> (String, Vec<String>) {
    let (mut asked, mut aside) = (String::new(), Vec::new());
    for paragraph in prompt.split("\n\n") {
        let mut rest = paragraph;
        while let Some(at) = bar(rest) {
            asked.push_str(&rest[..at]);
            let behind = &rest[at..];
            let sentence = sentence_end(behind, false);
            let end = if behind[..sentence].trim_end().ends_with(':') || behind[..sentence].contains(": ") {
                sentence_end(behind, true)
            } else {
                sentence
            };
            aside.push(behind[..end].to_owned());
            rest = &behind[end..];
        }
        asked.push_str(rest);
        asked.push_str("\n\n");
    }
    (asked, aside)
}

/// Where the first word stands that bars something.
fn bar(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let whole = |at: usize, bar: &str| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + bar.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    };
    let found =
        BARS.iter().filter_map(|bar| lower.match_indices(bar).map(|(at, _)| at).find(|at| whole(*at, bar)));
    found.min()
}

/// Where a sentence ends: at a line's end or a full stop. A list goes on until a sentence that begins with an instruction.
fn sentence_end(text: &str, list: bool) -> usize {
    const INSTRUCTIONS: [&str; 8] =
        ["List ", "Give ", "Name ", "Choose ", "Write ", "Topic:", "Answer ", "Return "];
    for (at, c) in text.char_indices() {
        let behind = &text[at + c.len_utf8()..];
        let ends = match c {
            '\n' => true,
            '.' => behind.is_empty() || behind.starts_with([' ', '\n']),
            _ => false,
        };
        if ends && (!list || INSTRUCTIONS.iter().any(|word| behind.trim_start().starts_with(word))) {
            return at + c.len_utf8();
        }
    }
    text.len()
}

fn fold_words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(fold)
        .filter(|word| !word.is_empty())
        .collect()
}

/// Entries of the lists in a text.
/// What a list shows, as it stands there.
fn shown(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect()
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    let marker = |c: char| c.is_whitespace() || ['-', '*', '•', '"', '“', '”', '.'].contains(&c);
    text.split([',', ';', '\n', ':', '"'])
        .map(move |entry| entry.trim_matches(marker))
        .filter(|entry| !entry.is_empty())
}

/// Items that a text names, as entries of a list or in a sentence of a few.
fn mentions(text: &str, items: &BTreeMap<String, usize>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for entry in entries(text) {
        let folded = fold(entry);
        if let Some(item) = items.get(&folded) {
            found.insert(*item);
            continue;
        }
        for part in folded.split(" and ").flat_map(|part| part.split(" or ")) {
            // Words before the name: "not the", "except", "leave out".
            let words: Vec<&str> = part.split(' ').collect();
            let named = (0..words.len().min(4)).find_map(|skip| items.get(&words[skip..].join(" ")));
            found.extend(named.copied());
        }
    }
    found
}

const KINDS: [&str; 14] = [
    "categories",
    "category",
    "subcategories",
    "kinds",
    "kind",
    "parts",
    "groups",
    "group",
    "subgroups",
    "types",
    "classes",
    "families",
    "subtopics",
    "areas",
];

/// Whether a prompt asks for the kinds themselves: a verb, a number and the like, and then one of the words for them.
fn asks_for_kinds(words: &[String]) -> bool {
    const VERBS: [&str; 12] = [
        "list",
        "name",
        "give",
        "what",
        "which",
        "into",
        "suggest",
        "propose",
        "enumerate",
        "find",
        "write",
        "return",
    ];
    const BETWEEN: [&str; 36] = [
        "up",
        "to",
        "at",
        "most",
        "least",
        "the",
        "main",
        "different",
        "distinct",
        "about",
        "roughly",
        "exactly",
        "between",
        "and",
        "no",
        "than",
        "all",
        "its",
        "broad",
        "narrow",
        "narrower",
        "disjoint",
        "are",
        "few",
        "some",
        "more",
        "further",
        "other",
        "large",
        "big",
        "important",
        "me",
        "small",
        "natural",
        "maximum",
        "of",
    ];
    words.iter().enumerate().any(|(at, verb)| {
        let mut behind = words[at + 1..]
            .iter()
            .take(8)
            .skip_while(|word| BETWEEN.contains(&word.as_str()) || word.chars().all(|c| c.is_ascii_digit()));
        VERBS.contains(&verb.as_str()) && behind.next().is_some_and(|word| KINDS.contains(&word.as_str()))
    })
}

/// Whether two folded names are the same, one of them perhaps in the plural.
fn is_name(name: &str, said: &str) -> bool {
    let ending = said.strip_prefix(name);
    ending.is_some_and(|ending| ["", "s", "es"].contains(&ending))
        || name.strip_suffix('y').is_some_and(|stem| said.strip_suffix("ies") == Some(stem))
}

/// The innermost kind that is named as a whole phrase; of names within others the longest counts.
fn kind(words: &[String], taxonomy: &Taxonomy) -> usize {
    let names: Vec<Vec<String>> = taxonomy.kinds.iter().map(|kind| fold_words(&kind.name)).collect();
    let mut innermost = (1, 0);
    let mut at = 0;
    while at < words.len() {
        let here = |kind: &usize| {
            let name = &names[*kind];
            let said = words.get(at..at + name.len());
            said.is_some_and(|said| name.iter().zip(said).all(|(name, said)| is_name(name, said)))
        };
        // The topic's own name says nothing of its kinds.
        let longest = (0..names.len()).filter(here).max_by_key(|kind| names[*kind].len());
        if let Some(kind) = longest {
            let depth = taxonomy.path(kind).count();
            if depth > innermost.0 {
                innermost = (depth, kind);
            }
        }
        at += longest.map_or(1, |kind| names[kind].len());
    }
    innermost.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(prompt: &str) -> (Task, usize, &'static str) {
        const KINDS: [&str; 3] = ["goose", "goose hawk", "lady"];
        let taxonomy = Taxonomy::of("birds", "Birds", &KINDS.map(|kind| (kind, [].as_slice())));
        let read = read(prompt, &taxonomy, &BTreeMap::new());
        (read.task, read.count, read.kind.checked_sub(1).map_or("", |kind| KINDS[kind]))
    }

    #[test]
    fn the_longest_name_of_a_kind_counts_in_whatever_number() {
        for (prompt, kind) in [
            ("List 20 goose hawks.", "goose hawk"),
            ("List 20 birds of the category \"Goose\".", "goose"),
            ("List 20 ladies", "lady"),
            ("List 20 birds, not the goose hawk.", ""),
            ("List 20 mongoose birds", ""),
        ] {
            assert_eq!(reading(prompt), (Task::Items, 20, kind), "{prompt}");
        }
    }

    #[test]
    fn the_innermost_kind_counts() {
        let birds = Taxonomy::load("birds").expect("the package is installed");
        let read = read("Birds > bird of prey > owl > bird of prey: list 20", &birds, &BTreeMap::new());
        assert_eq!(birds.kinds[read.kind].name, "owl");
    }

    #[test]
    fn what_stands_in_a_list_of_examples_is_not_asked_for() {
        let prompt = "Topic: Birds\nSome of it:\n- Goose\n- Lady\n\nList up to 12 categories that the items of this topic fall into.";
        assert_eq!(reading(prompt), (Task::Kinds, 12, ""));
        let prompt = "Topic: Birds\nSome of it:\n- Goose hawk\n\nList up to 9 subcategories that the items of the category \"goose\" fall into.";
        assert_eq!(reading(prompt), (Task::Kinds, 9, "goose"));
    }

    #[test]
    fn questions_for_kinds_are_told_from_questions_for_items() {
        for (prompt, count) in [
            ("Topic: Birds\nList up to 12 categories that the topic falls into.", 12),
            ("Divide the topic \"Birds\" into between 5 and 20 disjoint groups. List 20 at most.", 20),
            ("What are the main kinds of birds? Give at most 8.", 8),
            ("Name 9 narrower subcategories, one a line.", 9),
        ] {
            assert_eq!(reading(prompt), (Task::Kinds, count, ""), "{prompt}");
        }
        for prompt in [
            "List 30 birds from as many different kinds as possible.",
            "List 30 examples of the category in question, of all groups.",
            "Name 30 birds that belong to none of these groups: goose, lady.",
        ] {
            assert_eq!(reading(prompt).0, Task::Items, "{prompt}");
        }
        assert_eq!(reading("Pick one narrow part of the topic and list what belongs to it.").0, Task::Part);
    }

    #[test]
    fn what_is_barred_ends_with_its_sentence_or_its_list() {
        let (asked, aside) = part("Not A, please. List 5 birds, except: a b; c.\nd. Choose rare ones.");
        assert_eq!(aside, ["Not A, please.", "except: a b; c.\nd."]);
        assert_eq!(asked.trim(), "List 5 birds,  Choose rare ones.");
    }
}
