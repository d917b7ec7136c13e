//! Replicas that are not what the log gives.

use igentai_core::command::{FilterReport, Lease, TopicReport};
use igentai_core::filter::{Delta, Replica, SnapshotPiece};
use igentai_core::status::FilterNumbers;
use igentai_core::time::Monotonic;
use igentai_shared::wire::FilterSnapshot;

use super::*;

impl Desk {
    async fn filter(&self, name: &str) -> Option<FilterNumbers> {
        let bytes = self.store.checkpoint(&id(name), 1, checkpoints::STATUS).await.unwrap()?;
        checkpoints::decode::<TopicStatus>(&bytes).unwrap().filter
    }

    async fn report_filter(&self, name: &str, seq: u64, filter: FilterReport) {
        let report = TopicReport {
            topic: id(name),
            run: 1,
            sent: 0,
            in_flight: 0,
            places: 1,
            unresolved: 0,
            risked: Cost::ZERO,
            lease: Lease::default(),
            capped_cost: false,
            request_cost: Cost::ZERO,
            dearest_cost: Cost::ZERO,
            hopeless: None,
            refused: 0,
            filter,
        };
        let heartbeat = Heartbeat {
            registry: None,
            producer: WorkerId::parse("p1").unwrap(),
            incarnation: 1,
            seq,
            command: (0, 0),
            concurrency: 1,
            draining: false,
            left: false,
            topics: vec![report],
            providers: Vec::new(),
        };
        let (key, name) = ("producer.p1".to_owned(), format!("heartbeat-{seq}"));
        send(&self.context, Exchange::Status, key, name, &heartbeat).await.unwrap();
    }
}

/// What a replica holds after one entry with this text.
fn after_one(text: &str) -> Replica {
    let mut replica = Replica::new(1);
    let fingerprints = vec![Fingerprint::of(&Key::of(text).unwrap())];
    replica.delta(Delta { run: 1, generation: 0, from: 1, to: 1, fingerprints, first: None });
    replica
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_not_what_the_log_gives_is_counted_and_replaced() {
    let mut desk = Desk::new();
    let bindings = vec![(Exchange::Filters, "snapshot.p1".to_owned())];
    let source = Source::Broadcast { name: "p1".to_owned(), bindings };
    let mut heard = desk.bus.consume(source, 10).await.unwrap();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.commit("birds", 1, "Wren").await;
    let folded =
        async || desk.filter("birds").await.is_some_and(|filter| filter.false_positive_rate.is_some());
    desk.until("the entry is folded", folded).await;

    desk.report_filter("birds", 1, after_one("Wren").report(Monotonic(0))).await;
    desk.until("it is compared", async || desk.filter("birds").await.unwrap().audits == 1).await;
    let mut wrong = after_one("Owl");
    desk.report_filter("birds", 2, wrong.report(Monotonic(0))).await;
    // What it says before it can have been mended is no second difference.
    desk.report_filter("birds", 3, wrong.report(Monotonic(0))).await;
    let Incoming::Delivery(delivery) = heard.next().await.unwrap() else { unreachable!("nothing was lost") };
    let FilterSnapshot { run, generation, complete_to, chunk, chunks, digest, repair, words, .. } =
        wire::decode(&delivery.content_type, &delivery.payload).unwrap();
    assert!(repair);
    let piece = SnapshotPiece { run, generation, complete_to, chunk, chunks, digest, repair, words: &words };
    assert_eq!(wrong.snapshot(&piece), Ok(true));
    assert_eq!(
        wrong.report(Monotonic(0)),
        FilterReport { checked_new: 0, ..after_one("Wren").report(Monotonic(0)) }
    );

    tokio::time::sleep(Duration::from_secs(4)).await;
    desk.report_filter("birds", 4, wrong.report(Monotonic(0))).await;
    desk.until("it is compared again", async || desk.filter("birds").await.unwrap().audits == 3).await;
    let FilterNumbers { differences, snapshots, replicas, behind_entries, .. } =
        desk.filter("birds").await.unwrap();
    assert_eq!((differences, snapshots, replicas, behind_entries), (1, 1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn it_is_told_how_far_behind_a_replica_is_and_for_how_long() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    for (seq, text) in [(1, "Wren"), (2, "Owl"), (3, "Tit")] {
        desk.commit("birds", seq, text).await;
    }
    let folded =
        async || desk.filter("birds").await.is_some_and(|filter| filter.false_positive_rate.is_some());
    desk.until("the entries are folded", folded).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    desk.report_filter("birds", 1, after_one("Wren").report(Monotonic(0))).await;
    desk.until("it is told", async || desk.filter("birds").await.unwrap().behind_entries == 2).await;
    let behind = desk.filter("birds").await.unwrap().behind_ms;
    assert!((5_000..10_000).contains(&behind), "{behind}");
    tokio::time::sleep(Duration::from_secs(15)).await;
    let silent = desk.filter("birds").await.unwrap();
    assert_eq!((silent.replicas, silent.behind_entries), (0, 0), "who is not heard is not told of");
}
