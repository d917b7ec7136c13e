#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::{MAX_ID_BYTES, TopicId, TopicIdError};

fn id(name: &str) -> String {
    TopicId::from_name(name).unwrap().to_string()
}

fn names() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "con",
        "NUL",
        "com",
        "1",
        "_",
        "-",
        " ",
        ".",
        "..",
        "/",
        "\\",
        "*",
        "{",
        "}",
        ":",
        "É",
        "ß",
        "İ",
        "\u{307}",
        "\u{301}",
        "東京",
        "हिन्दी",
        "🎉",
        "½",
        "²",
        "ς",
        "global",
        "state",
        "\u{200b}",
        "ก็",
        "\u{11099}",
        "\u{110ba}",
    ]);
    prop_oneof!["\\PC{0,80}", prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_name_is_refused_or_leads_to_a_safe_id(name in names()) {
        let Ok(id) = TopicId::from_name(&name) else { return Ok(()) };
        for id in [id.clone(), id.with_hash(&name), id.with_hash(&name).with_hash("other")] {
            prop_assert!((1..=MAX_ID_BYTES).contains(&id.as_str().len()));
            prop_assert!(id.as_str().chars().all(|c| c == '_' || c.is_alphanumeric()), "{}", id);
            prop_assert_eq!(TopicId::parse(id.as_str()), Ok(id));
        }
    }

    #[test]
    fn an_id_is_the_name_of_itself(name in names()) {
        let Ok(id) = TopicId::from_name(&name) else { return Ok(()) };
        prop_assert_eq!(TopicId::from_name(id.as_str()), Ok(id));
    }

    #[test]
    fn what_parses_is_its_own_name(text in names()) {
        if let Ok(id) = TopicId::parse(&text) {
            prop_assert_eq!(id.as_str(), text.as_str());
            prop_assert_eq!(TopicId::from_name(&text), Ok(id));
        }
    }
}

#[test]
fn names_become_folders_as_the_examples_say() {
    for (name, folder) in [
        ("Best Sci-Fi Movies (2020s)", "best_sci_fi_movies_2020s"),
        ("Paris attractions", "paris_attractions"),
        ("  C++  ", "c"),
        ("東京 の 名所", "東京_の_名所"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("Café Cafe\u{301}", "café_café"),
        ("../../etc/passwd", "etc_passwd"),
        ("a*b", "a_b"),
        ("{x}:y", "x_y"),
        (".replaced", "replaced"),
        ("__init__", "init"),
        ("½ price", "1_2_price"),
        ("हिन्दी", "हिनदी"),
    ] {
        assert_eq!(id(name), folder, "{name:?}");
    }
}

#[test]
fn a_long_name_is_cut_between_characters_and_without_an_underscore_at_the_end() {
    assert_eq!(id(&"x".repeat(300)), "x".repeat(64));
    assert_eq!(id(&format!("{} tail", "x".repeat(63))), "x".repeat(63));
    assert_eq!(id(&"東".repeat(40)), "東".repeat(21));
}

#[test]
fn a_reserved_name_gets_a_hash_behind_it() {
    for (name, prefix) in [
        ("CON", "con_"),
        ("com1", "com1_"),
        ("LPT⁹", "lpt9_"),
        ("Nul.", "nul_"),
        ("Global State", "global_state_"),
    ] {
        let id = id(name);
        assert!(id.starts_with(prefix) && id.len() == prefix.len() + 8, "{id}");
    }
    assert_eq!(id("com10"), "com10");
    assert_eq!(id("console"), "console");
}

#[test]
fn a_name_of_symbols_gets_an_id_of_its_own() {
    let party = id("🎉");
    assert!(party.starts_with("topic_") && party.len() == 14, "{party}");
    assert_ne!(party, id("🎉🎉"));
}

#[test]
fn names_that_share_a_folder_are_told_apart_by_a_hash_of_the_exact_name() {
    let (plain, plus) = (TopicId::from_name("C").unwrap(), TopicId::from_name("C++").unwrap());
    assert_eq!(plain, plus);
    let (sharp, plus) = (plain.with_hash("C#"), plain.with_hash("C++"));
    assert!(plus.as_str().starts_with("c_") && plus.as_str().len() == 10);
    assert_ne!(sharp, plus);
    assert_eq!(plus, plain.with_hash("C++"));
    assert_eq!(TopicId::from_name(&"x".repeat(64)).unwrap().with_hash("y").as_str().len(), MAX_ID_BYTES);
}

#[test]
fn impossible_names_are_refused_with_a_reason() {
    for (name, error) in [
        ("", TopicIdError::Empty),
        (" \u{a0}\u{200b}", TopicIdError::Empty),
        (&"x".repeat(301), TopicIdError::TooLong),
        ("a\nb", TopicIdError::Control),
        ("a\0", TopicIdError::Control),
        ("gnp.\u{202e}tac", TopicIdError::Invisible(0x202e)),
        ("Par\u{200b}is", TopicIdError::Invisible(0x200b)),
        ("a\u{2028}b", TopicIdError::Invisible(0x2028)),
        ("Paris\u{3164}", TopicIdError::Invisible(0x3164)),
    ] {
        assert_eq!(TopicId::from_name(name), Err(error), "{name:?}");
    }
    assert_eq!(TopicIdError::Empty.to_string(), "the topic's name is empty: give it 1 to 300 characters");
}

#[test]
fn what_scripts_and_emoji_need_may_stand_in_a_name_though_it_is_not_seen() {
    for name in [
        "می\u{200c}خواهم",
        "👩\u{200d}🎨 painters",
        "❤\u{fe0f} songs",
        "🏴\u{e0067}\u{e0062}\u{e007f} rivers",
    ] {
        assert!(TopicId::from_name(name).is_ok(), "{name:?}");
    }
}

#[test]
fn ids_from_outside_are_taken_as_they_are_or_refused() {
    for text in [
        "",
        "_a",
        "a_",
        "a__b",
        "A",
        "a b",
        "../x",
        "a.b",
        "con",
        "com1",
        "global_state",
        "ß",
        "ﬁ",
        "e\u{301}",
        "🎉",
        "a\n",
    ] {
        assert_eq!(TopicId::parse(text), Err(TopicIdError::Malformed), "{text:?}");
    }
    assert!(TopicId::parse(&"x".repeat(65)).is_err());
    assert_eq!(TopicId::parse("best_sci_fi_movies_2020s").unwrap().as_str(), "best_sci_fi_movies_2020s");
}

#[test]
fn an_id_is_serialised_as_text_and_checked_when_it_comes_back() {
    let id = TopicId::from_name("Paris attractions").unwrap();
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, "\"paris_attractions\"");
    assert_eq!(serde_json::from_str::<TopicId>(&json).unwrap(), id);
    assert!(serde_json::from_str::<TopicId>("\"../x\"").is_err());
}
