//! A store that answers and takes no writes.

use igentai_test_support::{eventually, free_port, until_some};
use serde_json::json;

use crate::world::{SOON, World, script};

#[tokio::test]
async fn a_store_that_takes_no_writes_is_the_problem_of_what_runs_with_what_helps_until_it_does() {
    let world = World::new(script(50_000, 20)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let (mut web, mut producer) = (world.webserver(), world.producer("producer-1", "m"));
    for service in [&mut orchestrator, &mut web, &mut producer] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    let problem = || async { api.topic(&id).await["numbers"]["problem"].as_str().map(str::to_owned) };
    let nowhere = free_port().unwrap().to_string();
    let mut many = 50;
    for (fault, mended, helps) in [
        (["REPLICAOF", "127.0.0.1", &nowhere], ["REPLICAOF", "NO", "ONE"], "use the address of the primary"),
        (["CONFIG", "SET maxmemory", "1mb"], ["CONFIG", "SET maxmemory", "0"], "raise its maxmemory"),
    ] {
        let words = |words: [&str; 3]| words.join(" ").split(' ').map(str::to_owned).collect::<Vec<_>>();
        api.until_attributes(&id, many).await;
        let fault = words(fault);
        world.redis.cli(&fault.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
        let told = until_some(SOON, || async { problem().await.filter(|problem| problem.contains(helps)) });
        assert!(told.await.is_ok(), "{:?}", problem().await);
        let (status, ready) = web.api().ask("GET", "/health/ready", None).await;
        assert!(status == 200 && ready["warnings"].to_string().contains(helps), "{status} {ready}");
        let unready = || async {
            let (status, ready) = orchestrator.api().ask("GET", "/health/ready", None).await;
            status == 503 && ready["detail"].as_str().is_some_and(|detail| detail.contains(helps))
        };
        assert!(eventually(SOON, unready).await.is_ok(), "{}", orchestrator.process.tail());
        let mended = words(mended);
        world.redis.cli(&mended.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
        let over = || async { problem().await.is_none() };
        assert!(eventually(SOON, over).await.is_ok(), "{:?}", problem().await);
        many = api.topic(&id).await["numbers"]["attributes"].as_u64().unwrap() + 50;
    }
    api.until_attributes(&id, many).await;
}
