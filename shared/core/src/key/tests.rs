#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::fold::fold_text;
use super::is_invisible;
use super::joiner::{is_pictograph, is_virama, uses_joiners};
use super::{Fingerprint, Key, MAX_TEXT_BYTES, Rejection, clean_text};

fn key(candidate: &str) -> String {
    Key::of(candidate).map(|key| key.as_str().to_owned()).unwrap_or_default()
}

/// Text made of what the rules are about, so that they meet each other far more often than in arbitrary Unicode.
fn tricky() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        " ",
        "-",
        "—",
        "–",
        "\"",
        "'",
        "’",
        "“",
        "”",
        ".",
        ",",
        ";",
        ":",
        "the",
        "a",
        "an",
        "The ",
        "A-",
        "5",
        "x",
        "É",
        "e\u{301}",
        "\u{301}",
        "ß",
        "ẞ",
        "ſ",
        "İ",
        "i\u{307}",
        "ı",
        "Σ",
        "ς",
        "\u{345}",
        "´",
        "…",
        "½",
        "(",
        ")",
        "+",
        "#",
        "\u{200b}",
        "\u{1b}[1m",
        "\u{1b}",
        "\u{202e}",
        "\n",
        "\u{a0}",
        "東",
        "ﷺ",
        "\u{ffa0}",
        "ŉ",
        "C",
        "\u{200c}",
        "\u{200d}",
        "\u{fe0f}",
        "\u{20e3}",
        "❤",
        "👩",
        "🏽",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "🏴",
        "\u{e0067}",
        "\u{e007f}",
        "م",
        "\u{653}",
        "\u{651}",
        "ශ",
        "\u{dca}",
        "\u{dd9}",
        "क",
        "\u{93c}",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

/// Joiners, and the tags of flags, which show in what they do.
fn stays(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}' | '\u{e0030}'..='\u{e007f}')
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![tricky(), any::<String>(), "\\PC{0,40}"]
}

proptest! {
    #[test]
    fn the_key_of_words_is_that_of_any_other_text(text in "[ ]?([aAnT]|[tT]he|an|[b-e0-2]{1,3}|-)?([ ]{1,2}(a|The|[aB9]{1,3})){0,4}[ .]?") {
        prop_assert_eq!(Key::of(&text), Key::of_any(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn canonising_a_key_again_gives_the_same_key(text in any_text()) {
        if let Some(once) = Key::of(&text) {
            prop_assert_eq!(Key::of(once.as_str()), Some(once));
        }
    }

    #[test]
    fn folding_characters_again_changes_nothing(text in any_text()) {
        let once = fold_text(&text);
        prop_assert_eq!(fold_text(&once), once);
    }

    #[test]
    fn a_cleaned_text_has_the_key_of_its_original_and_stays_as_it_is(text in any_text()) {
        match clean_text(&text) {
            Ok(line) => {
                prop_assert_eq!(Key::of(&line), Key::of(&text));
                prop_assert!(line.len() <= MAX_TEXT_BYTES);
                prop_assert!(!line.chars().any(|c| is_invisible(c) && !stays(c)));
                prop_assert_eq!(clean_text(&line), Ok(line));
            }
            Err(Rejection::Empty) => prop_assert_eq!(Key::of(&text), None),
            Err(reason) => prop_assert_eq!(reason, Rejection::TooLong),
        }
    }

    #[test]
    fn case_does_not_matter(text in any_text()) {
        let text = text.replace('\u{1b}', ""); // which would take the next character along
        let key = Key::of(&text);
        let lower: String = text.chars().flat_map(char::to_lowercase).collect();
        prop_assert_eq!(Key::of(&lower), key);
    }
}

#[test]
fn every_single_character_folds_to_something_settled_that_shows() {
    // The planes between are unassigned, those behind are private.
    for c in ('\0'..='\u{3ffff}').chain('\u{e0000}'..='\u{e0fff}') {
        let once = fold_text(c.encode_utf8(&mut [0; 4]));
        assert_eq!(fold_text(&once), once, "U+{:04X}", u32::from(c));
        assert!(!once.chars().any(is_invisible), "U+{:04X}", u32::from(c));
        if c.nfkc().any(is_invisible) {
            assert!(is_invisible(c), "U+{:04X} would bring an invisible character in", u32::from(c));
        }
    }
}

#[test]
fn normalisation_leaves_what_stands_around_a_joiner_as_it_was() {
    let around = |c: char| (uses_joiners(c), is_pictograph(c));
    for c in '\0'..='\u{3ffff}' {
        let parts: Vec<char> = c.nfd().collect();
        if let [first, .., last] = parts[..] {
            assert_eq!(around(first), around(c), "U+{:04X}", u32::from(c));
            assert_eq!(is_virama(last), is_virama(c), "U+{:04X}", u32::from(c));
        }
    }
}

#[test]
fn what_joins_letters_or_emoji_stays_in_the_text_and_nothing_else_that_is_invisible() {
    for text in [
        "می\u{200c}خواهم",
        "ශ්\u{200d}රී ලංකාව",
        "क्\u{200d}ष",
        "അവന്\u{200d}",
        "❤\u{fe0f}",
        "❤\u{fe0f}\u{200d}🔥",
        "1\u{fe0f}\u{20e3}",
        "👨\u{200d}👩\u{200d}👧",
        "👩🏽\u{200d}🚀 in space",
        "🏳\u{fe0f}\u{200d}🌈",
        "🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
    ] {
        assert_eq!(clean_text(text).as_deref(), Ok(text), "{}", text.escape_unicode());
    }
    for (text, expected) in [
        ("Lou\u{200d}vre\u{200c}", "Louvre"),
        ("\u{200c}خانه\u{200c}", "خانه"),
        ("خا\u{200c}\u{200d}\u{200c}نه", "خا\u{200c}نه"),
        ("Louvre\u{fe0f} 1\u{fe0f}", "Louvre 1"),
        ("👩\u{200d} x", "👩 x"),
        ("❤\u{fe0e}", "❤"),
        ("x\u{e0067}\u{e0062}\u{e007f}", "x"),
        ("🏴\u{e0068}\u{e0069}", "🏴"),
        ("🏴\u{e0067}\u{200b}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "🏴"),
        ("🏴\u{e0073}\u{e0065}\u{e0063}\u{e0072}\u{e0065}\u{e0074}\u{e0073}\u{e007f}", "🏴"),
        ("م\u{1b}[31m\u{200c}\u{202e}ن", "م\u{200c}ن"),
    ] {
        assert_eq!(clean_text(text).as_deref(), Ok(expected), "{}", text.escape_unicode());
    }
}

#[test]
fn joiners_make_no_difference_but_the_tags_of_a_flag_do() {
    for (one, other) in
        [("خانه\u{200c}ها", "خانهها"), ("❤\u{fe0f}", "❤"), ("ශ්\u{200d}රී", "ශ්රී"), ("\u{200d}Louvre", "Louvre")]
    {
        assert_eq!(key(one), key(other));
    }
    let flags = ["gbeng", "gbsct", "gbwls", ""].map(|region| {
        let tags = region.bytes().filter_map(|b| char::from_u32(0xe0000 + u32::from(b)));
        let end = (!region.is_empty()).then_some('\u{e007f}');
        key(&"🏴".chars().chain(tags).chain(end).collect::<String>())
    });
    assert_eq!(BTreeSet::from(flags.clone()).len(), flags.len(), "{flags:?}");
}

#[test]
fn spellings_of_one_thing_share_a_key() {
    for (canonical, spellings) in [
        ("sci fi", &["Sci-Fi", "Sci Fi", "sci‑fi", "SCI – FI", " sci  -  fi ", "sci -fi", "Sci—Fi"][..]),
        (
            "eiffel tower",
            &[
                "The Eiffel Tower",
                "“Eiffel Tower”",
                "'eiffel tower'.",
                "«Eiffel  Tower»;",
                "the  Eiffel-Tower:",
            ],
        ),
        (
            "schindler's list",
            &["Schindler’s List", "Schindler's List", "Schindler´s List", "Schindler`s List"],
        ),
        ("strasse", &["Straße", "STRASSE", "STRAẞE", "ſtraſſe"]),
        ("istanbul", &["İstanbul", "Istanbul", "istanbul", "ISTANBUL", "I\u{307}stanbul"]),
        ("iğdir", &["Iğdır", "IĞDIR"]),
        ("ị", &["İ\u{323}", "i\u{307}\u{323}", "I\u{323}\u{307}", "Ị"]),
        ("οδοσ", &["Οδος", "ΟΔΟΣ", "οδοσ"]),
        ("café", &["Café", "Cafe\u{301}", "CAFÉ"]),
        ("ナイキ", &["ナイキ", "ﾅｲｷ", "「ナイキ」。"]),
        (
            "abc 123",
            &[
                "ＡＢＣ　１２３",
                "Abc\u{200b} 123\u{feff}",
                "a\u{202e}bc\t\n123",
                "\u{1b}[31mABC\u{1b}[0m 123",
            ],
        ),
        ("u.s", &["U.S.", "u.s"]),
        ("matrix", &["The \"Matrix\"", "\"The Matrix.\"", "the 'Matrix',"]),
    ] {
        for spelling in spellings {
            assert_eq!(key(spelling), canonical, "{spelling:?}");
        }
    }
}

#[test]
fn different_things_keep_different_keys() {
    for (candidate, canonical) in [
        ("C", "c"),
        ("C++", "c++"),
        ("C#", "c#"),
        ("C--", "c--"),
        ("F#", "f#"),
        (".NET", ".net"),
        ("-5", "-5"),
        ("–5 °C", "-5 °c"),
        ("5", "5"),
        ("(-5)", "(-5)"),
        ("minus -5", "minus -5"),
        ("A-", "a-"),
        ("\"A-\".", "a-"),
        ("A+", "a+"),
        ("A", "a"),
        ("The", "the"),
        ("an", "an"),
        ("The The", "the"),
        ("the \"\"", "the"),
        ("A-5", "a-5"),
        ("The A-Team", "a-team"),
        ("O- blood", "o- blood"),
        ("\"Heroes\" and \"Villains\"", "\"heroes\" and \"villains\""),
        ("'don't'", "don't"),
        ("12\"", "12\""),
        ("1984", "1984"),
        ("10 – 20", "10 20"),
        ("São Paulo", "são paulo"),
        ("Yahoo!", "yahoo!"),
        ("🎉", "🎉"),
    ] {
        assert_eq!(key(candidate), canonical, "{candidate:?}");
    }
}

#[test]
fn what_leaves_nothing_has_no_key() {
    for candidate in
        ["", " ", "...", "…", "-", "— –", "\"\"", "''", "\u{200b}", "\0", ": ;", "\u{1b}[0m", "\u{2800}"]
    {
        assert_eq!(Key::of(candidate), None, "{candidate:?}");
    }
}

#[test]
fn long_repetitions_are_canonised_in_linear_time() {
    for piece in ["the ", "\"", "\"'", "-", "a-", "- ", "x\u{301}", "\u{1b}]", "ß", "'a'", "the \"", "x -. "]
    {
        let text = piece.repeat((1 << 16) / piece.len());
        let key = Key::of(&text);
        assert_eq!(key.as_ref().and_then(|key| Key::of(key.as_str())), key, "{piece:?}");
    }
}

#[test]
fn fingerprints_are_the_published_xxh3_128() {
    // xxHash's own sanity check: its generated buffer at seed 0, and the reference implementation on keys.
    let mut generator: u64 = 2_654_435_761;
    let buffer: Vec<u8> = (0..24)
        .map(|_| {
            let byte = generator.to_be_bytes()[0];
            generator = generator.wrapping_mul(11_400_714_785_074_694_797);
            byte
        })
        .collect();
    assert_eq!(Fingerprint::of_bytes(&buffer[..1]).to_string(), "a6cd5e9392000f6ac44bdff4074eecdb");
    assert_eq!(Fingerprint::of_bytes(&buffer[..6]).to_string(), "082afe0b8162d12a3e7039bdda43cfc6");
    for (text, hex) in [
        ("", "99aa06d3014798d86001c324468d497f"),
        ("a", "a96faf705af16834e6c632b61e964e1f"),
        ("paris", "37a4b11770e7206adffb6ce3742b3b39"),
        ("eiffel tower", "9bb96988e078eb49b99a647eb96b7f3b"),
        ("東京", "ad25cc0dd6c1b5f7e042da532f465e62"),
        (&"x".repeat(17), "9e8a29b5dfc13013416e526dfb687d89"),
        (&"x".repeat(129), "e7f1abc92bce4135ae9ec8f29e5baa27"),
        (&"x".repeat(241), "586c2f1b13edf30f14da9e5c301a6a1d"),
    ] {
        assert_eq!(Fingerprint::of_bytes(text.as_bytes()).to_string(), hex, "{text:?}");
    }
}

#[test]
fn a_fingerprint_is_its_bytes_everywhere() {
    let fingerprint = Fingerprint::of(&Key::of("Paris").unwrap());
    assert_eq!(format!("{fingerprint:?}"), "Fingerprint(37a4b11770e7206adffb6ce3742b3b39)");
    assert_eq!(fingerprint.hash64(), 0x37a4_b117_70e7_206a);
    assert_eq!(Fingerprint::from_bytes(*fingerprint.as_bytes()), fingerprint);
    let packed = rmp_serde::to_vec_named(&fingerprint).unwrap();
    assert_eq!(packed[..2], [0xc4, 16], "MessagePack bin 8 of 16 bytes");
    assert_eq!(packed[2..], fingerprint.as_bytes()[..]);
    assert_eq!(rmp_serde::from_slice::<Fingerprint>(&packed).unwrap(), fingerprint);
    assert!(rmp_serde::from_slice::<Fingerprint>(&[0xc4, 2, 0, 0]).is_err());
}

#[test]
fn hostile_strings_become_one_clean_line_or_are_rejected() {
    for (text, expected) in [
        ("  Eiffel\r\n Tower\t", Ok("Eiffel Tower")),
        ("<script>alert(1)</script>", Ok("<script>alert(1)</script>")),
        ("=cmd()", Ok("=cmd()")),
        ("\u{1b}]0;title\u{7}Louvre\u{1b}[1;31m!\u{1b}[0m", Ok("Louvre!")),
        ("\u{1b}]8;;http://x\u{1b}\\Louvre", Ok("Louvre")),
        ("\u{9b}31mLou\0vre", Ok("Louvre")),
        ("\u{202e}erv\u{200b}uoL\u{202c}", Ok("ervuoL")),
        ("Cafe\u{301}", Ok("Café")),
        ("", Err(Rejection::Empty)),
        ("\u{feff}\0", Err(Rejection::Empty)),
        ("...", Err(Rejection::Empty)),
        (&"x".repeat(512), Ok(&"x".repeat(512))),
        (&"x".repeat(513), Err(Rejection::TooLong)),
        (&"é".repeat(257), Err(Rejection::TooLong)),
    ] {
        assert_eq!(clean_text(text).as_deref(), expected.as_ref().copied(), "{text:?}");
    }
}

#[test]
fn a_rejection_is_serialised_as_its_label() {
    for rejection in Rejection::ALL {
        assert_eq!(serde_json::to_value(rejection).unwrap(), rejection.as_str());
    }
}
