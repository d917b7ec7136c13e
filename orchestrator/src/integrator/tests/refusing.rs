//! A topic that the store refuses, and those beside it.

use super::*;

fn of(topic: &TopicId, seq: u64) -> Batch {
    let mut batch = batch("innocent", seq);
    batch.id.topic = topic.clone();
    batch
}

/// Refused ones that are held, that wait to go round, and that are more than either takes.
#[tokio::test(start_paused = true)]
async fn however_many_batches_of_one_topic_are_refused_those_of_others_go_on_at_their_pace() {
    for refused in [50, 150, 1_000] {
        let mut world = World::new().await;
        let lakes = TopicId::from_name("lakes").unwrap();
        world.store.open_run(&lakes, 1, 1, None).await.unwrap();
        let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
        store.refuse_commits_of(Some(&topic()));
        let context = Context { store: Arc::clone(&store) as _, ..world.context(CRASHER, Fate::Panics) };
        let (stop, clock) = (CancellationToken::new(), Arc::clone(&context.clock));
        let troubles = context.troubles.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(run(context, stop.clone()));
        for seq in 1..=refused {
            world.publish(batch("refused", seq)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = store.commits.load(Relaxed);
        for round in 0..10 {
            let published = clock.now().monotonic;
            for seq in 1..=64 {
                world.publish(of(&lakes, round * 64 + seq)).await;
            }
            world.until_told(64).await;
            let took = clock.now().monotonic.since(published);
            assert!(took < Duration::from_millis(700), "beside {refused} refused they take {took:?}");
            assert!(
                refused > 200 || took < Duration::from_millis(100),
                "beside {refused} they take {took:?}"
            );
        }
        let asked = store.commits.load(Relaxed) - asked;
        assert!(asked < 200, "{asked} commits of 640 batches, beside {refused} that are refused");
        let told = troubles.warnings().join("; ");
        assert!(
            refused > 200 || told.starts_with(&format!("{refused} messages with answers wait here")),
            "{told}"
        );
        assert!(told.contains("rivers (run 1)"), "{told}");
        store.refuse_commits_of(None);
        world.until_told(usize::try_from(refused).unwrap()).await;
        stop.cancel();
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!(world.store.head(&topic()).await.unwrap().log_index, refused);
        assert!(troubles.warnings().is_empty() && world.dead.try_next().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_has_gone_round_before_that_is_confirmed_is_no_copy_of_itself() {
    let mut world = World::new().await;
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.refuse_commits_of(Some(&topic()));
    let context = Context { store: Arc::clone(&store) as _, ..world.context("rivers", Fate::ConfirmedLate) };
    let (stop, struck) = (CancellationToken::new(), Arc::clone(&world.struck));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(context, stop.clone()));
    // More than are held.
    world.innocents(1..=100).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    struck.notified().await;
    store.refuse_commits_of(None);
    world.until_told(100).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(world.store.head(&topic()).await.unwrap().log_index, 100);
}
