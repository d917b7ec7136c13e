//! `igentai bench` over servers that others use, too.

use std::collections::BTreeSet;
use std::time::Duration;

use igentai_test_support::process::Process;
use igentai_test_support::{eventually, until_some};

use crate::world::{RUN, SOON, World, script};

async fn keys(world: &World) -> BTreeSet<String> {
    world.redis.cli(&["KEYS", "*"]).await.unwrap().lines().map(str::to_owned).collect()
}

async fn queues(world: &World) -> BTreeSet<String> {
    world.broker.queues().await.unwrap().into_iter().map(|queue| queue.name).collect()
}

/// Where somebody has led, the epoch of the lease outlives the lease: what carries an older one is refused.
#[tokio::test]
async fn bench_measures_where_somebody_has_led_before_and_leaves_nothing_of_its_own() {
    let world = World::new(script(1, 0)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    orchestrator.process.wait_for_line("leads", SOON).await.unwrap();
    orchestrator.until_ready().await;
    assert_eq!(orchestrator.stopped().await, Some(0), "{}", orchestrator.process.tail());
    let (keys_before, queues_before) = (keys(&world).await, queues(&world).await);

    let command = world.command(&["bench", "--distributed", "--seconds", "1", "--json"]);
    let mut bench = Process::spawn(command).unwrap();
    let ended = bench.wait(RUN).await.unwrap().code();
    assert_eq!(ended, Some(0), "{}", bench.tail());
    assert!(bench.tail().contains("whole_to_least_ceiling"), "{}", bench.tail());
    assert_eq!(keys(&world).await, keys_before);
    let same = || async { queues(&world).await == queues_before };
    assert!(eventually(SOON, same).await.is_ok(), "{:?} were {queues_before:?}", queues(&world).await);
    let own = ["igentai.tasks", "igentai.integrate"];
    let empty = || async {
        let queues = world.broker.queues().await.unwrap();
        queues.iter().filter(|q| own.contains(&q.name.as_str())).all(|q| q.ready + q.unacked == 0)
    };
    assert!(eventually(SOON, empty).await.is_ok(), "{:?}", world.broker.queues().await.unwrap());
}

#[tokio::test]
async fn a_bench_that_is_interrupted_leaves_no_keys() {
    let world = World::new(script(1, 0)).await;
    let command = world.command(&["bench", "--distributed", "--seconds", "5"]);
    let mut bench = Process::spawn(command).unwrap();
    let measures = || async { (!keys(&world).await.is_empty()).then_some(()) };
    assert!(until_some(Duration::from_mins(1), measures).await.is_ok(), "{}", bench.tail());
    bench.terminate().unwrap();
    assert_eq!(bench.wait(SOON).await.unwrap().code(), Some(130), "{}", bench.tail());
    assert_eq!(keys(&world).await, BTreeSet::new());
}
