//! The lease: who stands for it, who keeps it, who loses it.

use super::*;

#[tokio::test(start_paused = true)]
async fn who_cannot_stand_for_the_lease_says_so_until_it_can() {
    let mut desk = Desk::new();
    desk.store.lease_fails.store(true, Relaxed);
    desk.run();
    desk.until("it is said", async || {
        desk.troubles().iter().any(|reason| reason.contains("cannot stand for the lease"))
    })
    .await;
    desk.store.lease_fails.store(false, Relaxed);
    desk.until("it is over", async || desk.troubles().is_empty()).await;
    assert_eq!(desk.epoch().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_else_took_is_noticed_beside_everything_else() {
    let desk = Desk::new();
    let free = desk.store.lease().await.unwrap();
    let held = desk.store.take_lease(&desk.context.id, &free, 0).await.unwrap().unwrap();
    let since = desk.context.clock.now().monotonic;
    let other = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let seen = desk.store.lease().await.unwrap();
        assert_eq!((seen.epoch, &seen.holder), (held.epoch, &held.holder), "it was kept till now");
        let other = WorkerId::parse("o2").unwrap();
        desk.store.take_lease(&other, &seen, 0).await.unwrap().unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = lease::keep(&desk.context, held.epoch, since) => {}
        () = other => {}
    }
    let took = desk.context.clock.now().monotonic.since(since);
    assert!(took < Duration::from_secs(62), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_standby_to_whom_the_store_is_slow_takes_no_lease_from_one_who_renews_it() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    let store = Arc::new(desk.store.another_client());
    store.lease_stalls.store(true, Relaxed);
    let standby = Context { id: WorkerId::parse("o2").unwrap(), store, ..desk.context.clone() };
    desk.running.spawn(run(standby, desk.stop.clone()));
    tokio::time::sleep(Duration::from_mins(2)).await;
    let lease = desk.store.lease().await.unwrap();
    assert_eq!((lease.holder.as_ref(), lease.epoch), (Some(&desk.context.id), 1));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_is_given_up_when_its_time_is_over() {
    for hangs in [false, true] {
        let desk = Desk::new();
        let free = desk.store.lease().await.unwrap();
        let held = desk.store.take_lease(&desk.context.id, &free, 0).await.unwrap().unwrap();
        let since = desk.context.clock.now().monotonic;
        desk.store.lease_fails.store(true, Relaxed);
        desk.store.lease_hangs.store(hangs, Relaxed);
        lease::keep(&desk.context, held.epoch, since).await;
        assert_eq!(desk.context.clock.now().monotonic.since(since), desk.context.options.lease_ttl);
    }
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_lease_to_a_store_that_was_away_leads_again_at_once_where_nobody_else_took_it() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.store.lease_fails.store(true, Relaxed);
    desk.until("it cannot stand for the lease", async || !desk.troubles().is_empty()).await;
    desk.store.lease_fails.store(false, Relaxed);
    let back = desk.context.clock.now().monotonic;
    desk.until("it leads again", async || desk.epoch().await == 2).await;
    let took = desk.context.clock.now().monotonic.since(back);
    assert!(took < desk.context.options.lease_ttl / 2, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_claims_every_topic_before_it_reads_what_it_decides_on() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.start("fish").await;
    desk.run();
    let both = vec![(id("birds"), 1), (id("fish"), 1)];
    desk.until("both are claimed", async || *desk.store.claimed_before_reading.lock().unwrap() == both).await;
    desk.until_state("fish", TopicState::Running).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let again = [both.clone(), both].concat();
    assert_eq!(*desk.store.claimed.lock().unwrap(), again, "once in a term, and once when they are opened");
}
