#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::command::ProviderState;
use igentai_core::frontier::Aim;
use igentai_core::gate::Scope;
use igentai_core::time::UnixMillis;
use igentai_shared::clock::VirtualClock;
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind, Secret};

use super::*;
use crate::prompt;
use crate::provider::Reply;

/// Answers after a second, always the same.
#[derive(Debug)]
struct Fixed(Reply);

#[async_trait]
impl Provider for Fixed {
    async fn ask(&self, _question: &Question) -> Reply {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.clone()
    }
}

fn config(name: &str) -> ProviderConfig {
    ProviderConfig {
        name: name.to_owned(),
        kind: ProviderKind::OpenAi,
        base_url: "http://localhost/v1".to_owned(),
        model: "model-1".to_owned(),
        key_source: KeySource::None,
        key: None,
        weight: 1.0,
        price: Price::per_million(1.0, 2.0),
        price_known: true,
        max_concurrency: 2,
        requests_per_minute: None,
        timeout_seconds: 10.0,
        temperature: 1.0,
        max_output_tokens: 1_000,
    }
}

fn answered() -> Reply {
    Reply { input_tokens: 10, output_tokens: 20, ..Reply::failed(Outcome::Answered, String::new()) }
}

fn pool_of(providers: Vec<(ProviderConfig, Reply)>) -> ProviderPool {
    let providers = providers
        .into_iter()
        .map(|(config, reply)| (config, Arc::new(Fixed(reply)) as Arc<dyn Provider>))
        .collect();
    ProviderPool::of(providers, 1, Arc::new(VirtualClock::starting_at(UnixMillis(0))))
}

fn topic() -> TopicId {
    TopicId::from_name("countries").unwrap()
}

fn start(pool: &ProviderPool) -> Result<Permit, Wait> {
    pool.try_start(&topic(), &BTreeMap::new(), 0.0)
}

fn question() -> Question {
    prompt::question("countries", None, 50, &Aim::Whole, &[])
}

#[tokio::test(start_paused = true)]
async fn a_request_is_timed_and_charged_by_what_the_service_counted() {
    let pool = pool_of(vec![(config("a"), answered())]);
    let permit = start(&pool).unwrap();
    assert_eq!((permit.provider_name(), permit.model()), ("a", "model-1"));
    let asked = permit.ask(&question()).await;
    assert_eq!((asked.provider.as_str(), asked.latency), ("a", Duration::from_secs(1)));
    assert_eq!(asked.cost, Price::per_million(1.0, 2.0).of(10, 20));
    assert_eq!(pool.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_dropped_or_whose_request_is_cancelled_frees_its_place() {
    let pool = pool_of(vec![(config("a"), answered())]);
    let first = start(&pool).unwrap();
    let second = start(&pool).unwrap();
    assert_eq!(start(&pool).unwrap_err().reason, WaitReason::Busy);
    drop(first);
    let asking = question();
    let cancelled = tokio::time::timeout(Duration::from_millis(10), second.ask(&asking)).await;
    assert!(cancelled.is_err());
    assert_eq!(pool.in_flight(), 0);
    assert_eq!(pool.report()[0].state, ProviderState::Ready);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_woken_by_the_end_of_a_request_even_one_that_ended_before() {
    let pool = pool_of(vec![(ProviderConfig { max_concurrency: 1, ..config("a") }, answered())]);
    let permit = start(&pool).unwrap();
    let wait = start(&pool).unwrap_err();
    let asking = question();
    tokio::join!(pool.changed(&wait), permit.ask(&asking));
    // The request has ended since; waiting again for the same returns at once.
    pool.changed(&wait).await;
    assert!(start(&pool).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_request_wakes_whoever_waits_for_that_provider_while_another_is_free() {
    let one_at_once = ProviderConfig { max_concurrency: 1, ..config("a") };
    let pool = pool_of(vec![(one_at_once, answered()), (config("b"), answered())]);
    let permit = start(&pool).unwrap();
    let wait = start(&pool).unwrap_err();
    let asking = question();
    let (waited, _) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(2), pool.changed(&wait)), permit.ask(&asking));
    assert!(waited.is_ok(), "woken by the end, before the patience is over");
    let permit = pool.try_start(&topic(), &BTreeMap::new(), 0.9).unwrap();
    assert_eq!(permit.provider_name(), "a");
    assert_eq!(pool.try_start(&topic(), &BTreeMap::new(), 0.9).unwrap().provider_name(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_provider_that_is_stuck_ends_and_the_other_is_asked() {
    let one_at_once = ProviderConfig { max_concurrency: 1, ..config("stuck") };
    let pool = pool_of(vec![(one_at_once, answered()), (config("b"), answered())]);
    let _stuck = start(&pool).unwrap();
    let wait = start(&pool).unwrap_err();
    pool.changed(&wait).await;
    assert_eq!(start(&pool).unwrap().provider_name(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_passing_of_time_ends_when_a_provider_may_be_asked() {
    let limited = Reply {
        retry_after: Some(Duration::from_mins(10)),
        ..Reply::failed(Outcome::RateLimited, "slow down".to_owned())
    };
    let key = Some(Secret::new("k"));
    let same_key = ProviderConfig { key: key.clone(), ..config("b") };
    let pool = pool_of(vec![(ProviderConfig { key, ..config("a") }, limited), (same_key, answered())]);
    let asked = start(&pool).unwrap().ask(&question()).await;
    assert_eq!(asked.cost, Cost::ZERO);
    let wait = start(&pool).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Paused);
    let before = pool.shared.clock.now().monotonic;
    pool.changed(&wait).await;
    let waited = pool.shared.clock.now().monotonic.since(before);
    assert!((600..602).contains(&waited.as_secs()), "{waited:?}");
    assert!(start(&pool).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_stops_a_provider_and_the_report_says_what_to_mend() {
    let wrong = Reply::failed(Outcome::WrongKey, "set SMALL_API_KEY".to_owned());
    let pool = pool_of(vec![(config("a"), wrong)]);
    drop(start(&pool).unwrap().ask(&question()).await);
    let report = pool.report().remove(0);
    assert_eq!((report.state, report.detail.as_str()), (ProviderState::Stopped, "set SMALL_API_KEY"));
    assert_eq!(start(&pool).unwrap_err().reason, WaitReason::Nobody("a: set SMALL_API_KEY".to_owned()));
    assert!(pool.worst_cases(&topic(), &BTreeMap::new(), &question(), None).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_too_dear_is_left_out() {
    let dear = ProviderConfig { price: Price::per_million(100.0, 100.0), ..config("dear") };
    let pool = pool_of(vec![(dear, answered()), (config("cheap"), answered())]);
    let question = question();
    let left = pool.worst_cases(&topic(), &BTreeMap::new(), &question, None).into_iter().min().unwrap();
    let within = |left, preferred| {
        let budget = Budget { question: &question, left };
        pool.try_start_within(&topic(), &BTreeMap::new(), 0.0, budget, preferred)
    };
    assert_eq!(within(left, None).unwrap().provider_name(), "cheap");
    let too_little = Cost::from_picodollars(left.picodollars() - 1);
    assert_eq!(within(too_little, None).unwrap_err().reason, WaitReason::TooDear);
    // Nobody else is asked what one is wanted for that lacks only the money, and its price is told.
    assert_eq!(within(left, Some("dear")).unwrap_err().reason, WaitReason::TooDear);
    assert_eq!(within(left, Some("cheap")).unwrap().provider_name(), "cheap");
    let dear = pool.worst_cases(&topic(), &BTreeMap::new(), &question, Some("dear"));
    assert!(dear.len() == 1 && dear > vec![left]);
    // But for one that fails.
    let failed = Reply::failed(Outcome::WrongKey, String::new());
    let dear = ProviderConfig { price: Price::per_million(100.0, 100.0), ..config("dear") };
    let pool = pool_of(vec![(dear, failed), (config("cheap"), answered())]);
    let weights = BTreeMap::from([("dear".to_owned(), 1.0)]);
    drop(pool.try_start(&topic(), &weights, 0.0).unwrap().ask(&question).await);
    let budget = Budget { question: &question, left };
    let instead = pool.try_start_within(&topic(), &BTreeMap::new(), 0.0, budget, Some("dear")).unwrap();
    assert_eq!(instead.provider_name(), "cheap");
}

#[tokio::test(start_paused = true)]
async fn the_demo_answers_through_the_pool_and_says_once_what_it_does_not_know() {
    let demo = ProviderConfig { kind: ProviderKind::Demo, price: Price::default(), ..config("demo") };
    let clock = Arc::new(VirtualClock::starting_at(UnixMillis(0)));
    let pool = build(&[demo], 7, clock).unwrap();
    let asked = start(&pool).unwrap().ask(&question()).await;
    assert_eq!((asked.reply.outcome, asked.cost), (Outcome::Answered, Cost::ZERO));
    let unknown = TopicId::from_name("rivers of mars").unwrap();
    let weights = BTreeMap::new();
    let permit = pool.try_start(&unknown, &weights, 0.0).unwrap();
    let reply = permit.ask(&prompt::question("rivers of mars", None, 50, &Aim::Whole, &[])).await.reply;
    assert_eq!((reply.outcome, reply.scope), (Outcome::BadRequest, Scope::Topic));
    let wait = pool.try_start(&unknown, &weights, 0.0).unwrap_err();
    assert!(matches!(wait.reason, WaitReason::Nobody(why) if why.contains("Paris attractions")));
    assert!(start(&pool).is_ok(), "other topics go on");
}

#[tokio::test]
async fn under_a_cap_on_money_only_providers_with_a_known_price_are_asked() {
    let unknown = || ProviderConfig { price: Price::default(), price_known: false, ..config("unknown") };
    let question = prompt::question("Countries", None, 5, &Aim::Whole, &[]);
    let budget = Budget { question: &question, left: Cost::MAX };
    let none = BTreeMap::new();

    let pool = pool_of(vec![(unknown(), answered()), (config("known"), answered())]);
    for random in [0.0, 0.4, 0.9] {
        let permit = pool.try_start_within(&topic(), &none, random, budget, None).unwrap();
        assert_eq!(permit.provider_name(), "known");
    }
    assert_eq!(pool.worst_cases(&topic(), &none, &question, None).len(), 1);

    let pool = pool_of(vec![(unknown(), answered())]);
    let wait = pool.try_start_within(&topic(), &none, 0.5, budget, None).unwrap_err();
    assert!(
        matches!(&wait.reason, WaitReason::Nobody(why) if why.starts_with("unknown: its price is not known")),
        "{wait:?}"
    );
    assert!(pool.try_start(&topic(), &none, 0.5).is_ok(), "without a cap it is asked");
}

#[test]
fn of_two_waits_the_earlier_end_counts() {
    let wait =
        |until: Option<u64>| Wait { until: until.map(Monotonic), reason: WaitReason::Paused, ended: 7 };
    for (one, other, first) in [
        (Some(60), Some(5), Some(5)),
        (None, Some(5), Some(5)),
        (Some(60), None, Some(60)),
        (None, None, None),
    ] {
        assert_eq!(wait(one).or(&wait(other)).until, first.map(Monotonic));
    }
}

#[test]
fn the_places_at_the_providers_are_shared_by_those_who_ask() {
    let stopped = Reply::failed(Outcome::WrongKey, "no".to_owned());
    let pool = pool_of(vec![
        (ProviderConfig { max_concurrency: 8, ..config("a") }, answered()),
        (ProviderConfig { max_concurrency: 3, ..config("b") }, stopped),
    ]);
    let weights = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 1.0)).collect();
    assert_eq!(pool.places(&topic(), &weights(&["a"]), 4), 2);
    assert_eq!(pool.places(&topic(), &BTreeMap::new(), 4), 3, "eleven for four");
    assert_eq!(pool.places(&topic(), &weights(&["b"]), 10), 1, "there is room for one at times");
    assert_eq!(pool.places(&topic(), &weights(&["nobody"]), 1), 1);
}
