//! A model as judge of what only one answer has named: what it is asked about, and how its answer is read.
//!
//! A judge is shown items and names those that do not belong to the topic, or do not exist. Its answer is no list of items: what it names is neither found nor
//! seen again. It is read strictly, since a model that is wrong about real items does more harm than one that says nothing:
//!
//! * only items that it was shown count, by their keys;
//! * an answer that was cut off, that names none of them without saying so, or that names more of its own than of theirs, is no verdict;
//! * so is one that doubts all of [`SUSPICIOUS`] items and more: a model that repeats the list looks the same;
//! * nor is it believed where it doubts one of the [`CONTROLS`], which most answers name: the log keeps what it said, and no fold goes by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::{AnswerLimits, Parsed, parse_answer};
use crate::batch::ResponseMeta;
use crate::ids::Seq;
use crate::key::{Fingerprint, Key};

/// Most items that a judge is shown at once.
pub const MAX_JUDGED: usize = 40;

/// Of those, the ones that are known to be right, where there are such.
pub const CONTROLS: usize = 2;

/// Of so many items and more a judge may not doubt all.
pub const SUSPICIOUS: usize = 5;

/// What a judge says where it doubts nothing.
pub const NOTHING: &str = "none";

/// What a judge was asked about, and what it said, by numbers of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The items that it was shown.
    #[serde(default)]
    pub asked: Vec<Seq>,
    /// Those of them that it doubts; `None` where there is no verdict.
    #[serde(default)]
    pub doubted: Option<Vec<Seq>>,
}

/// Whether a response is to a question that showed a judge these, or the first of these; one that is no judge's may be.
#[must_use]
pub fn is_to(meta: &ResponseMeta, shown: &[Seq]) -> bool {
    meta.judged.as_ref().is_none_or(|said| shown.starts_with(&said.asked))
}

/// Reads a judge's answer: the numbers of those `shown` that it doubts, in their order; `None` where it is no verdict.
#[must_use]
pub fn verdict(text: &str, topic: &str, limits: AnswerLimits, shown: &[(Seq, String)]) -> Option<Vec<Seq>> {
    if limits.truncated || text.len() > limits.max_bytes || shown.is_empty() {
        return None;
    }
    let is_nothing =
        |said: &str| said.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case(NOTHING);
    if is_nothing(text) {
        return Some(Vec::new());
    }
    let answer = parse_answer(text, topic, limits);
    match (answer.outcome, answer.items.as_slice()) {
        // An empty list, not an empty answer.
        (Parsed::Empty, _) => return text.contains('[').then(Vec::new),
        (Parsed::Refused | Parsed::Unparsable, _) => return None,
        (Parsed::Items, [only]) if is_nothing(&only.text) => return Some(Vec::new()),
        (Parsed::Items, _) => {}
    }
    let keyed = shown.iter().filter_map(|(seq, text)| Some((Fingerprint::of(&Key::of(text)?), *seq)));
    let shown_by_key: BTreeMap<Fingerprint, Seq> = keyed.collect();
    let mut doubted: Vec<Seq> =
        answer.items.iter().filter_map(|item| shown_by_key.get(&item.fingerprint).copied()).collect();
    let strangers = answer.items.len() - doubted.len();
    if doubted.is_empty() || strangers > doubted.len() {
        return None;
    }
    doubted.sort_unstable();
    let is_suspicious = doubted.len() == shown_by_key.len() && shown.len() >= SUSPICIOUS;
    (!is_suspicious).then_some(doubted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, shown: &[&str]) -> Option<Vec<Seq>> {
        let shown: Vec<(Seq, String)> = (1..).zip(shown.iter().map(|text| (*text).to_owned())).collect();
        verdict(text, "birds", AnswerLimits::default(), &shown)
    }

    const SHOWN: [&str; 6] = ["Mallard", "Blue Glorf", "Osprey", "Zibble Tern", "Rook", "Wren"];

    #[test]
    fn what_a_judge_names_of_the_list_is_doubted_however_it_is_written() {
        let both = Some(vec![2, 4]);
        assert_eq!(read("Blue Glorf\nZibble Tern", &SHOWN), both);
        assert_eq!(read("1. zibble tern\n2. **blue glorf**", &SHOWN), both);
        assert_eq!(read(r#"{"items": ["Zibble Tern", "Blue Glorf"]}"#, &SHOWN), both);
    }

    #[test]
    fn a_judge_that_doubts_nothing_says_so() {
        for text in ["NONE", "none.", "- None", "[]", r#"{"items": []}"#, r#"{"items": ["none"]}"#] {
            assert_eq!(read(text, &SHOWN), Some(Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_is_no_verdict_doubts_nothing_and_clears_nothing() {
        for text in
            ["", "   ", "I'm sorry, but I can't help with that.", "Eagle\nHeron", "Rook\nEagle\nHeron"]
        {
            assert_eq!(read(text, &SHOWN), None, "{text}");
        }
        let cut = AnswerLimits { truncated: true, ..AnswerLimits::default() };
        assert_eq!(verdict("Blue Glorf\nZib", "birds", cut, &[(2, "Blue Glorf".to_owned())]), None);
    }

    #[test]
    fn a_judge_that_repeats_the_list_is_not_believed_but_a_short_one_may_be_all_wrong() {
        assert_eq!(read(&SHOWN.join("\n"), &SHOWN), None);
        assert_eq!(read("Blue Glorf\nZibble Tern", &["Blue Glorf", "Zibble Tern"]), Some(vec![1, 2]));
    }
}
