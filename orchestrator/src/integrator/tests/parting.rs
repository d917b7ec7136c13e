//! Messages of several batches with which something is wrong.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_poisoned_batch_goes_alone_to_the_dead_letters_and_those_in_its_message_are_committed() {
    let mut world = World::new().await;
    let together = vec![batch("innocent", 1), batch("stranger", 1 << 53), batch("innocent", 2)];
    world.publish_together(together).await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(world.context("nobody", Fate::Hangs), stop.clone()));
    world.until_told(2).await;
    let (id, reason) = world.dead_letter().await;
    assert!(id.starts_with("batch-stranger-") && reason.contains("out of range"), "{id}: {reason}");
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(world.store.head(&topic()).await.unwrap().log_index, 2);
    assert_eq!(world.bus.depth(WorkQueue::Integrate).await, Some(0));
    assert!(world.dead.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_parted_from_others_keeps_the_headers_of_their_message() {
    let mut world = World::new().await;
    let headers = BTreeMap::from([(wire::DEAD_LETTER_REPLAYS.to_owned(), "2".to_owned())]);
    world.publish_with(headers, vec![batch("innocent", 1), batch("stranger", 1 << 53)]).await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(world.context("nobody", Fate::Hangs), stop.clone()));
    let letter = world.whole_dead_letter().await;
    assert_eq!(letter.headers.get(wire::DEAD_LETTER_REPLAYS).map(String::as_str), Some("2"));
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_parts_a_message_stops_when_asked_and_gives_it_back() {
    let world = World::new().await;
    world.publish_together(vec![batch("innocent", 1), batch("stranger", 1 << 53)]).await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    // What is parted goes to the topic's own key.
    tasks.spawn(run(world.context("rivers", Fate::Hangs), stop.clone()));
    tokio::time::timeout(DEADLINE, world.struck.notified()).await.unwrap();
    stop.cancel();
    tokio::time::timeout(DEADLINE, tasks.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(world.bus.depth(WorkQueue::Integrate).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_panics_every_integrator_is_parted_from_those_in_its_message() {
    let mut world = World::new().await;
    let innocents = (1..=3).map(|seq| batch("innocent", seq));
    world.publish_together(std::iter::once(batch("crasher", 1)).chain(innocents).collect()).await;
    let (stop, context) = (CancellationToken::new(), world.context(CRASHER, Fate::Panics));
    let mut tasks = JoinSet::new();
    let asked = stop.clone();
    tasks.spawn(async move {
        again_after_panic("integrator", &asked, || run(context.clone(), asked.clone())).await;
    });
    world.until_told(3).await;
    let (id, reason) = world.dead_letter().await;
    assert!(id.starts_with("batch-crasher-") && reason.contains("crashed, 5 times"), "{id}: {reason}");
    world.until_empty().await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert!(world.dead.try_next().is_none());
    assert_eq!(world.store.attempts(CRASHING).await.unwrap(), 0);
}
