//! A world around the server: registry and bus in memory, and hands that do what integrators and the coordinator do.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::cast_precision_loss,
    reason = "a test may fail loudly"
)]
#![allow(dead_code, reason = "not everybody needs everything")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told, Verdict};
use igentai_core::cost::Cost;
use igentai_core::decision::{Asked, CHUNK, Chunk, Decision, What, Why};
use igentai_core::fold::TopicFold;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Run, Seq, WorkerId};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::quote;
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{StartRequest, Topic, TopicState};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::{Bus, Exchange, Outgoing};
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store, checkpoints};
use igentai_shared::wire::{self, Message, NewAttributes, StatusEvent};
use igentai_webserver::{Readiness, STATUS_CHECKPOINT, WebContext, WebError};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Registry and bus; servers come and go.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) bus: Arc<MemoryBus>,
    numbers: Arc<AtomicU64>,
    epoch: Arc<AtomicU64>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    tasks: JoinSet<Result<(), WebError>>,
}

/// Ready unless told otherwise.
#[derive(Debug, Default)]
pub(crate) struct Reasons(pub(crate) Vec<String>);

#[async_trait]
impl Readiness for Reasons {
    async fn reasons(&self) -> Vec<String> {
        self.0.clone()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let store = EmbeddedStore::in_memory().unwrap();
        Self { store, bus: MemoryBus::new(), numbers: Arc::default(), epoch: Arc::default() }
    }

    pub(crate) fn context(&self) -> WebContext {
        WebContext {
            store: self.store.clone(),
            bus: self.bus.clone(),
            clock: Arc::new(SystemClock::new()),
            id: WorkerId::of_role("web", self.number()),
            metrics: Arc::new(|| "igentai_up 1\n".to_owned()),
            readiness: Arc::new(Reasons::default()),
            known_providers: Vec::new(),
            items_per_request: 30,
            partition: igentai_core::topic::Partition::None,
            probe_share: igentai_core::topic::ProbeShare::USUAL,
            lease_ttl: Duration::from_secs(5),
            allowed_hosts: Vec::new(),
            shutdown: CancellationToken::new(),
        }
    }

    pub(crate) async fn serve(&self) -> Server {
        Server::start(self.context(), "127.0.0.1:0").await
    }

    /// Takes the coordinator's lease; until then the world's epoch is 0.
    pub(crate) async fn lead(&self) {
        let seen = self.store.lease().await.unwrap();
        let lease = self.store.take_lease(&Self::leader(), &seen, 0).await.unwrap().unwrap();
        self.epoch.store(lease.epoch, Ordering::Relaxed);
    }

    /// Renews the lease.
    pub(crate) async fn beat(&self) {
        self.store.renew_lease(&Self::leader(), self.epoch()).await.unwrap().unwrap();
    }

    fn leader() -> WorkerId {
        WorkerId::of_role("orchestrator", 1)
    }

    fn epoch(&self) -> Epoch {
        self.epoch.load(Ordering::Relaxed)
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A topic that the coordinator has opened.
    pub(crate) async fn running(&self, name: &str) -> Topic {
        let id = TopicId::from_name(name).unwrap();
        let request = StartRequest { name: name.to_owned(), ..StartRequest::default() };
        let topic = Topic::start(None, id, request, SystemClock::new().now().unix).unwrap();
        self.store.put_topic(&topic, None).await.unwrap();
        self.open(topic).await
    }

    /// What the coordinator does with a topic that starts.
    pub(crate) async fn open(&self, topic: Topic) -> Topic {
        self.store.open_run(&topic.id, topic.run, self.epoch(), topic.limits.max_attributes).await.unwrap();
        self.put(topic, TopicState::Running).await
    }

    /// Sets a topic's state.
    pub(crate) async fn put(&self, topic: Topic, state: TopicState) -> Topic {
        let before = topic.version;
        let topic = Topic { state, version: before + 1, ..topic };
        self.store.put_topic(&topic, Some(before)).await.unwrap();
        topic
    }

    /// Commits one response; says what an integrator would publish.
    pub(crate) async fn commit(
        &self,
        id: &TopicId,
        run: Run,
        by: (&str, &str),
        texts: &[String],
    ) -> NewAttributes {
        let producer = WorkerId::parse(by.0).unwrap();
        let seq = self.number();
        let named = |text: &String| Named {
            text: text.clone(),
            fingerprint: Fingerprint::of(&Key::of(text).unwrap()),
        };
        let failed = texts.is_empty() && seq.is_multiple_of(3);
        let meta = ResponseMeta {
            provider: by.1.to_owned(),
            model: format!("{}-model", by.1),
            cell: None,
            probe: false,
            prompt_hash: 0,
            outcome: if failed { Outcome::Timeout } else { Outcome::Answered },
            latency_ms: 800,
            input_tokens: 120,
            output_tokens: 300,
            cost: if failed { Cost::ZERO } else { Cost::from_usd(0.000_21) },
            worst_case: Cost::from_usd(0.001),
            repeated: 1,
            rejected: 0,
            rejections: igentai_core::batch::Rejections::default(),
            asked: 0,
            left_out: 0,
            copied: 0,
            phrasing: igentai_core::phrasing::Phrasing::Plain,
            categories: Told::default(),
            judged: None,
        };
        let commit = Commit {
            id: BatchId { topic: id.clone(), run, producer: producer.clone(), incarnation: 1, seq },
            lowest_unresolved: seq,
            head: EntryHead {
                producer,
                incarnation: 1,
                seq,
                at: SystemClock::new().now().unix,
                kind: EntryKind::Response(meta),
            },
            novel: texts.iter().map(named).collect(),
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        };
        let outcome = self.store.commit(vec![commit]).await.unwrap().remove(0);
        let first = match &outcome.verdict {
            Verdict::Committed(committed) => committed.first_new,
            Verdict::Settled | Verdict::Stale | Verdict::Refused { .. } => {
                unreachable!("the batch is new and of this run")
            }
        };
        let texts = outcome.new.into_iter().map(|named| named.text).collect();
        NewAttributes { topic: id.clone(), run, first, texts }
    }

    /// Commits `count` new texts.
    pub(crate) async fn add(&self, id: &TopicId, run: Run, count: usize) -> NewAttributes {
        let texts: Vec<String> = (0..count).map(|_| format!("item {}", self.number())).collect();
        self.commit(id, run, ("p1", "small"), &texts).await
    }

    pub(crate) async fn tell<M: Message>(&self, key: &str, id: &TopicId, message: &M) {
        let outgoing = Outgoing {
            exchange: Exchange::Events,
            routing_key: format!("{key}.{id}"),
            content_type: wire::content_type::<M>(),
            message_id: self.number().to_string(),
            headers: BTreeMap::new(),
            payload: wire::encode(message),
        };
        self.bus.publish(outgoing).await.unwrap();
    }

    pub(crate) async fn publish(&self, event: &NewAttributes) {
        if !event.texts.is_empty() {
            self.tell("attributes", &event.topic, event).await;
        }
    }

    /// Folds the log.
    pub(crate) async fn status(&self, topic: &Topic) -> TopicStatus {
        let mut fold = TopicFold::default();
        loop {
            let page = self.store.log(&topic.id, topic.run, fold.log_index(), 1_000).await.unwrap();
            if page.is_empty() {
                break;
            }
            for entry in &page {
                fold.apply(entry).unwrap();
            }
        }
        let (_, forecast) = quote::look(&fold, topic.items_per_request, topic.probe_share, topic.started_at);
        let status = TopicStatus::of(topic.clone(), &fold, 0, SystemClock::new().now().unix);
        TopicStatus { forecast: Some(forecast), ..status }
    }

    /// Keeps the numbers and tells them, as the coordinator does.
    pub(crate) async fn tick(&self, topic: &Topic, shape: impl FnOnce(&mut TopicStatus)) {
        let mut status = self.status(topic).await;
        shape(&mut status);
        let bytes = checkpoints::encode(&status);
        let checkpoints = BTreeMap::from([(STATUS_CHECKPOINT.to_owned(), bytes)]);
        self.store.save_checkpoints(&topic.id, topic.run, self.epoch(), checkpoints).await.unwrap();
        self.tell("topic", &topic.id, &StatusEvent { status }).await;
    }

    /// Keeps so many decisions, as the coordinator does; a leader takes the topic up with the first and each hundredth behind it.
    pub(crate) async fn decide(&self, topic: &Topic, count: usize) {
        let asked = Asked {
            producer: WorkerId::parse("p1").unwrap(),
            incarnation: 1,
            request: 0,
            cell: Some("s".to_owned()),
            provider: Some("small".to_owned()),
            items: 50,
            new: 12.5,
            why: Why::Most { known: 30.0, has: 42.5, offers: 3 },
        };
        let decision = Decision { at: UnixMillis(1), log_index: 0, what: What::Asked(asked) };
        let mut chunks = BTreeMap::new();
        let mut first = 1;
        for begun in (0..=count).step_by(CHUNK) {
            let of = |number: usize| match number % 100 {
                1 => Decision {
                    what: What::TakenUp { epoch: 1, rules: igentai_core::decision::RULES },
                    ..decision.clone()
                },
                _ => decision.clone(),
            };
            let last = begun + (count - begun).min(CHUNK);
            let chunk = Chunk { first, decisions: (begun + 1..=last).map(of).collect(), ..Chunk::default() };
            let whole = chunk.decisions.len() == CHUNK;
            let name =
                if whole { checkpoints::decisions_from(first) } else { checkpoints::DECISIONS.to_owned() };
            chunks.insert(name, checkpoints::encode_decisions(&chunk));
            first = chunk.end();
        }
        self.store.save_checkpoints(&topic.id, topic.run, self.epoch(), chunks).await.unwrap();
    }

    /// Keeps these decisions.
    pub(crate) async fn decided(&self, topic: &Topic, all: Vec<What>) {
        let decisions = all.into_iter().map(|what| Decision { at: UnixMillis(1), log_index: 0, what });
        let chunk = Chunk { decisions: decisions.collect(), ..Chunk::default() };
        let chunks =
            BTreeMap::from([(checkpoints::DECISIONS.to_owned(), checkpoints::encode_decisions(&chunk))]);
        self.store.save_checkpoints(&topic.id, topic.run, self.epoch(), chunks).await.unwrap();
    }

    /// The whole set as the registry has it.
    pub(crate) async fn set(&self, id: &TopicId, run: Run) -> Vec<(Seq, String)> {
        let all = self.store.attributes(id, run, 0, 1_000_000).await.unwrap();
        all.into_iter().map(|attribute| (attribute.seq, attribute.text)).collect()
    }
}

impl Server {
    pub(crate) async fn start(context: WebContext, bind: &str) -> Self {
        let listener = TcpListener::bind(bind).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = context.shutdown.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(igentai_webserver::serve(listener, context));
        Self { address, shutdown, tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks the server to end and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}
