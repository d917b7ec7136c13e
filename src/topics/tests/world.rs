//! A real web server over registry and bus in memory, and hands that do what integrators and the coordinator do.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::topic::{EndReason, StartRequest, Topic, TopicState};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store};
use igentai_webserver::{DependencyReadiness, WebContext, WebError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);

/// Registry and bus; servers come and go.
pub(crate) struct World {
    store: Arc<EmbeddedStore>,
    pub(crate) bus: Arc<MemoryBus>,
    batches: AtomicU64,
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), WebError>>,
}

/// `item 1` and so on.
pub(super) fn texts(numbers: RangeInclusive<u64>) -> Vec<String> {
    numbers.map(|number| format!("item {number}")).collect()
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            store: EmbeddedStore::in_memory().unwrap(),
            bus: MemoryBus::new(),
            batches: AtomicU64::default(),
        }
    }

    pub(crate) async fn serve(&self) -> Server {
        Server::start(self, "127.0.0.1:0").await
    }

    /// A topic that the coordinator has opened.
    pub(crate) async fn running(&self, name: &str) -> Topic {
        let id = TopicId::from_name(name).unwrap();
        let request = StartRequest { name: name.to_owned(), ..StartRequest::default() };
        let topic = Topic::start(None, id, request, SystemClock::new().now().unix).unwrap();
        self.store.put_topic(&topic, None).await.unwrap();
        self.store.open_run(&topic.id, topic.run, 0, None).await.unwrap();
        self.put(&topic, TopicState::Running).await
    }

    pub(crate) async fn store_topic(&self, id: &str) -> Topic {
        self.store.topic(&TopicId::parse(id).unwrap()).await.unwrap().unwrap()
    }

    pub(crate) async fn end(&self, topic: &Topic, reason: EndReason) {
        self.put(topic, TopicState::Ended(reason)).await;
    }

    async fn put(&self, topic: &Topic, state: TopicState) -> Topic {
        let next = Topic { state, version: topic.version + 1, ..topic.clone() };
        self.store.put_topic(&next, Some(topic.version)).await.unwrap();
        next
    }

    /// Commits one response.
    pub(crate) async fn add(&self, topic: &Topic, texts: &[String]) {
        let producer = WorkerId::parse("p1").unwrap();
        let seq = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        let named = |text: &String| Named {
            text: text.clone(),
            fingerprint: Fingerprint::of(&Key::of(text).unwrap()),
        };
        let kind = EntryKind::Response(ResponseMeta {
            provider: "small".to_owned(),
            model: "small".to_owned(),
            cell: None,
            probe: false,
            prompt_hash: 0,
            outcome: Outcome::Answered,
            latency_ms: 800,
            input_tokens: 120,
            output_tokens: 300,
            cost: Cost::ZERO,
            worst_case: Cost::ZERO,
            repeated: 0,
            rejected: 0,
            rejections: igentai_core::batch::Rejections::default(),
            asked: 0,
            left_out: 0,
            copied: 0,
            phrasing: igentai_core::phrasing::Phrasing::Plain,
            categories: Told::default(),
            judged: None,
        });
        let at = SystemClock::new().now().unix;
        let commit = Commit {
            id: BatchId {
                topic: topic.id.clone(),
                run: topic.run,
                producer: producer.clone(),
                incarnation: 1,
                seq,
            },
            lowest_unresolved: seq,
            head: EntryHead { producer, incarnation: 1, seq, at, kind },
            novel: texts.iter().map(named).collect(),
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        };
        self.store.commit(vec![commit]).await.unwrap();
    }
}

impl Server {
    pub(crate) async fn start(world: &World, bind: &str) -> Self {
        let (store, bus, stop) = (world.store.clone(), world.bus.clone(), CancellationToken::new());
        let context = WebContext {
            store: store.clone(),
            bus: bus.clone(),
            clock: Arc::new(SystemClock::new()),
            id: WorkerId::of_role("web", 1),
            metrics: Arc::new(String::new),
            readiness: Arc::new(DependencyReadiness { bus, store }),
            known_providers: Vec::new(),
            items_per_request: 30,
            partition: igentai_core::topic::Partition::None,
            probe_share: igentai_core::topic::ProbeShare::USUAL,
            lease_ttl: std::time::Duration::from_secs(5),
            allowed_hosts: Vec::new(),
            shutdown: stop.clone(),
        };
        let listener = TcpListener::bind(bind).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(igentai_webserver::serve(listener, context));
        Self { url: format!("http://{address}"), address, stop, tasks }
    }

    /// Asks the server to end and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// An output that can be watched while it is written.
pub(super) struct Sink(watch::Sender<String>);

pub(super) struct Seen(watch::Receiver<String>);

pub(super) fn lines() -> (Sink, Seen) {
    let (sink, seen) = watch::channel(String::new());
    (Sink(sink), Seen(seen))
}

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send_modify(|text| text.push_str(std::str::from_utf8(bytes).unwrap()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seen {
    /// Waits until so many lines are there.
    pub(crate) async fn until(&mut self, count: usize) -> Vec<String> {
        let enough = self.0.wait_for(|text| text.matches('\n').count() >= count);
        let text = tokio::time::timeout(DEADLINE, enough).await.unwrap().unwrap();
        text.lines().map(str::to_owned).collect()
    }
}
