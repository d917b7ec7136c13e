#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;
use crate::key::Rejection;

fn limits() -> impl Strategy<Value = Limits> {
    let few = || proptest::option::of(1_u64..5);
    (few(), few(), few(), few()).prop_map(|(max_attributes, max_requests, cost, time_limit_ms)| Limits {
        completeness: None,
        min_new_per_100_requests: None,
        max_attributes,
        max_requests,
        max_cost: cost.map(Cost::from_picodollars),
        time_limit_ms,
    })
}

fn reasons() -> impl Strategy<Value = EndReason> {
    use EndReason::{
        Complete, Dry, Interrupted, LowYield, MaxAttributes, MaxRequests, MaxUsd, NoProvider, Stopped,
        TimeLimit,
    };
    prop::sample::select(vec![
        Dry,
        Complete,
        LowYield,
        MaxAttributes,
        MaxRequests,
        MaxUsd,
        TimeLimit,
        Stopped,
        Interrupted,
        NoProvider,
    ])
}

fn modes() -> impl Strategy<Value = StartMode> {
    prop::sample::select(vec![StartMode::Auto, StartMode::Fresh, StartMode::Resume])
}

proptest! {
    #[test]
    fn every_start_states_its_own_caps_and_keeps_prompt_and_weights_that_it_leaves_out(
        before in limits(),
        asked in proptest::option::of(limits()),
        reason in reasons(),
        mode in modes(),
    ) {
        let id: TopicId = "t".parse().unwrap();
        let weights = BTreeMap::from([("small".to_owned(), 1.0)]);
        let first = StartRequest {
            name: "T".to_owned(),
            prompt: Some("p".to_owned()),
            provider_weights: Some(weights.clone()),
            limits: Some(before),
            ..StartRequest::default()
        };
        let first = Topic::start(None, id.clone(), first, UnixMillis(1)).unwrap();
        let ended = Topic { state: TopicState::Ended(reason), ..first };
        let again = StartRequest { name: "T".to_owned(), limits: asked, mode, ..StartRequest::default() };
        let topic = Topic::start(Some(&ended), id, again, UnixMillis(2)).unwrap();
        prop_assert_eq!(topic.limits, asked.unwrap_or_default());
        prop_assert_eq!((topic.prompt.as_deref(), topic.provider_weights), (Some("p"), weights));
    }

    #[test]
    fn a_cap_is_used_up_when_there_is_nothing_left_of_it(
        limits in limits(),
        attributes in 0_u64..6,
        requests in 0_u64..6,
        cost in 0_u64..6,
    ) {
        let found = limits.used_up(attributes, requests, Cost::from_picodollars(cost));
        let full = |cap: Option<u64>, used| usize::from(cap.is_some_and(|cap| used >= cap));
        let money = limits.max_cost.map(Cost::picodollars);
        let expected = full(limits.max_attributes, attributes) + full(limits.max_requests, requests) + full(money, cost);
        prop_assert_eq!(found.len(), expected);
    }
}

#[test]
fn a_cap_that_is_used_up_says_how_much_was() {
    let limits = Limits {
        completeness: None,
        min_new_per_100_requests: None,
        max_attributes: Some(7),
        max_requests: Some(40),
        max_cost: Some(Cost::from_usd(0.5)),
        time_limit_ms: Some(1),
    };
    let said: Vec<String> =
        limits.used_up(7, 41, Cost::from_usd(0.51)).iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "the cap of 7 items is used up: the run has 7",
            "the cap of 40 requests is used up: 41 count against it",
            "the cap of $0.5 is used up: $0.51 count against it",
        ]
    );
}

#[test]
fn what_a_process_that_is_gone_has_left_is_ended_as_it_was_about_to_or_interrupted() {
    let start = StartRequest { name: "T".to_owned(), ..StartRequest::default() };
    let topic = Topic::start(None, "t".parse().unwrap(), start, UnixMillis(1)).unwrap();
    let left = |state| Topic { state, version: 7, ..topic.clone() }.abandoned(UnixMillis(5));
    for state in [TopicState::Starting, TopicState::Running] {
        let ended = left(state).unwrap();
        assert_eq!(ended.state, TopicState::Ended(EndReason::Interrupted));
        assert_eq!((ended.ended_at, ended.version, ended.run), (Some(UnixMillis(5)), 8, topic.run));
    }
    let ended = left(TopicState::Ending(EndReason::Dry)).unwrap();
    assert_eq!(ended.state, TopicState::Ended(EndReason::Dry));
    assert_eq!(left(TopicState::Ended(EndReason::Dry)), None);
}

#[test]
fn the_first_line_of_seeds_that_is_no_item_is_known_by_its_number_and_its_beginning() {
    let long = "é".repeat(300);
    let list = SeedList::of(["Louvre", "", &long, "Orsay", "—"]).unwrap();
    assert_eq!((list.left_out(), list.texts().len()), (2, 2));
    let first = list.first_left_out().unwrap();
    assert_eq!(
        (first.number, first.text.as_str(), first.why),
        (3, &*("é".repeat(40) + "…"), Rejection::TooLong)
    );
    let list = SeedList::of(["—", "Louvre"]).unwrap();
    let first = list.first_left_out().unwrap();
    assert_eq!((first.number, first.text.as_str(), first.why), (1, "—", Rejection::Empty));
    assert_eq!(SeedList::of(["Louvre"]).unwrap().first_left_out(), None);
}

#[test]
fn a_list_of_seeds_is_clean_has_each_key_once_and_is_known_by_what_it_holds() {
    let long = "x".repeat(513);
    let list = SeedList::of(["  Louvre ", "", "the louvre", "Orsay\r", "\u{200b}", &long]).unwrap();
    assert_eq!((list.texts(), list.left_out()), (["Louvre".to_owned(), "Orsay".to_owned()].as_slice(), 2));
    let seeds = list.seeds();
    assert_eq!((seeds.count, seeds.parts(), seeds.list.len()), (2, 1, 32));
    assert_eq!(seeds, SeedList::of(["LOUVRE", "Orsay"]).unwrap().seeds());
    assert_ne!(seeds, SeedList::of(["Orsay", "Louvre"]).unwrap().seeds());
    let many: Vec<String> = (0..=MAX_SEEDS).map(|number| format!("n{number}")).collect();
    let all = |count: usize| SeedList::of(many[..count].iter().map(String::as_str));
    assert_eq!(all(MAX_SEEDS + 1), Err(TooManySeeds));
    let most = all(MAX_SEEDS).unwrap();
    assert_eq!(u32::try_from(most.parts().count()), Ok(most.seeds().parts()));
}

#[test]
fn a_start_takes_another_list_keeps_the_one_it_has_or_takes_it_back() {
    let id: TopicId = "t".parse().unwrap();
    let list = |texts: &[&str]| Some(SeedList::of(texts.iter().copied()).unwrap().seeds());
    let start = |current: Option<&Topic>, seeds, mode| {
        let request = StartRequest { name: "T".to_owned(), seeds, mode, ..StartRequest::default() };
        let topic = Topic::start(current, id.clone(), request, UnixMillis(1)).unwrap();
        Topic { state: TopicState::Ended(EndReason::Stopped), ..topic }
    };
    let first = start(None, list(&["a"]), StartMode::Auto);
    assert_eq!(first.seeds, list(&["a"]));
    let kept = start(Some(&first), None, StartMode::Fresh);
    assert_eq!((kept.run, kept.seeds.as_ref()), (2, first.seeds.as_ref()));
    assert_eq!(start(Some(&kept), list(&["b"]), StartMode::Resume).seeds, list(&["b"]));
    assert_eq!(start(Some(&kept), list(&[]), StartMode::Resume).seeds, None);
    assert_eq!(start(None, list(&[]), StartMode::Auto).seeds, None);
}
