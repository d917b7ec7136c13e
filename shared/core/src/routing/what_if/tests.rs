//! Runs that models of known worlds answer, and what is said of them.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "small numbers, and a failed unwrap fails the test"
)]

use super::anew::Over;
use super::*;
use crate::batch::{Outcome as Ended, Rejections, Told};
use crate::decision::{Asked, Decision, Ending, Ends, Terms, What, Why};
use crate::frontier::Outlook;
use crate::log::EntryTail;
use crate::time::UnixMillis;
use crate::topic::{EndReason, Partition, Share};

/// A model: its name, what an answer costs in microdollars, what it knows, and of how many requests one fails.
struct Knows {
    name: &'static str,
    price: u64,
    names: Vec<String>,
    fails: u64,
}

fn knows(name: &'static str, price: u64, names: &[String]) -> Knows {
    Knows { name, price, names: names.to_vec(), fails: u64::MAX }
}

/// So many names, of all letters.
fn names(count: usize) -> Vec<String> {
    let letters = ('a'..='z').cycle().zip(0..count);
    letters.map(|(letter, n)| format!("{letter}{} {n}", ["a", "e", "i", "o", "u"][n / 26 % 5])).collect()
}

/// Those with these remainders of their places.
fn of_kinds(names: &[String], kinds: &[usize]) -> Vec<String> {
    let kept = names.iter().enumerate().filter(|(place, _)| kinds.contains(&(place % 3)));
    kept.map(|(_, name)| name.clone()).collect()
}

fn mixed(of: u64, name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), of)
}

/// A run that such models answer, as its registry has it.
#[derive(Default)]
struct Run {
    fold: TopicFold,
    answers: Answers,
    numbers: BTreeMap<String, u64>,
    cost: Cost,
}

impl Run {
    fn of(models: &[Knows], wanted: f64, most: u64) -> Self {
        let terms = Terms {
            items: 20,
            wanted: Some(Share::new(wanted)),
            providers: models.iter().map(|model| model.name.to_owned()).collect(),
            partition: Partition::Alphabetical,
            ..Terms::default()
        };
        let mut run = Self::default();
        let mut decisions = vec![decision(0, What::Terms(terms.clone()))];
        let mut open: Vec<(Aim, f64, String, u32, Vec<String>)> = Vec::new();
        for turn in 0..most {
            while open.len() < 6 {
                let under_way: Vec<(Aim, f64)> = open.iter().map(|one| (one.0.clone(), one.1)).collect();
                let Outlook::Ask { aim, provider, items, new, why } =
                    run.fold.frontier().next(&terms.wish(&under_way))
                else {
                    break;
                };
                let leave_out = run.fold.frontier().leave_out(&aim, provider.as_deref());
                let provider = provider.unwrap_or_else(|| models[0].name.to_owned());
                decisions.push(decision(run.fold.log_index(), What::Asked(asked(&aim, why))));
                open.push((aim, new, provider, items, leave_out));
            }
            if open.is_empty() {
                break;
            }
            let (aim, _, provider, items, leave_out) = open.remove(0);
            let model = models.iter().find(|model| model.name == provider).unwrap();
            run.ask(model, &aim, items, &leave_out, turn);
            if run.fold.is_complete(Share::new(wanted)) {
                break;
            }
        }
        for decision in &decisions {
            run.answers.decision(decision);
        }
        run
    }

    fn ask(&mut self, model: &Knows, aim: &Aim, items: u32, leave_out: &[String], turn: u64) {
        let is_of = |name: &&String| match aim {
            Aim::Part(part) => part.holds(name),
            Aim::Whole | Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => true,
        };
        let mut said: Vec<&String> = model.names.iter().filter(is_of).collect();
        said.retain(|name| !leave_out.contains(name) && !mixed(turn, name).is_multiple_of(20));
        said.sort_by_key(|name| mixed(turn + 1_000_000, name));
        said.truncate(usize::try_from(items).unwrap());
        let mut meta = meta(model, aim.cell(), items);
        meta.left_out = u32::try_from(leave_out.len()).unwrap();
        if turn % model.fails == model.fails - 1 {
            (meta.outcome, said) = (Ended::ServerError, Vec::new());
        }
        self.write(meta, &said);
    }

    fn write(&mut self, meta: ResponseMeta, said: &[&String]) {
        let before = self.fold.attributes();
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for name in said {
            let next = u64::try_from(self.numbers.len()).unwrap() + 1;
            let number = *self.numbers.entry((*name).clone()).or_insert(next);
            if number == next { new.push((*name).clone()) } else { again.push(number) }
        }
        self.cost += meta.charge();
        let first_new = if new.is_empty() { 0 } else { before + 1 };
        let tail = EntryTail { first_new, new, again, ..EntryTail::default() };
        self.append(EntryKind::Response(meta), tail);
    }

    fn append(&mut self, kind: EntryKind, tail: EntryTail) {
        let index = self.fold.log_index() + 1;
        let (producer, at) = (WorkerId::of_role("producer", 1), UnixMillis(index));
        let entry = Entry { index, head: EntryHead { producer, incarnation: 1, seq: index, at, kind }, tail };
        self.fold.apply(&entry).unwrap();
        self.answers.entry(&entry);
    }

    fn said(&self, policy: Policy, weights: &[(&str, f64)]) -> Result<Outcome, Unanswered> {
        let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        let ends = Some(Ends { dry_after: 30, ..Ends::default() });
        let terms = Terms { items: 20, partition: Partition::Alphabetical, ends, ..Terms::default() };
        self.answers.anew(policy, &weights, &terms)
    }
}

fn decision(log_index: LogIndex, what: What) -> Decision {
    Decision { at: UnixMillis(0), log_index, what }
}

fn asked(aim: &Aim, why: Why) -> Asked {
    let producer = WorkerId::of_role("producer", 1);
    let (cell, provider) = (aim.cell(), None);
    Asked { producer, incarnation: 1, request: 0, cell, provider, items: 20, new: 0.0, why }
}

fn meta(model: &Knows, cell: Option<String>, asked: u32) -> ResponseMeta {
    let cost = Cost::from_picodollars(model.price * 1_000_000);
    ResponseMeta {
        provider: model.name.to_owned(),
        model: "m".to_owned(),
        cell,
        probe: false,
        prompt_hash: 0,
        outcome: Ended::Answered,
        latency_ms: 1_000,
        input_tokens: 10,
        output_tokens: 10,
        cost,
        worst_case: cost,
        repeated: 0,
        rejected: 0,
        asked,
        left_out: 0,
        copied: 0,
        phrasing: crate::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
        rejections: Rejections::default(),
    }
}

fn share(one: u64, of: u64) -> f64 {
    one as f64 / of as f64
}

/// Three worlds: two models that know the same, two that know different things, and one that knows a third of what the other does.
fn worlds() -> [Vec<Knows>; 3] {
    let all = names(400);
    [
        vec![knows("small", 100, &all), knows("large", 1_000, &all)],
        vec![knows("small", 100, &of_kinds(&all, &[0, 1])), knows("large", 300, &of_kinds(&all, &[1, 2]))],
        vec![knows("small", 100, &of_kinds(&all, &[0])), knows("large", 1_000, &all)],
    ]
}

#[test]
fn a_run_made_anew_by_its_own_policy_comes_near_what_it_was() {
    for (number, models) in worlds().into_iter().enumerate() {
        // Where a cap ends it, models know more than they have said.
        for (most, of_items) in [(1_000, 0.1), (25, 0.25)] {
            let run = Run::of(&models, 0.95, most);
            let found = run.said(Policy::GoodUcb, &[]).unwrap();
            let (anew, was) = (found.anew.as_ref().unwrap(), found.was);
            assert_eq!((anew.same, anew.same_over), (found.reached, anew.over), "it is its own policy");
            let near = |what: &str, said: f64, by: f64| {
                assert!((said - 1.0).abs() < by, "world {number}, at most {most}, {what}: {said}, {found:?}");
            };
            near("items", share(anew.same.items, was.items), of_items);
            near("requests", share(anew.same.requests, was.requests), 0.2);
            near("cost", anew.same.cost.usd() / was.cost.usd(), 0.35);
            assert_eq!(found, run.said(Policy::GoodUcb, &[]).unwrap(), "twice the same");
        }
    }
}

#[test]
fn without_a_dear_provider_that_adds_nothing_it_is_cheaper_and_has_as_much() {
    let [models, ..] = worlds();
    let run = Run::of(&models, 0.95, 1_000);
    let found = run.said(Policy::GoodUcb, &[("small", 1.0), ("large", 0.0)]).unwrap();
    let anew = found.anew.as_ref().unwrap();
    assert_eq!(found.asked.keys().collect::<Vec<_>>(), ["small"]);
    assert!(found.reached.cost.usd() < 0.7 * anew.same.cost.usd(), "{found:?}");
    assert!(share(found.reached.items, anew.same.items) > 0.95, "{found:?}");
    assert_eq!(
        found.reached.cost.picodollars(),
        found.reached.requests * 100_000_000,
        "what it took in the run"
    );
    let truth = Run::of(&models[..1], 0.95, 1_000);
    assert!((found.reached.cost.usd() / truth.cost.usd() - 1.0).abs() < 0.25, "{found:?} {:?}", truth.cost);
}

#[test]
fn without_one_that_knows_what_others_do_not_less_is_found() {
    let [_, models, _] = worlds();
    let run = Run::of(&models, 0.95, 1_000);
    let found = run.said(Policy::GoodUcb, &[("small", 1.0)]).unwrap();
    let anew = found.anew.as_ref().unwrap();
    // It knows two thirds.
    assert!(anew.named_by_asked == anew.named["small"] && anew.named["large"] > 150, "{anew:?}");
    assert!(found.reached.items <= anew.named_by_asked, "{found:?}");
    assert!((0.5..0.75).contains(&share(found.reached.items, found.was.items)), "{found:?}");
}

/// Weights as they are told.
fn weights(all: &[(&str, f64)]) -> BTreeMap<String, f64> {
    all.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

#[test]
fn who_was_taken_off_the_topic_is_not_asked_again_by_the_runs_own_terms() {
    let [models, ..] = worlds();
    let mut run = Run::of(&models, 0.95, 1_000);
    let both = run.said(Policy::GoodUcb, &[]).unwrap();
    assert_eq!(both.weights, weights(&[("small", 1.0), ("large", 1.0)]));
    let last = run.answers.pace.terms().unwrap();
    let unequal = weights(&[("small", 1.0), ("large", 3.0)]);
    let index = run.fold.log_index();
    // Weights are told no more where one is left: they are equal.
    let small = Terms { providers: vec!["small".to_owned()], ..last.clone() };
    for terms in [Terms { weights: unequal, ..last }, small.clone()] {
        run.answers.decision(&decision(index, What::Terms(terms)));
    }
    let found = run.said(Policy::GoodUcb, &[]).unwrap();
    assert_eq!(found.asked.keys().collect::<Vec<_>>(), ["small"]);
    assert_eq!(found.weights, weights(&[("small", 1.0)]));
    let anew = found.anew.as_ref().unwrap();
    assert_eq!((anew.same, anew.named_by_asked), (found.reached, anew.named["small"]));
    // Who is named is asked.
    let large = run.said(Policy::GoodUcb, &[("large", 2.0), ("small", 0.0)]).unwrap();
    assert_eq!(large.asked.keys().collect::<Vec<_>>(), ["large"]);
    assert_eq!(large.weights, weights(&[("large", 2.0)]));
    assert_eq!(large.anew.unwrap().same, found.reached);

    // Who cannot be asked for a while is on the topic, and so is everybody when all have left.
    let away = weights(&[("large", 0.0)]).into_keys().map(|name| (name, "rests".to_owned())).collect();
    let nobody = Terms { providers: Vec::new(), ..small.clone() };
    for terms in [Terms { away, ..small.clone() }, nobody] {
        run.answers.decision(&decision(index, What::Terms(terms)));
        assert_eq!(run.said(Policy::GoodUcb, &[]).unwrap().weights, both.weights);
    }
    let other = Terms { providers: vec!["other".to_owned()], ..small };
    run.answers.decision(&decision(index, What::Terms(other)));
    let never = Unanswered::Unknown("other".to_owned(), "large, small".to_owned());
    assert_eq!(run.said(Policy::GoodUcb, &[]), Err(never));
}

#[test]
fn providers_have_the_shares_that_are_said_where_these_are_fixed() {
    // Each knows what the other does not, for who adds nothing is asked about the whole only; and neither has listed its part, after which the other has all turns.
    let [_, models, ..] = worlds();
    let run = Run::of(&models, 0.8, 60);
    let asked = |large: f64| {
        let found = run.said(Policy::Fixed, &[("small", 1.0), ("large", large)]).unwrap();
        share(found.asked["large"], found.reached.requests)
    };
    let (few, many) = (asked(0.2), asked(4.0));
    assert!(few < 0.25 && many > 0.4, "{few} {many}");
}

#[test]
fn requests_fail_as_often_as_they_did() {
    let [mut models, ..] = worlds();
    models[0].fails = 4;
    let run = Run::of(&models[..1], 0.95, 40);
    let like =
        like::Like::of(&run.answers.all.iter().enumerate().map(|(at, one)| (at, one, 0)).collect::<Vec<_>>());
    let failures = (0..40).filter(|request| like.failure(*request).is_some()).count();
    assert_eq!(failures, like.failed.len());
    assert!(failures == 10 && like.failure(3).is_some(), "{failures}");
}

#[test]
fn what_an_answer_costs_goes_by_its_length() {
    let of = |items: usize, picodollars: u64| {
        let model = knows("m", 0, &[]);
        let cost = Cost::from_picodollars(picodollars);
        let head = EntryHead {
            producer: WorkerId::of_role("producer", 1),
            incarnation: 1,
            seq: 1,
            at: UnixMillis(0),
            kind: EntryKind::Seeded,
        };
        let meta = ResponseMeta { cost, ..meta(&model, None, 20) };
        Answer { index: 1, head, meta, items: (1..).take(items).collect() }
    };
    let all = [of(0, 100), of(10, 200), of(20, 300)];
    let like = like::Like::of(&all.iter().enumerate().map(|(at, one)| (at, one, 0)).collect::<Vec<_>>());
    assert_eq!([0, 5, 40].map(|items| like.cost.at(items)), [100, 150, 500]);
    let falling = [of(0, 300), of(10, 200), of(20, 100)];
    let like = like::Like::of(&falling.iter().enumerate().map(|(at, one)| (at, one, 0)).collect::<Vec<_>>());
    assert_eq!([0, 40].map(|items| like.cost.at(items)), [200, 200]);
}

#[test]
fn what_was_known_beforehand_is_known_again_and_not_found() {
    let all = names(400);
    let mut run = Run::default();
    let seeds: Vec<String> =
        all.iter().enumerate().filter(|(place, _)| place % 4 > 0).map(|(_, name)| name.clone()).collect();
    let first_new = FIRST_SEED;
    run.append(EntryKind::Seeded, EntryTail { first_new, new: seeds.clone(), ..EntryTail::default() });
    let models = [knows("small", 100, &all), knows("large", 100, &all)];
    for (seed, name) in (FIRST_SEED..).zip(&seeds) {
        run.numbers.insert(name.clone(), seed);
    }
    // Numbers of items begin at 1, whatever is known.
    let mut turn = 0;
    for part in ["a-e", "f-k", "l-p", "q-u", "v-z"] {
        for model in &models {
            turn += 1;
            let letters = crate::frontier::Letters::parse(part).unwrap();
            let said: Vec<&String> = model.names.iter().filter(|name| letters.holds(name)).collect();
            run.write_with_seeds(meta(model, Some(part.to_owned()), 100), &said, &seeds);
            run.write_with_seeds(meta(model, None, 20), &said[..12], &seeds);
        }
    }
    assert!(turn == 10 && run.fold.attributes() == 100);
    let found = run.said(Policy::GoodUcb, &[]).unwrap();
    let Reached { items, requests, .. } = found.reached;
    // One name in four counts, of twenty in an answer.
    assert!((30..=100).contains(&items) && requests > 8, "{found:?}");
}

impl Run {
    /// The same where some are known beforehand.
    fn write_with_seeds(&mut self, meta: ResponseMeta, said: &[&String], seeds: &[String]) {
        let before = self.fold.attributes();
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for name in said {
            if let Some(number) = self.numbers.get(*name) {
                again.push(*number);
                continue;
            }
            let number = u64::try_from(self.numbers.len() - seeds.len()).unwrap() + 1;
            self.numbers.insert((*name).clone(), number);
            new.push((*name).clone());
        }
        let first_new = if new.is_empty() { 0 } else { before + 1 };
        self.append(EntryKind::Response(meta), EntryTail { first_new, new, again, ..EntryTail::default() });
    }
}

#[test]
fn as_many_requests_are_open_at_once_as_there_were() {
    let [models, ..] = worlds();
    assert_eq!(Run::of(&models, 0.95, 60).answers.pace.at_once(), 6);
    assert_eq!(Answers::default().pace.at_once(), 12);
}

#[test]
fn what_cannot_be_told_is_refused_with_the_reason() {
    let [models, ..] = worlds();
    let mut run = Run::of(&models, 0.95, 30);
    let unknown = Unanswered::Unknown("other".to_owned(), "large, small".to_owned());
    assert_eq!(run.said(Policy::Ewma, &[("other", 1.0)]), Err(unknown));
    assert!(run.said(Policy::Ewma, &[("small", 1.0), ("other", 0.0)]).is_ok());
    assert_eq!(run.said(Policy::Ewma, &[("small", 0.0)]), Err(Unanswered::One("large, small".to_owned())));
    let alone = Run::of(&models[..1], 0.95, 30);
    assert_eq!(alone.said(Policy::Ewma, &[]), Err(Unanswered::One("small".to_owned())));
    run.write(meta(&models[0], Some("category: owls".to_owned()), 20), &[]);
    assert_eq!(run.said(Policy::Ewma, &[]), Err(Unanswered::Categories));
}

#[test]
fn a_run_that_its_cap_on_items_ended_is_refused_until_it_goes_on_and_ends_otherwise() {
    let [models, ..] = worlds();
    let mut run = Run::of(&models, 0.95, 30);
    let index = run.fold.log_index();
    for (reason, is_told) in [(EndReason::MaxAttributes, false), (EndReason::Stopped, true)] {
        let (found, requests, cost) = (run.fold.attributes(), 30, run.cost);
        let ending = Ending { reason, found, requests, cost, completeness: None, met: None };
        run.answers.decision(&decision(index, What::Ending(ending)));
        let said = run.said(Policy::Ewma, &[]);
        assert!(said.is_ok() == is_told && (is_told || said == Err(Unanswered::Capped)), "{said:?}");
    }
}

#[test]
fn where_nothing_was_asked_yet_that_is_said_and_not_that_nobody_else_was() {
    let run = Run::default();
    assert_eq!(run.said(Policy::Ewma, &[("small", 1.0)]), Err(Unanswered::Nothing));
    assert_eq!(run.answers.under(Policy::Ewma, &BTreeMap::new()), Err(Unanswered::Nothing));
}

#[test]
fn a_log_that_is_too_long_is_refused() {
    let [models, ..] = worlds();
    let mut run = Run::of(&models, 0.95, 30);
    let again: Vec<u64> = std::iter::repeat_n(1, MOST_NAMED / 4).collect();
    for index in 1_000..1_005 {
        let (producer, kind) =
            (WorkerId::of_role("producer", 1), EntryKind::Response(meta(&models[0], None, 20)));
        let head = EntryHead { producer, incarnation: 1, seq: index, at: UnixMillis(0), kind };
        let tail = EntryTail { again: again.clone(), ..EntryTail::default() };
        run.answers.entry(&Entry { index, head, tail });
    }
    assert!(run.answers.is_too_long());
    assert_eq!(run.said(Policy::Ewma, &[]), Err(Unanswered::TooLong));
    assert_eq!(run.answers.under(Policy::Ewma, &BTreeMap::new()), Err(Unanswered::Aimed));
}

#[test]
fn a_cap_on_money_and_a_floor_on_what_comes_end_it_as_they_end_a_run() {
    let [models, ..] = worlds();
    let run = Run::of(&models, 0.95, 1_000);
    let ends = Ends { dry_after: 30, ..Ends::default() };
    let said = |ends: Ends| {
        let terms = Terms { ends: Some(ends), ..Terms::default() };
        run.answers.anew(Policy::GoodUcb, &BTreeMap::new(), &terms).unwrap()
    };
    let capped = said(Ends { max_cost: Some(Cost::from_usd(0.002)), ..ends.clone() });
    assert!(
        capped.anew.as_ref().unwrap().over == Over::Money && capped.reached.cost.usd() < 0.0035,
        "{capped:?}"
    );
    let poor = said(Ends { min_new_per_100_requests: Some(1_900), ..ends });
    assert_eq!(poor.anew.as_ref().unwrap().over, Over::Dry);
}
