//! A program in another language, which shares no code with this one, rebuilds a filter from the log and finds the bits of a snapshot that the running
//! system sends (`rebuild.py`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use igentai_core::batch::{BatchId, Named};
use igentai_core::command::{FilterReport, Heartbeat, Lease, TopicReport};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_core::topic::StartRequest;
use igentai_orchestrator::{Context, Options, coordinator};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{Bus, Exchange, Incoming, Outgoing, Source};
use igentai_shared::clock::SystemClock;
use igentai_shared::registry;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store};
use igentai_shared::wire::{self, FilterSnapshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::meta;

/// More than the first generation holds.
const BATCHES: u64 = 330;
const NEW: u64 = 50;

/// Texts of every length that a key may have, as models write them.
fn text(number: u64) -> String {
    let long = "and so on ".repeat(usize::try_from(number % 50).unwrap());
    match number % 5 {
        0 => format!("The Item №{number} {long}."),
        1 => format!("\u{201c}Île-{number} d\u{2019}Été {long}\u{201d}"),
        2 => format!("Sci\u{2010}Fi\u{a0}{number};"),
        3 => format!("{number}"),
        _ => format!("ZÜRICH-{number} {long}"),
    }
}

fn commit(topic: &TopicId, seq: u64) -> Commit {
    let producer = WorkerId::parse("p1").unwrap();
    let named = |number| {
        let text = text(number);
        let fingerprint = Fingerprint::of(&Key::of(&text).unwrap());
        Named { text, fingerprint }
    };
    Commit {
        id: BatchId { topic: topic.clone(), run: 1, producer: producer.clone(), incarnation: 1, seq },
        lowest_unresolved: seq,
        head: EntryHead {
            producer,
            incarnation: 1,
            seq,
            at: UnixMillis(1),
            kind: EntryKind::Response(meta("small".to_owned())),
        },
        novel: ((seq - 1) * NEW..seq * NEW).map(named).collect(),
        spellings: Vec::new(),
        sightings: Vec::new(),
        numbered: None,
    }
}

/// A producer that has nothing of the topic's filter.
fn asks(topic: &TopicId, seq: u64) -> Outgoing {
    let report = TopicReport {
        topic: topic.clone(),
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
        filter: FilterReport { wants_snapshot: true, ..FilterReport::default() },
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
    Outgoing {
        exchange: Exchange::Status,
        routing_key: "producer.p1".to_owned(),
        content_type: wire::content_type::<Heartbeat>(),
        message_id: format!("heartbeat-{seq}"),
        headers: BTreeMap::new(),
        payload: wire::encode(&heartbeat),
    }
}

/// The snapshot of all entries, as a running coordinator sends it.
async fn snapshot(store: Arc<dyn Store>, topic: &TopicId) -> (FilterSnapshot, Vec<u8>) {
    let bus = MemoryBus::new();
    let bindings = vec![(Exchange::Filters, "snapshot.p1".to_owned())];
    let source = Source::Broadcast { name: "p1".to_owned(), bindings };
    let mut heard = bus.consume(source, 10).await.unwrap();
    let (stop, bus) = (CancellationToken::new(), bus as Arc<dyn Bus>);
    let context = Context {
        id: WorkerId::parse("o1").unwrap(),
        new_registry_id: "r1".to_owned(),
        bus: Arc::clone(&bus),
        store,
        clock: Arc::new(SystemClock::new()),
        options: Options::default(),
        troubles: Troubles::default(),
    };
    let mut leading = JoinSet::new();
    leading.spawn(coordinator::run(context, stop.clone()));
    let (mut seq, mut pieces) = (0, BTreeMap::new());
    let first = loop {
        seq += 1;
        bus.publish(asks(topic, seq)).await.unwrap();
        let Ok(incoming) = tokio::time::timeout(Duration::from_millis(500), heard.next()).await else {
            assert!(seq < 100, "no snapshot comes");
            continue;
        };
        let Incoming::Delivery(delivery) = incoming.unwrap() else { continue };
        let piece: FilterSnapshot = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
        let (chunk, chunks, complete_to) = (piece.chunk, piece.chunks, piece.complete_to);
        pieces.insert(chunk, piece);
        if complete_to == BATCHES && pieces.len() == usize::try_from(chunks).unwrap() {
            break pieces[&0].clone();
        }
    };
    stop.cancel();
    leading.join_next().await.unwrap().unwrap();
    (first, pieces.into_values().flat_map(|piece| piece.words).collect())
}

fn rebuild(folder: &Path, snapshot: &FilterSnapshot) -> Output {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/filter-bits/rebuild.py");
    let FilterSnapshot { generation, complete_to, digest, .. } = snapshot;
    let ran = Command::new("python3")
        .arg(program)
        .args([folder.join("log.jsonl"), folder.join("filter")])
        .args([u64::from(*generation), *complete_to, digest.unwrap()].map(|number| number.to_string()))
        .output();
    ran.expect("python3 runs (Debian: apt-get install python3)")
}

#[tokio::test]
async fn another_program_rebuilds_the_filter_from_the_log_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap() as Arc<dyn Store>;
    let request = StartRequest { name: "Bits".to_owned(), ..StartRequest::default() };
    let topic = registry::start(store.as_ref(), &request, UnixMillis(1)).await.unwrap().id;
    store.open_run(&topic, 1, 0, None).await.unwrap();
    let commits = (1..=BATCHES).map(|seq| commit(&topic, seq)).collect();
    store.commit(commits).await.unwrap();
    let (sent, mut bytes) = snapshot(Arc::clone(&store), &topic).await;
    assert_eq!(sent.generation, 1);

    let entries = store.log(&topic, 1, 0, usize::MAX).await.unwrap();
    let lines = entries
        .iter()
        .map(|entry| serde_json::json!({ "index": entry.index, "new": entry.tail.new }).to_string() + "\n");
    std::fs::write(folder.path().join("log.jsonl"), lines.collect::<String>()).unwrap();
    std::fs::write(folder.path().join("filter"), &bytes).unwrap();
    let output = rebuild(folder.path(), &sent);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.trim(), format!("{} attributes, 40960 bytes, the same", BATCHES * NEW));

    // One bit that is not the log's is found.
    bytes[4_711] ^= 8;
    std::fs::write(folder.path().join("filter"), &bytes).unwrap();
    let output = rebuild(folder.path(), &sent);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 of 40960 bytes differ"));
    store.close().await;
}
