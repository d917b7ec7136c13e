//! Lists that somebody else changes while a run goes on.

use igentai_test_support::eventually;

use crate::embedded::{JsonRun, keys};
use crate::world::{Place, SOON, script};

/// Lines are written at an interval: what was heard of may not stand in the list yet.
async fn until_it_has_lines(place: &Place) {
    let grown = eventually(SOON, || std::future::ready(place.lines("sights").len() > 10)).await;
    assert!(grown.is_ok(), "the list has {} lines", place.lines("sights").len());
}

#[tokio::test]
async fn a_list_that_is_cut_off_deleted_replaced_or_added_to_in_mid_run_is_told_of_and_whole_at_the_end() {
    let place = Place::new(script(2_000, 250)).await;
    let arguments = ["Sights", "--no-web", "-n", "2", "--max-attributes", "600"];
    let mut run = JsonRun::start(&place, &place.config("m"), &arguments);
    let mut known = 50;
    for (deed, told) in [
        ("truncate -s 10 output.txt", "was cut off by somebody else"),
        ("rm output.txt", "was deleted by somebody else"),
        ("echo mine >> output.txt", "was added to by somebody else"),
        ("echo mine > other; mv other output.txt", "was replaced by another file"),
    ] {
        run.until_attributes(known).await;
        until_it_has_lines(&place).await;
        let mut shell = std::process::Command::new("sh");
        let done = shell.args(["-c", deed]).current_dir(place.out().join("sights")).status().unwrap();
        assert!(done.success());
        run.process.wait_for_line(told, SOON).await.unwrap();
        known += 100;
    }
    let finished = run.finished().await;
    assert_eq!(finished["attributes"], 600, "{finished}");
    let lines = place.lines("sights");
    assert_eq!((lines.len(), keys(&lines).len()), (600, 600), "every item once");
    let kept = |number: &str| place.lines(&format!(".replaced/sights.changed{number}"));
    let first = std::fs::read(place.out().join(".replaced/sights.changed/output.txt")).unwrap();
    let whole = std::fs::read(place.out().join("sights/output.txt")).unwrap();
    // What was written in the very moment may stand behind it.
    assert!(first.starts_with(&whole[..10]) && first.len() < whole.len() / 2, "the first is kept: {first:?}");
    assert!(kept("-2").contains(&"mine".to_owned()));
    assert_eq!(kept("-3"), ["mine"], "what stood there last");
}
