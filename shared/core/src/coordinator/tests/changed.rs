//! What an operator changes of a topic is a decision like others.

use super::decisions::{replay, replay_changed};
use super::*;
use crate::decision::{Change, What};
use crate::topic::StartMode;

impl World {
    fn patch(&mut self, change: impl FnOnce(&mut Topic), at: u64) {
        change(&mut self.stored);
        self.stored.version += 1;
        self.coordinator.topic(self.stored.clone(), now(at));
    }

    /// What was changed, in the order in which it was.
    fn changes(&self) -> Vec<Vec<Change>> {
        let all = self.decided().into_iter().filter_map(|(_, decision)| match decision.what {
            What::Changed(changed) => Some(changed.changes),
            What::TakenUp { .. }
            | What::Terms(_)
            | What::Routed(_)
            | What::Worded(_)
            | What::Measured(_)
            | What::Cared(_)
            | What::Asked(_)
            | What::Ending(_)
            | What::Dropped { .. } => None,
        });
        all.collect()
    }
}

fn change(field: &str, before: Option<&str>, after: Option<&str>) -> Change {
    Change { field: field.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
}

#[test]
fn what_is_changed_while_a_topic_runs_is_written_down_once_and_taken_by_a_replay_as_it_is() {
    let mut world = running(Limits { max_requests: Some(9), ..Limits::default() });
    world.settle(10);
    assert_eq!(world.changes(), [] as [Vec<Change>; 0], "a start is no change");
    world.answer("p1", Outcome::Answered, &["robin"], 20);
    world.patch(|topic| topic.prompt = Some("birds of Europe".into()), 30);
    world.settle(30);
    let prompt = change("prompt", None, Some("birds of Europe"));
    assert_eq!(world.changes(), [[prompt.clone()]]);
    let (_, first) = world.decided().into_iter().find(|(_, one)| one.what.kind() == "changed").unwrap();
    assert_eq!((first.at, first.log_index), (now(30).unix, 1));
    world.patch(|topic| topic.limits.max_requests = Some(3), 40);
    world.patch(|topic| topic.provider_weights = BTreeMap::from([("small".to_owned(), 2.0)]), 40);
    world.settle(40);
    let both = [
        change("limits.max_requests", Some("9"), Some("3")),
        change("provider_weights.small", None, Some("2")),
    ];
    assert_eq!(world.changes(), [vec![prompt], both.to_vec()]);
    world.answer("p1", Outcome::Answered, &[], 50);
    world.answer("p1", Outcome::Answered, &[], 50);
    world.settle(60);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));
    assert_eq!(replay(&world), Ok(1));
    let other = |what: &mut What| {
        if let What::Changed(changed) = what {
            changed.changes.clear();
        }
    };
    assert_eq!(replay_changed(&world, other), Ok(1), "it is the operator's");
}

#[test]
fn what_is_changed_between_two_leaders_or_two_starts_is_written_down_by_the_next() {
    let mut world = running(Limits::default());
    world.settle(10);
    assert_eq!(world.decided(), [], "nothing is decided yet, and the definition is kept all the same");
    world.stored.judge = true;
    world.stored.version += 1;
    world.take_over(20);
    let judge = [vec![change("judge", Some("false"), Some("true"))]];
    assert_eq!(world.changes(), judge);
    world.take_over(30);
    assert_eq!(world.changes(), judge, "once");

    world.stored = world.stored.end(EndReason::Stopped).unwrap();
    world.coordinator.topic(world.stored.clone(), now(40));
    world.beat("p1", 1, |_| {}, 5_100);
    world.settle(6_000);
    world.beat("p1", 1, |_| {}, 6_100);
    world.settle(20_000);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Stopped));
    let again = StartRequest {
        name: "birds".into(),
        items_per_request: Some(20),
        mode: StartMode::Resume,
        ..StartRequest::default()
    };
    world.stored = Topic::start(Some(&world.stored), id(), again, now(30_000).unix).unwrap();
    world.coordinator.topic(world.stored.clone(), now(30_000));
    world.settle(30_000);
    assert_eq!(world.stored.state, TopicState::Running);
    let [judge] = judge;
    assert_eq!(world.changes(), [judge, vec![change("items_per_request", Some("50"), Some("20"))]]);
    assert_eq!(replay(&world), Ok(0));
}

#[test]
fn a_change_that_a_stop_follows_at_once_stands_before_the_end() {
    let mut world = running(Limits::default());
    world.settle(10);
    world.patch(|topic| topic.routing = crate::routing::Policy::Fixed, 20);
    world.stored = world.stored.end(EndReason::Stopped).unwrap();
    world.coordinator.topic(world.stored.clone(), now(20));
    world.settle(20);
    let kinds: Vec<&str> = world.decided().iter().map(|(_, one)| one.what.kind()).collect();
    assert_eq!(kinds, ["taken_up", "changed", "terms", "ending"]);
}

#[test]
fn a_change_that_could_not_be_saved_is_not_lost() {
    let mut world = running(Limits::default());
    world.settle(10);
    world.saves = false;
    world.patch(|topic| topic.items_per_request = 7, 20);
    world.settle(20);
    assert_eq!(world.changes(), [] as [Vec<Change>; 0]);
    let items = |world: &World| world.commands[&producer("p1")].topics[0].items_per_request;
    assert_eq!(items(&world), 7);
    world.saves = true;
    world.take_over(30);
    assert_eq!(world.changes(), [[change("items_per_request", Some("50"), Some("7"))]]);
}
