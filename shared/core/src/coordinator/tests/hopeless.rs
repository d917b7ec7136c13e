//! Topics that nobody can serve, and what is said of them.

use super::*;

#[test]
fn a_topic_that_no_provider_can_serve_ends_and_says_so() {
    let mut world = running(Limits::default());
    let why = "provider small: the key in OPENAI_API_KEY is not accepted";
    world.beat("p1", 1, |beat| beat.topics[0].hopeless = Some(why.into()), 10);
    assert_eq!(world.coordinator.status(&id(), now(10)).unwrap().problem.as_deref(), Some(why));
    world.settle(10);
    assert_eq!(world.stored.state.reason(), Some(EndReason::NoProvider));
    assert_eq!(
        world.coordinator.status(&id(), now(10)).unwrap().problem.as_deref(),
        Some(why),
        "still, when it has ended"
    );

    let mut world = running(Limits::default());
    for at in 0..130 {
        world.answer("p1", Outcome::Unreachable, &[], at * 1_000);
        world.beat("p1", 1, |_| {}, at * 1_000);
        world.settle(at * 1_000);
    }
    assert_eq!(world.stored.state.reason(), Some(EndReason::NoProvider));
}

#[test]
fn a_standstill_is_told_of_the_providers_that_the_topic_asks_and_kept_with_its_end() {
    let limits = Limits { time_limit_ms: Some(60_000), ..Limits::default() };
    let mut world = running(limits);
    let weights = [("asked".to_owned(), 1.0), ("not asked".to_owned(), 0.0)];
    world.stored.provider_weights = weights.into_iter().collect();
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(5));
    let report = |name: &str, state, detail: &str| ProviderReport {
        name: name.into(),
        model: "m".into(),
        state,
        detail: detail.into(),
        weight_millis: None,
        rests: false,
        key_waits_ms: 0,
    };
    let reports = vec![
        report("asked", ProviderState::Waiting, "asked again in 9 s: 500: boom"),
        report("not asked", ProviderState::Ready, ""),
    ];
    world.beat("p1", 1, |beat| beat.providers.clone_from(&reports), 10);
    let problem = Some("asked: asked again in 9 s: 500: boom");
    assert_eq!(world.coordinator.status(&id(), now(10)).unwrap().problem.as_deref(), problem);
    world.beat("p1", 1, |beat| beat.providers = reports, 60_000);
    world.settle(60_001);
    assert_eq!(world.stored.state.reason(), Some(EndReason::TimeLimit));
    assert_eq!(world.stored.problem.as_deref(), problem);
}

#[test]
fn what_many_providers_say_is_cut_to_what_a_message_can_carry() {
    let mut world = running(Limits::default());
    let report = |number: u32| ProviderReport {
        name: format!("p{number}"),
        model: "m".into(),
        state: ProviderState::Waiting,
        detail: "w".repeat(200),
        weight_millis: None,
        rests: false,
        key_waits_ms: 0,
    };
    world.beat("p1", 1, |beat| beat.providers = (0..900).map(report).collect(), 10);
    let status = world.coordinator.status(&id(), now(10)).unwrap();
    assert!(status.problem.is_some_and(|why| why.len() <= 2_003));
    assert_eq!(status.provider_reports.len(), crate::status::NAMED);
}

#[test]
fn a_topic_whose_answers_are_no_lists_ends_as_one_that_nobody_can_serve() {
    let mut world = running(Limits::default());
    let small = |detail: &str| ProviderReport {
        name: "small".into(),
        model: "m".into(),
        state: ProviderState::Ready,
        detail: detail.into(),
        weight_millis: None,
        rests: false,
        key_waits_ms: 0,
    };
    for _ in 0..Settings::default().dry_after {
        world.answer("p1", Outcome::Empty, &[], 20);
    }
    world.beat("p1", 1, |beat| beat.providers = vec![small("raise max_output_tokens")], 20);
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::NoProvider));
    let problem = world.coordinator.status(&id(), now(30)).unwrap().problem.unwrap();
    assert!(problem.contains("30 answers") && problem.contains("raise max_output_tokens"), "{problem}");
}

#[test]
fn a_run_whose_requests_all_failed_tells_the_last_failure_however_it_ends() {
    for outcome in [Outcome::BadRequest, Outcome::Answered] {
        let mut world = running(Limits { max_requests: Some(2), ..Limits::default() });
        let small = ProviderReport {
            name: "small".into(),
            model: "m".into(),
            state: ProviderState::Ready,
            detail: "404: no such model".into(),
            weight_millis: None,
            rests: false,
            key_waits_ms: 0,
        };
        world.answer("p1", Outcome::BadRequest, &[], 20);
        world.answer("p1", outcome, &[], 20);
        world.beat("p1", 1, |beat| beat.providers = vec![small], 20);
        world.settle(30);
        assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));
        let problem = (outcome == Outcome::BadRequest).then_some("small: 404: no such model");
        assert_eq!(world.stored.problem.as_deref(), problem);
    }
}
