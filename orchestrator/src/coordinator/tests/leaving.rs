//! A leader that leaves: somebody waits to lead.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_asked_to_stop_gives_up_the_lease_at_once_whatever_hangs() {
    for hangs in ["nothing", "the store", "the broker"] {
        let mut desk = Desk::new();
        desk.start("birds").await;
        desk.run();
        desk.until_state("birds", TopicState::Running).await;
        desk.store.slow.store(hangs == "the store", Relaxed);
        desk.bus.hangs.store(hangs == "the broker", Relaxed);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let asked = desk.context.clock.now().monotonic;
        desk.stop.cancel();
        while desk.running.join_next().await.is_some() {}
        let took = desk.context.clock.now().monotonic.since(asked);
        assert!(took < Duration::from_secs(1), "it leaves after {took:?} where {hangs} hangs");
        assert_eq!(desk.store.lease().await.unwrap().holder, None, "where {hangs} hangs");
    }
}
