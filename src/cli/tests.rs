use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn times_weights_and_amounts_are_read_as_people_write_them() {
    assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
    assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
    assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    assert!(duration("10x").is_err() && duration("0s").is_err() && duration("-1s").is_err());
    assert_eq!(weight("small=0.7"), Ok(("small".to_owned(), 0.7)));
    assert!(weight("small").is_err() && weight("small=-1").is_err() && weight("small=NaN").is_err());
    assert_eq!(usd("$0.50"), Ok(0.5));
    assert!(usd("0").is_err() && usd("free").is_err() && usd("1e99").is_err() && usd("NaN").is_err());
    assert_eq!(
        (percent("95"), percent("95 %"), percent("1"), percent("100")),
        (Ok(0.95), Ok(0.95), Ok(0.01), Ok(1.0))
    );
    assert!(weight("small=1e7").is_err() && duration("4000d").is_err() && duration("1e99").is_err());
}

fn refusal(arguments: &[&str]) -> String {
    let all = std::iter::once("igentai").chain(arguments.iter().copied());
    Cli::try_parse_from(all)
        .map_err(with_suggestion)
        .map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn a_number_that_cannot_be_is_refused_in_words_even_below_zero() {
    for before in [["run", "Paris"], ["topics", "start"]] {
        for (option, value, said) in [
            ("--max-attributes", "-5", "write a whole number of at least 1"),
            ("--max-attributes", "0", "write a whole number of at least 1"),
            ("--max-requests", "-1", "write a whole number of at least 1"),
            ("--max-requests", "many", "write a whole number of at least 1"),
            ("--max-usd", "-0.5", "the amount must be above 0, and at most 1000000"),
            ("--max-usd", "1e99", "the amount must be above 0, and at most 1000000"),
            ("--until-complete", "0.95", "0.95 is less than one percent; did you mean 95?"),
            ("--until-complete", "0.57%", "0.57 is less than one percent; did you mean 57?"),
            ("--until-complete", "0", "the percentage must be from 1 to 100"),
            ("--until-complete", "101", "the percentage must be from 1 to 100"),
            ("--until-complete", "NaN", "the percentage must be from 1 to 100"),
            ("--probe-share", "51", "the percentage must be from 0 to 50"),
            ("--probe-share", "-1", "the percentage must be from 0 to 50"),
            ("--probe-share", "NaN", "the percentage must be from 0 to 50"),
            ("--probe-share", "0.2", "0.2 is less than one percent; did you mean 20?"),
            ("--probe-share", "some", "write a number of percent such as 5"),
            ("--items-per-request", "0", "write a whole number from 1 to 500"),
            ("--items-per-request", "501", "write a whole number from 1 to 500"),
            ("--items-per-request", "-1", "write a whole number from 1 to 500"),
            ("--min-yield", "-1", "write a whole number of at most 50000"),
            ("--min-yield", "0.5", "write a whole number of at most 50000"),
            ("--min-yield", "50001", "write a whole number of at most 50000"),
            ("--accept", "a(", "character 2 of the regular expression: unclosed group"),
            ("--accept", "", "say --no-rules to take any item"),
            ("--min-chars", "0", "0 is no number of characters that an item can have"),
            ("--max-chars", "-1", "write a whole number from 1 to 512"),
            ("--script", "latin,klingon", "known are arabic, armenian"),
            ("--time-limit", "-5m", "write a time such as 90s, 10m or 2h"),
        ] {
            let name = if before[0] == "topics" { "Paris" } else { "--no-web" };
            let text = refusal(&[before[0], before[1], name, option, value]);
            assert!(text.contains(said) && text.contains(option), "{option} {value}: {text}");
        }
    }
    assert!(refusal(&["run", "-n", "-3"]).contains("write a whole number from 1 to 1000"));
    assert!(refusal(&["run", "--port", "-1"]).contains("0..=65535"));
    let kind = refusal(&["why", "paris", "--kind", "ending,ended"]);
    assert!(kind.contains("`ended` is no kind of decision; known are asked, routed,"), "{kind}");
    assert_eq!(refusal(&["why", "paris", "--kind", "taken-up", "--kind", "asked,worded"]), "");
    for limit in ["0", "1001"] {
        assert!(refusal(&["dead-letters", "list", "--limit", limit]).contains("1..=1000"), "{limit}");
    }
}

#[test]
fn a_mistyped_command_is_told_what_it_is_like() {
    for (given, meant) in [("rnu", "run"), ("doctro", "doctor"), ("orchestrate", "orchestrator")] {
        let text = refusal(&[given]);
        assert!(text.contains(&format!("'{meant}'")), "{text}");
    }
    assert!(!refusal(&["xyzzy"]).contains("similar"), "{}", refusal(&["xyzzy"]));
}

#[test]
fn rules_are_stated_or_taken_away_and_not_both() {
    for before in ["run", "topics start"] {
        let start: Vec<&str> = before.split(' ').chain(["Paris", "--no-rules"]).collect();
        assert_eq!(refusal(&start), "");
        for rule in [["--accept", "a"], ["--min-chars", "2"], ["--max-chars", "9"], ["--script", "latin"]] {
            let both = [start.as_slice(), &rule].concat();
            assert!(refusal(&both).contains("cannot be used with"), "{both:?}");
        }
    }
}
