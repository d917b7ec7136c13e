//! The evaluation on a small taxonomy.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a failed unwrap fails the test, and counts are small"
)]

use igentai_core::frontier::{Aim, Letters};
use igentai_core::topic::Partition;
use igentai_evaluation::{
    Client, Course, End, How, Long, Report, Setting, guesses, long, report, run, world,
};
use igentai_producer::prompt;
use igentai_test_support::world::Family;
use igentai_test_support::world::taxonomy;

fn setting(family: Family) -> Setting {
    Setting { family, ..Setting::of("sports") }
}

fn courses(setting: &Setting, how: &How) -> Vec<(Client, Vec<Course>)> {
    let all = |client| (0..3).map(|seed| run(client, world(setting, seed).unwrap(), how, seed)).collect();
    Client::ALL.map(|client| (client, all(client))).to_vec()
}

fn numbers(report: &Report) -> Vec<(f64, f64, f64)> {
    let at = report.clients.iter().flat_map(|client| &client.at);
    at.map(|at| (at.requests.median.unwrap(), at.tokens.median.unwrap(), at.usd.median.unwrap())).collect()
}

#[test]
fn every_client_gets_there_at_a_price_that_grows_and_the_same_seeds_give_the_same_table() {
    let setting = setting(Family::One);
    let (how, shares) = (How::default(), igentai_evaluation::SHARES.len());
    let [one, other] = [(), ()].map(|()| report(&setting, &courses(&setting, &how)));
    assert_eq!(one, other);
    assert_eq!(one.to_string(), other.to_string());
    assert!(one.knowable > 150);
    let numbers = numbers(&one);
    for client in numbers.chunks(shares) {
        assert!(client.is_sorted(), "{client:?}");
        let (requests, tokens, usd) = client[shares - 1];
        // 95 % of what is known, at 50 items a request, takes 4 requests at least, and has an upper bound in all sanity.
        assert!((4.0..200.0).contains(&requests), "{client:?}");
        assert!((100.0..1_000.0).contains(&(tokens / requests)) && usd > 0.0, "{client:?}");
    }
    // Whoever says what is known needs fewer requests and more tokens for each.
    let [plain, excluding, grid, igentai] = [1, 2, 3, 4].map(|client| numbers[client * shares - 1]);
    assert!(excluding.0 < plain.0 && excluding.1 / excluding.0 > plain.1 / plain.0, "{numbers:?}");
    // Whoever has a prompt for each letter asks for most of them before he knows of things that begin with the last.
    assert!(grid.0 > 20.0 && igentai.0 < grid.0, "{numbers:?}");
}

#[test]
fn what_igentai_spends_is_what_the_models_charge() {
    let setting = setting(Family::Complementary);
    let course = run(Client::Igentai, world(&setting, 5).unwrap(), &How::default(), 5);
    assert_eq!(course.end, End::Enough);
    let (first, last) = (course.steps.first().unwrap(), course.steps.last().unwrap());
    assert!(course.steps.is_sorted_by(|a, b| a.found <= b.found && a.spent.requests <= b.spent.requests));
    assert!(first.spent.requests == 1 && last.spent.requests >= 10);
    let picodollars_per_token = last.spent.cost.picodollars() / last.spent.tokens;
    assert!((150_000..10_000_000).contains(&picodollars_per_token), "{picodollars_per_token}");
    assert!(last.told.unwrap().attributes >= last.found as u64);
}

/// What a model gives says nothing of what it knows where it stops after thirty names, however many it is asked for.
#[test]
fn models_that_stop_early_do_not_make_a_topic_complete() {
    for family in [Family::One, Family::Complementary] {
        let setting = Setting { stops: Some(30), ..setting(family) };
        let how = How { until_complete: Some(0.95), to_the_end: true, ..How::default() };
        for seed in 0..3 {
            let course = run(Client::Igentai, world(&setting, seed).unwrap(), &how, seed);
            assert_eq!(course.end, End::ByItself(igentai_core::topic::EndReason::Complete));
            let found = course.completeness();
            assert!(found > 0.88, "{family:?}, seed {seed}: {found} of what the models know");
        }
    }
}

/// Letters do not tell names of another alphabet apart. And a list of a model that knows the popular third is no list of one that knows all.
#[test]
fn topics_that_are_cut_by_categories_are_not_called_complete_before_they_are() {
    let in_cyrillic = Setting { cyrillic: true, ..setting(Family::One) };
    for (setting, partition) in [
        (in_cyrillic.clone(), Partition::Alphabetical),
        (Setting { family: Family::Collapsed, ..in_cyrillic }, Partition::Alphabetical),
        (setting(Family::Collapsed), Partition::Category),
    ] {
        let how = How { until_complete: Some(0.95), to_the_end: true, partition, ..How::default() };
        for seed in 0..3 {
            let course = run(Client::Igentai, world(&setting, seed).unwrap(), &how, seed);
            assert_eq!(course.end, End::ByItself(igentai_core::topic::EndReason::Complete));
            let found = course.completeness();
            assert!(found > 0.9, "{}, {:?}, seed {seed}: {found}", setting.name(), setting.family);
        }
    }
}

#[test]
fn who_is_left_alone_stops_at_the_number_of_requests_or_by_itself() {
    let setting = setting(Family::One);
    let how = How { max_requests: 30, to_the_end: true, ..How::default() };
    for (client, courses) in courses(&setting, &how) {
        for course in courses {
            let requests = course.steps.last().unwrap().spent.requests;
            // What was under way when the last was sent is answered, too.
            assert!(requests <= 30 + 4 * u64::from(how.concurrency), "{client:?}: {requests}");
            assert!(
                client == Client::Igentai || course.end != End::ByItself(igentai_core::topic::EndReason::Dry)
            );
        }
    }
}

/// A word of a prompt that happens to be the name of a kind would turn the answer aside.
#[test]
fn no_prompt_of_igentai_about_a_whole_topic_names_a_kind_by_accident() {
    for name in taxonomy::names() {
        let world = world(&Setting::of(name), 0).unwrap();
        let question = prompt::question(world.taxonomy().topic, None, 50, &Aim::Whole, &[]);
        assert_eq!(world.kind_asked_for(&question.user), None, "{name}: {}", question.user);
        for part in ["a", "c-f", "sa", "sa-sm", "other"] {
            let aim = Aim::Part(Letters::parse(part).unwrap());
            let question = prompt::question(world.taxonomy().topic, None, 50, &aim, &[]);
            assert_eq!(world.kind_asked_for(&question.user), None, "{name}: {}", question.user);
        }
    }
}

#[test]
fn all_decisions_of_a_long_run_come_out_the_same() {
    for partition in [Partition::Alphabetical, Partition::None] {
        let (responses, names, wanted) = (1_500, 4_000, Some(1.0));
        let report = long(Long { responses, names, partition, wanted, seed: 1 }).unwrap();
        assert_eq!((report.entries, report.differs.as_deref()), (responses, None), "{partition:?}");
        assert!(report.found > 3_000 && report.decisions > 1, "{report}");
        assert!(partition == Partition::None || report.same >= responses, "{report}");
    }
}

/// What is said of a run can only be held against what is said of its own policy as far as that is near what it was.
#[test]
fn what_a_run_made_anew_comes_to_is_near_what_it_was_and_cheaper_without_the_dear_model() {
    let how = How { until_complete: Some(0.95), to_the_end: true, ..How::default() };
    for family in [Family::Same, Family::Complementary] {
        let all: Vec<_> = (0..4).flat_map(|seed| guesses(&setting(family), &how, seed)).collect();
        let of = |without: Option<&str>| {
            let of = all.iter().filter(|guess| guess.without.as_deref() == without);
            of.fold((0, 0.0, 0, 0.0), |(items, usd, were, cost), guess| {
                let (said, was) = (guess.said, guess.was);
                (items + said.items, usd + said.cost.usd(), were + was.items, cost + was.cost.usd())
            })
        };
        for without in [None, Some("large")] {
            let (items, usd, were, cost) = of(without);
            let (items, usd) = (items as f64 / were as f64, usd / cost);
            assert!(
                (0.9..1.03).contains(&items) && (0.7..1.3).contains(&usd),
                "{family:?} {without:?}: {items} {usd}"
            );
        }
        assert!(of(Some("large")).1 < 0.7 * of(None).1, "{family:?}: {all:?}");
    }
}
