#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

fn matching(pattern: &str) -> ItemRules {
    ItemRules { matches: Some(pattern.to_owned()), ..ItemRules::default() }
}

fn chars(min: Option<u32>, max: Option<u32>) -> ItemRules {
    ItemRules { min_chars: min, max_chars: max, ..ItemRules::default() }
}

fn written(scripts: &[Script]) -> ItemRules {
    ItemRules { scripts: scripts.iter().copied().collect(), ..ItemRules::default() }
}

fn says(rules: &ItemRules, text: &str) -> Option<Rejection> {
    rules.judge().unwrap().rejection(text)
}

#[test]
fn an_item_has_the_form_that_is_wanted_anywhere_or_between_anchors() {
    let plural = matching(r"(?i)^[\p{L} '’-]+s$");
    assert_eq!(says(&plural, "Wood warblers"), None);
    assert_eq!(says(&plural, "Œufs"), None);
    assert_eq!(says(&plural, "Wren"), Some(Rejection::NoMatch));
    assert_eq!(says(&matching("ren"), "Wren"), None, "anywhere");
    assert_eq!(says(&ItemRules::default(), "anything"), None);
}

#[test]
fn characters_are_counted_not_bytes() {
    let rules = chars(Some(3), Some(4));
    let said = ["né", "née", "本日本日", "本日本日本"].map(|text| says(&rules, text));
    assert_eq!(said, [Some(Rejection::TooFewChars), None, None, Some(Rejection::TooManyChars)]);
}

#[test]
fn most_letters_are_of_the_scripts_that_are_wanted() {
    let latin = written(&[Script::Latin]);
    for text in ["Café Müller", "7 Up", "1984", "Ω-loop", "東A京AB"] {
        assert_eq!(says(&latin, text), None, "{text}");
    }
    for text in ["Москва", "東京", "A東", "Москва (MSK)"] {
        assert_eq!(says(&latin, text), Some(Rejection::OtherScript), "{text}");
    }
    let japanese = written(&[Script::Han, Script::Hiragana, Script::Katakana]);
    for text in ["コーヒー", "お茶の水", "東京"] {
        assert_eq!(says(&japanese, text), None, "{text}");
    }
    assert_eq!(says(&japanese, "서울"), Some(Rejection::OtherScript));
}

#[test]
fn what_makes_no_sense_is_told_all_at_once_and_where() {
    let said = |rules: &ItemRules| -> Vec<(&'static str, String)> {
        rules.errors().iter().map(|error| (error.rule(), error.to_string())).collect()
    };
    let wrong = |pattern: &str| said(&matching(pattern)).remove(0).1;
    assert_eq!(wrong("é(b"), "character 2 of the regular expression: unclosed group");
    assert_eq!(wrong(r"ab\q"), "character 3 of the regular expression: unrecognized escape sequence");
    assert_eq!(wrong(r"a\p{Klingon}"), "character 2 of the regular expression: Unicode property not found");
    assert_eq!(wrong("a(?=b)").split(": ").next(), Some("character 2 of the regular expression"));
    assert!(wrong("").contains("leave it out"));
    assert!(wrong(&"a".repeat(501)).contains("500 bytes"));
    assert_eq!(wrong(r"(\w{30}){30}"), RuleError::PatternTooLarge.to_string());
    assert!(wrong(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).contains("nest"));
    let all = ItemRules { min_chars: Some(0), max_chars: Some(513), ..matching("(") };
    assert_eq!(
        said(&all).iter().map(|(rule, _)| *rule).collect::<Vec<_>>(),
        ["matches", "min_chars", "max_chars"]
    );
    assert_eq!(
        said(&chars(Some(5), Some(4))),
        [("min_chars", "nothing has at least 5 and at most 4 characters".to_owned())]
    );
    assert_eq!(said(&chars(Some(4), Some(4))), []);
    assert!(Script::parse("klingon").unwrap_err().contains("known are arabic, armenian,"));
    assert_eq!(Script::parse(" Latin"), Ok(Script::Latin));
}

#[test]
fn ordinary_patterns_are_taken_and_those_that_take_too_much_are_told_from_them() {
    for pattern in [
        r"^\w{2,40}$",
        r"^[\p{L} '-]{3,60}$",
        r"(?i)^[\p{L} '’-]{2,80}$",
        r"^.{1,512}$",
        r"^(\w+ ){0,10}\w+$",
        r"^(\p{L}{1,20} ){0,3}\p{L}{1,20}$",
    ] {
        assert_eq!(matching(pattern).errors(), [], "{pattern}");
    }
    assert_eq!(says(&matching(r"^\w{2,40}$"), "Übergrößenträger"), None);
    // Much memory; many comparisons; both by repetitions that multiply.
    for pattern in [r"(\w{30}){30}", r"^(?:(?:a?){50}){50}$", r"(((a{999}){999}){999}){999}", r"\p{L}{512}"] {
        let [error] = matching(pattern).errors().try_into().unwrap();
        assert_eq!(error, RuleError::PatternTooLarge, "{pattern}");
        assert!(error.to_string().contains("--max-chars"), "{error}");
    }
}

#[test]
fn every_script_is_one_of_unicode_and_weighs_less_than_is_said() {
    for script in Script::ALL {
        assert!(Letters::of(&BTreeSet::from([*script])).is_some(), "{script:?}");
        assert_eq!(serde_json::to_string(script).unwrap(), format!("\"{}\"", script.as_str()));
    }
    let all = ItemRules {
        matches: Some("x".repeat(MAX_PATTERN_BYTES)),
        min_chars: Some(u32::MAX),
        max_chars: Some(u32::MAX),
        scripts: Script::ALL.iter().copied().collect(),
    };
    let bytes = rmp_serde::to_vec_named(&all).unwrap().len();
    assert!(bytes + "rules".len() < all.load(), "{bytes} of {}", all.load());
    assert_eq!(ItemRules::default().load(), 0);
}

proptest! {
    #[test]
    fn no_pattern_and_no_text_does_harm(pattern in "[a-c(){}|*+?\\[\\]\\\\pLw^$0-9,é-]{0,20}", text in "\\PC{0,30}") {
        let rules = matching(&pattern);
        match rules.judge() {
            Ok(judge) => prop_assert!(matches!(judge.rejection(&text), None | Some(Rejection::NoMatch))),
            Err(error) => prop_assert_eq!(rules.errors(), [error]),
        }
    }
}
