#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;
use crate::cost::Cost;
use crate::folder::TopicId;
use crate::time::UnixMillis;
use crate::topic::{Partition, ProbeShare, Seeds, Share, StartRequest};

fn topic() -> Topic {
    let request = StartRequest { name: "birds".into(), ..StartRequest::default() };
    Topic::start(None, TopicId::from_name("birds").unwrap(), request, UnixMillis(0)).unwrap()
}

/// What is said of a change, and how it is stored.
fn changed(before: &Topic, after: &Topic) -> Option<Changed> {
    let changed = Definition::of(before).changed(&Definition::of(after))?;
    let stored = rmp_serde::to_vec(&changed).unwrap();
    assert_eq!(rmp_serde::from_slice::<Changed>(&stored).unwrap(), changed);
    Some(changed)
}

#[test]
fn everything_that_an_operator_can_change_is_told_with_what_it_was() {
    let before = topic();
    let mut after = Topic {
        prompt: Some("List birds of Europe".into()),
        provider_weights: BTreeMap::from([("small".to_owned(), 2.5), ("large".to_owned(), 1.0)]),
        routing: crate::routing::Policy::Fixed,
        phrasing: Some(crate::phrasing::Phrasing::Rare),
        limits: Limits {
            max_attributes: Some(300),
            max_requests: Some(200),
            max_cost: Some(Cost::from_usd(0.5)),
            time_limit_ms: Some(90_000),
            completeness: Some(Share::new(0.95)),
            min_new_per_100_requests: Some(5),
        },
        items_per_request: 20,
        partition: Partition::Category,
        probe_share: ProbeShare::new(0.2).unwrap(),
        categories: vec![Category::named("owls").unwrap(), Category::named("ducks").unwrap()],
        judge: true,
        seeds: Some(Seeds { list: "0123456789abcdef".into(), count: 12 }),
        version: 2,
        ..before.clone()
    };
    after.rules.matches = Some("^[a-z ]+$".into());
    (after.rules.min_chars, after.rules.max_chars) = (Some(2), Some(40));
    after.rules.scripts = BTreeSet::from([crate::rules::Script::Latin]);
    let told = changed(&before, &after).unwrap().to_string();
    let all: Vec<&str> = told.strip_prefix("changed by the operator: ").unwrap().split("; ").collect();
    assert_eq!(
        all,
        [
            "the categories from none to “owls, ducks”",
            "the items of a request from 50 to 20",
            "the judge from off to on",
            "the completeness wanted from none to 95 %",
            "the cap on items from none to 300",
            "the cap on requests from none to 200",
            "the cap on money from none to $0.5",
            "the fewest new items in 100 requests from none to 5",
            "the time limit from none to 90 s",
            "the partition from none to category",
            "the way to ask from none to rare",
            "the share of requests that are a sample of the whole from 0.05 to 0.2",
            "the prompt from none to “List birds of Europe”",
            "the weight of large from none to 1",
            "the weight of small from none to 2.5",
            "how requests are shared from good-ucb to fixed",
            "the pattern of items from none to “^[a-z ]+$”",
            "the most characters of an item from none to 40",
            "the fewest characters of an item from none to 2",
            "the scripts of items from none to latin",
            "the known items from none to 12",
        ]
    );
    let back = changed(&after, &before).unwrap();
    assert_eq!(back.changes.len(), all.len());
    assert!(back.to_string().contains("the cap on requests from 200 to none"), "{back}");
}

#[test]
fn known_items_are_told_by_their_number_and_other_lists_apart() {
    let with = |list: &str, count: u32| Topic { seeds: Some(Seeds { list: list.into(), count }), ..topic() };
    let two = with("0123456789abcdef", 2);
    let told = |after: &Topic| changed(&two, after).unwrap().to_string();
    assert_eq!(told(&with("89abcdef01234567", 3)), "changed by the operator: the known items from 2 to 3");
    assert_eq!(
        told(&with("89abcdef01234567", 2)),
        "changed by the operator: the known items from 2 to 2 others"
    );
}

#[test]
fn where_a_topic_stands_is_no_change_of_it() {
    let before = topic();
    let after = Topic {
        version: 9,
        epoch: 3,
        state: crate::topic::TopicState::Running,
        problem: Some("no producer is connected".into()),
        ..before.clone()
    };
    assert_eq!(changed(&before, &after), None);
}

#[test]
fn the_usual_share_of_samples_is_no_change_of_what_an_older_program_knew() {
    let json = serde_json::to_string(&topic()).unwrap();
    let stored: Topic = serde_json::from_str(&json.replace("\"probe_share\":0.05,", "")).unwrap();
    assert_eq!((json.contains("probe_share"), stored.probe_share), (true, ProbeShare::USUAL));
    let known = Definition::of(&topic());
    assert!(!known.0.contains_key(PROBES), "an older program did not know it");
    assert_eq!(changed(&topic(), &stored), None);
    let off = Topic { probe_share: ProbeShare::new(0.0).unwrap(), ..topic() };
    let told = |before: &Topic, after: &Topic| {
        let [Change { before, after, .. }] = changed(before, after).unwrap().changes.try_into().unwrap();
        (before.unwrap(), after.unwrap())
    };
    assert_eq!(told(&topic(), &off), ("0.05".to_owned(), "0".to_owned()));
    assert_eq!(told(&off, &topic()), ("0".to_owned(), "0.05".to_owned()));
}

#[test]
fn long_prompts_are_cut_and_told_apart_by_what_is_cut_off_too() {
    let with = |end: &str| Topic { prompt: Some("ä".repeat(2_000) + end), ..topic() };
    let changed = changed(&with("one"), &with("two")).unwrap();
    let [change] = changed.changes.as_slice() else { unreachable!("{changed:?}") };
    let kept = change.after.as_ref().unwrap();
    assert_eq!((kept.chars().count(), kept.ends_with("ä…")), (VALUE_CHARS, true));
    assert!(changed.to_string().chars().count() < 2 * TOLD_CHARS + 100, "{changed}");
    assert_eq!(Definition::of(&with("one")).changed(&Definition::of(&with("one"))), None);
}
