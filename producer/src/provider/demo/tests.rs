#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use igentai_core::answer::{AnswerLimits, Parsed, parse_answer};
use igentai_core::frontier::Letters;
use igentai_core::key::Key;

use super::*;
use crate::prompt;

fn question(topic: &str, items: u32) -> Question {
    Question {
        system: "s".to_owned(),
        user: "u".to_owned(),
        list: true,
        items,
        topic: topic.to_owned(),
        aim: Aim::Whole,
    }
}

/// Drawings of 50 until so many of the first 300 names of a list were named.
fn answers_until(names: usize, random: &mut StdRng) -> usize {
    let items = &lists::find("programming languages").unwrap().items[..300];
    let mut seen = BTreeSet::new();
    (1..1_000)
        .find(|_| {
            seen.extend(draw(items, 50, random));
            seen.len() >= names
        })
        .unwrap()
}

#[test]
fn repeated_asking_finds_most_of_a_list_soon_and_the_rest_slowly() {
    let mut random = StdRng::seed_from_u64(7);
    let mut mean = |names| (0..10).map(|_| answers_until(names, &mut random)).sum::<usize>() / 10;
    let (nine_tenths, nearly_all) = (mean(270), mean(285));
    assert!((30..=60).contains(&nine_tenths), "{nine_tenths}");
    assert!((50..=150).contains(&nearly_all), "{nearly_all}");
}

#[test]
fn an_answer_names_about_as_many_as_asked_for_each_once_and_popular_ones_first() {
    let items = &lists::find("countries").unwrap().items;
    let mut random = StdRng::seed_from_u64(1);
    let mut first_ranked_first = 0;
    for _ in 0..100 {
        let drawn = draw(items, 50, &mut random);
        assert!((45..=50).contains(&drawn.len()));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len());
        first_ranked_first += usize::from(drawn[..10].contains(&items[0]));
    }
    assert!(first_ranked_first > 80, "{first_ranked_first}");
    assert_eq!(draw(&items[..3], 50, &mut random).len(), 3);
}

#[test]
fn other_spellings_keep_the_key_and_are_such_as_people_write() {
    let plain = |text: &str| text.trim_matches(['“', '”']).replace(['-', '\u{2011}'], " ");
    let mut random = StdRng::seed_from_u64(3);
    let mut respelt = 0;
    for list in lists::all() {
        for item in &list.items {
            for _ in 0..10 {
                let other = speech::respell(item, &mut random);
                assert_eq!(Key::of(&other), Key::of(item), "{item} as {other}");
                let bare = item.strip_prefix("The ").unwrap_or(item);
                assert!([plain(item), plain(bare)].contains(&plain(&other)), "{item} as {other}");
                respelt += u32::from(other != *item);
            }
        }
    }
    assert!(respelt > 500);
}

#[test]
fn no_two_items_of_a_list_are_the_same() {
    for list in lists::all() {
        let mut keys = BTreeSet::new();
        for item in &list.items {
            assert!(keys.insert(Key::of(item).unwrap()), "{} in {}", item, list.title);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_answers_of_many_forms_within_the_latency_of_a_model() {
    let (one, other) = (Demo::new(5), Demo::new(5));
    let mut beginnings = BTreeSet::new();
    #[expect(clippy::disallowed_methods, reason = "the paused clock of the runtime")]
    for _ in 0..60 {
        let start = tokio::time::Instant::now();
        let reply = one.ask(&question("Paris attractions", 50)).await;
        let latency = start.elapsed().as_millis();
        assert!((150..=601).contains(&latency), "{latency}");
        assert_eq!(reply, other.ask(&question("Paris attractions", 50)).await);
        assert_eq!(reply.outcome, Outcome::Answered);
        assert!(reply.output_tokens > 0 && reply.input_tokens > 0);
        beginnings.insert(reply.text.chars().next().unwrap());
    }
    assert!(beginnings.len() >= 6, "{beginnings:?}");
}

#[tokio::test]
async fn an_unknown_topic_is_answered_with_what_is_known_and_how_to_ask_real_models() {
    let reply = Demo::with_latency(5, 0.0).ask(&question("Rivers of Mars", 50)).await;
    assert_eq!((reply.outcome, reply.scope), (Outcome::BadRequest, Scope::Topic));
    for part in ["Paris attractions", "igentai.toml", "OPENAI_API_KEY", "Ollama"] {
        assert!(reply.detail.contains(part), "{}", reply.detail);
    }
    assert!(knows("Paris attractions") && !knows("Rivers of Mars"));
}

#[test]
fn what_the_parser_reads_is_what_the_list_holds() {
    let mut random = StdRng::seed_from_u64(11);
    for list in lists::all() {
        let known: BTreeSet<Key> = list.items.iter().filter_map(|item| Key::of(item)).collect();
        let (mut said, mut read) = (0, 0);
        for _ in 0..150 {
            let drawn = draw(&list.items, 50, &mut random);
            let answer = speech::say(&list.title, &drawn, &mut random);
            let limits = AnswerLimits { truncated: answer.truncated, ..AnswerLimits::default() };
            let parsed = parse_answer(&answer.text, &list.title, limits);
            for item in &parsed.items {
                assert!(known.contains(&item.key), "{:?} of {}", item.text, answer.text);
            }
            said += drawn.len();
            read += parsed.items.len();
        }
        assert!(read * 100 >= said * 98, "{read} of {said} in {}", list.title);
    }
}

/// The names in an answer about a part of the countries.
async fn named(demo: &Demo, part: &str, leave_out: &[String]) -> Vec<String> {
    let part = Aim::Part(Letters::parse(part).unwrap());
    let question = prompt::question("countries", None, 50, &part, leave_out);
    let reply = demo.ask(&question).await;
    let limits = AnswerLimits { truncated: reply.truncated, ..AnswerLimits::default() };
    let answer = parse_answer(&reply.text, &question.topic, limits);
    answer.items.into_iter().map(|item| item.text).collect()
}

fn is_one_of(names: &[&str], said: &str) -> bool {
    names.iter().any(|name| Key::of(name) == Key::of(said))
}

#[tokio::test]
async fn a_question_about_a_part_is_answered_with_that_part() {
    let demo = Demo::with_latency(3, 0.0);
    let items = &lists::find("countries").unwrap().items;
    for part in ["a-c", "s", "sa-sm", "m'-mb", "other"] {
        let letters = Letters::parse(part).unwrap();
        let within: Vec<&str> = items.iter().copied().filter(|item| letters.holds(item)).collect();
        let mut heard = BTreeSet::new();
        for _ in 0..20 {
            for said in named(&demo, part, &[]).await {
                // Without its article, a name may begin with another letter.
                assert!(letters.holds(&said) || is_one_of(&within, &said), "{said} about {part}");
                heard.insert(Key::of(&said));
            }
        }
        assert!(heard.len() * 10 >= within.len() * 9, "{} of {} about {part}", heard.len(), within.len());
    }
}

#[tokio::test]
async fn what_is_to_be_left_out_is_mostly_left_out() {
    let demo = Demo::with_latency(4, 0.0);
    let known: Vec<String> = ["Canada", "Chile", "China", "Cuba", "Chad", "Cyprus", "Colombia", "Croatia"]
        .map(String::from)
        .into();
    let barred: Vec<&str> = known.iter().map(String::as_str).collect();
    let (mut copied, mut others) = (0, 0);
    for _ in 0..100 {
        for said in named(&demo, "c", &known).await {
            if is_one_of(&barred, &said) { copied += 1 } else { others += 1 }
        }
    }
    assert!((20..=180).contains(&copied) && others > 300, "{copied} of 800, and {others} others");
}

/// A model that knows of none says so, and nothing that could be taken for a list of something else.
#[tokio::test]
async fn a_part_without_any_name_is_answered_with_an_empty_list() {
    let demo = Demo::with_latency(5, 0.0);
    for _ in 0..200 {
        let part = Aim::Part(Letters::parse("xa-xb").unwrap());
        let question = prompt::question("countries", None, 50, &part, &[]);
        let reply = demo.ask(&question).await;
        let limits = AnswerLimits { truncated: reply.truncated, ..AnswerLimits::default() };
        let answer = parse_answer(&reply.text, &question.topic, limits);
        assert_eq!((answer.outcome, reply.truncated), (Parsed::Empty, false), "{}", reply.text);
    }
}

#[tokio::test]
async fn the_kinds_it_tells_of_are_words_of_its_items_and_items_of_one_have_that_word() {
    let demo = Demo::with_latency(6, 0.0);
    let said = async |cell: &str| {
        let aim = Aim::named(Some(cell)).unwrap();
        let reply = demo.ask(&prompt::question("Paris attractions", None, 30, &aim, &[])).await;
        let answer = parse_answer(&reply.text, "Paris attractions", AnswerLimits::default());
        answer.items.into_iter().map(|item| item.text).collect::<Vec<_>>()
    };
    let kinds = said("categories").await;
    assert!(kinds.len() > 3, "{kinds:?}");
    for kind in &kinds {
        let items = said(&format!("category: {kind}")).await;
        let other = items.iter().find(|item| !item.to_lowercase().contains(&kind.to_lowercase()));
        assert!(items.len() > 3 && other.is_none(), "{kind}: {items:?}");
        assert_eq!(said(&format!("categories of: {kind}")).await, Vec::<String>::new());
    }
}
