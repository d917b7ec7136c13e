#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod lists;
mod structured;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

use super::{Answer, AnswerLimits, MAX_REJECTED, Parsed, listed, parse_answer};
use crate::key::{Fingerprint, Key, Rejection, clean_text};

const TOPIC: &str = "Paris attractions";

fn parse(text: &str) -> Answer {
    parse_answer(text, TOPIC, AnswerLimits::default())
}

fn cut_off(text: &str) -> Answer {
    parse_answer(text, TOPIC, AnswerLimits { truncated: true, ..AnswerLimits::default() })
}

fn items(answer: &Answer) -> String {
    answer.items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(" / ")
}

fn examples() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    lists::LISTS.iter().chain(structured::STRUCTURED)
}

#[test]
fn answers_as_models_give_them_yield_exactly_their_items() {
    let mut wrong = String::new();
    for (text, expected) in examples() {
        let answer = parse(text);
        let found = items(&answer);
        if found != *expected {
            writeln!(
                wrong,
                "\n{text:?}\n  expected {expected}\n  found    {found}\n  rejected {:?}",
                answer.rejected
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// An answer of some style, about a topic, and the items in it.
#[derive(serde::Deserialize)]
struct Style {
    #[serde(rename = "style")]
    name: String,
    topic: String,
    answer: String,
    items: Vec<String>,
}

#[test]
fn answers_of_many_styles_and_languages_yield_exactly_their_items() {
    let styles: Vec<Style> = serde_json::from_str(include_str!("tests/styles.json")).unwrap();
    assert!(styles.len() > 200);
    let mut wrong = String::new();
    for Style { name, topic, answer, items } in styles {
        let read = parse_answer(&answer, &topic, AnswerLimits::default());
        let found: Vec<String> = read.items.into_iter().map(|item| item.text).collect();
        if found != items {
            writeln!(wrong, "\n{name}: {answer:?}\n  expected {items:?}\n  found    {found:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_refusal_is_a_refusal_and_never_an_item() {
    for text in [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.\n\nIf you'd like, I can suggest something else.",
        "As an AI language model, I don't have personal opinions about this topic.",
        "I cannot provide a list of individuals without their consent.",
        "I'm unable to generate that content.",
        "Unfortunately, I won't be able to list those items.",
        "Sorry, but I cannot fulfill this request.",
        r#"["I'm sorry, but I can't help with that."]"#,
        r#"{"error": "I cannot comply with this request."}"#,
        "<think>Should I?</think>I must decline. I cannot assist with this.",
    ] {
        let answer = parse(text);
        assert_eq!(
            (answer.outcome, items(&answer)),
            (Parsed::Refused, String::new()),
            "{text:?} {:?}",
            answer.rejected
        );
        assert!(answer.rejected.iter().any(|(reason, _)| *reason == Rejection::Refusal), "{text:?}");
    }
}

#[test]
fn a_list_behind_a_half_refusal_is_still_a_list() {
    let answer = parse("I'm sorry, but I can't list everything. Here are some:\n- Louvre\n- Orsay");
    assert_eq!((answer.outcome, items(&answer).as_str()), (Parsed::Items, "Louvre / Orsay"));
    assert_eq!(answer.rejected[0].0, Rejection::Refusal);
}

#[test]
fn an_answer_without_items_says_why() {
    for (text, outcome) in [
        ("", Parsed::Empty),
        (" \n\t\u{feff}", Parsed::Empty),
        ("[]", Parsed::Empty),
        ("{}", Parsed::Empty),
        ("```json\n[]\n```", Parsed::Empty),
        (r#"{"items": []}"#, Parsed::Empty),
        ("<think>Nothing more to say.</think>", Parsed::Empty),
        ("<think>I was cut off while", Parsed::Empty),
        ("Sure! Here is the list you asked for:", Parsed::Unparsable),
        ("...", Parsed::Unparsable),
        (r#"["Eiff"#, Parsed::Unparsable),
        (
            "Paris has so many attractions that it is hard to know where one should even begin.",
            Parsed::Unparsable,
        ),
    ] {
        let answer = parse(text);
        assert_eq!((answer.outcome, items(&answer)), (outcome, String::new()), "{text:?}");
    }
}

#[test]
fn each_rejection_carries_its_reason_and_its_text() {
    let long = "x".repeat(600);
    let answer = parse(&format!(
        "Here are a few of them:\n1. Louvre\n2. Item 2\n3. Paris Attractions\n4. {long}\n5. \u{200b}.\n"
    ));
    assert_eq!(items(&answer), "Louvre");
    let reasons: Vec<_> = answer.rejected.iter().map(|(reason, text)| (*reason, text.len())).collect();
    assert_eq!(
        reasons,
        [
            (Rejection::Chatter, 23),
            (Rejection::TemplateEcho, 6),
            (Rejection::RepeatsTopic, 17),
            (Rejection::TooLong, 120),
            (Rejection::Empty, 0)
        ]
    );
}

#[test]
fn the_unfinished_end_of_a_cut_off_answer_is_dropped() {
    for (text, expected) in [
        ("1. Louvre\n2. Orsay\n3. Centre Pomp", "Louvre / Orsay"),
        ("1. Louvre\n2. Orsay\n", "Louvre / Orsay"),
        ("Louvre, Orsay, Cluny, Pomp", "Louvre / Orsay / Cluny"),
        ("1. Lou", ""),
        (r#"["Louvre", "Orsay", "Pomp"#, "Louvre / Orsay"),
        (r#"["Louvre", "Orsay"]"#, "Louvre / Orsay"),
        ("| Name |\n|---|\n| Louvre |\n| Ors", "Louvre"),
    ] {
        assert_eq!(items(&cut_off(text)), expected, "{text:?}");
    }
    let limits = AnswerLimits { max_bytes: 20, ..AnswerLimits::default() };
    assert_eq!(items(&parse_answer("- Louvre\n- Orsay\n- Pompidou", TOPIC, limits)), "Louvre / Orsay");
}

#[test]
fn repetitions_and_items_over_the_limit_are_counted() {
    let text = "Louvre\nORSAY\nlouvre\nOrsay\nPompidou\nCluny";
    let answer = parse_answer(text, TOPIC, AnswerLimits { max_items: 3, ..AnswerLimits::default() });
    assert_eq!(items(&answer), "Louvre / ORSAY / Pompidou");
    assert_eq!((answer.repeated, answer.over_limit), (2, 1));
}

#[test]
fn rejections_are_bounded_but_all_counted() {
    let answer = parse(&"Item 1\n".repeat(1000));
    assert_eq!((answer.rejected.len(), answer.rejected_total), (MAX_REJECTED, 1000));
}

#[test]
fn a_rejected_text_that_grows_when_it_is_normalised_stays_bounded() {
    let answer = parse(&"\u{958}".repeat(200));
    assert_eq!(answer.rejected[0].0, Rejection::TooLong);
    assert_eq!(answer.rejected[0].1.len(), 120);
}

#[test]
fn hostile_answers_become_inert_lines() {
    let answer =
        parse("1. <script>alert(1)</script>\n2. \u{1b}[31mRed\u{1b}[0m\n3. =cmd()\n4. a\0b\u{202e}c\n");
    assert_eq!(items(&answer), "<script>alert(1)</script> / Red / =cmd() / abc");
}

#[test]
fn repetitions_of_any_mark_break_no_promise() {
    for piece in [
        "[",
        "{",
        "[[\"",
        "[\"",
        "{\"a\":",
        "[{\"a\":[",
        "\"",
        "'",
        "\\",
        "\"\\",
        "[1,",
        "[\n",
        "x [\n",
        "[ ",
        "**",
        "*a*",
        "](",
        "[a](",
        "`",
        "- ",
        "-",
        "—",
        "a—b",
        "a - b",
        ": ",
        "1. ",
        "1. a\n",
        "- a\n  - b\n",
        "|",
        "|-",
        "a|b\n|--|\n",
        ",",
        "a, ",
        "; ",
        "(",
        "<think>",
        "</think>",
        "<|",
        "|>",
        "#",
        "# a\n",
        "```\n",
        "~~~\n",
        "[1]",
        "\n",
        "\r",
        "a ",
        "a. B",
        "\u{1b}]",
        "É",
        "{\"a\":\"b\"}\n",
        "['a',",
    ] {
        for ending in ["", "]"] {
            let text = piece.repeat((1 << 13) / piece.len()) + ending;
            check(&text, &parse(&text));
        }
    }
}

#[test]
fn only_so_many_levels_of_json_are_followed() {
    let nested = |depth: usize| format!("{}\"Louvre\"{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(items(&parse(&nested(16))), "Louvre");
    assert_eq!(items(&parse(&nested(17))), "");
    assert_eq!(items(&parse(&nested(100_000))), "");
}

/// What holds of every answer.
fn check(text: &str, answer: &Answer) {
    let mut keys = BTreeSet::new();
    for item in &answer.items {
        assert_eq!(clean_text(&item.text).as_ref(), Ok(&item.text), "{text:?}");
        assert_eq!(Key::of(&item.text), Some(item.key.clone()), "{text:?}");
        assert_eq!(Fingerprint::of(&item.key), item.fingerprint);
        assert!(keys.insert(&item.key), "{text:?} named {} twice", item.text);
    }
    assert!(answer.items.len() <= AnswerLimits::default().max_items);
    assert!(answer.rejected.len() <= MAX_REJECTED && answer.rejected.len() <= answer.rejected_total);
    assert!(answer.rejected.iter().all(|(_, text)| text.len() <= 120 && !text.contains(char::is_control)));
    assert_eq!(answer.items.is_empty(), answer.outcome != Parsed::Items);
}

/// Real answers with pieces cut out, doubled, and swapped in from other answers.
fn mutated() -> impl Strategy<Value = String> {
    let texts: Vec<&'static str> = examples().map(|(text, _)| *text).collect();
    let text = prop::sample::select(texts.clone());
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\"", "[", "]", "{", "}", "\\", "\n", "**", "`", "```\n", "|", ": ", " - ", "1. ", "\u{1b}", "—"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(texts).prop_map(str::to_owned),
        any::<String>(),
    ];
    (text, prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), piece), 0..6))
        .prop_map(|(text, edits)| {
            edits.iter().fold(text.to_owned(), |text, (from, to, piece)| {
                let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
                let from = text.floor_char_boundary(from);
                let to = text.floor_char_boundary((from + 1 + to % 8).min(text.len())).max(from);
                format!("{}{piece}{}", &text[..from], &text[to..])
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_text_makes_the_parser_panic_or_break_its_promises(text in prop_oneof![mutated(), any::<String>()], topic in any::<String>()) {
        check(&text, &parse_answer(&text, &topic, AnswerLimits::default()));
        check(&text, &parse_answer(&text, &topic, AnswerLimits { max_bytes: text.len() / 2, max_items: 3, truncated: true }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_come_back_from_every_shape_of_list(
        names in prop::collection::btree_set("[A-Z][a-z]{4,8}( [A-Z][a-z]{3,8}){0,2}", 3..20)
    ) {
        let names: Vec<String> = names.into_iter().collect();
        let expected = |answer: Answer| -> Vec<String> { answer.items.into_iter().map(|item| item.text).collect() };
        prop_assume!(names.iter().filter_map(|name| Key::of(name)).collect::<BTreeSet<_>>().len() == names.len());
        let lines = |line: &dyn Fn(usize, &str) -> String| -> String {
            names.iter().enumerate().map(|(at, name)| line(at + 1, name) + "\n").collect()
        };
        let each = |before: &str, after: &str| lines(&|_, name| format!("{before}{name}{after}"));
        let numbered = |before: &str, after: &str| lines(&|at, name| format!("{at}{before}{name}{after}"));
        for text in [
            each("", ""), each("- ", ""), each("* **", "**"), each("• ", ","), each("- [ ] ", ""), each("| ", " | x |"),
            each("", " - a thing to see"), each("- **", "**: A thing to see in the city."), numbered(". ", ""),
            numbered(") **", "** – a thing"), numbered(": ", ""), serde_json::to_string(&names).unwrap(),
            serde_json::to_string_pretty(&names).unwrap(), serde_json::to_string(&serde_json::json!({"items": names})).unwrap(),
        ] {
            let text = if text.starts_with('|') { format!("| Name | Note |\n|---|---|\n{text}") } else { text };
            prop_assert_eq!(&expected(parse(&text)), &names, "{}", text);
            let wrapped = format!("Sure! Here are the names you asked for:\n\n{text}\nLet me know if you need more.");
            prop_assert_eq!(&expected(parse(&wrapped)), &names, "{}", wrapped);
        }
    }
}

#[test]
fn a_list_that_somebody_keeps_loses_what_counts_its_lines_and_nothing_else() {
    let read = |text: &str| listed(text).map(Cow::into_owned).collect::<Vec<_>>();
    let text = "* Robin\n• Wren\r\n- Blue tit\n\n[x] Owl\nIntroduction:\nDune: Part Two\n-5 °C\n1984";
    assert_eq!(
        read(text),
        ["Robin", "Wren", "Blue tit", "[x] Owl", "Introduction:", "Dune: Part Two", "-5 °C", "1984"]
    );
    assert_eq!(read("1. Robin\n2. Wren\n3. Owl"), ["Robin", "Wren", "Owl"]);
    assert_eq!(read("1) Robin\n2) Wren"), ["Robin", "Wren"]);
    // Names that begin with a number.
    let names = ["7. Zeichen", "Robin", "2001: A Space Odyssey", "3 Idiots", "Wren"];
    assert_eq!(read(&names.join("\n")), names);
    assert_eq!(read(""), Vec::<String>::new());
}
