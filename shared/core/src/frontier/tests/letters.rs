use proptest::prelude::*;

use super::super::letters::{Letters, place};

fn at(part: &str) -> Letters {
    Letters::parse(part).unwrap()
}

#[test]
fn a_name_stands_by_its_first_two_letters_without_accents_and_case() {
    let is_in = |name: &str, part: &str| {
        assert_eq!(at(part), Letters { from: place(name), to: place(name) }, "{name}");
    };
    for name in ["São Paulo", "SAO", "sa", "saint", "Ｓａ"] {
        is_in(name, "sa-sa");
    }
    is_in("Éa", "ea");
    is_in("Östersund", "os");
    is_in("ﬁsh", "fi");
    is_in("é", "e'");
}

#[test]
fn a_name_without_a_second_letter_stands_before_those_with_one() {
    for name in ["s", "S", "S.", "S 1", "s2", "s'Hertogenbosch", "s-", "sш"] {
        assert_eq!(at("s'"), Letters { from: place(name), to: place(name) }, "{name}");
    }
    assert!(place("s'") < place("sa") && place("rz") < place("s"));
}

#[test]
fn a_name_that_begins_with_no_letter_from_a_to_z_stands_behind_all_others() {
    for name in ["", "7up", "Москва", "東京", "'Aho", "-", "ß", "\u{301}"] {
        assert_eq!(at("other"), Letters { from: place(name), to: place(name) }, "{name}");
    }
    assert!(place("zz") < place("1"));
}

#[test]
fn ranges_are_written_as_short_as_can_be() {
    for (name, first, last) in [
        ("a", "a", "az"),
        ("a-f", "a", "fz"),
        ("sa", "sa", "sa"),
        ("sa-sm", "sa", "sm"),
        ("s'-sc", "s", "sc"),
        ("s'", "s", "s"),
        ("sa-tf", "sa", "tf"),
        ("a-z", "a", "zz"),
        ("other", "7", "7"),
    ] {
        let range = Letters { from: place(first), to: place(last) };
        assert_eq!((range.to_string(), Letters::parse(name)), (name.to_owned(), Some(range)));
    }
}

#[test]
fn what_is_no_range_is_not_taken_for_one() {
    for name in ["", "-", "a-", "-a", "f-a", "sb-sa", "A", "é", "abc", "a-b-c", "1", "a_b", "others", "a "] {
        assert_eq!(Letters::parse(name), None, "{name}");
    }
}

#[test]
fn questions_say_in_words_what_names_begin_with() {
    for (name, words) in [
        ("c", "begin with the letter C"),
        ("a-f", "begin with one of the letters A to F"),
        ("sa", "begin with \"Sa\""),
        ("sa-sm", "begin with \"Sa\" to \"Sm\" in the order of the alphabet"),
        ("s'-sc", "begin with \"S\" to \"Sc\" in the order of the alphabet"),
        (
            "sx-t'",
            "begin with \"Sx\" to \"Sz\" in the order of the alphabet, or with T and no letter behind it",
        ),
        ("sz-t'", "begin with \"Sz\", or with T and no letter behind it"),
        ("t'", "begin with the letter T and have no letter behind it"),
        ("other", "do not begin with a letter from A to Z, but with a digit or another character"),
    ] {
        assert_eq!(at(name).in_words(), words);
    }
}

#[test]
fn a_range_holds_what_stands_in_it() {
    assert!(at("s'-sc").holds("S 7") && at("s'-sc").holds("Scotland") && !at("s'-sc").holds("Sdot"));
    assert!(at("a-f").holds("fz") && !at("a-f").holds("g") && !at("a-z").holds("8"));
    assert_eq!(at("a-f").both(at("c-k")), Some(at("c-f")));
    assert_eq!(at("a-f").both(at("g")), None);
}

#[test]
fn usual_letters_are_a_thousand_in_all() {
    assert!((Letters::ALL.usual() - 1_000.0).abs() < 5.0, "{}", Letters::ALL.usual());
    assert!(at("s").usual() > 20.0 * at("x").usual());
    // Second letters go by the first.
    assert!(at("qu").usual() > 20.0 * at("qa").usual() && at("ca").usual() > at("cu").usual());
    let second: f64 = [at("b'"), at("ba-bm"), at("bn-bz")].map(Letters::usual).iter().sum();
    assert!((second - at("b").usual()).abs() < 1e-9);
}

#[test]
fn letters_held_in_part_are_those_at_the_ends() {
    let of = |part: &str| at(part).held_in_part().map(|letter| letter.to_string()).collect::<Vec<_>>();
    assert_eq!(of("a-f"), Vec::<String>::new());
    assert_eq!(of("other"), Vec::<String>::new());
    assert_eq!((of("ba"), of("ba-bm")), (vec!["b".to_owned()], vec!["b".to_owned()]));
    assert_eq!(of("bd-f"), ["b"]);
    assert_eq!(of("bd-fm"), ["b", "f"]);
}

proptest! {
    #[test]
    fn any_range_of_letters_is_read_as_it_was_written(one in 0..702_u16, other in 0..702_u16) {
        let range = Letters { from: one.min(other), to: one.max(other) };
        prop_assert_eq!(Letters::parse(&range.to_string()), Some(range), "{}", range);
    }

    #[test]
    fn every_name_is_in_one_letter_or_in_none(name in "\\PC{0,6}") {
        let holding = ('a'..='z').filter(|letter| at(&letter.to_string()).holds(&name)).count();
        prop_assert_eq!(holding + usize::from(at("other").holds(&name)), 1);
    }

    #[test]
    fn no_text_is_too_odd_to_be_looked_at(text in "\\PC{0,9}") {
        if let Some(range) = Letters::parse(&text) {
            prop_assert_eq!(Letters::parse(&range.to_string()), Some(range));
        }
    }
}
